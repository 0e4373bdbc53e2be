"""When a target fails, when it is back, and since when it is as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.probing.standing import Standing, Turn

LIMIT = 3
OK = {"good": True, "bad": False, "skipped": None}


def taken(probes: str, limit: int = LIMIT) -> tuple[Standing, list[Turn | None]]:
    """Take in probes, one a second from second 1 on."""
    standing, turns = Standing(), []
    for ts, probe in enumerate(probes.split(), start=1):
        standing, turn = standing.after(ok=OK[probe], ts=ts, limit=limit)
        turns.append(turn)
    return standing, turns


@pytest.mark.parametrize(
    ("bad", "turn", "told"),
    [(2, None, False), (3, Turn.FAILED, True), (4, None, True)],
)
def test_so_many_in_a_row_are_told_once(bad: int, turn: Turn | None, *, told: bool) -> None:
    """Just before, at, and just after the limit."""
    standing, turns = taken("bad " * bad)
    assert (standing.fails, standing.told, turns[-1]) == (bad, told, turn)
    assert turns.count(Turn.FAILED) == int(told)


def test_one_good_probe_is_its_end() -> None:
    """It is told where the failure was."""
    assert taken("bad bad bad good")[1][-1] is Turn.OK
    assert taken("bad bad good")[1] == [None, None, None]


def test_a_good_one_in_between_begins_the_count_anew() -> None:
    """A target that fails now and then is not down."""
    assert taken("bad bad good bad bad")[1] == [None] * 5


def test_since_is_when_it_became_so() -> None:
    """Of a failure the first probe of the row, of what is well the first that was."""
    assert taken("good good")[0].since == 1
    assert taken("good bad bad bad")[0].since == 2
    assert taken("bad bad bad good good")[0].since == 4


def test_what_was_skipped_changes_nothing() -> None:
    """Nothing is known of it."""
    assert taken("bad skipped skipped bad")[0] == Standing(fails=2, since=1)
    assert taken("skipped") == (Standing(), [None])


def test_a_lower_limit_is_heeded_at_the_next_failure() -> None:
    """Truth may change while a target fails."""
    standing, _ = taken("bad bad", limit=5)
    assert standing.after(ok=False, ts=9, limit=2) == (Standing(fails=3, since=1, told=True), Turn.FAILED)


@given(st.lists(st.sampled_from(list(OK))), st.integers(1, 4))
def test_failures_and_ends_take_turns(probes: list[str], limit: int) -> None:
    """Whatever comes, nothing is told twice, and the last that was told is how it stands."""
    standing, turns = taken(" ".join(probes), limit)
    told = [turn for turn in turns if turn]
    assert told == [Turn.FAILED, Turn.OK] * (len(told) // 2) + [Turn.FAILED] * (len(told) % 2)
    assert standing.told is (told[-1:] == [Turn.FAILED])
