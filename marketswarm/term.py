"""Colours on a terminal and plain text everywhere else."""

from collections.abc import Callable
from typing import TextIO

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


def painter(stream: TextIO, *, allowed: bool) -> Paint:
    """Choose between the two: colour only on a terminal, and only where it is ``allowed``."""
    return ansi if allowed and stream.isatty() else plain
