"""Healer's promises to whoever listens."""

import json
import time

import pytest
from testkit import INTERVAL_SEC, TIMEOUT_SEC, Swarm, beating, eventually, listening, watching


def test_the_runbook_stop_miss_start_ok(swarm: Swarm) -> None:
    """One miss and one ok an outage, in Appendix A's shapes: published, in the log stream, and in health:<svc>."""
    swarm.seed(watching("rss_agg"))
    with listening(swarm.system, "healer:alerts") as heard:
        worker = swarm.start("rss_agg").ready()
        swarm.start("healer").ready()
        swarm.until("rss_agg", "heartbeat_ok")
        assert heard() == [], "the first beat alerts nobody"
        worker.stop()
        swarm.until("rss_agg", "heartbeat_miss")
        time.sleep(TIMEOUT_SEC)
        assert len(heard()) == 1, "one miss an outage, however long"
        swarm.start("rss_agg").ready()
        swarm.until("rss_agg", "heartbeat_ok")
        eventually(lambda: len(heard()) == 2, "two alerts")
        miss, ok = [json.loads(raw) for raw in heard()]
    assert list(miss) == ["type", "svc", "late_sec", "timeout_sec", "ts", "reason"]
    assert (miss["type"], miss["svc"], miss["timeout_sec"]) == ("heartbeat_miss", "rss_agg", TIMEOUT_SEC)
    assert miss["late_sec"] >= TIMEOUT_SEC
    assert list(ok) == ["type", "svc", "age_sec", "ts"]
    assert (ok["type"], ok["svc"]) == ("heartbeat_ok", "rss_agg")
    assert ok["age_sec"] >= 0
    assert swarm.system.alerts() == [miss, ok]
    assert swarm.system.json("health:rss_agg") == ok


def test_a_service_that_never_came_is_missed_after_the_warm_up(swarm: Swarm) -> None:
    """Its lateness counts from the start of watching."""
    swarm.seed(watching("mesh"))
    swarm.start("healer").ready()
    swarm.until("mesh", "heartbeat_miss")
    late_sec = swarm.system.alerts()[0]["late_sec"]
    assert late_sec >= min(TIMEOUT_SEC, max(2 * INTERVAL_SEC, 0.75 * TIMEOUT_SEC))


def test_a_program_that_only_publishes_is_a_full_citizen(swarm: Swarm) -> None:
    """A plain PUBLISH loop counts as a service when truth lists it; no lease, no boot, no pid."""
    swarm.seed(watching("new_svc", new_svc={"heartbeat": {"interval_sec": INTERVAL_SEC}}))
    with beating(swarm.system, "new_svc"):
        swarm.start("healer").ready()
        swarm.until("new_svc", "heartbeat_ok")
        time.sleep(2 * TIMEOUT_SEC)
        assert swarm.system.alerts() == []
    swarm.until("new_svc", "heartbeat_miss")


def test_a_lease_alone_keeps_a_service_from_being_missed(swarm: Swarm) -> None:
    """Lost pub/sub messages never make an alert: the bus is asked before anybody is convicted."""
    swarm.seed(watching("mesh"))
    with beating(swarm.system, "mesh", lease=True, publish=False):
        swarm.start("healer").ready()
        time.sleep(4 * TIMEOUT_SEC)
        assert swarm.system.alerts() == []
        assert swarm.health("mesh") == "heartbeat_ok"
    swarm.until("mesh", "heartbeat_miss")


def test_each_heartbeat_has_one_subscriber(swarm: Swarm) -> None:
    """The runbook's check of a new service: PUBSUB NUMSUB says 1."""
    swarm.seed(watching("rss_agg", "mesh"))
    swarm.start("healer").ready()
    assert swarm.system.client.pubsub_numsub("rss_agg:heartbeat", "mesh:heartbeat") == [
        (b"rss_agg:heartbeat", 1),
        (b"mesh:heartbeat", 1),
    ]


HOSTILE = {
    "not JSON": b"MARK",
    "a megabyte": b'{"svc":"mesh","i":1,"ts":1,"x":"' + b"MARK" * (1 << 18) + b'"}',
    "another service's": b'{"svc":"MARK","i":1,"ts":1}',
    "NaN": b'{"svc":"mesh","i":1,"ts":NaN}',
    "a huge integer": b'{"svc":"mesh","i":' + b"9" * 400 + b',"ts":1}',
    "deep nesting": b'{"svc":"mesh","i":1,"ts":1,"x":' + b"[" * 1900 + b"]" * 1900 + b"}x",
    "deeper nesting": b'{"x":' + b"[" * 100_000,
    "not UTF-8": b'{"svc":"MARK\xff","i":1,"ts":1}',
    "nothing": b"",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_heartbeat_is_no_life(swarm: Swarm, hostile: bytes) -> None:
    """It neither crashes healer nor counts as a beat; it is counted, and logged once, never echoed."""
    swarm.seed(watching("mesh"))
    healer = swarm.start("healer").ready()
    for _ in range(50):
        swarm.system.client.publish("mesh:heartbeat", hostile)
    swarm.until("mesh", "heartbeat_miss")
    assert not healer.ended()
    assert healer.log.count("mesh: ignored") == 1
    assert "MARK" not in healer.log
    with beating(swarm.system, "mesh"):
        swarm.until("mesh", "heartbeat_ok")


def test_alerts_go_where_truth_sends_them(swarm: Swarm) -> None:
    """Healer's publish_to names the channel; the log stream and the health objects stay where they are."""
    document = watching("mesh")
    document["services"]["healer"]["access_points"]["publish_to"] = [{"bus": "market-redis", "key": "ops:alerts"}]
    swarm.seed(document)
    with listening(swarm.market, "ops:alerts") as heard:
        swarm.start("healer", ALERT_CHANNEL="not:this").ready()
        eventually(heard, "an alert on market-redis")
        assert json.loads(heard()[0]) == swarm.system.alerts()[0]


def test_healer_says_whom_it_tells_and_shows_no_secret(swarm: Swarm) -> None:
    """The targets by their names; the address of a webhook is a secret, and no line has it."""
    swarm.seed(watching())
    assert "set one of WEBHOOK_URL, SMTP_HOST, NOTIFY_URLS" in swarm.start("healer").ready().log
    healer = swarm.start("healer", WEBHOOK_URL="https://hooks.example/secret").ready()
    assert "tells webhook" in healer.log
    assert "hooks.example" not in healer.log


def test_half_a_target_stops_healer_with_a_line(swarm: Swarm) -> None:
    """A mail server without addresses would tell nobody: it is said at the start, not on the day."""
    swarm.seed(watching())
    healer = swarm.start("healer", SMTP_HOST="mail.example.com")
    assert healer.exit_code() == 78
    assert "error: SMTP_HOST: is set without SMTP_TO" in healer.log


def test_healers_own_variables_win_over_truth(swarm: Swarm) -> None:
    """HB_INTERVAL_SEC and HEALER_HEARTBEAT_CHANNEL move its own beat."""
    channel = {"HEALER_HEARTBEAT_CHANNEL": "watch:healer"}
    swarm.seed(watching(), **channel)
    with listening(swarm.system, "watch:healer") as heard:
        swarm.start("healer", HB_INTERVAL_SEC="0.1", **channel).ready()
        eventually(lambda: len(heard()) >= 5, "beats", within_sec=2)
