"""Colours on a terminal, plain text everywhere else."""

import io
import re

import pytest

from marketswarm.term import RECENT_SEC, SKEW_SEC, ansi, local_time, painter, plain

NOW = 1_795_795_668.6


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


@pytest.mark.parametrize("ago_sec", [RECENT_SEC - 1, 0.0, -0.5, -SKEW_SEC])
def test_a_recent_time_is_the_time_of_day(ago_sec: float) -> None:
    """So is one that a clock a little ahead of ours wrote."""
    assert re.fullmatch(r"\d\d:\d\d:\d\d", local_time(NOW - ago_sec, NOW))


@pytest.mark.parametrize("ago_sec", [RECENT_SEC, -SKEW_SEC - 1])
def test_any_other_time_has_its_date(ago_sec: float) -> None:
    """Half a day ago, or further ahead than clocks differ."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", local_time(NOW - ago_sec, NOW))


def test_a_time_of_no_calendar_is_a_question_mark() -> None:
    """It may come from anyone who can write to a bus."""
    assert local_time(1e300, NOW) == "?"
