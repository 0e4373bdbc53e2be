"""The wheel: who is to be looked at when, against a list that is sorted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.liveness.wheel import Wheel

GRAIN_SEC = 2.0**-10
moments = st.floats(0, 1e9, allow_subnormal=False)
grains = st.integers(-10, 11).map(lambda exponent: 2.0**exponent)


def test_an_empty_wheel_wakes_nobody() -> None:
    """There is nothing to wait for."""
    wheel = Wheel()
    assert wheel.next() is None
    assert wheel.take(1e9, 10) == []


@pytest.mark.parametrize(
    ("moment", "grain_sec", "start"),
    [
        (5.0, GRAIN_SEC, 5.0),
        (math.nextafter(5.0, 4), GRAIN_SEC, 5.0 - GRAIN_SEC),
        (5.0 + GRAIN_SEC / 2, GRAIN_SEC, 5.0),
        (math.nextafter(5.0 + GRAIN_SEC, 0), GRAIN_SEC, 5.0),
        (0.0, GRAIN_SEC, 0.0),
        (5.0 + GRAIN_SEC / 2, 0.0, 5.0 + GRAIN_SEC / 2),
        (math.nextafter(5.0, 4), 0.0, math.nextafter(5.0, 4)),
    ],
)
def test_a_row_comes_up_at_the_beginning_of_its_grain(moment: float, grain_sec: float, start: float) -> None:
    """Without a grain, at its moment; not before."""
    wheel = Wheel()
    wheel.put(7, moment, grain_sec)
    assert wheel.next() == start
    assert wheel.take(math.nextafter(start, -1), 10) == []
    assert wheel.take(start, 10) == [7]
    assert wheel.next() is None


def test_the_earliest_come_first() -> None:
    """Whatever the order in which they were put in, and however long the wheel stood still."""
    wheel = Wheel()
    for row, moment in enumerate([4.0, 1.0, 3.0, 2.0]):
        wheel.put(row, moment, GRAIN_SEC)
    assert wheel.next() == 1.0
    assert wheel.take(3.0, 10) == [1, 3, 2]
    assert wheel.next() == 4.0
    assert wheel.take(100.0, 10) == [0]


def test_rows_of_one_moment_come_up_together() -> None:
    """Also where their grains differ: the beginning of a coarse one is that of a fine one, too."""
    wheel = Wheel()
    wheel.put(0, 9.25, 8.0)
    wheel.put(1, 8.0, GRAIN_SEC)
    wheel.put(2, 8.5, 1.0)
    assert wheel.take(8.0 - GRAIN_SEC, 10) == []
    assert sorted(wheel.take(8.0, 10)) == [0, 1, 2]


def test_no_more_are_taken_than_asked_for() -> None:
    """The rest stay where they are, and say that their time has come."""
    wheel = Wheel()
    for row in range(5):
        wheel.put(row, 1.0, GRAIN_SEC)
    wheel.put(5, 2.0, GRAIN_SEC)
    taken = [wheel.take(3.0, 2) for _ in range(4)]
    assert [len(rows) for rows in taken] == [2, 2, 2, 0]
    assert sorted(row for rows in taken for row in rows) == [0, 1, 2, 3, 4, 5]
    assert taken[2].index(5) == 1, "those of the earlier moment come before"


def test_a_row_that_was_taken_may_be_put_in_again() -> None:
    """At a moment that has passed as well: it comes up at once."""
    wheel = Wheel()
    wheel.put(0, 1.0, GRAIN_SEC)
    assert wheel.take(5.0, 1) == [0]
    wheel.put(0, 1.0, GRAIN_SEC)
    assert wheel.next() == 1.0
    assert wheel.take(5.0, 1) == [0]


@given(entries=st.lists(st.tuples(moments, grains), max_size=50), now=moments, limit=st.integers(1, 60))
def test_nobody_comes_up_late_nor_more_than_a_grain_early(
    entries: list[tuple[float, float]], now: float, limit: int
) -> None:
    """And nobody is lost or named twice."""
    wheel = Wheel()
    for row, (moment, grain_sec) in enumerate(entries):
        wheel.put(row, moment, grain_sec)
    taken = wheel.take(now, limit)
    assert all(entries[row][0] - entries[row][1] <= now for row in taken)
    left = set(range(len(entries))) - set(taken)
    assert len(left) == len(entries) - len(taken)
    if len(taken) < limit:
        assert all(entries[row][0] > now for row in left)
    rest: list[int] = []
    while (wake := wheel.next()) is not None:
        assert len(taken) == limit or wake > now
        rest += wheel.take(wake, 1)
    assert sorted(rest) == sorted(left)


@given(st.lists(st.tuples(moments, grains), max_size=50))
def test_it_wakes_for_the_earliest(entries: list[tuple[float, float]]) -> None:
    """By the moments at which the grains begin, in their order."""
    wheel = Wheel()
    for row, (moment, grain_sec) in enumerate(entries):
        wheel.put(row, moment, grain_sec)
    woken = []
    while (wake := wheel.next()) is not None:
        woken.append(wake)
        assert wheel.take(wake, len(entries))
    assert woken == sorted({math.floor(moment / grain_sec) * grain_sec for moment, grain_sec in entries})
