"""What answers of the market API mean: the documented ones, and what may come instead."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.probing.market import Answer, Outcome, answer_of, login_of

NOW = 1_762_433_458.25
NEW_YORK = timezone(timedelta(hours=-5))


def now_body(server_time: str = "2025-11-06T07:50:58-05:00") -> bytes:
    """Answer as ``GET /v1/marketstatus/now`` is documented to."""
    return json.dumps(
        {
            "afterHours": False,
            "currencies": {"crypto": "open", "fx": "open"},
            "earlyHours": True,
            "exchanges": {"nasdaq": "extended-hours", "nyse": "extended-hours", "otc": "closed"},
            "market": "extended-hours",
            "serverTime": server_time,
        }
    ).encode()


def at(seconds: float, zone: timezone = NEW_YORK) -> str:
    """Write a time so many seconds after NOW as the API does: to the second, in New York."""
    return datetime.fromtimestamp(int(NOW + seconds), UTC).astimezone(zone).isoformat()


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (200, Outcome.OK, ""),
        (401, Outcome.BAD_KEY, "answers 401, it does not know the key"),
        (403, Outcome.NOT_ENTITLED, "answers 403, the plan of the key does not have this"),
        (429, Outcome.THROTTLED, "answers 429, it was asked too often"),
        (301, Outcome.DOWN, "answers 301"),
        (404, Outcome.DOWN, "answers 404"),
        (500, Outcome.DOWN, "answers 500"),
        (503, Outcome.DOWN, "answers 503"),
    ],
)
def test_each_status_has_its_outcome(status: int, outcome: Outcome, reason: str) -> None:
    """And a reason in plain words."""
    answer = answer_of(status, now_body(at(0)), NOW)
    assert (answer.outcome, answer.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("outcome", "reachable"),
    [
        (Outcome.OK, True),
        (Outcome.NOT_ENTITLED, True),
        (Outcome.THROTTLED, True),
        (Outcome.BAD_KEY, False),
        (Outcome.DOWN, False),
    ],
)
def test_what_says_no_for_the_plan_or_the_pace_is_reachable(outcome: Outcome, *, reachable: bool) -> None:
    """Only a key that nobody knows, and silence, want somebody."""
    assert outcome.reachable is reachable


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"market": 1}', b"\xff", b"[" * 100_000])
def test_a_page_of_a_login_or_a_proxy_is_no_market_status(body: bytes) -> None:
    """200 alone proves nothing."""
    answer = answer_of(200, body, NOW)
    assert answer == Answer(Outcome.DOWN, "answers 200, and what it says is no market status")


@pytest.mark.parametrize(
    ("ahead_sec", "skew_sec"),
    # The API cuts its time off to whole seconds, so within one of them nothing can be said.
    [(0, 0.0), (1, -0.75), (-1, 0.25)],
)
def test_a_second_is_the_finest_that_can_be_told(ahead_sec: float, skew_sec: float) -> None:
    """The skew is that of this host's clock: positive where it is ahead."""
    found = answer_of(200, now_body(at(ahead_sec)), NOW).skew_sec
    assert found == pytest.approx(skew_sec, abs=1e-6)


@pytest.mark.parametrize(
    ("server_sec", "reason"),
    [
        (-5, ""),
        (-6, "the clock of this host is off by +5 s"),
        (5, ""),
        (6, "the clock of this host is off by -6 s"),
        (-3600, "the clock of this host is off by +3599 s"),
    ],
)
def test_a_clock_that_is_off_is_pointed_out(server_sec: float, reason: str) -> None:
    """From more than five seconds on; it is no failure of the API."""
    answer = answer_of(200, now_body(at(server_sec)), NOW)
    assert (answer.outcome, answer.reason) == (Outcome.OK, reason)


@pytest.mark.parametrize("server_time", ["", "now", "2025-11-06T07:50:58", "9999-99-99T00:00:00Z"])
def test_a_time_that_cannot_be_read_is_no_skew(server_time: str) -> None:
    """The market status is there all the same."""
    assert answer_of(200, now_body(server_time), NOW) == Answer(Outcome.OK, "", None)


def said(status: str, message: str = "") -> str:
    """Speak as the websocket does."""
    return json.dumps([{"ev": "status", "status": status, "message": message}])


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (said("connected", "Connected Successfully"), None),
        (said("auth_success", "authenticated"), Answer(Outcome.OK)),
        (said("auth_failed", "authentication failed"), Answer(Outcome.BAD_KEY, "it does not know the key")),
        (said("error", "authentication failed"), Answer(Outcome.BAD_KEY, "it does not know the key")),
        (
            said("auth_failed", "Your plan doesn't include websocket access."),
            Answer(Outcome.NOT_ENTITLED, "the plan of the key has no websocket"),
        ),
        (said("error", "not authorized"), Answer(Outcome.NOT_ENTITLED, "the plan of the key has no websocket")),
        (
            said("max_connections", "Maximum number of connections exceeded."),
            Answer(Outcome.THROTTLED, "the account has as many connections as it may"),
        ),
        (said("error", "go\x1b[31m away"), Answer(Outcome.DOWN, "it says: go\\x1b[31m away")),
        ('[{"ev": "T", "sym": "AAPL"}]', None),
        ("hello", Answer(Outcome.DOWN, "what it says is no status message")),
    ],
)
def test_each_message_of_the_websocket_has_its_meaning(message: str, answer: Answer | None) -> None:
    """None says nothing of the key."""
    assert login_of(message) == answer


@given(st.integers(100, 599), st.binary(max_size=200), st.floats(0, 4e9))
def test_no_answer_raises(status: int, body: bytes, now: float) -> None:
    """Whoever answers there."""
    answer = answer_of(status, body, now)
    assert answer.outcome.reachable is (answer.outcome not in (Outcome.DOWN, Outcome.BAD_KEY))


@given(st.text(max_size=200))
def test_no_message_raises(message: str) -> None:
    """Whoever speaks there."""
    answer = login_of(message)
    assert answer is None or isinstance(answer.outcome, Outcome)
