"""Streams of alerts: what is appended, and how it is known that it was."""

import pytest

from marketswarm.alertlog import ALERTS, PROBE_ALERTS, Log, entries

FIRST, THEN, LAST = b"first", b"then", b"last"


def written(*events: bytes) -> list[tuple[bytes, list[bytes]]]:
    """Answer as a bus does that has these, the newest first."""
    return [(b"%d-0" % number, [b"event", event]) for number, event in enumerate(events, 1)][::-1]


@pytest.mark.parametrize("log", [ALERTS, PROBE_ALERTS, Log("any")])
def test_alerts_are_appended_in_order_and_the_stream_is_bounded(log: Log) -> None:
    """Each under the field that readers know."""
    commands = log.append([FIRST, THEN])
    assert commands[:2] == [("XADD", log.stream, "MAXLEN", "~", 10_000, "*", "event", event) for event in (FIRST, THEN)]
    assert log.append([]) == []


def test_of_what_others_take_out_the_newest_is_remembered() -> None:
    """By one command behind those that append; where nobody takes anything out none is needed."""
    assert PROBE_ALERTS.append([FIRST, LAST])[2:] == [("SET", "massive:alerts:last", LAST)]
    assert ALERTS.append([FIRST, LAST])[2:] == []


@pytest.mark.parametrize(
    ("holds", "has"),
    [
        ([], False),
        ([FIRST], False),
        ([FIRST, LAST], True),
        ([LAST, FIRST], True),
        ([b"before", FIRST, b"between", LAST, b"after"], True),
    ],
)
def test_what_was_appended_is_found_among_others(holds: list[bytes], *, has: bool) -> None:
    """Several append to it: the last ones need not be these."""
    assert ALERTS.has([FIRST, LAST], written(*holds)) is has


@pytest.mark.parametrize(("answer", "has"), [(None, False), (FIRST, False), (b"before", False), (LAST, True)])
def test_what_others_have_taken_out_is_known_by_the_last(answer: bytes | None, *, has: bool) -> None:
    """All of them went in one transaction, or none."""
    assert PROBE_ALERTS.has([FIRST, LAST], answer) is has


def test_it_is_looked_further_back_than_what_was_appended() -> None:
    """Others may have appended since."""
    assert ALERTS.question([FIRST] * 7) == ("XREVRANGE", "healer:alerts:log", "+", "-", "COUNT", 107)
    assert PROBE_ALERTS.question([FIRST] * 7) == ("GET", "massive:alerts:last")


def test_an_entry_may_be_gone_or_have_other_fields() -> None:
    """It has no alert then."""
    answer = [(b"1-0", [b"event", FIRST, b"passed_on", b"x"]), (b"2-0", None), (b"3-0", [b"other", LAST])]
    assert entries(answer) == [("1-0", FIRST), ("3-0", b"")]
