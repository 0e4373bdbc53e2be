"""Colours on a terminal, plain text everywhere else."""

import io

import pytest

from marketswarm.term import NEAR_SEC, ansi, local_time, painter, plain

NOW = 1_762_433_458.0  # 2025-11-06 12:50:58 UTC


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


@pytest.mark.parametrize(
    ("ts", "words"),
    [
        (NOW, "12:50:58"),
        (NOW - 1, "12:50:57"),
        (NOW + 0.5, "12:50:58"),
        (NOW - NEAR_SEC + 1, "00:50:59"),
        (NOW - NEAR_SEC, "2025-11-06 00:50:58"),
        (NOW + NEAR_SEC - 1, "00:50:57"),
        (NOW + NEAR_SEC, "2025-11-07 00:50:58"),
        (1e300, "?"),
    ],
)
@pytest.mark.usefixtures("in_utc")
def test_a_time_has_its_date_where_it_is_far(ts: float, words: str) -> None:
    """Within twelve hours the time of day is enough: of what was, of what comes, and of a clock ahead of ours."""
    assert local_time(ts, NOW) == words
