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
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import hiredis

from marketswarm.address import Address
from marketswarm.errors import BusRefusedError, BusUnreachableError, MarketSwarmError, reason
from marketswarm.messages import Heartbeat, Malformed, decode_heartbeat
from marketswarm.pacing import Backoff

CONFIRM_SEC = 1.0
ECHO_SEC = 1.0
ECHO_TRIES = 2
CANARY_PERIOD_SEC = 1.0
SUBSCRIBE_CHUNK = 1000
SETTLED_SEC = 1.0
EARLY_CUTS = 3
MESSAGE_PARTS = 3
"""Kind, channel, payload."""

Beats = list[tuple[str, Heartbeat]]
Oddities = list[tuple[str, Malformed]]
_log = logging.getLogger(__name__)
# hiredis' stub says that a command has one word.
_pack = cast("Callable[[tuple[str | bytes, ...]], bytes]", hiredis.pack_command)


class Firehose:
    """The subscription to one bus; reconnects for ever.

    ``on_beats(beats, oddities)`` gets what one read of the socket brought. ``on_live()`` is called when the
    subscription stands, also after a cut; ``on_lost(reason)`` once when the bus cannot be heard: it does not answer,
    or the canary did not come back. A cut that heals at once is not a loss. ``publish`` sends the canary on a
    connection of its own and raises BusUnreachableError or BusRefusedError.
    """

    def __init__(
        self,
        address: Address,
        channels: Mapping[str, str],
        *,
        canary: str,
        publish: Callable[[str, bytes], Awaitable[int]],
        on_beats: Callable[[Beats, Oddities], None],
        on_live: Callable[[], None],
        on_lost: Callable[[str], None],
        chance: Callable[[], float],
    ) -> None:
        self._address = address
        self._services = {channel.encode(): service for channel, service in channels.items()}
        self._canary = canary
        self._publish = publish
        self._on_beats = on_beats
        self._on_live = on_live
        self._on_lost = on_lost
        self._backoff = Backoff(chance)
        self._nonces = itertools.count(1)
        self._nonce_prefix = f"{id(self):x}-{chance()}".encode()
        self._session: _Session | None = None
        self._early_cuts = 0  # connections in a row that were cut before they heard anything
        self._lost = False

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
            await asyncio.wait_for(asyncio.shield(session.subscribed), CONFIRM_SEC + len(self._services) / 10_000)
            self._session = session
            if await self._hears(session):
                self._early_cuts, self._lost = 0, False
                self._on_live()
            while not session.closed.done():
                await asyncio.wait({session.closed}, timeout=CANARY_PERIOD_SEC)
                await self.verify()
            session.closed.result()
        finally:
            self._session = None
            session.end(_CutError("left"))

    async def _hears(self, session: "_Session") -> bool:
        for _ in range(ECHO_TRIES):
            if await self._echo(session):
                return True
            if session.closed.done():
                return False
        session.end(_DeafError(f"nothing published comes back within {ECHO_SEC * ECHO_TRIES:g} s"))
        return False

    async def _connect(self) -> "_Session":
        loop = asyncio.get_running_loop()
        to = self._address
        factory = functools.partial(_Session, self._services, self._canary, self._on_beats)
        if to.path:
            connecting = loop.create_unix_connection(factory, to.path)
        else:
            context = ssl.create_default_context() if to.tls else None
            connecting = loop.create_connection(factory, to.host, to.port, ssl=context)
        async with asyncio.timeout(to.connect_sec):
            _, session = await connecting
        session.subscribe(_login(to), [*self._services, self._canary.encode()])
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


class _Session(asyncio.Protocol):
    """One connection, from its login to its end."""

    _transport: asyncio.Transport  # from connection_made() on, which comes first

    def __init__(self, services: Mapping[bytes, str], canary: str, on_beats: Callable[[Beats, Oddities], None]) -> None:
        loop = asyncio.get_running_loop()
        self.subscribed: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._services = services
        self._canary = canary.encode()
        self._on_beats = on_beats
        self._reader = hiredis.Reader()
        self._echoes: dict[bytes, asyncio.Future[None]] = {}
        self._unconfirmed = len(services) + 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def subscribe(self, login: Sequence[tuple[str, ...]], channels: Sequence[bytes]) -> None:
        """Log in and subscribe; ``subscribed`` is done when the server has confirmed every channel."""
        chunks = [channels[start : start + SUBSCRIBE_CHUNK] for start in range(0, len(channels), SUBSCRIBE_CHUNK)]
        commands = [*map(_pack, login), *(_pack((b"SUBSCRIBE", *chunk)) for chunk in chunks)]
        self._transport.write(b"".join(commands))

    def expect(self, nonce: bytes) -> asyncio.Future[None]:
        """Return a future that is done when the canary brings this nonce."""
        echo: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._echoes[nonce] = echo
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
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(_CutError(str(exc) if exc else "closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        beats: Beats = []
        oddities: Oddities = []
        gets, services = self._reader.gets, self._services
        try:
            while (reply := gets()) is not False:
                if not isinstance(reply, list) or len(reply) != MESSAGE_PARTS:
                    self._answer(reply)
                    continue
                kind, channel, payload = reply
                service = services.get(channel)
                if kind != b"message" or service is None:
                    self._control(kind, channel, payload)
                    continue
                beat = decode_heartbeat(payload, service)
                if isinstance(beat, Malformed):
                    oddities.append((service, beat))
                else:
                    beats.append((service, beat))
        except hiredis.HiredisError as error:
            self.end(error)
        if beats or oddities:
            self._on_beats(beats, oddities)

    def _control(self, kind: bytes, channel: bytes, payload: Any) -> None:
        if kind == b"subscribe":
            self._unconfirmed -= 1
            if self._unconfirmed == 0 and not self.subscribed.done():
                self.subscribed.set_result(None)
        elif channel == self._canary and (echo := self._echoes.get(payload)) and not echo.done():
            echo.set_result(None)

    def _answer(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self.end(BusRefusedError(f"refuses the subscription: {reply}"))


def _login(to: Address) -> list[tuple[str, ...]]:
    if to.password is None:
        return []
    return [("AUTH", to.username, to.password)] if to.username else [("AUTH", to.password)]
