"""How often to try and how often to say: backoff, a rate limit, a grace. Pure: time and chance are passed in."""

from collections.abc import Callable
from dataclasses import dataclass, field


def until_tick(now: float, period_sec: float) -> float:
    """Seconds to the next multiple of a period.

    Loops that sleep so wake together, and the machine once for all of them.
    """
    return period_sec - now % period_sec


@dataclass(slots=True)
class Backoff:
    """Exponential backoff with equal jitter: half of each delay is certain, half is chance.

    ``chance`` yields numbers in [0, 1). At the cap that is the default, a bus is tried again so soon that it is found
    within a second of its return, the bound of a connection included. Source: M. Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015.
    """

    chance: Callable[[], float]
    base_sec: float = 0.1
    cap_sec: float = 0.3
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


@dataclass(slots=True)
class Grace:
    """Decides when something wrong is told: once it has lasted ``grace_sec``, and once until it was right again.

    A reason that changes after it was told is told again when it, too, has lasted. Of a thing that cannot be looked at
    nothing is known: what was told stays told, and what was not yet begins anew.
    """

    grace_sec: float
    _reasons: dict[str, tuple[str, float]] = field(default_factory=dict, init=False)
    """What is wrong with each thing, and since when."""
    _told: dict[str, str] = field(default_factory=dict, init=False)

    def wrong(self, what: str, reason: str, now: float) -> bool:
        """Take in that it is wrong; whether to tell so now."""
        known, since = self._reasons.get(what, (reason, now))
        if known != reason and what in self._told:
            since = now
        self._reasons[what] = (reason, since)
        if self._told.get(what) == reason or now - since < self.grace_sec:
            return False
        self._told[what] = reason
        return True

    def right(self, what: str) -> bool:
        """Take in that it is right; whether to tell so, since the opposite was told."""
        self._reasons.pop(what, None)
        return self._told.pop(what, None) is not None

    def unknown(self, what: str) -> None:
        """Take in that it cannot be looked at."""
        self._reasons.pop(what, None)

    def all_unknown(self) -> None:
        """Take in that nothing can be looked at."""
        self._reasons.clear()
