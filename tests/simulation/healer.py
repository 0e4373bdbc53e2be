"""Healer in the simulated world: the real judge of one bus, its lives, and what each leaves to the next."""

import asyncio
import random
from collections.abc import Callable, Sequence

from simulation.loop import VirtualLoop
from simulation.senders import Service
from simulation.timeline import WALL_SEC, Timeline
from simulation.wire import Connection, Link

from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.liveness import State, Tally
from marketswarm.services.watching.findings import Legacy, Recalled, Target, Verdicts
from marketswarm.services.watching.judge import Judge

BUS = "system-redis"
WATCHER = "healer"
TURNS = 20
"""So many turns of the loop are enough for all that was cancelled to end."""


class Clocks:
    """The clocks of healer's machine."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.suspended_sec = 0.0
        self.wall_offset_sec = WALL_SEC
        self._loop = loop

    def monotonic(self) -> float:
        """Seconds of the world."""
        return self._loop.time()

    def suspended(self) -> float:
        """Seconds that the machine has slept."""
        return self.suspended_sec

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self._loop.time() + self.wall_offset_sec


class Memory:
    """What outlives healer: who is missed in which group, who flaps, what was counted."""

    def __init__(self) -> None:
        self.missed: dict[str, str] = {}
        self.flapping: set[str] = set()
        self.tallies: dict[str, Tally] = {}
        self.storms: list[str] = []
        self.storm_at = 0.0
        self.storms_over: list[str] = []
        self.unstable: set[str] = set()
        """Who was said to flap, and not to be stable since."""

    def record(self, service: str, _state: State, tally: Tally, *, flapping: bool) -> None:
        """Keep how a service stands."""
        self.tallies[service] = tally
        (self.flapping.add if flapping else self.flapping.discard)(service)

    def recalled(self) -> Recalled:
        """What healer reads at its start."""
        return Recalled(dict(self.missed), frozenset(self.flapping), dict(self.tallies))


class Healer:
    """Judge after judge on one loop. ``lives`` counts them, and is the number of the present one."""

    def __init__(
        self, loop: VirtualLoop, timeline: Timeline, services: Sequence[Service], verdicts: Callable[[int], Verdicts]
    ) -> None:
        """``verdicts`` gives what takes the findings of one of the lives."""
        self.lives = 0
        self.judge: Judge | None = None
        self.clocks = Clocks(loop)
        self.memory = Memory()
        self.marked_at = 0.0
        self.longest_turn_sec = 0.0
        """The longest time between two turns in which it was not stopped."""
        self.pace_sec = 2.0
        self.connections: set[Connection] = set()
        self.connect: Callable[[Connection], None] = lambda _: None
        self._loop = loop
        self._timeline = timeline
        self._targets = [Target(svc.name, f"{svc.name}:heartbeat", svc.terms) for svc in services]
        self._verdicts = verdicts
        self._stopped_sec = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self, before: Legacy | None = None) -> None:
        """Begin a life; ``before`` where it is in the same process, after a change of truth."""
        self.lives += 1
        self._loop.wake()
        self.marked_at, self._stopped_sec = self._timeline.now, self._loop.stopped_sec
        bus = Bus(BUS, Address(host="bus"), client_name=WATCHER, loud=False)
        self.judge = Judge(
            bus,
            self._targets,
            watcher=WATCHER,
            clock=self.clocks,
            verdicts=self._verdicts(self.lives),
            pace_sec=self.pace_sec,
            mark=self._mark,
            recalled=self.memory.recalled(),
            before=before,
        )
        self._task = self._loop.create_task(self.judge.run())

    def end(self) -> Legacy | None:
        """End a life, and keep what it has reported. Returns what it would leave to one in the same process."""
        if self.judge is None:
            return None
        self.judge.report(self.memory)
        legacy = self.judge.legacy()
        self.vanish()
        return legacy

    def vanish(self) -> None:
        """End a life; nothing of it reaches the world any more."""
        self.judge = None
        for connection in self.connections:
            connection.vanish()
        self.connections.clear()

    def bury(self) -> None:
        """Clear away what a life that was ended has left on the loop, and in no time."""
        self._loop.frozen = True
        self._loop.wake()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        for _ in range(TURNS):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.frozen = False
        stay = [task for task in tasks if not task.done()]
        assert not stay, f"cancelled, and goes on: {stay}"
        self._task = None

    def ended(self) -> str:
        """Say how the judge has ended by itself, which it never does; empty where it goes on."""
        if self._task is None or not self._task.done():
            return ""
        return "cancelled" if self._task.cancelled() else repr(self._task.exception())

    def _mark(self) -> None:
        now, stopped_sec = self._timeline.now, self._loop.stopped_sec
        turn_sec = now - self.marked_at - (stopped_sec - self._stopped_sec)
        self.longest_turn_sec = max(self.longest_turn_sec, turn_sec)
        self.marked_at, self._stopped_sec = now, stopped_sec


async def connect(healer: Healer, link: Link, make: Callable[[], Connection | None]) -> Connection:
    """Open one of healer's connections: refused where the server is gone, and never done while the link is parted."""
    await asyncio.sleep(2 * link.latency_sec)
    if link.parted:
        await asyncio.Event().wait()
    connection = make()
    if connection is None:
        raise ConnectionRefusedError("Connection refused")
    healer.connections = {known for known in healer.connections if not known.closed} | {connection}
    return connection


def seed_chance(seed: int) -> Callable[[], None]:
    """Make the chance that the judge itself uses repeatable; returns what puts it back."""
    state = random.getstate()
    random.seed(seed)
    return lambda: random.setstate(state)
