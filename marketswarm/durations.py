"""Spans of time as people type and read them."""

import re
from typing import Final

LIKE: Final = "90s, 15m, 2h, 3d"
"""What ``in_seconds`` takes, for a line that says so."""
_LETTERS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_LONGEST_SEC: Final = 10**12
"""More than that, or what is no number, comes from a clock that is wrong: it is cut off."""


def in_seconds(text: str) -> int | None:
    """Read ``90s``, ``15m``, ``2h`` or ``3d``; None for anything else."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    return int(match[1]) * _LETTERS[match[2]] if match else None


def brief(seconds: float) -> str:
    """Write a span in its largest unit, the rest cut off: ``45s``, ``12m``, ``2h``, ``3d``."""
    left = round(min(max(0.0, seconds), _LONGEST_SEC))
    units = (("d", 86_400), ("h", 3600), ("m", 60))
    return next((f"{left // size}{unit}" for unit, size in units if left >= size), f"{left}s")


def spoken(seconds: float) -> str:
    """Write a span in its two largest units, the rest cut off: ``45 s``, ``12 min 4 s``, ``2 h 3 min``, ``2 d 7 h``.

    Less than nothing is nothing.
    """
    left = round(min(max(0.0, seconds), _LONGEST_SEC))
    parts: list[int] = []
    for _, size in _UNITS:
        count, left = divmod(left, size)
        parts.append(count)
    first = next((place for place, count in enumerate(parts) if count), len(parts) - 1)
    pairs = list(zip(parts, _UNITS, strict=True))[first : first + 2]
    return " ".join(f"{count} {unit}" for count, (unit, _) in pairs if count) or "0 s"
