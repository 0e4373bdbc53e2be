"""One subscription on one connection, from its login to its end: bytes in, batches of beats out.

redis-py's pub/sub costs five times as much a message and goes deaf without an error when the server hangs
(redis/redis-py#2417), so this speaks RESP itself, with hiredis' parser on a bare asyncio protocol.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import hiredis

from marketswarm.errors import BusRefusedError, MarketSwarmError
from marketswarm.line import Command, pack
from marketswarm.messages import MAX_BEAT_NESTING, UNREADABLE, Heartbeat, Malformed, decode_heartbeat, decode_plain

SUBSCRIBE_CHUNK = 1000
BUFFER_BYTES = 1 << 17
GATHER_SEC = 0.00125
"""How long the socket is left alone between two reads that bring little, so that each brings more. A beat may seem as
much later than it was, so its death is told as much later; half of it costs a third more CPU at 10,000 beats a second.
"""
LITTLE_BYTES = 1 << 14
PIECE_BYTES = 1 << 14
"""How much is parsed in one go: hiredis moves all that is left of its buffer with each KiB that it has parsed, which in
one of 128 KiB costs a tenth of a burst.
"""

_NO_EVICT: Command = ("CLIENT", "NO-EVICT", "ON")
Beats = list[tuple[int, Heartbeat]]
Oddities = list[tuple[int, Malformed]]


class CutError(Exception):
    """The connection ended."""


class DeafError(MarketSwarmError):
    """The connection stands and brings nothing."""


class Session(asyncio.BufferedProtocol):
    """One connection, from its login to its end."""

    _transport: asyncio.Transport  # from connection_made() on, which comes first

    def __init__(
        self,
        channels: Mapping[bytes, int],
        services: Sequence[str],
        canary: str,
        on_beats: Callable[[Beats, Oddities], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.subscribed: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.read_at = self._loop.time()
        self._channels = channels
        self._services = services
        self._canary = canary.encode()
        self._on_beats = on_beats
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._reader = hiredis.Reader()
        # It takes any buffer; its stub knows of bytes only.
        self._feed = cast("Callable[[memoryview, int, int], None]", self._reader.feed)
        self._echoes: dict[bytes, asyncio.Future[None]] = {}
        self._unconfirmed = len(channels) + 1
        self._begun: deque[Command] = deque()
        """Those of the first commands that have no answer yet."""
        self._gathering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what writes."""
        self._transport = cast("asyncio.Transport", transport)

    def subscribe(self, begin: Sequence[Command], channels: Sequence[bytes]) -> None:
        """Log in and subscribe; ``subscribed`` is done when the server has confirmed every channel.

        Where the memory for clients runs short, this connection is to be the last to go, as far as the server knows of
        that.
        """
        begin = [*begin, _NO_EVICT]
        self._begun = deque(begin)
        chunks = (channels[start : start + SUBSCRIBE_CHUNK] for start in range(0, len(channels), SUBSCRIBE_CHUNK))
        commands: list[Command] = [("SUBSCRIBE", *chunk) for chunk in chunks]
        self._transport.write(pack([*begin, *commands]))

    def expect(self, nonce: bytes) -> asyncio.Future[None]:
        """Return a future that is done when the canary brings this nonce."""
        echo: asyncio.Future[None] = self._loop.create_future()
        self._echoes[nonce] = echo
        self._read_on()
        return echo

    def forget(self, nonce: bytes) -> None:
        """Stop waiting for a nonce."""
        self._echoes.pop(nonce, None)

    def end(self, error: Exception) -> None:
        """Close now, without waiting for a server that may hang."""
        for future in (self.subscribed, self.closed):
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; nobody has to
        if self._gathering:
            self._gathering.cancel()
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        of_tls = isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLEOFError)
        # A server that refuses the certificate of its client does so when the connection stands (TLS 1.3).
        self.end(exc if exc and of_tls else CutError(str(exc) if exc else "closed by the server"))

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Have each read end in the same place: nothing is allocated for it."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Make beats of what a read brought."""
        now = self._loop.time()
        if nbytes < LITTLE_BYTES and now - self.read_at < 2 * GATHER_SEC and not self._echoes:
            self._gather()
        self.read_at = now
        try:
            for start in range(0, nbytes, PIECE_BYTES):
                self._feed(self._buffer, start, min(PIECE_BYTES, nbytes - start))
                self._parse()
        except hiredis.HiredisError as error:
            self.end(error)

    def _parse(self) -> None:
        """Hand on what is complete. Raises HiredisError for what is no RESP, once what came before is handed on."""
        beats: Beats = []
        oddities: Oddities = []
        gets, services, longest = self._reader.gets, self._services, MAX_BEAT_NESTING
        # Of a channel that is nobody's it gives None, which is no place among the services: a TypeError.
        row_of = cast("Callable[[bytes], int]", self._channels.get)
        try:
            while (reply := gets()) is not False:
                try:
                    _, channel, payload = reply
                    row = row_of(channel)
                    # What decode_heartbeat() does, without the call; what is odd it looks at again.
                    if len(payload) <= longest and (beat := decode_plain(payload)).svc == services[row]:
                        beats.append((row, beat))
                        continue
                except UNREADABLE:
                    pass
                except (TypeError, ValueError):
                    self._other(reply)
                    continue
                if channel not in self._channels:
                    self._other(reply)
                elif isinstance(found := decode_heartbeat(payload, services[row]), Heartbeat):
                    beats.append((row, found))
                else:
                    oddities.append((row, found))
        finally:
            if beats or oddities:
                self._on_beats(beats, oddities)

    def _gather(self) -> None:
        """Leave the socket alone for a moment: at thousands of beats a second, a wake-up costs more than a beat."""
        self._transport.pause_reading()
        self._gathering = self._loop.call_later(GATHER_SEC, self._read_on)

    def _read_on(self) -> None:
        if self._gathering:
            self._gathering.cancel()
            self._gathering = None
            if not self.closed.done():
                self._transport.resume_reading()

    def _other(self, reply: Any) -> None:
        """Take in what is no message of a service."""
        command = self._begun.popleft() if self._begun else None
        match reply:
            case hiredis.ReplyError() if command is not _NO_EVICT:
                self.end(BusRefusedError(str(reply)))
            case [b"subscribe", _, _]:
                self._unconfirmed -= 1
                if self._unconfirmed == 0 and not self.subscribed.done():
                    self.subscribed.set_result(None)
            case [b"message", self._canary, nonce] if (echo := self._echoes.get(nonce)) and not echo.done():
                echo.set_result(None)
