"""Tables for people: a line a thing, one column of which is its state and has a colour."""

from collections.abc import Sequence
from typing import Final

from marketswarm.durations import brief
from marketswarm.term import Paint

STATE: Final = "state"
"""The column that has a colour."""


def table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], paint: Paint) -> list[str]:
    """Lay rows out below the names of their columns, one of which is STATE; each comes with the style of its state."""
    widths = [max(map(len, column)) for column in zip(columns, *(cells for _, cells in rows), strict=True)]
    at = list(columns).index(STATE)
    lines = [paint(_line(columns, widths).rstrip(), "dim")]
    for style, cells in rows:
        padding = " " * (widths[at] - len(cells[at]))
        painted = paint(cells[at], style) + padding
        parts = (_line(cells[:at], widths), painted, _line(cells[at + 1 :], widths[at + 1 :]))
        lines.append("  ".join(part for part in parts if part).rstrip())
    return lines


def ago(at: float, now: float) -> str:
    """Write how long ago a time is, both in seconds since the epoch; ``-`` for 0, which is never."""
    return f"{brief(now - at)} ago" if at else "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
