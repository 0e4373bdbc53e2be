"""Lines of many programs in one terminal: each with its name, aligned, in a colour of its own."""

import asyncio
from collections.abc import Sequence
from typing import TextIO

from marketswarm.term import Paint

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bold cyan", "bold green", "bold yellow", "bold magenta")


class Console:
    """Writes to ``out``. ``names`` are those that will speak; the order decides on the colours."""

    def __init__(self, names: Sequence[str], paint: Paint, out: TextIO) -> None:
        self.closed = asyncio.Event()
        """Set when nobody reads any more, as after ``marketswarm up | head``."""
        self.paint = paint
        self._out = out
        width = max(map(len, names), default=0)
        self._prefixes = {
            name: paint(f"{name:<{width}} |", _COLOURS[i % len(_COLOURS)]) for i, name in enumerate(names)
        }

    def say(self, name: str, line: str) -> None:
        """Write a line that ``name`` said."""
        self.write(f"{self._prefixes[name]} {line}")

    def write(self, line: str = "") -> None:
        """Write a line; none once nobody reads any more."""
        if self.closed.is_set():
            return
        try:
            self._out.write(line + "\n")
            self._out.flush()
        except OSError:
            self.closed.set()
