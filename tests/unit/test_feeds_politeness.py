"""When a feed is asked again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.feeds import politeness

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("headers", "sec"),
    [
        ({}, 0),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "public, MAX-AGE = 600, must-revalidate"}, 600),
        ({"cache-control": 'max-age="600"'}, 600),
        ({"cache-control": "s-maxage=900"}, 0),
        ({"cache-control": "max-age=600", "age": "200"}, 400),
        ({"cache-control": "max-age=600", "age": "900"}, 0),
        ({"cache-control": "no-cache, max-age=600"}, 0),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "max-age=soon"}, 0),
        ({"cache-control": "max-age=-5"}, 0),
        ({"expires": "Thu, 26 Nov 2026 12:10:00 GMT"}, 600),
        ({"expires": "Thu, 26 Nov 2026 12:10:00 GMT", "date": "Thu, 26 Nov 2026 12:05:00 GMT"}, 300),
        ({"expires": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0),
        ({"expires": "0"}, 0),
        ({"expires": "-1"}, 0),
        ({"cache-control": "max-age=60", "expires": "Thu, 26 Nov 2026 12:10:00 GMT"}, 60),
    ],
)
def test_an_answer_stays_fresh_for_as_long_as_it_says(headers: dict[str, str], sec: float) -> None:
    """Cache-Control comes before Expires; what cannot be read counts for nothing."""
    assert politeness.fresh_sec(headers, NOW) == sec


@pytest.mark.parametrize(
    ("text", "sec"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("Thu, 26 Nov 2026 12:01:00 GMT", 60),
        ("Thu, 26 Nov 2026 11:59:00 GMT", 0),
        ("later", 0),
        ("-5", 0),
        ("1e9", 0),
        ("9" * 40, 0),
        ("", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, sec: float) -> None:
    """RFC 9110 has both forms."""
    assert politeness.retry_after_sec({"retry-after": text}, NOW) == sec


@pytest.mark.parametrize(
    ("wish", "chance", "sec"),
    [(0, 0.0, 300), (0, 1.0, 330), (200, 0.0, 300), (900, 0.0, 900), (900, 1.0, 930), (10 * HOUR, 0.0, 6 * HOUR)],
)
def test_a_feed_is_asked_after_its_interval_or_when_it_wishes(wish: float, chance: float, sec: float) -> None:
    """A wish to be asked sooner counts for nothing, one to be asked hardly ever is capped, chance adds a tenth."""
    assert politeness.after_success(300, wish, chance) == sec


@pytest.mark.parametrize(
    ("failures", "status", "retry", "chance", "sec"),
    [
        (1, 0, 0, 1.0, 300),
        (1, 0, 0, 0.0, 150),
        (2, 500, 0, 1.0, 600),
        (3, 500, 0, 1.0, 1200),
        (5, 500, 0, 1.0, HOUR),
        (10_000, 500, 0, 1.0, HOUR),
        (1, 429, 1000, 0.0, 1000),
        (1, 429, 10, 0.0, 150),
        (1, 429, 90 * HOUR, 0.0, 24 * HOUR),
        (1, 410, 0, 0.0, 24 * HOUR),
    ],
)
def test_a_broken_feed_is_asked_less_often_and_never_given_up(
    failures: int, status: int, retry: float, chance: float, sec: float
) -> None:
    """The delay doubles up to an hour; what the server asks for is heeded up to a day, and gone is asked once a day."""
    assert politeness.after_failure(300, failures, status, retry, chance) == sec


def test_a_feed_with_a_long_interval_is_not_asked_more_often_when_broken() -> None:
    """The ceiling is its interval then."""
    assert politeness.after_failure(8 * HOUR, 4, 500, 0, 1.0) == 8 * HOUR


@pytest.mark.parametrize(
    ("next_at", "now", "wait"),
    [
        (1100, 1000, 100),
        (1000, 1000, 0),
        (900, 1000, 0),
        (0, 1000, 0),
        (1000 + 10**9, 1000, 24 * HOUR),
        (float("inf"), 1000, 0),
        (float("nan"), 1000, 0),
    ],
)
def test_a_plan_from_before_a_restart_holds_within_bounds(next_at: float, now: float, wait: float) -> None:
    """A clock that has jumped keeps no feed waiting for long."""
    assert politeness.clamp_wait(next_at, now, 300) == wait


@given(st.dictionaries(st.sampled_from(["cache-control", "expires", "date", "age", "retry-after"]), st.text()))
def test_no_header_raises_or_makes_a_time_that_is_none(headers: dict[str, str]) -> None:
    """Whatever a server writes."""
    assert 0 <= politeness.fresh_sec(headers, NOW) < timedelta(days=4_000_000).total_seconds()
    assert 0 <= politeness.retry_after_sec(headers, NOW) < timedelta(days=4_000_000).total_seconds()
