"""Alerts reach people: the daemons, a real Redis, and a web server that behaves as web servers do."""

import itertools
import json
import random
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from receivers import Behaviour, HttpReceiver, answer, disconnect, hang
from testkit import TIMEOUT_SEC, RealServer, Service, Swarm, eventually, watching

FAILOVER_SEC = 12.0


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """A web server that takes everything."""
    with HttpReceiver() as server:
        yield server


def told(receiver: HttpReceiver) -> list[dict[str, Any]]:
    """What the server was told so far, one thing each, in order."""
    return [one for body in receiver.bodies for one in body["told"]]


def kinds(receiver: HttpReceiver) -> list[tuple[str, str]]:
    """What that was: kind and subject."""
    return [(one["kind"], one["subject"]) for one in told(receiver)]


def until(receiver: HttpReceiver, *wanted: tuple[str, str], within_sec: float = FAILOVER_SEC) -> None:
    """Wait until just these were told, in this order."""
    expected = list(wanted)
    eventually(
        lambda: len(kinds(receiver)) >= len(expected), lambda: f"{expected}, told: {kinds(receiver)}", within_sec
    )
    assert kinds(receiver) == expected


def healer(swarm: Swarm, receiver: HttpReceiver, **environ: str) -> Service:
    """Start healer with a webhook."""
    return swarm.start("healer", WEBHOOK_URL=f"{receiver.url}/secret-path", **environ).ready()


def pending(swarm: Swarm, target: str = "webhook") -> int:
    """How many alerts a target was not told of yet."""
    found: Any = swarm.system.client.xpending("healer:alerts:log", f"notify:{target}")
    return int(found["pending"])


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
    swarm: Swarm, receiver: HttpReceiver, record_property: Any
) -> None:
    """500 alerts, 20 kills: each arrives, those of a service in their order; what comes twice has the same key."""
    services = [f"svc_{number}" for number in range(25)]
    swarm.seed(watching("rss_agg", **{name: {"heartbeat": {"interval_sec": 10}} for name in services}))
    worker = swarm.start("rss_agg").ready()
    chance = random.Random(7)  # noqa: S311 -- a seed that replays
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
    record_property("told", len(told(receiver)))
    assert swarm.system.client.xlen("healer:alerts:dead") == 0
    assert worker.stop() == 0


def arrived(receiver: HttpReceiver) -> dict[str, dict[str, Any]]:
    """What was told, each thing once, in the order of its first arrival."""
    first: dict[str, dict[str, Any]] = {}
    for one in told(receiver):
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
    workers = [swarm.start(name).ready() for name in ("rss_agg", "mesh")]
    with HttpReceiver() as other:
        other.always(hang())
        healer(
            swarm,
            receiver,
            NOTIFY_URLS=f"json://127.0.0.1:{other.port}/x",
        )
        swarm.until("mesh", "heartbeat_ok")
        for number, worker in enumerate(workers, 1):
            worker.stop()
            eventually(lambda: len(told(receiver)) >= number, "the other is told", FAILOVER_SEC)  # noqa: B023
        eventually(lambda: other.requests, "the hanging one was asked")
    assert kinds(receiver) == [("alert", "rss_agg"), ("alert", "mesh")]
    misses = [alert for alert in swarm.system.alerts() if alert["type"] == "heartbeat_miss"]
    assert all(alert["late_sec"] < TIMEOUT_SEC + 0.5 for alert in misses)


def test_what_is_refused_for_good_is_parked_and_can_be_sent_again(swarm: Swarm, receiver: HttpReceiver) -> None:
    """It is listed with its reason, also as JSON; sent again when that is gone, it leaves the list."""
    swarm.seed(watching("rss_agg"))
    watcher = healer(swarm, receiver.always(answer(404)))
    swarm.until("rss_agg", "heartbeat_miss")
    watcher.logs("refused for good")
    listed = eventually(lambda: swarm.command("marketswarm", "alerts", "--undelivered").stdout, "it is listed")
    assert "webhook" in listed
    assert "heartbeat_miss rss_agg" in listed
    assert "404" in listed
    (letter,) = swarm.command("marketswarm", "alerts", "--undelivered", "--json").stdout.splitlines()
    assert json.loads(letter)["target"] == "webhook"
    again = swarm.command("marketswarm", "alerts", "--undelivered", "--resend")
    assert again.returncode == 1
    assert "FAILED" in again.stdout
    receiver.always(answer())
    again = swarm.command("marketswarm", "alerts", "--undelivered", "--resend")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "delivered" in again.stdout
    assert len({one["key"] for one in told(receiver)}) == 1
    assert swarm.command("marketswarm", "alerts", "--undelivered").stderr == "everything was delivered\n"
    assert "secret-path" not in watcher.log + listed + again.stdout


def test_a_command_proves_every_target_of_healer_and_sentinel(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Both send to each of theirs, and what each answered is printed; doctor shows the proof."""
    swarm.seed(watching("rss_agg"))
    swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.start("sentinel", WEBHOOK_URL=f"{receiver.url}/secret-path").ready()
    done = swarm.command("marketswarm", "notify", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[:3] for line in sorted(done.stdout.splitlines()) if "delivered" in line] == [
        ["healer", "webhook", "delivered:"],
        ["sentinel", "webhook", "delivered:"],
    ]
    assert [kind for kind, _ in kinds(receiver)] == ["test", "test"]
    examined = swarm.command("marketswarm", "doctor").stdout
    assert "telling webhook by healer" in examined
    assert "nothing was ever delivered" not in examined
    receiver.always(answer(401))
    done = swarm.command("marketswarm", "notify", "test", "--json")
    assert done.returncode == 1
    assert {json.loads(line)["result"] for line in done.stdout.splitlines()} == {"permanent"}
    assert "test webhook by healer" in swarm.command("marketswarm", "doctor", "--notify").stdout


def test_a_target_can_be_proved_from_the_shell_before_anything_runs(swarm: Swarm, receiver: HttpReceiver) -> None:
    """No bus is needed where the variables are set in the shell itself."""
    swarm.system.stop()
    done = swarm.command("marketswarm", "notify", "test", WEBHOOK_URL=f"{receiver.url}/secret-path")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "delivered" in done.stdout
    assert [kind for kind, _ in kinds(receiver)] == ["test"]
    swarm.system.start()


def test_nobody_to_send_a_test_is_said_in_a_line(swarm: Swarm) -> None:
    """Neither healer nor sentinel beats: what, and what next."""
    swarm.seed(watching("rss_agg"))
    done = swarm.command("marketswarm", "notify", "test")
    assert done.returncode == 69
    assert done.stderr.startswith("error: nobody is there to send it")
    assert len(done.stderr.splitlines()) == 1


def test_a_silence_holds_back_what_begins_and_lets_go_when_it_ends(swarm: Swarm, receiver: HttpReceiver) -> None:
    """The state is tracked meanwhile; ended by hand, people hear of who is still down within seconds."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.command("marketswarm", "silence", "rss_agg", "--for", "10m").returncode == 0
    worker.stop()
    swarm.until("rss_agg", "heartbeat_miss")
    time.sleep(1.5)
    assert told(receiver) == []
    assert swarm.command("marketswarm", "unsilence", "rss_agg").returncode == 0
    until(receiver, ("alert", "rss_agg"))
    assert swarm.command("marketswarm", "silence", "rss_agg").returncode == 0
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))


def test_reminders_come_until_somebody_acknowledges(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Each truth's remind_sec; after the acknowledgement none, and the recovery all the same."""
    document = watching("rss_agg")
    document["services"]["healer"]["notify"] = {"remind_sec": 1}
    swarm.seed(document)
    worker = swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    worker.stop()
    eventually(lambda: kinds(receiver).count(("reminder", "rss_agg")) >= 2, "two reminders")
    assert swarm.command("marketswarm", "ack", "rss_agg").returncode == 0
    time.sleep(1)
    before = len(told(receiver))
    time.sleep(2.5)
    assert len(told(receiver)) == before
    swarm.start("rss_agg").ready()
    eventually(lambda: kinds(receiver)[-1] == ("recovery", "rss_agg"), "the recovery")
    keys = [one["key"] for one in told(receiver)]
    assert len(set(keys)) == len(keys)


def test_a_changed_truth_changes_how_people_are_told_and_tells_nothing_twice(
    swarm: Swarm, receiver: HttpReceiver
) -> None:
    """Healer follows while it runs: a text of its own, from the next message on."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    watcher = healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    worker.stop()
    until(receiver, ("alert", "rss_agg"))
    document = watching("rss_agg")
    document["services"]["healer"]["notify"] = {"text": {"heartbeat_ok": "{svc} ist wieder da, nach {lasted}"}}
    swarm.seed(document)
    watcher.logs("begins anew")
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))
    assert told(receiver)[1]["text"].startswith("rss_agg ist wieder da, nach ")


def test_the_sign_of_life_stops_with_the_chain(swarm: Swarm, receiver: HttpReceiver) -> None:
    """DEADMAN_URL is called while all works, and no more when healer is dead."""
    swarm.seed(watching("rss_agg"))
    watcher = swarm.start("healer").ready()
    swarm.start("sentinel", DEADMAN_URL=f"{receiver.url}/ping", DEADMAN_SEC="0.3").ready()
    eventually(lambda: len(receiver.requests) >= 3, "three signs of life")
    assert {(request.method, request.path) for request in receiver.requests} == {("GET", "/ping")}
    watcher.kill()
    swarm.until("healer", "healer_miss")
    time.sleep(1)
    before = len(receiver.requests)
    time.sleep(1.5)
    assert len(receiver.requests) == before
    swarm.start("healer").ready()
    eventually(lambda: len(receiver.requests) > before, "it is called again")
