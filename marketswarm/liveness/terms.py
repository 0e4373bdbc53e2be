"""How long a service may be silent, and how surely it has to be back."""

import math
from dataclasses import dataclass

_FINEST_GRAIN_SEC = 2.0**-10
_GRAINS = 1 << 10


@dataclass(frozen=True, slots=True)
class Terms:
    """What truth says of a service's silence; services with the same terms share one object.

    A service is missed after ``misses`` timeouts in a row without a beat, and back after ``recover_beats`` beats none
    of which is later than a timeout. With ``flap_changes`` changes within ``flap_window_sec`` it flaps; 0: it never
    does.
    """

    interval_sec: float
    timeout_sec: float
    misses: int = 1
    recover_beats: int = 1
    flap_changes: int = 0
    flap_window_sec: float = 0.0

    @property
    def silence_sec(self) -> float:
        """How long it may be silent, from its last beat to its miss."""
        return self.timeout_sec * self.misses

    @property
    def warmup_sec(self) -> float:
        """How long a service that was never heard is waited for, from the start of watching."""
        return min(self.silence_sec, max(2 * self.interval_sec, 0.75 * self.silence_sec))

    @property
    def suspect_sec(self) -> float:
        """How long its silence says nothing yet: two beats may be lost, or most of the timeout be over.

        Never less than a healthy service may take from one beat to the next.
        """
        return max(1.25 * self.interval_sec, min(2 * self.interval_sec, 0.75 * self.timeout_sec))

    @property
    def grain_sec(self) -> float:
        """How long before its deadline it may be looked at: a power of two, so that sums of it are exact."""
        return max(_FINEST_GRAIN_SEC, 2.0 ** math.floor(math.log2(self.silence_sec / _GRAINS)))

    def overdue(self, silence_sec: float) -> bool:
        """Whether such a silence is longer than a healthy service's, though not yet a miss."""
        return silence_sec > max(1.25 * self.interval_sec, self.silence_sec / 2)
