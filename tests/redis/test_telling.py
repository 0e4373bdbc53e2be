"""Alerts reach people: the daemons, a real Redis, and servers that behave as servers do."""

import itertools
import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from receivers import (
    Behaviour,
    HttpReceiver,
    MailReceiver,
    Trust,
    answer,
    answer_after,
    disconnect,
    hang,
    receiving_mail,
)
from telling import FAILOVER_SEC, healer, kinds, pending, told, under_way, until
from testkit import TIMEOUT_SEC, RealServer, Swarm, eventually, watching


def test_a_person_is_told_of_an_outage_and_of_its_end(swarm: Swarm, receiver: HttpReceiver) -> None:
    """One message each: what, since when, why, what to do; and at its end how long it lasted. Nothing stays behind."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    worker.stop()
    until(receiver, ("alert", "rss_agg"))
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))
    down, up = receiver.bodies
    assert down["title"] == "[MarketSwarm] DOWN: rss_agg"
    assert "It was stopped." in down["text"]
    assert "First: " in down["text"]
    assert " UTC" in down["text"]
    assert up["title"].startswith("[MarketSwarm] UP: rss_agg, after ")
    assert up["told"][0]["lasted_sec"] >= TIMEOUT_SEC
    assert [one["alert"] for one in told(receiver)] == swarm.system.alerts()
    assert [request.headers["Idempotency-Key"] for request in receiver.requests] == [down["key"], up["key"]]
    eventually(lambda: pending(swarm) == 0, "all is settled")


def test_a_person_is_told_of_a_probe_that_fails_and_of_its_end(swarm: Swarm, receiver: HttpReceiver) -> None:
    """By healer's courier, as of a miss; one that is silenced waits."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    assert swarm.command("marketswarm", "silence", "massive/net-host").returncode == 0
    healer(swarm, receiver)
    under_way(swarm)
    ts = int(time.time())
    failed = {"type": "probe_failed", "svc": "massive", "step": "tcp", "reason": "refused", "fails": 3, "ts": ts}
    append(swarm, *({**failed, "probe": probe, "since": ts - 60} for probe in ("net-host", "net-url")))
    until(receiver, ("alert", "massive/net-url"))
    append(swarm, {"type": "probe_ok", "svc": "massive", "probe": "net-url", "failed_sec": 70.0, "ts": ts + 10})
    until(receiver, ("alert", "massive/net-url"), ("recovery", "massive/net-url"))
    assert swarm.command("marketswarm", "unsilence", "massive/net-host").returncode == 0
    until(receiver, ("alert", "massive/net-url"), ("recovery", "massive/net-url"), ("alert", "massive/net-host"))
    assert [body["title"] for body in receiver.bodies] == [
        "[MarketSwarm] PROBE FAILED: massive/net-url",
        "[MarketSwarm] PROBE OK: massive/net-url, after 1 min 10 s",
        "[MarketSwarm] PROBE FAILED: massive/net-host",
    ]
    assert "Fails at tcp: refused; 3 times in a row.\nFirst: marketswarm probes" in receiver.bodies[0]["text"]
    assert worker.stop() == 0


def append(swarm: Swarm, *alerts: dict[str, Any]) -> None:
    """Put alerts into the log, as whoever announces some does."""
    for alert in alerts:
        swarm.system.client.xadd("healer:alerts:log", {"event": json.dumps(alert)})


def outages(services: list[str], rounds: int) -> Iterator[dict[str, Any]]:
    """Make misses and recoveries of all of them, in turn."""
    ts = int(time.time())
    for number in range(rounds):
        for service in services:
            yield {"type": "heartbeat_miss", "svc": service, "late_sec": 30.5, "timeout_sec": 30.0, "ts": ts + number}
        for service in services:
            yield {"type": "heartbeat_ok", "svc": service, "age_sec": 0.5, "ts": ts + number}


def flapping(chance: random.Random) -> Iterator[Behaviour]:
    """Make a server that is well now and then."""
    ways = [answer(), answer(500), answer(429, {"Retry-After": "0"}), answer(503), disconnect(), disconnect(reset=True)]
    while True:
        yield chance.choice([*ways, answer(), disconnect(early=True)])


@pytest.mark.timeout(240)
def test_nothing_is_lost_while_the_target_flaps_and_the_notifier_is_killed(
    swarm: Swarm, receiver: HttpReceiver
) -> None:
    """500 alerts, 20 kills: each arrives, those of a service in their order; what comes twice has the same key."""
    services = [f"svc_{number}" for number in range(25)]
    swarm.seed(watching("rss_agg", **{name: {"heartbeat": {"interval_sec": 10}} for name in services}))
    worker = swarm.start("rss_agg").ready()
    chance = random.Random(7)
    behaviours = flapping(chance)
    watcher = healer(swarm, receiver, RATE_LIMIT_SEC="0")
    alerts = list(outages(services, 10))
    assert len(alerts) == 500
    for start in range(0, len(alerts), 25):
        receiver.then(*itertools.islice(behaviours, 4))
        append(swarm, *alerts[start : start + 25])
        time.sleep(chance.uniform(0.05, 0.9))
        watcher.kill()
        watcher = healer(swarm, receiver, RATE_LIMIT_SEC="0")
    receiver.script.clear()
    eventually(lambda: len(arrived(receiver)) == len(alerts), lambda: f"{len(arrived(receiver))} arrived", 60)
    eventually(lambda: pending(swarm) == 0, "all is settled", 60)
    for service in services:
        of_service = [one["alert"] for one in arrived(receiver).values() if one["subject"] == service]
        assert of_service == [alert for alert in alerts if alert["svc"] == service]
    seen: dict[str, Any] = {}
    for one in told(receiver):
        assert seen.setdefault(one["key"], one["alert"]) == one["alert"]
    assert swarm.system.client.xlen("healer:alerts:dead") == 0
    assert worker.stop() == 0


def taken(receiver: HttpReceiver) -> list[dict[str, Any]]:
    """What was told by messages that were taken."""
    return [one for request in receiver.requests if request.taken for one in request.json["told"]]


def arrived(receiver: HttpReceiver) -> dict[str, dict[str, Any]]:
    """What was told by messages that were taken, each thing once, in the order of its first arrival."""
    first: dict[str, dict[str, Any]] = {}
    for one in taken(receiver):
        first.setdefault(one["key"], one)
    return first


def test_sentinel_tells_while_healer_is_down_and_nobody_tells_twice(swarm: Swarm, receiver: HttpReceiver) -> None:
    """What healer had announced and not got rid of reaches people, and that healer is down; then healer tells again."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    watcher = healer(swarm, receiver.always(answer(503)))
    swarm.until("rss_agg", "heartbeat_ok")
    swarm.start("sentinel", WEBHOOK_URL=f"{receiver.url}/secret-path").ready()
    swarm.until("healer", "healer_ok")
    worker.stop()
    swarm.until("rss_agg", "heartbeat_miss")
    eventually(lambda: receiver.requests, "healer tries")
    watcher.kill()
    swarm.until("healer", "healer_miss")
    failed = len(told(receiver))
    receiver.always(answer())
    eventually(lambda: len(told(receiver)) >= failed + 2, lambda: f"sentinel tells: {kinds(receiver)[failed:]}", 30)
    assert sorted(kinds(receiver)[failed:]) == [("alert", "healer"), ("alert", "rss_agg")]
    before = len(told(receiver))
    healer(swarm, receiver)
    swarm.start("rss_agg").ready()
    eventually(lambda: len(told(receiver)) >= before + 2, "both are back", 20)
    time.sleep(TIMEOUT_SEC)
    assert sorted(kinds(receiver)[before:]) == [("recovery", "healer"), ("recovery", "rss_agg")]
    assert pending(swarm) == 0


def test_a_healer_that_was_only_stopped_tells_nothing_twice(swarm: Swarm, receiver: HttpReceiver) -> None:
    """SIGSTOP until sentinel has taken over: when it goes on it finds that it is not on duty, and then is again."""
    swarm.seed(watching("rss_agg"))
    watcher = healer(swarm, receiver)
    swarm.start("sentinel", WEBHOOK_URL=f"{receiver.url}/x").ready()
    swarm.until("healer", "healer_ok")
    until(receiver, ("alert", "rss_agg"))
    # Who is stopped between the server's answer and its own books has it told once more: delivery is at least once.
    eventually(lambda: pending(swarm) == 0, "it is settled")
    watcher.signal(signal.SIGSTOP)
    until(receiver, ("alert", "rss_agg"), ("alert", "healer"))
    watcher.signal(signal.SIGCONT)
    until(receiver, ("alert", "rss_agg"), ("alert", "healer"), ("recovery", "healer"))
    watcher.logs("on duty: tells people")
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("alert", "healer"), ("recovery", "healer"), ("recovery", "rss_agg"))


def test_of_a_bus_that_is_away_people_hear_from_memory(swarm: Swarm, receiver: HttpReceiver) -> None:
    """The alert on system-redis cannot be stored there; it goes out all the same, once, and so does its end."""
    swarm.seed(watching("rss_agg"))
    swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    under_way(swarm)
    assert isinstance(swarm.system, RealServer)
    swarm.system.hang()
    try:
        until(receiver, ("alert", "system-redis"), within_sec=20)
    finally:
        swarm.system.resume()
    until(receiver, ("alert", "system-redis"), ("recovery", "system-redis"), within_sec=20)
    time.sleep(TIMEOUT_SEC)
    until(receiver, ("alert", "system-redis"), ("recovery", "system-redis"))
    eventually(lambda: pending(swarm) == 0, "all is settled")


def test_of_what_a_full_bus_does_not_store_people_hear_from_memory(swarm: Swarm, receiver: HttpReceiver) -> None:
    """It refuses to write and goes on otherwise; once there is room again, nothing is told a second time."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    watcher = healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    under_way(swarm)
    swarm.system.client.config_set("maxmemory", "1")
    worker.stop()
    until(receiver, ("alert", "rss_agg"), within_sec=20)
    swarm.system.client.config_set("maxmemory", "0")
    swarm.until("rss_agg", "heartbeat_miss")
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))
    eventually(lambda: pending(swarm) == 0, "all is settled")
    assert "cannot be stored" in watcher.log


def test_a_bus_that_comes_back_empty_stops_no_messages(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Groups, records and lease are gone with its data; they are made anew, and what is told is told once."""
    swarm.seed(watching("rss_agg", "mesh"))
    worker = swarm.start("rss_agg").ready()
    other = swarm.start("mesh").ready()
    healer(swarm, receiver)
    swarm.until("mesh", "heartbeat_ok")
    worker.stop()
    until(receiver, ("alert", "rss_agg"))
    swarm.system.client.flushall()
    swarm.seed(watching("rss_agg", "mesh"))
    other.stop()
    until(receiver, ("alert", "rss_agg"), ("alert", "mesh"))
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("alert", "mesh"), ("recovery", "rss_agg"))


def test_a_target_that_hangs_holds_up_nobody(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Another target is told at once, and the next miss is found in its time."""
    swarm.seed(watching("rss_agg", "mesh"))
    rss_agg, mesh = (swarm.start(name).ready() for name in ("rss_agg", "mesh"))
    with HttpReceiver() as other:
        other.always(hang())
        healer(swarm, receiver, NOTIFY_URLS=f"json://127.0.0.1:{other.port}/x")
        swarm.until("mesh", "heartbeat_ok")
        rss_agg.stop()
        eventually(lambda: len(told(receiver)) == 1, "the other target is told", FAILOVER_SEC)
        mesh.stop()
        eventually(lambda: len(told(receiver)) == 2, "it is told again", FAILOVER_SEC)
        eventually(lambda: other.requests, "the hanging one was asked")
    assert kinds(receiver) == [("alert", "rss_agg"), ("alert", "mesh")]
    misses = [alert for alert in swarm.system.alerts() if alert["type"] == "heartbeat_miss"]
    assert all(alert["late_sec"] < TIMEOUT_SEC + 0.5 for alert in misses)


def test_mail_goes_out_over_tls_with_a_login(swarm: Swarm, tmp_path: Path) -> None:
    """STARTTLS, verified, to each of several mailboxes; the password is in no log."""
    swarm.seed(watching("rss_agg"))
    trust = Trust(tmp_path)
    worker = swarm.start("rss_agg").ready()
    with receiving_mail(MailReceiver(tls=trust.server(), login=("ann", "hunter2"))) as server:
        watcher = swarm.start(
            "healer",
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(server.port),
            SMTP_USER="ann",
            SMTP_PASS="hunter2",
            SMTP_FROM="swarm@example.com",
            SMTP_TO="ops@example.com, night@example.com",
            **trust.environ,
        ).ready()
        swarm.until("rss_agg", "heartbeat_ok")
        worker.stop()
        eventually(lambda: len(server.mails) == 1, lambda: f"a mail; {watcher.log}", FAILOVER_SEC)
        swarm.start("rss_agg").ready()
        eventually(lambda: len(server.mails) == 2, lambda: f"two mails; {watcher.log}", FAILOVER_SEC)
    down, up = server.mails
    assert down["Subject"] == "[MarketSwarm] DOWN: rss_agg"
    assert up["Subject"].startswith("[MarketSwarm] UP: rss_agg, after ")
    assert down["Message-ID"] != up["Message-ID"]
    assert server.envelopes[0].rcpt_tos == ["ops@example.com", "night@example.com"]
    assert server.encrypted == [True, True]
    assert "hunter2" not in watcher.log


def test_a_process_that_is_stopped_while_it_tells_tells_nothing_twice(swarm: Swarm, receiver: HttpReceiver) -> None:
    """SIGTERM while the server takes its time: the message is seen to its end, and settled."""
    swarm.seed(watching("rss_agg"))
    stopping = threading.Event()
    watcher = healer(swarm, receiver.always(answer_after(stopping)))
    eventually(lambda: receiver.requests, "a delivery is under way", FAILOVER_SEC)
    watcher.signal(signal.SIGTERM)
    stopping.set()
    assert watcher.exit_code() == 0
    healer(swarm, receiver)
    time.sleep(TIMEOUT_SEC)
    assert kinds(receiver) == [("alert", "rss_agg")]
    assert pending(swarm) == 0
