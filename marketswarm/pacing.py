"""How often to try and how often to say: backoff with jitter, and a rate limit. Pure: time and chance are passed in."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Exponential backoff with equal jitter: half of each delay is certain, half is chance.

    ``chance`` yields numbers in [0, 1). Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
    2015.
    """

    chance: Callable[[], float]
    base_sec: float = 0.1
    cap_sec: float = 1.0
    _tries: int = field(default=0, init=False)

    def next_sec(self) -> float:
        """Seconds to wait before the next try: from half of the doubled base to all of it, and never over the cap."""
        ceiling = min(self.cap_sec, self.base_sec * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return ceiling / 2 + ceiling / 2 * self.chance()

    def reset(self) -> None:
        """Start over, after a success."""
        self._tries = 0


@dataclass(slots=True)
class RateLimit:
    """Lets one event through in each ``period_sec`` for each key, and counts those that it held back."""

    period_sec: float
    _next: dict[str, float] = field(default_factory=dict, init=False)
    _held: dict[str, int] = field(default_factory=dict, init=False)

    def allow(self, key: str, now: float) -> int:
        """How many events stand behind this one (itself and those held back since the last), or 0: hold it back."""
        if now < self._next.get(key, now):
            self._held[key] = self._held.get(key, 0) + 1
            return 0
        self._next[key] = now + self.period_sec
        return self._held.pop(key, 0) + 1
