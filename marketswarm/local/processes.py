"""Processes that are kept running until somebody says stop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from marketswarm.local.child import Child
from marketswarm.local.signals import how_it_ended
from marketswarm.pacing import Backoff

GRACE_SEC = 5.0
STEADY_SEC = 10.0
TAIL_LINES = 15

Say = Callable[[str, str], None]
"""Takes a process's name and a line about it or from it. Must not raise."""


class State(StrEnum):
    """What a Process is doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    RESTARTING = "restarting"


def pauses() -> Backoff:
    """How long to wait before each restart: 0.2 s, doubled up to 5 s; no jitter, since nobody is crowded."""
    return Backoff(lambda: 1.0, base_sec=0.2, cap_sec=5.0)


def pause_sec(pauses: Backoff, lived_sec: float) -> float:
    """Seconds to wait after a life of ``lived_sec``; a steady one starts over."""
    if lived_sec >= STEADY_SEC:
        pauses.reset()
    return pauses.next_sec()


class Process:
    """A program with a name: started, restarted when it dies by itself, ended on demand. At first it is stopped."""

    def __init__(self, name: str, argv: Sequence[str], environ: Mapping[str, str], say: Say) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._argv = argv
        self._environ = environ
        self._say = say
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._grace_sec: float | None = None  # set while it is being ended

    @property
    def state(self) -> State:
        """Whether it runs, is down because somebody wanted that, or will be started again in a moment."""
        if self._keeper is None:
            return State.STOPPED
        return State.RUNNING if self._child else State.RESTARTING

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Start it and keep it running; no-op where that is so already. One that is being ended is waited for first."""
        if self._keeper and self._grace_sec is not None:
            await asyncio.wait({self._keeper})
        if self._keeper is None:
            self._grace_sec = None
            self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")
            self._keeper.add_done_callback(self._kept)

    async def stop(self) -> None:
        """SIGTERM, GRACE_SEC later SIGKILL; it stays down until start(). Cancelled: SIGKILL at once."""
        await self._end(GRACE_SEC)

    async def kill(self) -> None:
        """SIGKILL; it stays down until start()."""
        await self._end(0.0)

    async def _end(self, grace_sec: float) -> None:
        if self._keeper is None:
            return
        keeper = self._keeper
        if self._grace_sec is None or grace_sec == 0.0:
            self._grace_sec = grace_sec
            keeper.cancel()
        try:
            await asyncio.wait({keeper})
        except asyncio.CancelledError:
            keeper.cancel()
            await asyncio.wait({keeper})
            raise

    async def _keep(self) -> None:
        waits = pauses()
        while True:
            began = time.monotonic()
            how = await self._live()
            wait_sec = pause_sec(waits, time.monotonic() - began)
            self._hear(f"{how}; starts again in {wait_sec:g} s")
            await asyncio.sleep(wait_sec)

    async def _live(self) -> str:
        """Run the program once; returns how that ended."""
        try:
            self._child = child = await Child.spawn(self._argv, self._environ, self._hear)
        except OSError as error:
            return f"cannot be started ({error.strerror})"
        try:
            return how_it_ended(await child.wait())
        finally:
            try:
                await child.end(self._grace_sec or 0.0)
            finally:
                self._child = None

    def _kept(self, _keeper: asyncio.Task[None]) -> None:
        self._keeper = None

    def _hear(self, line: str) -> None:
        self.tail.append(line)
        self._say(self.name, line)
