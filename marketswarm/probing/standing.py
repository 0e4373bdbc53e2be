"""How a target stands after one probe and the next, and when that is worth telling."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Self


class Turn(Enum):
    """What is to be told."""

    FAILED = auto()
    OK = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands. ``since`` is when it became so, in seconds since the epoch; 0 before the first probe."""

    fails: int = 0
    """How many in a row have failed."""
    since: float = 0.0
    told: bool = False
    """Whether that it fails was told."""

    def after(self, *, ok: bool | None, ts: float, limit: int) -> tuple[Self, Turn | None]:
        """Take in a probe that began at ``ts``; ``limit`` in a row make it fail. What was skipped changes nothing.

        Returns how it stands now, and what is to be told.
        """
        if ok is None:
            return self, None
        if ok:
            since = self.since if self.since and not self.fails else ts
            return replace(self, fails=0, since=since, told=False), Turn.OK if self.told else None
        fails = self.fails + 1
        since = self.since if self.fails else ts
        told = self.told or fails >= limit
        return replace(self, fails=fails, since=since, told=told), Turn.FAILED if told and not self.told else None
