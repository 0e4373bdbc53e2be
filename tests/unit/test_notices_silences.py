"""Silences and acknowledgements as a bus keeps them, and when they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.messages import Alert, BusLost, HeartbeatMiss, ProbeFailed, TruthDrift, UnitFailed, encode
from marketswarm.notices.incidents import paced_by
from marketswarm.notices.silences import Ack, Pauses, Silence, decode_ack, decode_silence

NOW = 1_700_000_000.0


@pytest.mark.parametrize(("now", "active"), [(NOW - 0.001, True), (NOW, False), (NOW + 0.001, False)])
def test_a_silence_holds_until_its_end(now: float, *, active: bool) -> None:
    """And no longer: its last moment is over."""
    assert Silence("a", NOW - 60, NOW).active(now) is active


@pytest.mark.parametrize(("ts", "known"), [(NOW - 1, True), (NOW, True), (NOW + 1, False)])
def test_an_acknowledgement_is_of_what_was_announced_before_it(ts: float, *, known: bool) -> None:
    """Of its own subject."""
    pauses = Pauses(acks={"a": Ack("a", NOW)})
    assert (pauses.acked_by("a", ts) == "somebody") is known
    assert pauses.acked_by("b", ts) is None
    assert pauses.acked_by("*", ts) is None


@pytest.mark.parametrize(
    ("own", "everything", "until"),
    [
        (None, None, None),
        (NOW + 1, None, NOW + 1),
        (NOW + 1, NOW + 2, NOW + 2),
        (NOW + 3, NOW + 2, NOW + 3),
        (NOW, None, None),  # the last moment is over
        (NOW - 1, NOW + 2, NOW + 2),
    ],
)
def test_of_two_silences_the_later_end_counts(own: float | None, everything: float | None, until: float | None) -> None:
    """One's own, and that of everything; another's is none of it."""
    ends = {"a": own, "*": everything, "b": NOW + 99}
    pauses = Pauses({about: Silence(about, NOW - 60, end) for about, end in ends.items() if end is not None})
    assert pauses.silenced_until("a", NOW) == until


def test_what_was_kept_is_read_as_it_was() -> None:
    """With who said it, and why."""
    silence, ack = Silence("a", NOW, NOW + 60, "ann", "release"), Ack("a", NOW, "ann", "on it")
    assert (decode_silence(encode(silence)), decode_ack(encode(ack))) == (silence, ack)


@pytest.mark.parametrize(
    ("raw", "silence", "ack"),
    [
        (b'{"subject":"a","since":1,"until":2,"of_tomorrow":3}', Silence("a", 1, 2), None),
        (b'{"subject":"a","ts":1,"of_tomorrow":3}', None, Ack("a", 1)),
        (b'{"subject":"a","since":1,"until":"2"}', None, None),
        (b'{"subject":5,"since":1,"until":2,"ts":1}', None, None),
        (b'{"subject":"a","since":1,"until":1e999,"ts":1e999}', None, None),
        (b'{"subject":"\xff","since":1,"until":2,"ts":1}', None, None),
        (b'{"subject":"\\ud800","since":1,"until":2,"ts":1}', None, None),
        (b"", None, None),
        (b"null", None, None),
        (b"[" * 100_000, None, None),
    ],
)
def test_what_is_none_is_left_out(raw: bytes, silence: Silence | None, ack: Ack | None) -> None:
    """Garbage silences nobody; what a newer version adds is ignored."""
    assert (decode_silence(raw), decode_ack(raw)) == (silence, ack)


@given(st.binary(max_size=100))
def test_no_bytes_are_too_much(raw: bytes) -> None:
    """They are read, or are none."""
    assert decode_silence(raw) is None
    assert decode_ack(raw) is None


@pytest.mark.parametrize(
    ("alert", "about"),
    [
        (HeartbeatMiss("mesh", 31.0, 30.0, 1), "mesh"),
        (BusLost("system-redis", "no answer", 1), "system-redis"),
        (TruthDrift("system-redis", "holds no truth", 1), "system-redis"),
        (TruthDrift("system-redis", "runs on ab12", 1, "mesh"), "mesh"),
        (UnitFailed("marketswarm@mesh.service", "exit status 1", 1), "mesh"),
        (UnitFailed("marketswarm-redis@system.service", "exit status 1", 1), "marketswarm-redis@system.service"),
        (UnitFailed("marketswarm-truth.service", "exit status 65", 1), "marketswarm-truth.service"),
        (ProbeFailed("massive", "broker", "tls", "expired", 3, 1, 0.5), "massive/broker"),
    ],
)
def test_a_silence_of_a_service_is_one_of_its_unit(alert: Alert, about: str) -> None:
    """Whoever silences a service to work on it is not told that its unit failed meanwhile."""
    assert paced_by(alert) == about


def test_what_a_bus_holds_is_read_by_its_fields() -> None:
    """The field is the subject, whatever the value says; what is neither silence nor acknowledgement is left out."""
    pauses = Pauses.read(
        {"mesh": encode(Silence("rss_agg", NOW, NOW + 60)), "x": b"junk"}, {"mesh": encode(Ack("x", NOW)), "y": b"1"}
    )
    assert pauses == Pauses({"mesh": Silence("mesh", NOW, NOW + 60)}, {"mesh": Ack("mesh", NOW)})
