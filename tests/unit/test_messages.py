"""The messages, byte for byte as the contract has them, and what is made of bytes that are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import names
from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    HealerMiss,
    HealerOk,
    Heartbeat,
    HeartbeatMiss,
    HeartbeatOk,
    Malformed,
    TruthDrift,
    UnitFailed,
    decode_alert,
    decode_heartbeat,
    encode,
    kind,
    sentence,
    service_of,
    subject,
)

GOOD = b'{"svc":"rss_agg","i":1,"ts":1762433458}'
ALERTS: list[tuple[Alert, bytes, str]] = [
    (
        HeartbeatMiss("rss_agg", 31.2, 30.0, 1762433458),
        b'{"type":"heartbeat_miss","svc":"rss_agg","late_sec":31.2,"timeout_sec":30.0,"ts":1762433458}',
        "heartbeat_miss rss_agg: no beat for 31.2 s (timeout 30 s)",
    ),
    (
        HeartbeatOk("rss_agg", 2.7, 1762433561),
        b'{"type":"heartbeat_ok","svc":"rss_agg","age_sec":2.7,"ts":1762433561}',
        "heartbeat_ok rss_agg: beating, last beat 2.7 s ago",
    ),
    (
        HealerMiss("healer", 35.0, 30.0, 1762434000),
        b'{"type":"healer_miss","svc":"healer","late_sec":35.0,"timeout_sec":30.0,"ts":1762434000}',
        "healer_miss healer: no beat for 35.0 s (timeout 30 s)",
    ),
    (
        HealerOk("healer", 1762434100),
        b'{"type":"healer_ok","svc":"healer","ts":1762434100}',
        "healer_ok healer: beating",
    ),
    (
        BusLost("market-redis", "silent", 1762434200),
        b'{"type":"bus_lost","bus":"market-redis","reason":"silent","ts":1762434200}',
        "bus_lost market-redis: cannot be heard, so nobody there is judged: silent",
    ),
    (
        BusOk("market-redis", 1.25, 1762434201),
        b'{"type":"bus_ok","bus":"market-redis","lost_sec":1.25,"ts":1762434201}',
        "bus_ok market-redis: heard again after 1.2 s",
    ),
    (
        TruthDrift("market-redis", "holds no truth:doc", 1762434300),
        b'{"type":"truth_drift","bus":"market-redis","reason":"holds no truth:doc","ts":1762434300}',
        "truth_drift market-redis: holds no truth:doc",
    ),
    (
        UnitFailed("marketswarm-bootstrap.service", "exit status 65", 1762434400),
        b'{"type":"unit_failed","unit":"marketswarm-bootstrap.service","reason":"exit status 65","ts":1762434400}',
        "unit_failed marketswarm-bootstrap.service: exit status 65",
    ),
]


def beat_with(**fields: str) -> bytes:
    """Make a beat of rss_agg; each field is given, or added, as raw JSON."""
    whole = {"svc": '"rss_agg"', "i": "1", "ts": "1762433458"} | fields
    return ("{" + ",".join(f'"{key}":{value}' for key, value in whole.items()) + "}").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(("alert", "raw", "line"), ALERTS)
def test_alerts_have_the_bytes_of_the_contract(alert: Alert, raw: bytes, line: str) -> None:
    """Names, order and types of the fields, the type first."""
    assert encode(alert) == raw
    assert decode_alert(raw) == alert
    assert kind(alert) == json.loads(raw)["type"]
    assert subject(alert) in ("rss_agg", "healer", "market-redis", "marketswarm-bootstrap.service")
    assert service_of(alert) == json.loads(raw).get("svc")


@pytest.mark.parametrize(("alert", "raw", "line"), ALERTS)
def test_an_alert_is_one_line_with_its_type_its_subject_and_its_seconds(alert: Alert, raw: bytes, line: str) -> None:
    """What the journal shows."""
    assert sentence(alert) == line


@pytest.mark.parametrize("alert", [HealerOk("a\nhealer_miss b", 0), BusLost("system-redis", "no\r\nreason\x1b[2J", 0)])
def test_a_sentence_stays_one_printable_line(alert: Alert) -> None:
    """What somebody else put on the bus forges no second line and plays no tricks on a terminal."""
    assert sentence(alert).isprintable()


def test_a_heartbeat_has_the_bytes_of_the_contract() -> None:
    """The three fields that everybody sends, in order; then those that are ours."""
    assert encode(Heartbeat("rss_agg", 7, 1762433458.5)) == b'{"svc":"rss_agg","i":7,"ts":1762433458.5}'
    full = Heartbeat("rss_agg", 7, 1762433458.5, boot="b0", host="h", pid=42, truth="abc")
    assert list(json.loads(encode(full)).items()) == [
        ("svc", "rss_agg"),
        ("i", 7),
        ("ts", 1762433458.5),
        ("boot", "b0"),
        ("host", "h"),
        ("pid", 42),
        ("truth", "abc"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        GOOD,
        b' { "ts" : 1.5e9 , "svc" : "rss_agg" , "i" : 3 }\n',
        beat_with(i="0"),
        beat_with(i=str(2**53)),
        beat_with(ts="-1"),
        beat_with(load="0.5", tags='["a",{"b":null}]', version='"2"'),
        beat_with(x="[" * 100 + "]" * 100),
        beat_with(x="9" * 400),
        beat_with(host='"grüße-😀"'),
    ],
)
def test_a_beat_is_taken_with_whatever_else_it_says(raw: bytes) -> None:
    """Order, white space and unknown fields do not matter."""
    beat = decode_heartbeat(raw, "rss_agg")
    assert isinstance(beat, Heartbeat)
    assert beat.svc == "rss_agg"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1",
        b"null",
        b"beat",
        b'"rss_agg"',
        b"[]",
        b"{}",
        b'["rss_agg",1,1762433458]',
        GOOD[:-1],
        GOOD + GOOD,
        GOOD + b"x",
        b"\x00" + GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.replace(b"rss_agg", b"rss\xffagg"),
        GOOD.replace(b"rss_agg", b"\\ud800"),
        beat_with(x='"\\ud800"'),
        b'{"i":1,"ts":1}',
        b'{"svc":"rss_agg","ts":1}',
        b'{"svc":"rss_agg","i":1}',
        beat_with(svc="null"),
        beat_with(svc="7"),
        beat_with(svc='["rss_agg"]'),
        beat_with(i="-1"),
        beat_with(i="1.5"),
        beat_with(i="1.0"),
        beat_with(i='"1"'),
        beat_with(i="null"),
        beat_with(i="true"),
        beat_with(i=str(2**53 + 1)),
        beat_with(i="9" * 400),
        beat_with(i="1e999"),
        beat_with(ts="NaN"),
        beat_with(ts="Infinity"),
        beat_with(ts="-Infinity"),
        beat_with(ts="1e999"),
        beat_with(ts="9" * 400),
        beat_with(ts='"1762433458"'),
        beat_with(ts="null"),
        beat_with(x="NaN"),
        beat_with(pid='"x"'),
        beat_with(host="1"),
        beat_with(x="[" * 2000 + "]" * 2000),
        b"[" * 4000,
        b'{"x":' * 800,
    ],
)
def test_what_is_no_beat_is_malformed(raw: bytes) -> None:
    """Whatever the bytes are, they are told apart and never raised."""
    assert decode_heartbeat(raw, "rss_agg") is Malformed.NOT_A_BEAT


@pytest.mark.parametrize("svc", ["mesh", "", "RSS_AGG", "rss_agg ", "rss_agg\\u0000"])
def test_a_beat_of_another_is_none_of_this_service(svc: str) -> None:
    """Who beats on a channel that is not its own keeps nobody alive."""
    assert decode_heartbeat(beat_with(svc=f'"{svc}"'), "rss_agg") is Malformed.WRONG_SERVICE


@pytest.mark.parametrize(
    "raw",
    [b" " * (1 << 20), GOOD + b" " * (1 << 20), b"[" * 100_000, b'{"x":' * 100_000, beat_with(i="9" * 5000)],
)
def test_what_is_too_long_is_not_even_read(raw: bytes) -> None:
    """The cap stands before the parser."""
    assert decode_heartbeat(raw, "rss_agg") is Malformed.TOO_LONG


def test_length_ends_at_the_limit() -> None:
    """A beat of exactly the limit is read, one byte more is not."""
    padded = GOOD.ljust(names.MAX_BEAT_BYTES)
    assert isinstance(decode_heartbeat(padded, "rss_agg"), Heartbeat)
    assert decode_heartbeat(padded + b" ", "rss_agg") is Malformed.TOO_LONG


@given(st.binary() | st.text('{}[]":,.\\ud8-+eE0123456789svcitNa ').map(str.encode))
def test_no_bytes_raise(raw: bytes) -> None:
    """Neither as a heartbeat nor as an alert."""
    assert isinstance(decode_heartbeat(raw, "rss_agg"), Heartbeat | Malformed)
    decode_alert(raw)


@given(
    st.builds(
        Heartbeat,
        svc=st.text(max_size=64),
        i=st.integers(0, 2**53),
        ts=st.floats(allow_nan=False, allow_infinity=False),
        boot=st.text(max_size=32),
        host=st.text(max_size=64),
        pid=st.integers(0, 2**22),
        truth=st.text(max_size=64),
    )
)
def test_a_beat_comes_back_as_it_was_sent(beat: Heartbeat) -> None:
    """Whatever its fields hold."""
    assert decode_heartbeat(encode(beat), beat.svc) == beat


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"type":"truth_drift","svc":"mesh","ts":1}',
        b'{"type":7,"svc":"mesh","ts":1}',
        b'{"svc":"healer","ts":1}',
        b'{"type":"heartbeat_miss","svc":"mesh","ts":1}',
        b'{"type":"healer_ok","svc":"healer","ts":"now"}',
        b'{"type":"healer_ok","svc":"hea\xff","ts":1}',
        b"[" * 100_000,
        b'{"type":"healer_ok","svc":"healer","ts":1,"x":' + b"[" * 100_000,
    ],
)
def test_what_is_no_alert_of_ours_is_none(raw: bytes) -> None:
    """A type of a later version, a field that is missing, or no alert at all."""
    assert decode_alert(raw) is None


def test_an_alert_is_taken_with_fields_of_a_later_version() -> None:
    """A consumer ignores what it does not know, and where it stands."""
    raw = b'{"downtime_sec":4,"ts":1,"svc":"healer","type":"healer_ok","why":{"a":[1]}}'
    assert decode_alert(raw) == HealerOk("healer", 1)
