"""Whether this process stood still: stopped, starved of a processor, or asleep with its machine."""

from collections.abc import Iterable

from marketswarm.clock import Clock

LATE_SEC = 1.0
"""A loop that wakes later than planned by more than this was stopped, or starved."""


class Stalls:
    """Compares when a loop meant to wake up with when it did."""

    def __init__(self, clock: Clock, intervals_sec: Iterable[float], pace_sec: float) -> None:
        """``intervals_sec``: how often beats come, half of which is late; ``pace_sec``: how soon the first turn is."""
        self._clock = clock
        self._late_sec = min(LATE_SEC, max(LATE_SEC / 10, min(intervals_sec, default=2 * LATE_SEC) / 2))
        self._suspended = clock.suspended()
        self.turned_at = clock.monotonic()
        """When it was last known to be on time."""
        self._turns_by = self.turned_at + pace_sec

    def plan(self, now: float, wait_sec: float) -> None:
        """Take in that it waits now, for so long at the most."""
        self.turned_at, self._turns_by = now, now + wait_sec

    def overdue(self, now: float) -> bool:
        """Whether it should have woken before: a look that costs nothing."""
        return now - self._turns_by > self._late_sec

    def notice(self, now: float) -> float:
        """Say for how many seconds it stood still; 0 where it did not, and where it was said before."""
        suspended = self._clock.suspended()
        slept_sec, self._suspended = suspended - self._suspended, suspended
        stood_sec = max(now - self._turns_by, slept_sec)
        self._turns_by = max(self._turns_by, now)
        return stood_sec if stood_sec > self._late_sec else 0.0
