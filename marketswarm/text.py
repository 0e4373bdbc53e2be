"""Text for a line of a log or a terminal: foreign text made fit for it; sizes, counts and lists for people."""

from collections import Counter
from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    r"""Escape what is not printable (``\n``, ``\x1b``), so that it forges no second line and moves no cursor."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def size(count: int) -> str:
    """Write a number of bytes in the largest unit in which it is a whole one ("64 KiB")."""
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if count and count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    return f"{count} bytes"


def counted(count: int, noun: str) -> str:
    """Write how many of a thing there are (``1 feed``, ``2 feeds``)."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tally(words: Iterable[str], kinds: Iterable[str]) -> str:
    """Count words, those of ``kinds`` in its order (``3 ok, 1 FAILED``); what does not occur is not written."""
    counts = Counter(words)
    return ", ".join(f"{counts[kind]} {kind}" for kind in kinds if counts[kind])


def listed(words: Sequence[str], most: int) -> str:
    """List words, and so that one sees it if there are more than ``most`` (``a, b, ...``)."""
    return ", ".join(words[:most]) + ", ..." * (len(words) > most)
