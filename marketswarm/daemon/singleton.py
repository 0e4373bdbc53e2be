"""One process's part in a singleton: it stands by, owns, and is the owner no more, over all its lives."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Final

from marketswarm import names
from marketswarm.address import Address
from marketswarm.bus import TIMEOUT_SEC, Bus, client_name
from marketswarm.clock import Clock
from marketswarm.daemon.hold import Hold
from marketswarm.daemon.position import own_position
from marketswarm.daemon.progress import Progress, Watch
from marketswarm.daemon.pulse import Pulse
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import decode_full
from marketswarm.ownership import Fence, Mine, Ownership
from marketswarm.sd import Manager
from marketswarm.settings import Settings
from marketswarm.truth import Tenancy, Truth

POLL_SEC: Final = 1.0
"""How often who stands by asks at least; when the lease runs out it asks at once."""
AGAIN_SEC: Final = 0.1
LEAVE_SEC: Final = 0.5
GIVE_WAY_SEC: Final = 1.5 * POLL_SEC
"""For so long one whose work made no progress does not ask: each that stands by does meanwhile."""
_STANDING_BY: Final = "standing by"
"""The part of the progress that this is, until there is work."""
_log = logging.getLogger(__name__)


class LostError(Exception):
    """The process is not the owner any more, as far as it knows; its work has to stop at once."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Where the lease is and how long it holds; who is the owner by other ones is none by these."""

    tenancy: Tenancy
    address: Address


def terms_of(name: str, truth: Truth, settings: Settings) -> Terms | None:
    """Say by which terms a service is a singleton; None where it is none."""
    tenancy = truth.tenancy(own_position(name, truth, settings))
    return Terms(tenancy, settings.address(tenancy.bus, truth.bus_urls())) if tenancy else None


class Singleton:
    """Whether this process owns the service. It has a connection of its own, so that no work holds a renewal up."""

    def __init__(self, service: str, terms: Terms, pulse: Pulse, clock: Clock) -> None:
        self.terms = terms
        self.says = ""
        """What came of the last question, for people."""
        self.stands_by = False
        """Whether the bus has said last that another owns the service, and has noted that this one stands by."""
        self.wedged = False
        """Whether its work made no progress and lost it the lease, and has not earned a renewal since."""
        self._service = service
        self._lease_sec = terms.tenancy.lease_sec
        self._pulse = pulse
        self._clock = clock
        self._hold = Hold(self._lease_sec)
        patience_sec = min(TIMEOUT_SEC, self._lease_sec / 3)
        self._bus = Bus(terms.tenancy.bus, terms.address, client_name=client_name(service), timeout_sec=patience_sec)
        self._ownership = Ownership(self._bus, service, pulse.process, pulse.host)
        self._asked = 0.0
        """When the last question that is over was asked."""
        self._stalled = False
        """Whether the work had made no progress when a renewal was last due."""
        self._owned_by = ""
        self._others_left_sec = 0.0
        self._refusal = ""

    @property
    def owns(self) -> bool:
        """Whether nobody else can own it now."""
        return self._hold.owns(self._now())

    @property
    def cut_off(self) -> bool:
        """Whether this process was the last that is known to own it, and the bus does not say who does now."""
        return self._hold.cut_off

    @property
    def fence(self) -> Fence:
        """By what the owner writes."""
        return Fence(names.token_key(self._service), self._hold.token)

    async def stand_by(self, progress: Progress, manager: Manager, beats: asyncio.Event) -> None:
        """Ask until this process owns the service; each turn is progress, and who is told to stand by is ready.

        ``beats`` is set where the process is cut off: nobody else is known to be there, so the beats go on.
        """
        said = ""
        self._bus.loud = True
        if self.wedged and not self.owns:
            await self._give_way(progress, manager)
        while not await self._ask():
            progress.mark(_STANDING_BY)
            if self.cut_off:
                beats.set()
            if self.says != said:
                said = self.says
                manager.status(said)
                self._tell_of_standing_by(manager)
            await asyncio.sleep(self._pause_sec())
            progress.mark(_STANDING_BY)
        progress.drop(_STANDING_BY)
        self._bus.loud = False  # from now on the work's own connections tell of a loss
        self._pulse.own(self._hold.token)
        _log.info("%s: %s", self._service, self.says)

    async def keep(self, watch: Watch, started: asyncio.Event) -> None:
        """Renew the lease, from the start of the work on as it makes progress.

        Raises LostError when this process may own it no more.
        """
        self._stalled = False
        while (left_sec := self._hold.left_sec(self._now())) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_sec):
                    await self._renew(watch, started)
        if self._stalled and not self.stands_by:
            if not self.wedged:
                _log.error(
                    "%s: its work makes no progress, it gives the lease back; look for what it waits for", self._service
                )
            self.wedged = True
            raise LostError("it made no progress")
        raise LostError(self._owned_by if self.stands_by else f"its lease on {self._bus.name} has run out")

    def fenced(self) -> None:
        """Take in that the bus has refused a write."""
        self._hold.refused()

    async def speaks(self, bus: Bus) -> bool:
        """Whether this process may say how the service is: as the owner, or cut off, where no later owner beats."""
        if self.wedged:
            return False
        return self.owns or (self.cut_off and not await self._is_replaced(bus))

    async def may_beat(self, bus: Bus) -> bool:
        """Whether it may say so from now on.

        After a partition from both buses the one of the beats may answer sooner, and not know of a later owner yet: so
        the lease's is asked once more.
        """
        if not await self.speaks(bus):
            return False
        if self.owns:
            return True
        since = self._now()
        while True:
            await asyncio.sleep(AGAIN_SEC)
            if not self.cut_off or self._asked > since:
                return self.owns or self.cut_off

    async def leave(self, to: Terms | None = None) -> None:
        """Give the lease back, and stand by no more; a bus that does not take it is let be.

        Where the terms to come have it on another bus it runs out: who stands by and has not heard of these would take
        it, and work beside the owner by them.
        """
        if to is None or to.address == self.terms.address:
            await self._give_back()
        await self._bus.close()

    async def _give_back(self) -> None:
        with contextlib.suppress(BusUnreachableError, BusRefusedError, TimeoutError):
            async with asyncio.timeout(LEAVE_SEC):
                await self._ownership.leave()
        self._hold.refused()

    async def _give_way(self, progress: Progress, manager: Manager) -> None:
        """Let another one take the lease, if there is one."""
        manager.status("waiting: its work made no progress, so another may own it")
        await self._give_back()
        until = self._now() + GIVE_WAY_SEC
        while self._now() < until:
            progress.mark(_STANDING_BY)
            await asyncio.sleep(AGAIN_SEC)

    async def _renew(self, watch: Watch, started: asyncio.Event) -> None:
        await asyncio.sleep(self._hold.renew_in_sec(self._now()))
        if self.wedged:
            watch.made()  # so far it came in the life before, too: only a turn from now on earns a renewal
        turned = False
        while True:
            turned = turned or watch.made()  # once will do, however often the bus is asked
            self._stalled = started.is_set() and not turned
            if not self._stalled and (await self._ask() or self.stands_by):
                self.wedged = self.wedged and not (turned and started.is_set())
                return
            await asyncio.sleep(AGAIN_SEC)

    async def _ask(self) -> bool:
        """Take the lease or renew it; whether this process owns the service for a while from now on."""
        asked = self._now()
        ttl_ms = max(1, round(self._lease_sec * 1000))
        try:
            answer = await self._ownership.take(self._hold.token, ttl_ms, self._pulse.payload())
        except (BusUnreachableError, BusRefusedError) as error:
            self._hold.unanswered(asked)
            self.stands_by, self.says = False, f"waiting: {error}"
            self._tell_once(str(error) if isinstance(error, BusRefusedError) else "")
            return False
        finally:
            self._asked = asked
        self._tell_once("")
        self.stands_by = not isinstance(answer, Mine)
        if isinstance(answer, Mine):
            self._hold.taken(answer.token, asked)
            self.says = f"owns it by token {answer.token}"
        else:
            self._hold.refused()
            self._others_left_sec = answer.left_ms / 1000
            self._owned_by = f"{answer.host or 'another process'} owns it"
            self.says = f"standing by: {self._owned_by}"
        return self.owns

    async def _is_replaced(self, bus: Bus) -> bool:
        """Look whether who beats was given a later token; assumed, where the bus of the beats does not say."""
        try:
            lease = (await bus.leases([self._service])).get(self._service)
        except (BusUnreachableError, BusRefusedError):
            return True
        beat = decode_full(lease.raw, self._service) if lease else None
        return beat is not None and beat.token > self._hold.token

    def _pause_sec(self) -> float:
        pause_sec = min(POLL_SEC, self._lease_sec / 3)
        if self.stands_by and self._others_left_sec > 0:
            pause_sec = min(pause_sec, self._others_left_sec + 0.001)  # the bus rounds down
        return pause_sec

    def _tell_of_standing_by(self, manager: Manager) -> None:
        if self.stands_by:
            manager.ready()
            _log.info("%s: %s", self._service, self.says)

    def _tell_once(self, refusal: str) -> None:
        if refusal and refusal != self._refusal:
            _log.error("%s; nobody can own %s until it is taken", refusal, self._service)
        self._refusal = refusal

    def _now(self) -> float:
        return self._clock.monotonic() + self._clock.suspended()
