"""Compressed bodies unpacked a piece at a time, so that a bomb of gigabytes costs no more than the cap that it hits."""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import brotli

ACCEPTED: Final = "gzip, deflate, br"
"""For Accept-Encoding: what ``unpacker`` knows."""
_PIECE_BYTES: Final = 64 << 10
_MAX_MEMBERS: Final = 1000
"""Gzip data may be made of several members. An empty one has 20 bytes: a body of those would cost time for nothing."""
_MAGIC: Final = b"\x1f\x8b"
_ZLIB_METHOD: Final = 8


class BadPackingError(Exception):
    """Compressed data that cannot be used; the text says what is wrong with it."""


class Unpacker(Protocol):
    """Takes the data as it comes, in pieces of any size."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what comes out, in bounded pieces. It has to be used up before the next data is fed."""

    def finish(self) -> None:
        """Say that there is no more."""


def unpacker(encoding: str) -> Unpacker:
    """Return what unpacks a Content-Encoding. It, and what it returns, raise BadPackingError."""
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gzip()
        case "deflate":
            return _Deflate()
        case "br":
            return _Brotli()
    raise BadPackingError("it is compressed in a way that was not asked for")


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        """Anything is complete."""


class _Gzip:
    """Members follow each other; what follows the last one and is none is left alone, as gzip itself does."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._members = 1
        self._begun = False
        self._held = b""
        """The first byte of what may be another member."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = True
        data, self._held = self._held + data, b""
        while data:
            if self._decoder.eof and not self._next_member(data):
                return
            yield from _inflate(self._decoder, data)
            data = self._decoder.unused_data

    def _next_member(self, data: bytes) -> bool:
        if data == _MAGIC[:1]:
            self._held = data
        if not data.startswith(_MAGIC):
            return False
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise BadPackingError(f"its compressed data has more than {_MAX_MEMBERS} members")
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return True

    def finish(self) -> None:
        _must_be_complete(not self._begun or self._decoder.eof)


class _Deflate:
    """In zlib's format as the standard has it, or bare as some servers send it: the first byte tells."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data and not self._begun:
            self._begun = True
            if data[0] & 0x0F != _ZLIB_METHOD:
                self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)
        if not self._decoder.eof:
            yield from _inflate(self._decoder, data)

    def finish(self) -> None:
        _must_be_complete(not self._begun or self._decoder.eof)


class _Brotli:
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(data)
        try:
            while not self._decoder.is_finished():
                piece = self._decoder.process(data, output_buffer_limit=_PIECE_BYTES)
                yield piece
                # It may take more data though it still has output from before.
                if len(piece) < _PIECE_BYTES and self._decoder.can_accept_more_data():
                    return
                data = b""
        except brotli.error:
            raise BadPackingError("its compressed data is broken") from None

    def finish(self) -> None:
        _must_be_complete(not self._begun or self._decoder.is_finished())


def _inflate(decoder: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Feed a decoder, to its end or to the end of the data."""
    try:
        while not decoder.eof:
            piece = decoder.decompress(data, _PIECE_BYTES)
            yield piece
            data = decoder.unconsumed_tail
            # All is taken, but a full piece may have left something that is still to come out.
            if not data and len(piece) < _PIECE_BYTES:
                return
    except zlib.error:
        raise BadPackingError("its compressed data is broken") from None


def _must_be_complete(complete: object) -> None:
    if not complete:
        raise BadPackingError("its compressed data is cut off")
