"""The two clocks. Deadlines run on ``monotonic``, which no time step moves; ``wall`` is for messages to people."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back (CLOCK_MONOTONIC, clock_gettime(2))."""

    def suspended(self) -> float:
        """Seconds that this machine has slept in all, as far as ``monotonic`` does not count them."""

    def wall(self) -> float:
        """Seconds since the epoch; may jump."""


def steady(clock: Clock) -> float:
    """Give the time in seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    return clock.monotonic() + clock.suspended()


class SystemClock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()

    def suspended(self) -> float:
        """CLOCK_BOOTTIME, which goes on while the machine sleeps, less CLOCK_MONOTONIC (clock_gettime(2))."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()
