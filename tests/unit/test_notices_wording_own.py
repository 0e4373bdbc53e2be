"""Texts of the truth in place of ours: for each type of alert, and for reminders."""

import pytest
from items import MISS, NOW, OK, TS, in_utc, item

from marketswarm import names, unitnames
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
    kind,
)
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.wording import Words

FIELDS = "{svc}|{type}|{reason}|{since}|{ago}|{lasted}|{also}|{first}|{host}"


@pytest.mark.parametrize(
    ("one", "form", "said"),
    [
        (
            item(HeartbeatMiss("mesh", 30.0, 30.0, TS, "stopped")),
            names.HEARTBEAT_MISS,
            "mesh|heartbeat_miss|it was stopped|2025-11-06 12:50:28 UTC|2 h 3 min|0 s|a|call Ann|healer@host",
        ),
        (
            item(MISS, Kind.REMINDER),
            "reminder",
            "mesh|heartbeat_miss||2025-11-06 12:50:26 UTC|2 h 3 min|0 s|a|call Ann|healer@host",
        ),
        (
            item(OK, Kind.RECOVERY, MISS),
            names.HEARTBEAT_OK,
            "mesh|heartbeat_ok|beating, last beat 0.1 s ago|2025-11-06 12:50:26 UTC|2 h 3 min|2 h 3 min|a||healer@host",
        ),
        (
            item(ProbeFailed("massive", "broker", "tls", "it has expired", 3, TS, TS - 60.0)),
            names.PROBE_FAILED,
            (
                "massive/broker|probe_failed|fails at tls: it has expired|2025-11-06 12:49:58 UTC|2 h 4 min|0 s|a, mesh"
                "|marketswarm probes|healer@host"
            ),
        ),
    ],
)
def test_the_truth_may_have_words_of_its_own(one: Item, form: str, said: str) -> None:
    """With all its fields; they stand for the whole text, and the title stays."""
    words = Words(in_utc, "healer@host", {form: FIELDS}, {"mesh": "call Ann"})
    message = words.message([one], ["a", "mesh"], NOW)
    assert message.text == f"{said}\n\nhealer@host"
    assert message.title == Words(in_utc).message([one], [], NOW).title


EVERY: tuple[Alert, ...] = (
    MISS,
    OK,
    HealerMiss("healer", 31.4, 30.0, TS),
    HealerOk("healer", TS),
    MassMiss("b", 3, 4, ("a",), "g", TS),
    MassOk("b", 3, 1, ("a",), "g", TS),
    Flapping("mesh", 4, 600.0, TS),
    Stable("mesh", "up", TS),
    ServiceRestarted("mesh", 2, TS),
    DuplicateInstance("mesh", TS),
    BusLost("b", "refused", TS),
    BusOk("b", 45.0, TS),
    TruthDrift("b", "none", TS),
    UnitFailed("u", "oom-kill", TS),
    ProbeFailed("massive", "broker", "tls", "expired", 3, TS, TS - 60.0),
    ProbeOk("massive", "broker", 60.0, TS),
)


def test_every_type_of_alert_has_its_words() -> None:
    """The ones above are all that there are."""
    assert {kind(alert) for alert in EVERY} == set(unitnames.MESSAGE_IDS)


@pytest.mark.parametrize("alert", EVERY, ids=kind)
def test_every_type_may_have_words_of_its_own(alert: Alert) -> None:
    """Nothing of ours is added but who tells."""
    words = Words(in_utc, "healer@host", {kind(alert): "{type}: {{so}}"})
    assert words.message([item(alert)], [], NOW).text == f"{kind(alert)}: {{so}}\n\nhealer@host"
