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
from marketswarm.errors import StalledError
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

    One Daemon is one life on one truth. Where a new truth concerns the work, the work is cancelled and begun anew with
    the next Daemon, in the same process.

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
        self.pace_sec = min(IDLE_PACE_SEC, self.position.interval_sec / 4)
        self.follower = follower
        """Who looks at the truth on the buses while the service lives, if anybody does."""
        self._manager = manager
        self._pulse = Pulse(name, loaded.sha256, clock)
        self._kept: dict[type, object] = {}
        self._buses: dict[str, Bus] = {}
        self._started = asyncio.Event()
        self._renamed = asyncio.Event()
        """Set where the next beat has to name another truth than the last."""
        self._held_back = False

    def moved(self, loaded: Loaded) -> "Daemon":
        """Go on in the same process with another truth: a new life for the work, with the pulse of the old one."""
        new = Daemon(self.name, self.settings, loaded, self._manager, self.clock, follower=self.follower)
        new._pulse, new._kept = self._pulse, self._kept
        new._pulse.truth = loaded.sha256
        return new

    def keep(self, kind: type[_T]) -> _T:
        """Return this process's one object of a kind, made at first: what the work knows beyond one truth."""
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
        """Work, beat and feed the watchdog until cancelled, or until there is a new truth that concerns the work.

        Returns that truth. Work that ends by itself is an error.
        """
        try:
            return await self._live(work)
        except asyncio.CancelledError:
            if self._pulse.heard and not self._held_back:
                await self._pulse.goodbye(self.bus(self.position.bus), self.position, within_sec=GOODBYE_SEC)
            raise
        finally:
            for bus in self._buses.values():
                await bus.close()

    async def _live(self, work: "Work") -> Loaded:
        found: list[Loaded] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work(work))
                group.create_task(self._beat())
                group.create_task(self._feed_watchdog())
                if self.follower:
                    group.create_task(self._follow(self.follower))
        except* _MovedError as moves:
            found = [move.loaded for move in moves.exceptions if isinstance(move, _MovedError)]
        return found[0]

    async def _work(self, work: "Work") -> None:
        await work(self)
        raise StalledError(f"{self.name}: its work has ended, though nobody stopped it; this is a bug")

    async def _beat(self) -> None:
        await self._started.wait()
        watch = self.progress.watch()
        while True:
            await self._progress_on(watch)
            began = self.clock.monotonic()
            ready = self._pulse.heard
            await self._pulse.send(self.bus(self.position.bus), self.position)
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
        """Take in each new truth; raises _MovedError with the first that concerns the work."""
        concerned = concern(self.name, self.truth, self.settings)
        while True:
            loaded = await follower.news()
            if loaded:
                if concern(self.name, loaded.truth, self.settings) != concerned:
                    self._started.clear()  # the last beat of this life may still come, and ends no reload
                    raise _MovedError(loaded)
                self._pulse.truth = loaded.sha256
                self._renamed.set()
                _log.info("%s: follows the truth %s now; its work goes on", self.name, short(loaded.sha256))
            self._reloaded()

    def _reloaded(self) -> None:
        """End the reload, if one is under way: once its look has told by which truth to work, and the work does."""
        if self._started.is_set() and not (self.follower and self.follower.asked):
            self._manager.reloaded()


class _MovedError(Exception):
    """A new truth gives the work another position."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__()
        self.loaded = loaded


Work = Callable[[Daemon], Awaitable[None]]
