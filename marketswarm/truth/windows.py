"""When a maintenance window is open, by the clock on the wall of whoever planned it, also while that clock changes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from marketswarm import names

EVERY_DAY: Final = frozenset(range(7))
_MAX_STEPS: Final = 64
"""So many windows in a row are followed: some that adjoin the whole week round have no end."""


@dataclass(frozen=True, slots=True)
class Window:
    """Planned work on ``services``, of which nobody is told: services, buses, or ``*`` for all.

    It begins at ``begin`` on each of the ``days`` (0 is Monday), or ``on`` one date only, and is over when the clock
    shows ``length`` more. ``utc`` says which clock: UTC, or the local one.
    """

    services: tuple[str, ...]
    begin: time
    length: timedelta
    days: frozenset[int] = EVERY_DAY
    on: date | None = None
    utc: bool = False
    why: str = ""

    def until(self, subject: str, at: float, zone: tzinfo | None) -> float | None:
        """Say when the window that is open at ``at`` ends (both epoch seconds); None where none is for this subject.

        ``zone`` is the local time; None is that of the host. Where the clock is put forward over a begin, it comes with
        the change; over an end, as much later as was skipped. A window that would be over before it begins lasts its
        length. Where the clock is put back, a window goes from the first of its begins to the last of its ends.
        """
        if subject not in self.services and names.EVERYTHING not in self.services:
            return None
        zone = UTC if self.utc else zone
        wall = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
        ends = (self._end(begin, zone) for begin in self._begins(wall) if _has_come(begin, at, wall, zone))
        return max((end for end in ends if at < end), default=None)

    def _begins(self, wall: datetime) -> Iterator[datetime]:
        """Give each begin whose window may be open: a change of the clock can move it by a day either way."""
        if self.on is not None:
            yield datetime.combine(self.on, self.begin)
            return
        for offset in (-2, -1, 0, 1):
            day = wall.date() + timedelta(days=offset)
            if day.weekday() in self.days:
                yield datetime.combine(day, self.begin)

    def _end(self, begin: datetime, zone: tzinfo | None) -> float:
        start, end = _epoch(begin, zone, fold=0), begin + self.length
        last = max(_epoch(end, zone, fold=0), _epoch(end, zone, fold=1))
        return last if last > start else start + self.length.total_seconds()


def maintenance_until(windows: Iterable[Window], subject: str, at: float, zone: tzinfo | None) -> float | None:
    """Say until when (epoch seconds) the maintenance of a subject lasts that is on at ``at``; None where none is.

    Windows that overlap or adjoin are one. ``zone`` is as in Window.until.
    """
    windows = tuple(windows)
    last = None
    for _ in range(_MAX_STEPS):
        ends = (window.until(subject, at if last is None else last, zone) for window in windows)
        further = max((end for end in ends if end is not None), default=None)
        if further is None:
            break
        last = further
    return last


def _epoch(wall: datetime, zone: tzinfo | None, *, fold: int) -> float:
    """Say when the clock shows this; ``fold`` 1 means the second time, where it does so twice.

    A time that is skipped is reckoned from the last one before the change with 0, so it comes after the change, and
    from the first one after it with 1.
    """
    return wall.replace(tzinfo=zone, fold=fold).timestamp()


def _has_come(begin: datetime, at: float, wall: datetime, zone: tzinfo | None) -> bool:
    """Whether ``begin`` has come at ``at``, when the clock shows ``wall``: one that is skipped has with the change."""
    return at >= _epoch(begin, zone, fold=0) or (at >= _epoch(begin, zone, fold=1) and wall >= begin)
