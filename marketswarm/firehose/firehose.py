"""The subscription to one bus, made again whenever it ends, and asked whether it hears.

A subscription can go deaf without an error, when its server hangs. Only a round trip shows that it still hears: the
canary, a nonce published on another connection that has to come back. Redis keeps a connection's messages in order, so
an echo also proves that everything published before it was read.
"""

import asyncio
import functools
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import hiredis

from marketswarm.address import Address
from marketswarm.errors import BusRefusedError, BusUnreachableError, MarketSwarmError
from marketswarm.firehose.session import Beats, CutError, DeafError, Oddities, Session
from marketswarm.line import connect, hear_why, login
from marketswarm.pacing import Backoff
from marketswarm.refusals import explained
from marketswarm.trouble import hint, of_bus, of_tls

CONFIRM_SEC = 1.0
CONFIRMED_PER_SEC = 10_000
"""How many channels a busy server confirms at the least."""
GIVE_UP_SEC = 1.0
ECHO_SEC = 1.0
ECHO_TRIES = 2
STRETCHED_SEC = 4.0
"""Longer than a try of the canary takes, with a new connection and a login before it."""
SETTLED_SEC = 1.0
EARLY_CUTS = 3

_log = logging.getLogger(__name__)


class Firehose:
    """The subscription to one bus; reconnects for ever.

    ``channels`` has the place among ``services`` of the one that beats there. ``on_beats(beats, oddities)`` gets what
    was read, a piece at a time and by those places. ``on_live()`` is called when the subscription stands, also after a
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
        self._session: Session | None = None
        self._early_cuts = 0  # connections in a row that were cut before they heard anything
        self._lost = False
        self._told = ""

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
            except CutError as cut:
                _log.debug("%s: subscription cut (%s), connecting again", self._address, cut)
                self._early_cuts += 1
                if self._early_cuts > EARLY_CUTS:
                    self._declare_lost(await self._why(cut))
            except TimeoutError:
                # One that comes much later than it should says only that this process stood still.
                if loop.time() - began <= 2 * self._patience_sec:
                    self._declare_lost(f"no subscription at {self._address} in time")
            except BusRefusedError as error:
                refused = ("SUBSCRIBE", ", ".join(channel.decode() for channel in self._channels))
                self._declare_lost(f"{self._address} {explained(str(error), self._address, refused)}")
            except (MarketSwarmError, OSError, hiredis.HiredisError) as error:
                self._declare_lost(of_bus(error))
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
            async with asyncio.timeout(self._patience_sec):  # wait_for() may swallow a cancellation until Python 3.12
                await asyncio.shield(session.subscribed)
            self._session = session
            if await self._hears(session):
                self._early_cuts, self._lost = 0, False
                self._on_live()
            await asyncio.wait({session.closed})
            session.closed.result()
        finally:
            self._session = None
            session.end(CutError("left"))

    async def _why(self, cut: CutError) -> str:
        """Say why connections are cut before they hear anything; over TLS the server may have said it unheard."""
        try:
            if self._address.tls:
                await hear_why(self._address, GIVE_UP_SEC)
        except hiredis.ReplyError as error:
            return f"{self._address} {explained(str(error), self._address, None)}"
        except (OSError, hiredis.HiredisError) as error:
            if of_tls(why := of_bus(error)):
                return why
        return f"{self._address} takes the connection and ends it: {cut}"

    async def _hears(self, session: Session) -> bool:
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
        session.end(DeafError(f"nothing published comes back within {ECHO_SEC * ECHO_TRIES:g} s"))
        return False

    async def _connect(self) -> Session:
        factory = functools.partial(Session, self._channels, self._services, self._canary, self._on_beats)
        session = await connect(self._address, factory, GIVE_UP_SEC)
        session.subscribe(login(self._address, self._client_name), [*self._channels, self._canary.encode()])
        return session

    async def _echo(self, session: Session) -> bool:
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
        elif of_tls(reason) and reason != self._told:
            # What does not pass by itself is told, though the outage began by another reason.
            _log.warning("%s does not answer (%s); %s", self._address, reason, hint(self._address, reason))
        self._told = reason
