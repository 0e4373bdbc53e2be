"""Most of a bus's services going dark at once: one thing for people, however many they are."""

from dataclasses import dataclass, field

LEAST = 3
"""Fewer services than this are told of one by one."""
_SHARE = 0.5
"""Source: of Kubernetes' node controller and Envoy's panic threshold, which are at 55 and 50 %."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The services of a bus that are silent for longer than a healthy one ever is, of those that are not missed yet."""

    rows: tuple[int, ...]
    watched: int
    """How many are not missed yet, the silent ones among them."""

    @property
    def of_most(self) -> bool:
        """Whether it is most of the bus's services, and not just one or two."""
        return of_most(len(self.rows), self.watched)


def of_most(silent: int, watched: int) -> bool:
    """Whether so many of so many are most of them, and not just one or two."""
    return silent >= LEAST and silent > watched * _SHARE


@dataclass(slots=True)
class Storm:
    """Services that are silent together: ``members`` from the beginning, also those who are convicted of it later.

    ``settle_sec`` is how long nobody has to come back until it is over.
    """

    name: str
    began: float
    settle_sec: float
    members: set[int] = field(default_factory=set)
    returned: int = 0
    _last_return: float | None = None

    def takes(self, row: int, heard: float) -> bool:
        """Whether one that goes dark is silent since then: a member that has beaten meanwhile goes by itself."""
        return row in self.members and heard <= self.began

    def back(self, row: int, now: float) -> bool:
        """Take in that one who was missed beats again; whether it belonged to the storm."""
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
