"""`marketswarm unit-failed`, by which the units tell people that systemd has given one of them up."""

import json
import threading
import time
from subprocess import CompletedProcess
from typing import Any

import pytest
from testkit import FakeServer, Swarm, free_port, listening, truth

from marketswarm.failure import PATIENCE_SEC

UNIT = "marketswarm@mesh.service"
REASON = f"a setting cannot be used (exit status 78); see journalctl -u {UNIT}"
UNIT_SEC = 30
"""TimeoutStartSec= of marketswarm-failed@.service."""
LINE = f"unit_failed {UNIT}: {REASON}"


def unit_failed(
    swarm: Swarm, unit: str = UNIT, result: str = "exit-code", status: str = "78", **environ: str
) -> CompletedProcess[str]:
    """Run it as systemd does for a unit that failed so."""
    monitor = {"MONITOR_SERVICE_RESULT": result, "MONITOR_EXIT_STATUS": status, "MONITOR_UNIT": unit}
    return swarm.command("marketswarm", "unit-failed", unit, **monitor, **environ)


def alerting_to(bus: str, key: str) -> dict[str, Any]:
    """Make a truth whose healer announces there."""
    document = truth()
    document["services"]["healer"]["access_points"]["publish_to"][0] = {"bus": bus, "key": key}
    return document


def test_people_are_told_on_the_channel_and_in_the_stream(swarm: Swarm) -> None:
    """Type, unit, reason and time, the same bytes in both places; no service's health is touched."""
    swarm.seed()
    began = int(time.time())
    with listening(swarm.system, "healer:alerts") as heard:
        done = unit_failed(swarm)
        assert done.returncode == 0
        (raw,) = heard()
    alert = json.loads(raw)
    assert began <= alert.pop("ts") <= time.time()
    assert alert == {"type": "unit_failed", "unit": UNIT, "reason": REASON}
    entries: Any = swarm.system.client.xrange("healer:alerts:log")
    assert [fields for _, fields in entries] == [{b"event": raw}]
    assert swarm.system.client.keys("health:*") == []


def test_the_journal_has_it_as_one_line(swarm: Swarm) -> None:
    """An error, with everything in it, and no second line where the buses took it."""
    (line,) = unit_failed(swarm).stderr.splitlines()
    assert line.split(maxsplit=2)[1:] == ["ERROR", LINE]


@pytest.mark.parametrize(
    ("unit", "result", "status"),
    [
        (UNIT, "signal", "KILL"),
        (UNIT, "watchdog", "ABRT"),
        (UNIT, "exit-code", "70"),
        (UNIT, "success", "0"),
        ("marketswarm-redis@system.service", "signal", "SEGV"),
        ("marketswarm-bootstrap.service", "success", "0"),
    ],
)
def test_of_what_systemd_starts_again_nothing_is_said(swarm: Swarm, unit: str, result: str, status: str) -> None:
    """A crash is followed by a restart, and what healer thinks of it is healer's; no line, no alert."""
    swarm.seed()
    with listening(swarm.system, "healer:alerts") as heard:
        done = unit_failed(swarm, unit, result, status)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert heard() == []
    assert swarm.system.alerts() == []


@pytest.mark.parametrize(
    ("unit", "status", "says"),
    [
        ("marketswarm-bootstrap.service", "65", "the truth is bad (exit status 65)"),
        ("marketswarm-reseed.service", "66", "there is no truth file (exit status 66)"),
        ("marketswarm@new_svc.service", "77", "a bus refuses (exit status 77)"),
        ("marketswarm-redis@market.service", "1", "exit status 1"),
    ],
)
def test_each_unit_that_is_given_up_is_told(swarm: Swarm, unit: str, status: str, says: str) -> None:
    """With the reason in words, whether or not there is a truth."""
    assert unit_failed(swarm, unit, status=status).returncode == 0
    (alert,) = swarm.system.alerts()
    assert (alert["type"], alert["unit"]) == ("unit_failed", unit)
    assert alert["reason"].startswith(f"{says}; see journalctl -u {unit}")


def test_a_bus_that_is_away_leaves_the_journal(swarm: Swarm) -> None:
    """Exit 0, before systemd would end it: the alert, and a second line that says who has not got it."""
    port = free_port()
    began = time.monotonic()
    done = unit_failed(swarm, SYSTEM_REDIS_URL=f"redis://127.0.0.1:{port}")
    assert PATIENCE_SEC - 1 < time.monotonic() - began < UNIT_SEC
    assert done.returncode == 0
    alert, warning = done.stderr.splitlines()
    assert alert.endswith(LINE)
    assert "WARNING not in the log of alerts: system-redis at " in warning
    assert f"127.0.0.1:{port} does not answer" in warning
    assert swarm.system.alerts() == []


def test_a_bus_that_comes_in_time_has_the_alert(swarm: Swarm) -> None:
    """The unit may have failed for want of the bus that is to carry the alert."""
    late = FakeServer(free_port())
    timer = threading.Timer(2, late.start)
    timer.start()
    try:
        done = unit_failed(swarm, SYSTEM_REDIS_URL=late.url, REDIS_CREDENTIALS="")
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert late.alert_types() == ["unit_failed"]
    finally:
        timer.join()
        late.stop()


def test_the_market_bus_may_be_away(swarm: Swarm) -> None:
    """Alerts are not there, so nothing is missing."""
    swarm.seed()
    with listening(swarm.system, "healer:alerts") as heard:
        done = unit_failed(swarm, MARKET_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
        assert done.returncode == 0
        assert "journal alone" not in done.stderr
        assert len(heard()) == 1


def test_alerts_go_to_the_channel_of_the_truth(swarm: Swarm) -> None:
    """What healer's publish_to names, not the usual one, and not what the environment says."""
    swarm.seed(alerting_to("system-redis", "ops:alerts"))
    with listening(swarm.system, "ops:alerts") as heard, listening(swarm.system, "healer:alerts", "mine") as elsewhere:
        assert unit_failed(swarm, ALERT_CHANNEL="mine").returncode == 0
        assert [json.loads(raw)["unit"] for raw in heard()] == [UNIT]
        assert elsewhere() == []
    assert swarm.system.alert_types() == ["unit_failed"]


def test_alerts_go_to_the_bus_of_the_truth(swarm: Swarm) -> None:
    """The channel is on market-redis; the stream stays on system-redis, where all alerts are."""
    swarm.seed(alerting_to("market-redis", "ops:alerts"))
    with listening(swarm.market, "ops:alerts") as heard, listening(swarm.system, "ops:alerts") as elsewhere:
        assert unit_failed(swarm).returncode == 0
        assert [json.loads(raw)["unit"] for raw in heard()] == [UNIT]
        assert elsewhere() == []
    assert swarm.system.alert_types() == ["unit_failed"]
    assert swarm.market.alerts() == []


@pytest.mark.parametrize("stored", [None, b"\xff garbage", b"{}"])
def test_without_a_truth_alerts_go_where_the_environment_says(swarm: Swarm, stored: bytes | None) -> None:
    """A bad truth is what most failures are about: it must not silence them."""
    if stored is not None:
        swarm.system.client.set("truth:doc", stored)
    for environ, channel in (({}, "healer:alerts"), ({"ALERT_CHANNEL": "mine"}, "mine")):
        swarm.allow({"services": {}}, **environ)
        with listening(swarm.system, channel) as heard:
            assert unit_failed(swarm, **environ).returncode == 0
            assert [json.loads(raw)["type"] for raw in heard()] == ["unit_failed"]


def test_a_bad_setting_does_not_silence_its_own_alert(swarm: Swarm) -> None:
    """The shared marketswarm.env may be what the unit failed over; the rest of it counts."""
    done = unit_failed(swarm, LOG_LEVEL="LOUD")
    assert done.returncode == 0
    assert swarm.system.alert_types() == ["unit_failed"]
