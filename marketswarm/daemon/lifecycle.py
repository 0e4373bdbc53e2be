"""One life of a service, on one truth: its work, heartbeat, READY, watchdog, cleanup."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar, cast

from marketswarm.bus import Bus, client_name
from marketswarm.clock import Clock
from marketswarm.daemon.following import Follower
from marketswarm.daemon.position import concern, own_position
from marketswarm.daemon.progress import Progress, Watch
from marketswarm.daemon.pulse import Pulse
from marketswarm.daemon.singleton import LostError, Singleton, Terms, terms_of
from marketswarm.errors import FencedError, StalledError
from marketswarm.ownership import Fence
from marketswarm.pacing import until_tick
from marketswarm.sd import Manager, watchdog_period_sec
from marketswarm.settings import Settings
from marketswarm.truth import Loaded, Truth, short

IDLE_PACE_SEC = 2.0
GOODBYE_SEC = 0.5
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Daemon:
    """What a service's work is given: its truth and position, its buses, and the means to say how it is doing.

    One Daemon is one life on one truth. Where a new truth concerns the work, or another process owns the singleton, the
    work is cancelled and begun anew with the next Daemon, in the same process.

    The work calls ``started`` once it truly works, and ``progress.mark`` at least every ``pace_sec`` from then on; the
    heartbeat stops where the marks stop.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        loaded: Loaded,
        manager: Manager,
        clock: Clock,
        *,
        follower: Follower | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock
        self.truth: Truth = loaded.truth
        self.position = own_position(name, loaded.truth, settings)
        self.progress = Progress()
        self._terms = terms_of(name, loaded.truth, settings)
        lease_sec = self._terms.tenancy.lease_sec if self._terms else self.position.interval_sec
        self.pace_sec = min(IDLE_PACE_SEC, self.position.interval_sec / 4, lease_sec / 4)
        self.follower = follower
        """Who looks at the truth on the buses while the service lives, if anybody does."""
        self._loaded = loaded
        self._manager = manager
        self._singleton: Singleton | None = None
        self._pulse = Pulse(name, loaded.sha256, clock)
        self._kept: dict[type, object] = {}
        self._buses: dict[str, Bus] = {}
        self._started = asyncio.Event()
        self._renamed = asyncio.Event()
        """Set where the next beat has to name another truth than the last."""
        self._held_back = False

    def moved(self, loaded: Loaded) -> "Daemon":
        """Go on in the same process: a new life for the work, with the pulse of the old one, and what it owns."""
        new = Daemon(self.name, self.settings, loaded, self._manager, self.clock, follower=self.follower)
        new._pulse, new._kept, new._singleton = self._pulse, self._kept, self._singleton
        new._pulse.truth = loaded.sha256
        return new

    @property
    def fence(self) -> Fence | None:
        """By what the owner of a singleton writes; None in a service that is none."""
        return self._singleton.fence if self._singleton else None

    def keep(self, kind: type[_T]) -> _T:
        """Return this process's one object of a kind, made at first: what the work knows beyond one truth.

        Who is the owner of a singleton no more forgets it: another one has worked meanwhile.
        """
        return cast("_T", self._kept.setdefault(kind, kind()))

    def bus(self, name: str) -> Bus:
        """Return the connection to a bus of the truth; it is closed when the service ends."""
        if name not in self._buses:
            address = self.settings.address(name, self.truth.bus_urls())
            self._buses[name] = Bus(name, address, client_name=client_name(self.name))
        return self._buses[name]

    def started(self) -> None:
        """Say that the work is under way: heartbeats begin."""
        self._started.set()

    def status(self, line: str) -> None:
        """Say in one line what the service does now."""
        self._manager.status(line)

    async def report(self, says: Callable[[], str]) -> None:
        """Say again and again what the service does now, where that has changed; for ever."""
        said = ""
        while True:
            line = says()
            if line != said:
                said = line
                self.status(line)
            await self.pause()

    async def idle(self) -> NoReturn:
        """Be there and do nothing else, for ever."""
        self.started()
        while True:
            self.progress.mark()
            await self.pause()

    async def pause(self) -> None:
        """Sleep to the next turn, at most ``pace_sec``; whatever pauses so wakes the machine together."""
        await asyncio.sleep(until_tick(self.clock.monotonic(), self.pace_sec))

    async def live(self, work: "Work") -> Loaded:
        """Work, beat and feed the watchdog until cancelled, or until the work has to begin anew.

        Returns the truth by which it does. Work that ends by itself is an error.
        """
        self._join()
        try:
            loaded = await self._live(work)
            terms = terms_of(self.name, loaded.truth, self.settings)
            if terms != self._terms:
                self._kept.clear()
                await self._leave(terms)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                await self._say_goodbye()
            await self._leave()
            raise
        finally:
            for bus in self._buses.values():
                await bus.close()
        return loaded

    async def _live(self, work: "Work") -> Loaded:
        lost = ""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._serve(work))
                group.create_task(self._feed_watchdog())
                if self.follower:
                    group.create_task(self._follow(self.follower))
                await self._beat()  # in the body, or before Python 3.13 an error of the others stays a cancellation
        except* _MovedError:
            line = f"follows the truth {short(self._loaded.sha256)} now; its work begins anew"
            _log.info("%s: %s", self.name, line)
            self.status(line)
        except* LostError as errors:
            lost = str(_first(errors))
        except* FencedError as errors:
            lost = str(_first(errors))
            if self._singleton:
                self._singleton.fenced()
        if lost:
            self._kept.clear()  # what it knew is old by the time that it owns the service again
            _log.warning("%s: its work has stopped: %s", self.name, lost)
        task = asyncio.current_task()
        if task and task.cancelling():  # while the group ended by an error of its own, which hides that
            raise asyncio.CancelledError
        return self._loaded

    async def _serve(self, work: "Work") -> None:
        """Work; as a singleton once this process owns it, and as long as it does."""
        if self._singleton is None:
            await self._work(work)
            return
        await self._singleton.stand_by(self.progress, self._manager, self._started)
        self.status("starting")
        self._started.clear()  # beats that were due while it was cut off are not the start of the work
        async with asyncio.TaskGroup() as group:
            group.create_task(self._singleton.keep(self.progress.watch(), self._started))
            await self._work(work)

    async def _work(self, work: "Work") -> NoReturn:
        await work(self)
        raise StalledError(f"{self.name}: its work has ended, though nobody stopped it; this is a bug")

    async def _beat(self) -> None:
        await self._started.wait()
        watch = self.progress.watch()
        while True:
            await self._progress_on(watch)
            await self._permitted()
            began = self.clock.monotonic()
            ready = self._pulse.heard
            await self._pulse.send(self.bus(self.position.bus), self.position, self._permitted)
            if not ready:
                self._manager.ready()
                _log.info("%s: ready, beats every %g s", self.name, self.position.interval_sec)
            self._reloaded()
            await self._until_due(began + self.position.interval_sec)

    async def _until_due(self, due: float) -> None:
        """Sleep until the next beat is due; a beat with another truth is so at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - self.clock.monotonic())):
                await self._renamed.wait()
        self._renamed.clear()

    async def _permitted(self) -> None:
        """Wait until this process may beat: one that was stopped may be the owner of a singleton no more."""
        while not await self._may_beat():
            await self.pause()

    async def _may_beat(self) -> bool:
        return self._singleton is None or await self._singleton.may_beat(self.bus(self.position.bus))

    async def _say_goodbye(self) -> None:
        bus = self.bus(self.position.bus)
        if self._pulse.heard and not self._held_back and (not self._singleton or await self._singleton.speaks(bus)):
            await self._pulse.goodbye(bus, self.position, within_sec=GOODBYE_SEC)

    def _join(self) -> None:
        if self._terms is None:
            self._pulse.own(0)
        elif self._singleton is None:
            self._singleton = Singleton(self.name, self._terms, self._pulse, self.clock)

    async def _leave(self, terms: Terms | None = None) -> None:
        if self._singleton:
            await self._singleton.leave(terms)
            self._singleton = None

    async def _progress_on(self, watch: Watch) -> None:
        """Hold the beat back until the work has turned; say so once where that takes longer than a beat."""
        held_since = self.clock.monotonic()
        while not watch.made():
            held_sec = self.clock.monotonic() - held_since
            if held_sec > self.position.interval_sec and not self._held_back:
                self._held_back = True
                _log.error("%s: its work makes no progress; the heartbeat is held back", self.name)
            await self.pause()
        if self._held_back:
            self._held_back = False
            _log.warning("%s: progress again, beating on", self.name)

    async def _feed_watchdog(self) -> None:
        period_sec = watchdog_period_sec(self.settings.watchdog_usec, self.settings.watchdog_pid, os.getpid())
        if period_sec is None:
            return
        watch = self.progress.watch()
        while True:
            if watch.made():
                self._manager.alive()
            await asyncio.sleep(until_tick(self.clock.monotonic(), min(period_sec, 2 * self.pace_sec)))

    async def _follow(self, follower: Follower) -> None:
        """Take in each new truth; raises _MovedError at the first that concerns the work."""
        concerned = concern(self.name, self.truth, self.settings)
        while True:
            loaded = await follower.news()
            if loaded:
                self._loaded = loaded
                if concern(self.name, loaded.truth, self.settings) != concerned:
                    self._started.clear()  # the last beat of this life may still come, and ends no reload
                    raise _MovedError
                self._pulse.truth = loaded.sha256
                self._renamed.set()
                _log.info("%s: follows the truth %s now; its work goes on", self.name, short(loaded.sha256))
            self._reloaded()

    def _reloaded(self) -> None:
        """End the reload, if one is under way: once its look has told by which truth to work, and the work does.

        So it is where there is none to do, since another process owns the singleton.
        """
        stands_by = self._singleton is not None and self._singleton.stands_by
        if (self._started.is_set() or stands_by) and not (self.follower and self.follower.asked):
            self._manager.reloaded()


class _MovedError(Exception):
    """A new truth gives the work another position."""


def _first(error: BaseException) -> BaseException:
    """Find an error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


Work = Callable[[Daemon], Awaitable[None]]
