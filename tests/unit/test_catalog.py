"""The catalog, which `journalctl -x` prints under alerts, speaks of what there is."""

import re
from pathlib import Path
from typing import get_args

import pytest

from marketswarm import unitnames
from marketswarm.log.alerts import fields
from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
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

CATALOG = Path(__file__).parents[2] / "systemd/marketswarm.catalog"
EXAMPLES: tuple[Alert, ...] = (
    HeartbeatMiss("rss_agg", 31.2, 30.0, 1, reason="restarting"),
    HeartbeatOk("rss_agg", 0.1, 1),
    HealerMiss("healer", 31.0, 30.0, 1, reason="restarting"),
    HealerOk("healer", 1),
    BusLost("market-redis", "silent", 1),
    BusOk("market-redis", 1.5, 1),
    TruthDrift("system-redis", "no truth", 1, "mesh"),
    UnitFailed("marketswarm@mesh.service", "78", 1),
    MassMiss("market-redis", 120, 200, ("mesh", "rss_agg"), "market-redis@1762433458", 1),
    MassOk("market-redis", 118, 2, ("mesh", "rss_agg"), "market-redis@1762433458", 1),
    Flapping("rss_agg", 4, 600.0, 1),
    Stable("rss_agg", "down", 1),
    ServiceRestarted("rss_agg", 2, 1),
    DuplicateInstance("rss_agg", 1),
    ProbeFailed("massive", "broker", "tls", "its certificate is not valid (expired)", 3, 1, 0.5),
    ProbeOk("massive", "broker", 12.3, 1, reason="dropped"),
)
WIDTH = 80 - len("░░ ")
"""Of a terminal, less the mark that journalctl puts before each line."""
ENTRY = re.compile(r"^-- ([0-9a-f]{32})\n(.*?)(?=^-- |\Z)", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"@([A-Z_]+)@")
UNIT = re.compile(r"marketswarm(?:@@MARKETSWARM_SERVICE@|-redis@(?:system|market))|@MARKETSWARM_UNIT@")
SHOWN = re.compile(r"^    (?:systemctl (?:status|restart|start)|journalctl(?= -u)) (.*)$", re.MULTILINE)

every_alert = pytest.mark.parametrize("alert", EXAMPLES, ids=kind)


def entries() -> list[tuple[str, str]]:
    """Each entry: its id, and its headers and text."""
    return ENTRY.findall(CATALOG.read_text(encoding="utf-8"))


def entry(alert: Alert) -> str:
    """What the catalog says of such an alert."""
    return dict(entries())[unitnames.MESSAGE_IDS[kind(alert)]]


def test_every_type_of_alert_has_an_id_of_its_own() -> None:
    """And an example here."""
    types = [str(alert.__struct_config__.tag) for alert in get_args(Alert)]
    assert sorted(types) == sorted(unitnames.MESSAGE_IDS) == sorted(kind(alert) for alert in EXAMPLES)
    assert len(set(unitnames.MESSAGE_IDS.values())) == len(types)


def test_every_id_is_explained_once_and_no_other_is() -> None:
    """What is searched for by its id has an entry."""
    assert sorted(message_id for message_id, _ in entries()) == sorted(unitnames.MESSAGE_IDS.values())


@every_alert
def test_an_entry_has_its_headers_and_a_text(alert: Alert) -> None:
    """The subject names whom the alert is about, and no line is broken on a terminal."""
    sent = fields(alert)
    headers, _, text = entry(alert).partition("\n\n")
    (subject,) = re.findall(r"^Subject: (.+)$", headers, re.MULTILINE)
    assert FIELD.search(subject)
    assert "Defined-By: MarketSwarm\n" in headers
    assert text.strip()
    assert [line for line in FIELD.sub(lambda field: sent[field[1]], text).splitlines() if len(line) > WIDTH] == []


@every_alert
def test_an_entry_fills_in_only_what_the_alert_carries(alert: Alert) -> None:
    """A field that is not there would stay a word between two @."""
    assert set(FIELD.findall(entry(alert))) <= fields(alert).keys()


@every_alert
def test_an_entry_asks_of_units_that_there_are(alert: Alert) -> None:
    """A service's, a bus's, or the one that failed."""
    for shown in SHOWN.findall(entry(alert)):
        units = [word for word in shown.split() if "@" in word]
        assert units, shown
        assert [unit for unit in units if not UNIT.fullmatch(unit)] == []


def test_trouble_comes_with_something_to_do() -> None:
    """Every entry has commands."""
    assert [message_id for message_id, text in entries() if "\n    " not in text] == []
