"""The messages, byte for byte as the contract has them, and what is made of bytes that are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import unitnames
from marketswarm.messages import (
    MAX_BEAT_BYTES,
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    FullHeartbeat,
    HealerMiss,
    HealerOk,
    Heartbeat,
    HeartbeatMiss,
    HeartbeatOk,
    Malformed,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    ServiceRecord,
    ServiceRestarted,
    Stable,
    TruthDrift,
    UnitFailed,
    decode_alert,
    decode_full,
    decode_heartbeat,
    decode_record,
    encode,
    group_of,
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
        TruthDrift("system-redis", "runs on ab12", 1762434300, "rss_agg"),
        b'{"type":"truth_drift","bus":"system-redis","reason":"runs on ab12","ts":1762434300,"svc":"rss_agg"}',
        "truth_drift rss_agg: runs on ab12",
    ),
    (
        UnitFailed("marketswarm-bootstrap.service", "exit status 65", 1762434400),
        b'{"type":"unit_failed","unit":"marketswarm-bootstrap.service","reason":"exit status 65","ts":1762434400}',
        "unit_failed marketswarm-bootstrap.service: exit status 65",
    ),
    (
        MassMiss("market-redis", 12, 20, ("mesh", "rss_agg"), "m@1", 1),
        b'{"type":"mass_miss","bus":"market-redis","silent":12,"watched":20,"services":["mesh","rss_agg"],"group":"m@1","ts":1}',
        "mass_miss market-redis: 12 of 20 services are silent: mesh, rss_agg, ...",
    ),
    (
        MassOk("market-redis", 11, 1, ("mesh",), "m@1", 2),
        b'{"type":"mass_ok","bus":"market-redis","returned":11,"still_missed":1,"services":["mesh"],"group":"m@1","ts":2}',
        "mass_ok market-redis: 11 services beat again; 1 still silent: mesh",
    ),
    (
        Flapping("rss_agg", 4, 600.0, 1762434700),
        b'{"type":"flapping","svc":"rss_agg","changes":4,"within_sec":600.0,"ts":1762434700}',
        "flapping rss_agg: went and came 4 times in 600 s; no more of it until it is stable",
    ),
    (
        Stable("rss_agg", "down", 1762434800),
        b'{"type":"stable","svc":"rss_agg","state":"down","ts":1762434800}',
        "stable rss_agg: no change for a while; it is down",
    ),
    (
        ServiceRestarted("rss_agg", 2, 1762434900),
        b'{"type":"service_restarted","svc":"rss_agg","restarts":2,"ts":1762434900}',
        "service_restarted rss_agg: another process beats, and it was never missed (restart 2)",
    ),
    (
        DuplicateInstance("rss_agg", 1762435000),
        b'{"type":"duplicate_instance","svc":"rss_agg","ts":1762435000}',
        "duplicate_instance rss_agg: two processes beat under this name; stop one of them",
    ),
    (
        ProbeFailed("massive", "broker", "tls", "its certificate is not valid (expired)", 3, 1762435100, 1762435080.5),
        (
            b'{"type":"probe_failed","svc":"massive","probe":"broker","step":"tls","reason":"its certificate is not'
            b' valid (expired)","fails":3,"ts":1762435100,"since":1762435080.5}'
        ),
        "probe_failed massive/broker: fails at tls: its certificate is not valid (expired); 3 times in a row",
    ),
    (
        ProbeOk("massive", "broker", 12.34, 1762435200),
        b'{"type":"probe_ok","svc":"massive","probe":"broker","failed_sec":12.34,"ts":1762435200}',
        "probe_ok massive/broker: answers again after 12.3 s",
    ),
]
VERDICTS = ("heartbeat_miss", "heartbeat_ok", "healer_miss", "healer_ok")


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
    assert subject(alert) in (
        "rss_agg",
        "healer",
        "market-redis",
        "marketswarm-bootstrap.service",
        "massive/broker",
    )
    assert service_of(alert) == (json.loads(raw)["svc"] if kind(alert) in VERDICTS else None)
    assert group_of(alert) == ""


def test_every_type_of_alert_has_its_bytes_here() -> None:
    """As the contract and the journal's ids name them."""
    assert list(dict.fromkeys(kind(alert) for alert, _, _ in ALERTS)) == list(unitnames.MESSAGE_IDS)


@pytest.mark.parametrize(
    ("alert", "raw"),
    [
        (
            HeartbeatMiss("rss_agg", 31.2, 30.0, 1, reason="crashed", group="g"),
            b'{"type":"heartbeat_miss","svc":"rss_agg","late_sec":31.2,"timeout_sec":30.0,"ts":1,"reason":"crashed","group":"g"}',
        ),
        (
            HeartbeatOk("rss_agg", 0.5, 1, group="g"),
            b'{"type":"heartbeat_ok","svc":"rss_agg","age_sec":0.5,"ts":1,"group":"g"}',
        ),
        (
            HealerMiss("healer", 31.2, 30.0, 1, reason="crashed", group="g"),
            b'{"type":"healer_miss","svc":"healer","late_sec":31.2,"timeout_sec":30.0,"ts":1,"reason":"crashed","group":"g"}',
        ),
        (HealerOk("healer", 1, group="g"), b'{"type":"healer_ok","svc":"healer","ts":1,"group":"g"}'),
    ],
)
def test_why_and_the_group_stand_behind_what_the_contract_has(alert: Alert, raw: bytes) -> None:
    """Additive fields; where there is nothing to say they are left out."""
    assert encode(alert) == raw
    assert decode_alert(raw) == alert
    assert group_of(alert) == "g"


@pytest.mark.parametrize("kind_of_miss", [HeartbeatMiss, HealerMiss])
@pytest.mark.parametrize(
    ("late_sec", "reason", "says"),
    [
        (31.2, "crashed", "no beat for 31.2 s (timeout 30 s): crashed"),
        (31.2, "unknown", "no beat for 31.2 s (timeout 30 s)"),
        (30.0, "", "no beat for 30.0 s (timeout 30 s)"),
        (22.5, "unknown", "not heard in the 22.5 s since it is watched (warm-up)"),
    ],
)
def test_a_miss_says_why_where_that_is_known(
    kind_of_miss: type[HeartbeatMiss | HealerMiss], late_sec: float, reason: str, says: str
) -> None:
    """Of one that was never heard there is nothing to know."""
    assert kind_of_miss("a", late_sec, 30.0, 1, reason=reason).says() == says


@pytest.mark.parametrize(
    ("alert", "says"),
    [
        (MassMiss("b", 2, 3, ("x", "y"), "g", 1), "2 of 3 services are silent: x, y"),
        (MassOk("b", 3, 0, (), "g", 1), "3 services beat again"),
        (MassOk("b", 3, 5, ("x", "y"), "g", 1), "3 services beat again; 5 still silent: x, y, ..."),
    ],
)
def test_of_many_the_first_are_named(alert: MassMiss | MassOk, says: str) -> None:
    """And where there are more, that is seen."""
    assert alert.says() == says


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (1, "fails at dns: no such name"),
        (2, "fails at dns: no such name; 2 times in a row"),
    ],
)
def test_a_probe_that_failed_once_failed_no_times_in_a_row(fails: int, says: str) -> None:
    """Only of several it is said how many."""
    assert ProbeFailed("massive", "broker", "dns", "no such name", fails, 2, 1).says() == says


@pytest.mark.parametrize(
    ("reason", "dropped", "says"),
    [
        ("", False, "answers again after 12.3 s"),
        ("dropped", True, "is not probed any more"),
        ("of a later version", False, "answers again after 12.3 s"),
    ],
)
def test_of_a_probe_that_was_dropped_nobody_says_that_it_is_well(reason: str, says: str, *, dropped: bool) -> None:
    """It has its alert, which ends the matter."""
    alert = ProbeOk("massive", "broker", 12.3, 1, reason=reason)
    assert (alert.dropped, alert.says()) == (dropped, says)
    assert decode_alert(encode(alert)) == alert


@pytest.mark.parametrize(("alert", "raw", "line"), ALERTS)
def test_an_alert_is_one_line_with_its_type_its_subject_and_its_seconds(alert: Alert, raw: bytes, line: str) -> None:
    """What the journal shows."""
    assert sentence(alert) == line


@pytest.mark.parametrize(
    "alert",
    [
        HealerOk("a\nhealer_miss b", 0),
        BusLost("system-redis", "no\r\nreason\x1b[2J", 0),
        ProbeFailed("m", "b\n", "tls", "\x1b[2J", 3, 0, 0),
    ],
)
def test_a_sentence_stays_one_printable_line(alert: Alert) -> None:
    """What somebody else put on the bus forges no second line and plays no tricks on a terminal."""
    assert sentence(alert).isprintable()


def test_a_heartbeat_has_the_bytes_of_the_contract() -> None:
    """The three fields that everybody sends, in order; then those that are ours."""
    assert encode(Heartbeat("rss_agg", 7, 1762433458.5)) == b'{"svc":"rss_agg","i":7,"ts":1762433458.5}'
    full = Heartbeat("rss_agg", 7, 1762433458.5, boot="b0", host="h", pid=42, truth="abc", bye=True)
    assert list(json.loads(encode(full)).items()) == [
        ("svc", "rss_agg"),
        ("i", 7),
        ("ts", 1762433458.5),
        ("boot", "b0"),
        ("host", "h"),
        ("pid", 42),
        ("truth", "abc"),
        ("bye", True),
    ]


def test_a_heartbeat_of_this_package_says_more_than_healer_reads() -> None:
    """The fields that everybody knows come first; whoever wants the others reads all of it."""
    whole = FullHeartbeat("rss_agg", 7, 1.5, boot="b0", host="h", pid=42, version="1.0", token=9)
    raw = encode(whole)
    assert list(json.loads(raw)) == ["svc", "i", "ts", "boot", "host", "pid", "version", "token"]
    assert decode_heartbeat(raw, "rss_agg") == Heartbeat("rss_agg", 7, 1.5, boot="b0", host="h", pid=42)
    assert decode_full(raw, whole.svc) == whole
    assert decode_full(GOOD, "rss_agg") == FullHeartbeat("rss_agg", 1, 1762433458)


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
        beat_with(bye="true"),
        beat_with(bye="false"),
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
        beat_with(bye="1"),
        beat_with(bye='"yes"'),
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
    padded = GOOD.ljust(MAX_BEAT_BYTES)
    assert isinstance(decode_heartbeat(padded, "rss_agg"), Heartbeat)
    assert decode_heartbeat(padded + b" ", "rss_agg") is Malformed.TOO_LONG


@given(st.binary() | st.text('{}[]":,.\\ud8-+eE0123456789svcitNa ').map(str.encode))
def test_no_bytes_raise(raw: bytes) -> None:
    """Neither as a heartbeat nor as an alert nor as a record."""
    assert isinstance(decode_heartbeat(raw, "rss_agg"), Heartbeat | Malformed)
    decode_alert(raw)
    decode_record(raw)


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
        bye=st.booleans(),
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
        b'{"type":"probe_ok","svc":"massive","failed_sec":1,"ts":1}',
        b'{"type":"probe_failed","svc":"massive","probe":"a","step":"tls","reason":"x","fails":1,"ts":1,"since":1e999}',
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


def test_a_record_has_the_bytes_of_the_contract() -> None:
    """All of its fields, and no type: it is no alert."""
    record = ServiceRecord("alive", 3, 2, 1, flapping=True)
    assert encode(record) == b'{"state":"alive","lost_beats":3,"restarts":2,"duplicates":1,"flapping":true}'
    assert decode_record(encode(record)) == record
    assert decode_alert(encode(record)) is None


@pytest.mark.parametrize(
    ("record", "more"),
    [
        (ServiceRecord("alive"), False),
        (ServiceRecord("unseen"), False),
        (ServiceRecord("missed"), True),
        (ServiceRecord("alive", lost_beats=1), True),
        (ServiceRecord("alive", restarts=1), True),
        (ServiceRecord("alive", duplicates=1), True),
        (ServiceRecord("alive", flapping=True), True),
    ],
)
def test_a_record_says_more_than_that_one_beats(record: ServiceRecord, *, more: bool) -> None:
    """Of a million that are well nothing has to be kept in memory."""
    assert record.says_more is more


def test_a_record_of_another_version_is_read() -> None:
    """A field that is missing has its default, one that is not known is left out."""
    assert decode_record(b'{"state":"missed","colour":"red"}') == ServiceRecord("missed")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b'{"state":1}', b'{"state":"alive","lost_beats":"3"}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_record_is_none(raw: bytes) -> None:
    """Whatever the bytes are."""
    assert decode_record(raw) is None
