"""What was measured, each figure beside its peer and its bar, as a table for people and as JSON for programs."""

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

HEAD = ("figure", "ours", "peer", "ratio", "bar", "")
_MANY = 1000
_TENS = 10
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to hold: ``sign`` and ``limit``, of the ratio to the peer or of the figure itself."""

    sign: str
    limit: float
    of_ratio: bool = False

    def __str__(self) -> str:
        return f"{self.sign} {shown(self.limit)}{'x' if self.of_ratio else ''}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. Without a bar it is there to be known."""

    what: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    bar: Bar | None = None
    rounds: Sequence[float] = ()
    """What each round gave; ``ours`` is the median unless the row says otherwise."""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's; None without one."""
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the bar holds; None without one. A bar on a ratio that nobody could form is missed."""
        if self.bar is None:
            return None
        value = self.ratio if self.bar.of_ratio else self.ours
        return value is not None and _HOLDS[self.bar.sign](value, self.bar.limit)

    def cells(self) -> tuple[str, ...]:
        """The row, in words."""
        return (
            f"{self.what}, {self.unit}",
            shown(self.ours),
            "" if self.peer is None else f"{shown(self.peer)} {self.peer_name}",
            "" if self.ratio is None else f"{self.ratio:.2f}x",
            "" if self.bar is None else str(self.bar),
            {None: "", True: "ok", False: "OVER"}[self.met],
        )

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "figure": self.what,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio,
            "bar": None if self.bar is None else str(self.bar),
            "met": self.met,
            "rounds": list(self.rounds),
        }


def shown(value: float) -> str:
    """A number with as many digits as mean something."""
    if value == int(value) or abs(value) >= _MANY:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= _TENS else f"{value:.2f}"


def table(figures: Iterable[Figure]) -> str:
    """All rows."""
    return columns([HEAD, *(figure.cells() for figure in figures)])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length under each other: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths).rstrip() for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
