"""The words that reach people, for each type of alert; times, titles, first steps, keys, texts of the truth."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from items import MISS, NOW, OK, TS, in_utc, item

from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    ServiceRestarted,
    Stable,
    TruthDrift,
    UnitFailed,
)
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.wording import Words

CET = timezone(timedelta(hours=1), "CET")
UNIT = "marketswarm@mesh.service"
BAD = ProbeFailed("massive", "broker", "tls", "its certificate is not valid (expired)", 3, TS, TS - 60.5)


def in_cet(ts: float) -> datetime:
    """Local time is that of Berlin in winter."""
    return datetime.fromtimestamp(ts, CET)


def text(one: Item, *down: str, words: Words | None = None) -> str:
    """Give the text of a message about one thing."""
    return (words or Words(in_utc)).message([one], down, NOW).text


@pytest.mark.parametrize(
    ("alert", "lines"),
    [
        (
            MISS,
            [
                "DOWN: mesh",
                "Last beat 2025-11-06 12:50:26 UTC, 31 s before it was missed (timeout 30 s).",
                f"First: systemctl status {UNIT}; journalctl -u {UNIT} -n 50",
            ],
        ),
        (
            HeartbeatMiss("mesh", 22.5, 30.0, TS, "wedged"),
            [
                "DOWN: mesh",
                (
                    "It was never heard; it is watched since 2025-11-06 12:50:35 UTC. "
                    "It hangs: its process is connected to its bus and does not beat."
                ),
                f"First: sudo systemctl restart {UNIT}",
            ],
        ),
        (
            HealerMiss("healer", 31.4, 30.0, TS, "stopped"),
            [
                "DOWN: healer",
                (
                    "Last beat 2025-11-06 12:50:26 UTC, 31 s before it was missed (timeout 30 s). It was stopped."
                    " Until it is back, nobody is told of any other service that goes down."
                ),
                "First: somebody stopped it; if that was not meant: sudo systemctl start marketswarm@healer.service",
            ],
        ),
        (
            MassMiss("market-redis", 3, 4, ("a", "b"), "g", TS),
            [
                "DOWN: 3 of 4 services on market-redis",
                "2025-11-06 12:50:58 UTC: 3 of 4 services are silent: a, b, ...",
                "First: marketswarm doctor; look for what they have in common: a host, a network, a release",
            ],
        ),
        (
            BusLost("market-redis", "connection refused.", TS),
            [
                "BUS LOST: market-redis",
                (
                    "2025-11-06 12:50:58 UTC: Healer cannot hear it. Services there may be well: nobody can tell,"
                    " or is told, until it is back. Connection refused."
                ),
                "First: marketswarm doctor",
            ],
        ),
        (
            TruthDrift("market-redis", "it holds no truth", TS),
            [
                "TRUTH DRIFT: market-redis",
                "2025-11-06 12:50:58 UTC: It holds no truth.",
                "First: marketswarm truth diff; then: sudo marketswarm-seed",
            ],
        ),
        (
            TruthDrift("system-redis", "has run on the truth ab12 for over 60 s", TS, "mesh"),
            [
                "TRUTH DRIFT: mesh",
                "2025-11-06 12:50:58 UTC: Has run on the truth ab12 for over 60 s.",
                (
                    "First: journalctl -u marketswarm@mesh.service -n 50;"
                    " then: sudo systemctl restart marketswarm@mesh.service"
                ),
            ],
        ),
        (
            UnitFailed(UNIT, "oom-kill", TS),
            [f"FAILED: {UNIT}", "2025-11-06 12:50:58 UTC: Oom-kill.", f"First: systemctl status {UNIT}"],
        ),
        (
            Flapping("mesh", 4, 600.0, TS),
            [
                "FLAPPING: mesh",
                "2025-11-06 12:50:58 UTC: Went and came 4 times in 600 s; no more of it until it is stable.",
                f"First: journalctl -u {UNIT} -n 50",
            ],
        ),
        (
            ServiceRestarted("mesh", 2, TS),
            [
                "RESTARTED: mesh",
                "2025-11-06 12:50:58 UTC: Another process beats, and it was never missed (restart 2).",
                f"First: journalctl -u {UNIT} -n 50",
            ],
        ),
        (
            DuplicateInstance("mesh", TS),
            [
                "TWO PROCESSES: mesh",
                "2025-11-06 12:50:58 UTC: Two processes beat under this name; stop one of them.",
                f"First: systemctl status {UNIT} on each host that has it; stop one of them",
            ],
        ),
        (
            BAD,
            [
                "PROBE FAILED: massive/broker",
                (
                    "Since 2025-11-06 12:49:57 UTC. Fails at tls: its certificate is not valid (expired);"
                    " 3 times in a row."
                ),
                "First: marketswarm probes",
            ],
        ),
    ],
)
def test_an_alert_says_what_since_when_and_what_to_do_first(alert: Alert, lines: list[str]) -> None:
    """In three lines."""
    assert text(item(alert)).split("\n") == lines


@pytest.mark.parametrize(
    ("alert", "opened", "lines"),
    [
        (
            OK,
            MISS,
            [
                "UP: mesh, after 2 h 3 min",
                "It was down from 2025-11-06 12:50:26 UTC to 2025-11-06 14:54:03 UTC.",
            ],
        ),
        (OK, None, ["UP: mesh", "2025-11-06 14:54:03 UTC: Beating, last beat 0.1 s ago."]),
        (
            HealerOk("healer", TS + 60),
            HealerMiss("healer", 20.0, 20.0, TS),
            ["UP: healer, after 1 min 20 s", "It was down from 2025-11-06 12:50:38 UTC to 2025-11-06 12:51:58 UTC."],
        ),
        (HealerOk("healer", TS), None, ["UP: healer", "2025-11-06 12:50:58 UTC: Beating."]),
        (
            BusOk("b", 45.0, TS),
            BusLost("b", "refused", TS - 40),
            ["BUS HEARD: b, after 40 s", "2025-11-06 12:50:58 UTC: Heard again after 45.0 s."],
        ),
        (
            BusOk("b", 45.0, TS),
            None,
            ["BUS HEARD: b, after 45 s", "2025-11-06 12:50:58 UTC: Heard again after 45.0 s."],
        ),
        (
            MassOk("b", 3, 1, ("a",), "g", TS),
            MassMiss("b", 4, 4, ("a",), "g", TS - 60),
            [
                "UP: 3 services on b",
                "2025-11-06 12:50:58 UTC: 3 services beat again; 1 still silent: a.",
            ],
        ),
        (
            Stable("mesh", "down", TS),
            None,
            ["STABLE: mesh, down", "2025-11-06 12:50:58 UTC: No change for a while; it is down."],
        ),
        (
            ProbeOk("massive", "broker", 100.0, TS + 40),
            BAD,
            [
                "PROBE OK: massive/broker, after 1 min 40 s",
                "It failed from 2025-11-06 12:49:57 UTC to 2025-11-06 12:51:38 UTC.",
            ],
        ),
        (
            ProbeOk("massive", "broker", 12.0, TS),
            None,
            [
                "PROBE OK: massive/broker, after 12 s",
                "It failed from 2025-11-06 12:50:46 UTC to 2025-11-06 12:50:58 UTC.",
            ],
        ),
        (
            ProbeOk("massive", "broker", 100.0, TS + 40, reason="dropped"),
            BAD,
            [
                "NOT PROBED ANY MORE: massive/broker",
                ("2025-11-06 12:51:38 UTC: It failed when it was last probed. Whether it is well, nobody knows."),
            ],
        ),
    ],
)
def test_a_recovery_says_how_long_it_lasted_where_that_is_known(
    alert: Alert, opened: Alert | None, lines: list[str]
) -> None:
    """And nothing to do."""
    assert text(item(alert, Kind.RECOVERY, opened)).split("\n") == lines


def test_a_reminder_says_for_how_long() -> None:
    """Since the last beat."""
    assert text(item(HeartbeatMiss("mesh", 31.4, 30.0, TS, "crashed"), Kind.REMINDER)).split("\n") == [
        "STILL DOWN: mesh, for 2 h 3 min",
        "Since 2025-11-06 12:50:26 UTC. Its process is gone, and nobody starts it again.",
        f"First: systemctl status {UNIT}; journalctl -u {UNIT} -n 50",
    ]


def test_a_reminder_of_a_probe_says_for_how_long_and_counts_nothing() -> None:
    """How often it had failed was said, and is not so any more."""
    assert text(item(BAD, Kind.REMINDER)).split("\n") == [
        "STILL PROBE FAILED: massive/broker, for 2 h 4 min",
        "Since 2025-11-06 12:49:57 UTC. Fails at tls: its certificate is not valid (expired).",
        "First: marketswarm probes",
    ]


@pytest.mark.parametrize(
    ("one", "down", "line"),
    [
        (item(MISS), ["mesh"], None),
        (item(MISS), ["a", "mesh", "b"], "Also down: a, b."),
        (item(MISS, Kind.REMINDER), ["a", "mesh"], "Also down: a."),
        (item(OK, Kind.RECOVERY), ["a"], "Still down: a."),
        (
            item(MISS),
            [f"s{n:02}" for n in range(12)],
            "Also down: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09 and 2 more.",
        ),
    ],
)
def test_it_says_who_else_is_down(one: Item, down: list[str], line: str | None) -> None:
    """The first ten of them by name."""
    found = [each for each in text(one, *down).split("\n") if "lso down" in each or "till down" in each]
    assert found == ([line] if line else [])


@pytest.mark.parametrize(
    ("words", "ts", "said"),
    [
        (Words(in_utc), TS, "2025-11-06 12:50:58 UTC"),
        (Words(in_cet), TS, "2025-11-06 13:50:58 CET (12:50:58 UTC)"),
        (Words(in_cet), 1_762_470_000, "2025-11-07 00:00:00 CET (2025-11-06 23:00:00 UTC)"),
        (Words(in_cet), 1_762_469_999, "2025-11-06 23:59:59 CET (22:59:59 UTC)"),
        (Words(lambda ts: datetime.fromtimestamp(ts, ZoneInfo("Europe/London"))), TS, "2025-11-06 12:50:58 UTC"),
        (Words(in_utc), 1e17, "an unknown time"),
        (Words(in_utc), -1e300, "an unknown time"),
        (Words(in_utc), float("inf"), "an unknown time"),
    ],
)
def test_times_are_local_and_utc(words: Words, ts: float, said: str) -> None:
    """With the date of the second where it is another; garbage is no reason to say nothing."""
    assert words.time(ts) == said


def test_a_runbook_of_the_truth_stands_for_the_first_step() -> None:
    """Of its service, in alerts and reminders, and not in a recovery."""
    words = Words(in_utc, runbooks={"mesh": "call Ann"})
    assert text(item(MISS), words=words).endswith("\nFirst: call Ann")
    assert text(item(MISS, Kind.REMINDER), words=words).endswith("\nFirst: call Ann")
    assert "First" not in text(item(OK, Kind.RECOVERY), words=words)
    assert "Ann" not in text(item(HeartbeatMiss("massive", 31.4, 30.0, TS)), words=words)
