"""Colours on a terminal and plain text everywhere else."""

from collections.abc import Callable
from datetime import datetime
from typing import TextIO

NEAR_SEC = 12 * 3600
Paint = Callable[[str, str], str]

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def plain(text: str, _style: str) -> str:
    """Leave the text as it is."""
    return text


def ansi(text: str, style: str) -> str:
    """Colour the text; ``style`` is one or several names, as in ``"bold red"``."""
    codes = ";".join(_CODES[name] for name in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def local_time(ts: float, now: float) -> str:
    """Put epoch seconds in local time: the time of day within twelve hours of now, the date with it for all else.

    A time that no calendar holds is a question mark: it may come from anyone who can write to a bus.
    """
    form = "%H:%M:%S" if abs(now - ts) < NEAR_SEC else "%Y-%m-%d %H:%M:%S"
    try:
        return datetime.fromtimestamp(ts).astimezone().strftime(form)
    except (ValueError, OverflowError, OSError):
        return "?"


def painter(stream: TextIO, *, allowed: bool) -> Paint:
    """Choose between the two: colour only on a terminal, and only where it is ``allowed``."""
    return ansi if allowed and stream.isatty() else plain
