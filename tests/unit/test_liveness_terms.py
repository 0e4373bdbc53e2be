"""How long a service may be silent, and how exactly its deadline is kept."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.liveness import Terms
from marketswarm.truth.fields import MAX_TIMEOUT_SEC


@pytest.mark.parametrize(
    ("interval_sec", "timeout_sec", "expected_sec"),
    [
        (10, 30, 22.5),
        (11.25, 30, 22.5),
        (12, 30, 24),
        (15, 30, 30),
        (15.5, 30, 30),
        (30, 30, 30),
        (60, 30, 30),
        (1, 40, 30),
        (0.25, 1, 0.75),
    ],
)
def test_the_warmup(interval_sec: float, timeout_sec: float, expected_sec: float) -> None:
    """Two intervals or three quarters of the timeout, whichever is longer, and never more than the timeout."""
    assert Terms(interval_sec, timeout_sec).warmup_sec == expected_sec


@pytest.mark.parametrize(
    ("misses", "silence_sec", "warmup_sec"), [(1, 30, 22.5), (2, 60, 45), (3, 90, 67.5), (100, 3000, 2250)]
)
def test_with_more_misses_both_are_longer(misses: int, silence_sec: float, warmup_sec: float) -> None:
    """So many timeouts in a row make a miss, and a service that was never heard has as much of them as ever."""
    terms = Terms(10, 30, misses)
    assert (terms.silence_sec, terms.warmup_sec) == (silence_sec, warmup_sec)


@pytest.mark.parametrize(
    ("interval_sec", "timeout_sec", "expected_sec"),
    [
        (10, 30, 20),
        (10, 27, 20),
        (10, 26, 19.5),
        (10, 20, 15),
        (10, 17, 12.75),
        (10, 16, 12.5),
        (10, 11, 12.5),
        (60, 900, 120),
    ],
)
def test_a_service_is_suspected_after_two_intervals(
    interval_sec: float, timeout_sec: float, expected_sec: float
) -> None:
    """Or after three quarters of the timeout; never sooner than a healthy one may take for a beat."""
    assert Terms(interval_sec, timeout_sec).suspect_sec == expected_sec


def test_beats_in_a_row_do_not_change_how_long_a_service_may_be_silent() -> None:
    """They say how surely it is back, not how soon it is gone."""
    assert Terms(10, 30, recover_beats=5).silence_sec == Terms(10, 30).silence_sec


@pytest.mark.parametrize(
    ("timeout_sec", "misses", "grain_sec"),
    [
        (0.001, 1, 2**-10),
        (1, 1, 2**-10),
        (1.999, 1, 2**-10),
        (2, 1, 2**-9),
        (1, 2, 2**-9),
        (30, 1, 2**-6),
        (1024, 1, 1),
        (1024 * 3, 1, 2),
    ],
)
def test_the_grain(timeout_sec: float, misses: int, grain_sec: float) -> None:
    """A 1024th of the silence, as a power of two, and a millisecond at least."""
    assert Terms(0.1, timeout_sec, misses).grain_sec == grain_sec


@given(timeout_sec=st.floats(1e-6, MAX_TIMEOUT_SEC), misses=st.integers(1, 100))
def test_a_service_is_looked_at_a_small_part_of_its_silence_early(timeout_sec: float, misses: int) -> None:
    """Whatever truth may say; and in a power of two, which floats sum without a rest."""
    terms = Terms(1, timeout_sec, misses)
    assert math.frexp(terms.grain_sec)[0] == 0.5
    assert 2**-10 <= terms.grain_sec <= max(2**-10, terms.silence_sec / 2**10)


@pytest.mark.parametrize(
    ("terms", "longest_sec"),
    [
        (Terms(10, 30), 15),
        (Terms(10, 22), 12.5),
        (Terms(10, 30, misses=3), 45),
        (Terms(60, 61), 75),
    ],
)
def test_overdue_is_later_than_a_healthy_beat(terms: Terms, longest_sec: float) -> None:
    """By more than a quarter of the interval, or half of what is a miss, whichever is longer."""
    assert not terms.overdue(longest_sec)
    assert terms.overdue(math.nextafter(longest_sec, math.inf))


def test_services_with_the_same_terms_share_them() -> None:
    """They are a key: equal where all is equal, and changed by nobody."""
    assert len({Terms(10, 30), Terms(10.0, 30.0), Terms(10, 30, 1, 1, 0, 0.0), Terms(10, 30, 2)}) == 2
