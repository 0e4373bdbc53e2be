"""A service from its start to its end: signals, READY, heartbeat, watchdog, cleanup."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
from collections.abc import Awaitable, Callable

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import Clock, SystemClock
from marketswarm.daemon.position import Loaded, find_truth
from marketswarm.daemon.progress import Progress, Watch
from marketswarm.errors import BusRefusedError, BusUnreachableError, MarketSwarmError, StalledError
from marketswarm.messages import Heartbeat, encode
from marketswarm.pacing import Backoff
from marketswarm.sd import Manager, watchdog_period_sec
from marketswarm.settings import Settings
from marketswarm.truth import Position, Truth

STOP_SEC = 1.5
IDLE_PACE_SEC = 1.0
_log = logging.getLogger(__name__)


class Daemon:
    """What a service's work is given: its truth and position, its buses, and the means to say how it is doing.

    The work calls ``started`` once it truly works, and ``progress.mark`` at least every ``pace_sec`` from then on; the
    heartbeat stops where the marks stop.
    """

    def __init__(self, name: str, settings: Settings, loaded: Loaded, manager: Manager, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock
        self.truth: Truth = loaded.truth
        self.position = own_position(name, loaded.truth, settings)
        self.progress = Progress()
        self.pace_sec = min(IDLE_PACE_SEC, self.position.interval_sec / 4)
        self._truth_sha256 = loaded.sha256
        self._manager = manager
        self._buses: dict[str, Bus] = {}
        self._started = asyncio.Event()

    def bus(self, name: str) -> Bus:
        """Return the connection to a bus of the truth; it is closed when the service ends."""
        if name not in self._buses:
            address = self.settings.address(name, self.truth.bus_urls())
            self._buses[name] = Bus(name, address, client_name=f"marketswarm:{self.name}")
        return self._buses[name]

    def started(self) -> None:
        """Say that the work is under way: heartbeats begin."""
        self._started.set()

    def status(self, line: str) -> None:
        """Say in one line what the service does now."""
        self._manager.status(line)

    async def idle(self) -> None:
        """Be there and do nothing else, for ever."""
        self.started()
        while True:
            self.progress.mark()
            await asyncio.sleep(self.pace_sec)

    async def live(self, work: "Work") -> None:
        """Work, beat and feed the watchdog until cancelled. Work that ends by itself is an error."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work(work))
                group.create_task(self._beat())
                group.create_task(self._feed_watchdog())
        finally:
            for bus in self._buses.values():
                await bus.close()

    async def _work(self, work: "Work") -> None:
        await work(self)
        raise StalledError(f"{self.name}: its work has ended, though nobody stopped it; this is a bug")

    async def _beat(self) -> None:
        await self._started.wait()
        watch = self.progress.watch()
        pulse = _Pulse(self, self._truth_sha256)
        while True:
            await self._progress_on(watch)
            began = self.clock.monotonic()
            await pulse.send()
            if pulse.count == 1:
                self._manager.ready()
                _log.info("%s: ready, beats every %g s", self.name, self.position.interval_sec)
            await asyncio.sleep(max(0.0, began + self.position.interval_sec - self.clock.monotonic()))

    async def _progress_on(self, watch: Watch) -> None:
        """Hold the beat back until the work has turned; say so once where that takes longer than a beat."""
        held_since = self.clock.monotonic()
        told = False
        while not watch.made():
            held_sec = self.clock.monotonic() - held_since
            if held_sec > self.position.interval_sec and not told:
                told = True
                _log.error("%s: its work makes no progress; the heartbeat is held back", self.name)
            await asyncio.sleep(self.pace_sec)
        if told:
            _log.warning("%s: progress again, beating on", self.name)

    async def _feed_watchdog(self) -> None:
        period_sec = watchdog_period_sec(self.settings.watchdog_usec, self.settings.watchdog_pid, os.getpid())
        if period_sec is None:
            return
        watch = self.progress.watch()
        while True:
            if watch.made():
                self._manager.alive()
            await asyncio.sleep(min(period_sec, 2 * self.pace_sec))


class _Pulse:
    """Sends one service's beats; keeps trying while the bus is away."""

    def __init__(self, daemon: Daemon, truth_sha256: str) -> None:
        self.count = 0
        self._daemon = daemon
        self._boot = os.urandom(8).hex()
        self._host = socket.gethostname()
        self._truth = truth_sha256
        self._refusal = ""

    async def send(self) -> None:
        """Send the next beat, however long it takes."""
        at = self._daemon.position
        bus = self._daemon.bus(at.bus)
        backoff = Backoff(random.random)
        while True:
            try:
                await bus.beat(at.service, at.channel, self._payload(), max(1, round(at.timeout_sec * 1000)))
            except (BusUnreachableError, BusRefusedError) as error:
                if isinstance(error, BusRefusedError) and str(error) != self._refusal:
                    self._refusal = str(error)
                    _log.error("%s", error)
                await asyncio.sleep(backoff.next_sec())
            else:
                self._refusal = ""
                self.count += 1
                return

    def _payload(self) -> bytes:
        beat = Heartbeat(
            svc=self._daemon.name,
            i=self.count + 1,
            ts=round(self._daemon.clock.wall(), 3),
            boot=self._boot,
            host=self._host,
            pid=os.getpid(),
            truth=self._truth,
        )
        return encode(beat)


Work = Callable[[Daemon], Awaitable[None]]


def own_position(name: str, truth: Truth, settings: Settings) -> Position:
    """Where a service beats: truth, with healer's own variables over it."""
    position = truth.position(name, default_timeout_sec=settings.default_timeout_sec)
    if name != names.HEALER:
        return position
    interval_sec = settings.healer_interval_sec or position.interval_sec
    stated = truth.services[name].heartbeat.timeout_sec if name in truth.services else None
    return Position(
        service=name,
        bus=position.bus,
        channel=settings.healer_channel or position.channel,
        interval_sec=interval_sec,
        timeout_sec=settings.sentinel_timeout_sec or stated or 3 * interval_sec,
    )


async def run(name: str, work: Work, settings: Settings) -> None:
    """Run a service until SIGTERM or SIGINT. Raises a MarketSwarmError for what a person has to mend."""
    manager = Manager(present=settings.notify_socket is not None)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    life = asyncio.create_task(_live(name, work, settings, manager))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({life, asked}, return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        asked.cancel()
        _raise_first(life)
    manager.stopping()
    _log.info("%s: stopping", name)
    life.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait({life}, timeout=STOP_SEC)


async def _live(name: str, work: Work, settings: Settings, manager: Manager) -> None:
    manager.status("waiting for the truth")
    loaded = await find_truth(settings, f"marketswarm:{name}")
    if name not in loaded.truth.services:
        _log.warning("%s is not in the truth: using the defaults; add services.%s and run marketswarm-seed", name, name)
    daemon = Daemon(name, settings, loaded, manager, SystemClock())
    manager.status("starting")
    await daemon.live(work)


def _raise_first(life: asyncio.Task[None]) -> None:
    """Raise what ended the service; a person's mistake comes out of its exception group bare."""
    error = life.exception()
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, MarketSwarmError):
        raise error from None
    if error is not None:
        raise error
