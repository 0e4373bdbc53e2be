"""Services that go and come: one word when it begins, one when it is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.liveness import Flap, Flaps, Terms

TERMS = Terms(10, 30, flap_changes=4, flap_window_sec=600)
NEVER = Terms(10, 30)


def told(flaps: Flaps, *moments: float, terms: Terms = TERMS, row: int = 0) -> list[Flap | None]:
    """Let a service change at these moments."""
    return [flaps.changed(row, terms, now) for now in moments]


def test_it_begins_with_the_change_that_makes_it_too_many() -> None:
    """The ones before are told as ever; those after go on."""
    assert told(Flaps(), 0, 10, 20, 30, 40, 50) == [None, None, None, Flap.BEGINS, Flap.GOES_ON, Flap.GOES_ON]


@pytest.mark.parametrize(("last", "expected"), [(600, Flap.BEGINS), (600.001, None)])
def test_the_changes_have_to_lie_within_the_window(last: float, expected: Flap | None) -> None:
    """From the first of them to the last."""
    assert told(Flaps(), 0, 200, 400, last)[-1] is expected


def test_old_changes_are_forgotten() -> None:
    """Only the latest so many count: a slow one that grows fast flaps then."""
    assert told(Flaps(), 0, 1000, 2000, 3000, 3100, 3200, 3300)[3:] == [None, None, None, Flap.BEGINS]


def test_a_service_for_which_truth_says_nothing_never_flaps() -> None:
    """However often it changes, and whatever was known of it."""
    flaps = Flaps()
    assert told(flaps, *range(100), terms=NEVER) == [None] * 100
    flaps.recall(0, NEVER, 100)
    assert not flaps.flapping(0)
    assert flaps.settled(1e9) == []


def test_it_is_over_when_nothing_has_changed_for_a_window() -> None:
    """And said once."""
    flaps = Flaps()
    told(flaps, 0, 10, 20, 30)
    assert flaps.settled(629.999) == []
    assert flaps.flapping(0)
    assert flaps.settled(630) == [0]
    assert not flaps.flapping(0)
    assert flaps.settled(1e9) == []


def test_each_change_makes_it_last() -> None:
    """The window of quiet begins anew, however long it flaps."""
    flaps = Flaps()
    told(flaps, 0, 10, 20, 30, 500, 1000)
    assert flaps.settled(1599) == []
    assert flaps.settled(1600) == [0]


def test_after_the_end_it_counts_anew() -> None:
    """One more change is no flapping; so many more are."""
    flaps = Flaps()
    told(flaps, 0, 10, 20, 30)
    flaps.settled(630)
    assert told(flaps, 631, 632, 633, 634) == [None, None, None, Flap.BEGINS]


def test_services_flap_apart() -> None:
    """One's changes say nothing of another."""
    flaps = Flaps()
    for now in range(3):
        assert told(flaps, now, row=0) == told(flaps, now, row=1) == [None]
    assert told(flaps, 3, row=0) == [Flap.BEGINS]
    assert (flaps.flapping(0), flaps.flapping(1)) == (True, False)


def test_one_that_flapped_before_a_restart_still_does() -> None:
    """It is not said to begin again, and its end is told."""
    flaps = Flaps()
    flaps.recall(0, TERMS, 0)
    assert flaps.flapping(0)
    assert told(flaps, 100) == [Flap.GOES_ON]
    assert flaps.settled(699) == []
    assert flaps.settled(700) == [0]


@given(
    gaps=st.lists(st.integers(0, 700), max_size=60),
    changes=st.integers(3, 6),
    window_sec=st.integers(1, 1000),
)
def test_it_begins_once_and_settles_once(gaps: list[int], changes: int, window_sec: int) -> None:
    """In turn, whatever comes: against a list of all changes."""
    terms = Terms(10, 30, flap_changes=changes, flap_window_sec=window_sec)
    flaps = Flaps()
    now, since, flapping_until = 0.0, list[float](), 0.0
    for gap in gaps:
        now += gap
        ended = bool(flapping_until) and flapping_until <= now
        assert flaps.settled(now) == ([0] if ended else [])
        if ended:
            since, flapping_until = [], 0.0
        since.append(now)
        recent = [moment for moment in since if now - moment <= window_sec]
        if flapping_until:
            expected, flapping_until = Flap.GOES_ON, now + window_sec
        elif len(recent) >= changes:
            expected, flapping_until = Flap.BEGINS, now + window_sec
        else:
            assert flaps.changed(0, terms, now) is None
            continue
        assert flaps.changed(0, terms, now) is expected
        assert flaps.flapping(0)
