"""An asyncio event loop on simulated time: it waits by letting the world go on."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from simulation.timeline import Timeline

TURN_SEC = 1e-5
"""What a turn of the loop costs: a loop that spins is seen, since time goes on under it."""


class PauseError(Exception):
    """The loop is left as it is, between two of its turns; ``go`` goes on."""


class Readable(Protocol):
    """A socket that has something."""

    def read(self) -> None:
        """Hand what came to who waits for it."""


class _Selector:
    """What the loop waits with."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout_sec: float | None) -> list[Readable]:
        """Wait until a socket has something, or for so long."""
        return self._loop.wait(math.inf if timeout_sec is None else timeout_sec)


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop of one process that can be stopped at any moment, in which time passes for the others alone.

    As a real one it takes what the sockets hold before it runs the timers that are over.
    """

    def __init__(self, timeline: Timeline, connect: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        super().__init__()
        self.readable: dict[Readable, None] = {}
        self.stopped_sec = 0.0
        """For how long the process was stopped in all."""
        self.slow_sec = 0.0
        """How long each turn waits for a processor, in addition."""
        self.on_stop: Callable[[float], None] = lambda _: None
        """Told of a stop amid its work when it begins, with its seconds."""
        self._timeline = timeline
        self._connect = connect
        self._selector = _Selector(self)
        self._stopped_until = 0.0
        self._trap: tuple[int, float] | None = None
        self._pause = False
        self.frozen = False
        """Whether no time passes while it turns, as at the end of a process."""

    def time(self) -> float:
        """Seconds of the world; where a stop is set on one of these readings, it comes right after the reading."""
        now = self._timeline.now
        if self._trap:
            readings, sec = self._trap
            self._trap = (readings - 1, sec) if readings else None
            if not readings:
                self.on_stop(sec)
                self._pass(now + sec, all_of_it=True)
        return now

    def stop_for(self, sec: float, *, readings: int | None = None) -> None:
        """Stop the process: now, while it waits, or amid its work, after so many more readings of the clock."""
        if readings is not None:
            self._trap = readings, sec
            return
        self._stopped_until = max(self._stopped_until, self._timeline.now + sec)

    def wake(self) -> None:
        """Let the process go on, as the next one does that takes its place."""
        self._stopped_until, self._trap = 0.0, None

    def pause(self) -> None:
        """Leave the loop before its next turn."""
        self._pause = True

    def go(self) -> None:
        """Run until somebody pauses."""
        try:
            self.run_forever()
        except PauseError:
            self._pause = False

    def wait(self, sec: float) -> list[Readable]:
        """Let the world go on for so long, at most until a socket has something."""
        if self.frozen:
            return []
        timeline = self._timeline
        until = timeline.now + sec
        while not self._pause:
            if timeline.now < self._stopped_until:
                self._pass(self._stopped_until)
            elif self.readable or timeline.now >= until:
                break
            else:
                timeline.step(until)
        if self._pause:
            raise PauseError
        timeline.now += TURN_SEC
        if self.slow_sec:
            self._pass(timeline.now + self.slow_sec, all_of_it=True)
        ready = list(self.readable)
        self.readable.clear()
        return ready

    def _pass(self, until: float, *, all_of_it: bool = False) -> None:
        """Let time pass in which the process does not run: to what happens next, or all of it."""
        before = self._timeline.now
        (self._timeline.run_to if all_of_it else self._timeline.step)(until)
        self.stopped_sec += self._timeline.now - before

    async def create_connection(self, *args: Any, **_options: Any) -> Any:
        """Connect to the one server of the world."""
        return await self._connect(args[0])

    def _process_events(self, event_list: list[Readable]) -> None:
        for socket in event_list:
            self.call_soon(socket.read)
