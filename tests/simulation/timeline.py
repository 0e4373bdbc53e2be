"""The simulated world's time: what happens when, and chance that a seed repeats."""

import heapq
import itertools
import random
from collections.abc import Callable

BEGIN_SEC = 1000.0
WALL_SEC = 1_700_000_000.0
"""What a right clock on the wall shows when the timeline stands at 0."""


class Dice(random.Random):
    """Chance, the same for the same seed."""

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return self.random() < probability


class Timeline:
    """Moments in seconds, and what was put off to each; time passes only by ``step``."""

    def __init__(self) -> None:
        self.now = BEGIN_SEC
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Have something done at a moment; of two at one moment the one that was put in first comes first."""
        heapq.heappush(self._events, (moment, next(self._order), act))

    def after(self, sec: float, act: Callable[[], None]) -> None:
        """Have something done in so many seconds."""
        self.at(self.now + sec, act)

    def step(self, until: float) -> bool:
        """Go to the next thing to be done and do it, or to ``until`` where nothing comes before; says which."""
        if self._events and self._events[0][0] <= until:
            moment, _, act = heapq.heappop(self._events)
            self.now = max(self.now, moment)
            act()
            return True
        self.now = max(self.now, until)
        return False

    def run_to(self, until: float) -> None:
        """Do all that is to be done up to a moment."""
        while self.step(until):
            pass
