"""roff, the language of man pages: as much of it as the pages need."""

import re
import textwrap
from collections.abc import Iterable

_SPECIAL = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def escape(text: str) -> str:
    """Make text print as it stands, a line of it: no request, no typographic sign for one that a shell knows."""
    safe = "".join(_SPECIAL.get(char) or (char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)
    return rf"\&{safe}" if safe.startswith(".") else safe


def bold(text: str) -> str:
    """What is to be typed."""
    return rf"\fB{escape(text)}\fP"


def italic(text: str) -> str:
    """What stands for something else."""
    return rf"\fI{escape(text)}\fP"


def usage(text: str) -> str:
    """Tell the words of a usage apart, ``--since WHEN`` or ``[OPTIONS] FILE``: options are bold, the others italic."""
    return re.sub(r"[^\s,/|\[\]]+", lambda word: (bold if word[0].startswith("-") else italic)(word[0]), text)


def prose(text: str) -> str:
    """A paragraph, filled by whoever reads it; what stands between backticks is bold."""
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    return "".join(bold(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def as_it_is(lines: Iterable[str]) -> str:
    """Lines that keep their breaks and their columns."""
    kept = textwrap.dedent("\n".join(lines)).splitlines()
    return "\n".join((".RS 4", ".nf", *map(escape, kept), ".fi", ".RE"))


def items(pairs: Iterable[tuple[str, str]]) -> str:
    """A list: each term, which is roff already, and below it what is said of it."""
    return "\n".join(f".TP\n{term}\n{prose(text)}" for term, text in pairs)


def page(name: str, section: int, source: str, sections: Iterable[tuple[str, str]]) -> str:
    """A whole page. It bears no date, so that the same commands always make the same page.

    Words are not divided nor lines stretched: a command that is broken or has two blanks in it is no longer one.
    """
    head = f'.TH {escape(name.upper())} {section} "" "{escape(source)}" "MarketSwarm"\n.nh\n.ad l\n'
    return head + "".join(f".SH {title}\n{body}\n" for title, body in sections if body)
