"""Colours on a terminal, plain text everywhere else."""

import io

import pytest

from marketswarm.term import ansi, painter, plain


class Terminal(io.StringIO):
    """A stream that says that a person looks at it."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("style", "painted"),
    [("red", "\x1b[31mx\x1b[0m"), ("bold red", "\x1b[1;31mx\x1b[0m"), ("dim", "\x1b[2mx\x1b[0m")],
)
def test_styles_add_up(style: str, painted: str) -> None:
    """One name or several, and what follows is not coloured."""
    assert ansi("x", style) == painted


def test_colour_is_for_terminals_that_want_it() -> None:
    """A pipe or a file gets plain text, and so does who forbids colour."""
    assert painter(Terminal(), allowed=True)("x", "red") == ansi("x", "red")
    assert painter(Terminal(), allowed=False)("x", "red") == "x"
    assert painter(io.StringIO(), allowed=True)("x", "red") == "x"
    assert plain("x", "no such style") == "x"
