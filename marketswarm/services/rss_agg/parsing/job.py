"""What goes through the pipes between parent and child: frames, each four bytes of length and so much MessagePack."""

from typing import Final

import msgspec

from marketswarm.feeds.item import Document


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be read, in ``deadline_sec`` seconds at most."""

    raw: bytes
    content_type: str
    url: str
    max_entries: int
    deadline_sec: float


LENGTH_BYTES: Final = 4
OUT_OF_MEMORY: Final = "made the parser run out of memory"
"""A child that has said so has ended."""
_MAX_ENTRY_BYTES: Final = 48 * 1024
"""Of all texts of an entry at their bounds, in characters of four bytes."""
encode: Final = msgspec.msgpack.Encoder().encode
decode_job: Final = msgspec.msgpack.Decoder(Job).decode
decode_document: Final = msgspec.msgpack.Decoder(Document).decode


def prefix(message: bytes) -> bytes:
    """Say how long a message is. Raises OverflowError for one of 4 GiB."""
    return len(message).to_bytes(LENGTH_BYTES, "big")


def longest_answer(max_entries: int) -> int:
    """How many bytes a document of so many entries has at most."""
    return _MAX_ENTRY_BYTES * (max_entries + 1)
