"""The hot path: every heartbeat of one bus, on one subscription, in batches.

redis-py's pub/sub costs five times as much a message and goes deaf without an error when the server hangs
(redis/redis-py#2417), so this speaks RESP itself, with hiredis' parser on a bare asyncio protocol. Only a round trip
shows that a subscription still hears: the canary, a nonce published on another connection that has to come back.
Redis keeps a connection's messages in order, so an echo also proves that everything published before it was read.
"""

import asyncio
import functools
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import hiredis

from marketswarm.address import Address
from marketswarm.errors import BusRefusedError, BusUnreachableError, MarketSwarmError, reason
from marketswarm.line import Command, connect, login, pack
from marketswarm.messages import NOT_A_BEAT, Heartbeat, Malformed, decode_heartbeat, decode_plain
from marketswarm.names import MAX_BEAT_NESTING
from marketswarm.pacing import Backoff

CONFIRM_SEC = 1.0
CONFIRMED_PER_SEC = 10_000
"""How many channels a busy server confirms at the least."""
GIVE_UP_SEC = 1.0
ECHO_SEC = 1.0
ECHO_TRIES = 2
STRETCHED_SEC = 4.0
"""Longer than a try of the canary takes, with a new connection and a login before it."""
SUBSCRIBE_CHUNK = 1000
SETTLED_SEC = 1.0
EARLY_CUTS = 3
BUFFER_BYTES = 1 << 17
GATHER_SEC = 0.002
"""How long the socket is left alone between two reads that bring little, so that each brings more."""
LITTLE_BYTES = 1 << 14

Beats = list[tuple[int, Heartbeat]]
Oddities = list[tuple[int, Malformed]]
_log = logging.getLogger(__name__)


class Firehose:
    """The subscription to one bus; reconnects for ever.

    ``channels`` has the place among ``services`` of the one that beats there. ``on_beats(beats, oddities)`` gets what
    one read of the socket brought, by those places. ``on_live()`` is called when the subscription stands, also after a
    cut; ``on_lost(reason)`` once when the bus cannot be heard: it does not answer, or the canary did not come back. A
    cut that heals at once is not a loss. ``publish`` sends the canary on a connection of its own and raises
    BusUnreachableError or BusRefusedError.
    """

    def __init__(
        self,
        address: Address,
        channels: Mapping[bytes, int],
        services: Sequence[str],
        *,
        client_name: str,
        canary: str,
        publish: Callable[[str, bytes], Awaitable[int]],
        on_beats: Callable[[Beats, Oddities], None],
        on_live: Callable[[], None],
        on_lost: Callable[[str], None],
        chance: Callable[[], float],
    ) -> None:
        self._address = address
        self._client_name = client_name
        self._channels = channels
        self._services = services
        self._canary = canary
        self._publish = publish
        self._on_beats = on_beats
        self._on_live = on_live
        self._on_lost = on_lost
        self._patience_sec = CONFIRM_SEC + len(channels) / CONFIRMED_PER_SEC
        self._backoff = Backoff(chance)
        self._nonces = itertools.count(1)
        self._nonce_prefix = f"{id(self):x}-{chance()}".encode()
        self._session: _Session | None = None
        self._early_cuts = 0  # connections in a row that were cut before they heard anything
        self._lost = False

    @property
    def heard_at(self) -> float:
        """When the socket brought something last, by the event loop's clock; 0 where there is no subscription."""
        return self._session.read_at if self._session else 0.0

    async def run(self) -> None:
        """Stay subscribed until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._listen()
            except _CutError as cut:
                _log.debug("%s: subscription cut (%s), connecting again", self._address, cut)
                self._early_cuts += 1
                if self._early_cuts > EARLY_CUTS:
                    self._declare_lost(f"{self._address} takes the connection and ends it: {cut}")
            except TimeoutError:
                # One that comes much later than it should says only that this process stood still.
                if loop.time() - began <= 2 * self._patience_sec:
                    self._declare_lost(f"no subscription at {self._address} in time")
            except (MarketSwarmError, OSError, hiredis.HiredisError) as error:
                self._declare_lost(reason(error))
            if loop.time() - began >= SETTLED_SEC:
                self._backoff.reset()
            else:
                await asyncio.sleep(self._backoff.next_sec())

    async def verify(self) -> bool:
        """Whether the subscription hears: sends the canary and waits for its echo.

        After True, every beat that was published before the call has gone to ``on_beats``. After False, the bus is
        lost, or about to be connected again.
        """
        return self._session is not None and await self._hears(self._session)

    async def _listen(self) -> None:
        session = await self._connect()
        try:
            await asyncio.wait_for(asyncio.shield(session.subscribed), self._patience_sec)
            self._session = session
            if await self._hears(session):
                self._early_cuts, self._lost = 0, False
                self._on_live()
            await asyncio.wait({session.closed})
            session.closed.result()
        finally:
            self._session = None
            session.end(_CutError("left"))

    async def _hears(self, session: "_Session") -> bool:
        loop = asyncio.get_running_loop()
        tries = 0
        while tries < ECHO_TRIES:
            began = loop.time()
            if await self._echo(session):
                return True
            if session.closed.done():
                return False
            # One that takes much longer than it may says only that this process stood still.
            tries = tries + 1 if loop.time() - began <= STRETCHED_SEC else 0
        session.end(_DeafError(f"nothing published comes back within {ECHO_SEC * ECHO_TRIES:g} s"))
        return False

    async def _connect(self) -> "_Session":
        factory = functools.partial(_Session, self._channels, self._services, self._canary, self._on_beats)
        session = await connect(self._address, factory, GIVE_UP_SEC)
        session.subscribe(login(self._address, self._client_name), [*self._channels, self._canary.encode()])
        return session

    async def _echo(self, session: "_Session") -> bool:
        """Send one nonce and wait for it."""
        nonce = b"%b-%d" % (self._nonce_prefix, next(self._nonces))
        echo = session.expect(nonce)
        try:
            await self._publish(self._canary, nonce)
            # asyncio.wait looks at the future after the time is up: an echo that waited in the socket while this
            # process was stopped counts, where wait_for would say that it is late.
            await asyncio.wait({echo, session.closed}, timeout=ECHO_SEC, return_when=asyncio.FIRST_COMPLETED)
        except (BusUnreachableError, BusRefusedError) as error:
            _log.debug("%s: canary not sent: %s", self._address, error)
        finally:
            session.forget(nonce)
        return echo.done()

    def _declare_lost(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self._on_lost(reason)


class _CutError(Exception):
    """The connection ended."""


class _DeafError(MarketSwarmError):
    """The connection stands and brings nothing."""


class _Session(asyncio.BufferedProtocol):
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
        self._gathering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def subscribe(self, begin: Sequence[Command], channels: Sequence[bytes]) -> None:
        """Log in and subscribe; ``subscribed`` is done when the server has confirmed every channel."""
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
        self.end(_CutError(str(exc) if exc else "closed by the server"))

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        now = self._loop.time()
        if nbytes < LITTLE_BYTES and now - self.read_at < GATHER_SEC and not self._echoes:
            self._gather()
        self.read_at = now
        self._feed(self._buffer, 0, nbytes)
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
                except NOT_A_BEAT:
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
        except hiredis.HiredisError as error:
            self.end(error)
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
        match reply:
            case hiredis.ReplyError():
                self.end(BusRefusedError(f"refuses the subscription: {reply}"))
            case [b"subscribe", _, _]:
                self._unconfirmed -= 1
                if self._unconfirmed == 0 and not self.subscribed.done():
                    self.subscribed.set_result(None)
            case [b"message", self._canary, nonce] if (echo := self._echoes.get(nonce)) and not echo.done():
                echo.set_result(None)
