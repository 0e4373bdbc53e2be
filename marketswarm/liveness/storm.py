"""Most of a bus's services going dark at once: one thing for people, however many they are."""

from dataclasses import dataclass, field

from marketswarm.liveness.terms import Terms

LEAST = 3
"""Fewer services than this are told of one by one."""
_SHARE = 0.5
"""Source: of Kubernetes' node controller and Envoy's panic threshold, which are at 55 and 50 %."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How many services of a bus are silent: those among the ones that were looked at, out of all that are watched."""

    silent: int
    looked_at: int
    watched: int
    named: tuple[str, ...]
    """The first of the silent ones."""

    @property
    def of_most(self) -> bool:
        """Whether it is most of the bus's services, and not just one or two."""
        return self.count >= LEAST and self.silent > self.looked_at * _SHARE

    @property
    def count(self) -> int:
        """How many are silent; an estimate where only a part was looked at."""
        return round(self.silent * self.watched / self.looked_at) if self.looked_at else 0


@dataclass(slots=True)
class Storm:
    """Services that went dark together. ``settle_sec`` is how long nobody has to come back until it is over."""

    name: str
    began: float
    settle_sec: float
    members: set[int] = field(default_factory=set)
    returned: int = 0
    _last_return: float | None = None

    def takes(self, terms: Terms, heard: float) -> bool:
        """Whether one that was last heard then was among the silent when the storm was told of."""
        return terms.overdue(self.began - heard)

    def back(self, row: int, now: float) -> bool:
        """Take in that one beats again; whether it belonged to the storm."""
        if row not in self.members:
            return False
        self.members.remove(row)
        self.returned += 1
        self._last_return = now
        return True

    def over(self, now: float) -> bool:
        """Whether all who come back have come back."""
        if self._last_return is None:
            return False
        return not self.members or now - self._last_return >= self.settle_sec
