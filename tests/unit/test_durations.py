"""Spans of time: how they are read, and how they are written for people."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.durations import LIKE, in_seconds, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259_200), ("999999999s", 999_999_999)],
)
def test_a_number_and_a_letter_are_a_span(text: str, seconds: int) -> None:
    """As they are typed after --since and --for."""
    assert in_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2 h", "-2h", "+2h", "2.5h", "2w", "2H", "2h30m", "2h\n", "1234567890s", "٢h"]
)
def test_anything_else_is_none(text: str) -> None:
    """Rather than a guess at what was meant."""
    assert in_seconds(text) is None


def test_the_examples_are_spans() -> None:
    """What a line says one may type, one may type."""
    assert None not in [in_seconds(text) for text in LIKE.split(", ")]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.4, "0 s"),
        (1, "1 s"),
        (45, "45 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (724, "12 min 4 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3659, "1 h"),
        (7380, "2 h 3 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (86_400 + 59 * 60, "1 d"),
        (200_000, "2 d 7 h"),
        (400 * 86_400, "400 d"),
        (math.inf, "11574074 d 1 h"),
        (math.nan, "0 s"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: float, words: str) -> None:
    """A unit of which there are none is left out, not replaced by a smaller one."""
    assert spoken(seconds) == words


@given(st.floats())
def test_any_number_can_be_written(seconds: float) -> None:
    """Times come from anybody who may write to a bus."""
    assert spoken(seconds).isprintable()
    assert 2 <= len(spoken(seconds).split()) <= 4
