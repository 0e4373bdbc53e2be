"""What healer doubts: the bus, the age of what it hears, and itself."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from testkit import (
    INTERVAL_SEC,
    TESTER,
    TIMEOUT_SEC,
    WORKERS,
    RealServer,
    Service,
    Swarm,
    beating,
    eventually,
    watching,
)

WARMUP_SEC = max(2 * INTERVAL_SEC, 0.75 * TIMEOUT_SEC)
CUTS_SEC = 60


@contextmanager
def stopped(service: Service) -> Iterator[None]:
    """Stop a process as a paused machine would, and let it go on."""
    service.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        service.signal(signal.SIGCONT)


def four(swarm: Swarm) -> list[Service]:
    """Start healer and the four workers, and wait until all are heard."""
    swarm.seed(watching(*WORKERS))
    services = [swarm.start(name).ready() for name in (*WORKERS, "healer")]
    for name in WORKERS:
        swarm.until(name, "heartbeat_ok")
    return services


def put_at_the_door(system: RealServer, service: str, **beat: object) -> socket.socket:
    """Hand a beat to a server that hangs, as a sender does that gives up after: the server carries it out later."""
    payload = json.dumps({"svc": service, "i": 1_000, "ts": time.time(), **beat}).encode()
    channel = f"{service}:heartbeat".encode()
    lease = (b"SET", channel, payload, b"PX", str(int(TIMEOUT_SEC * 1000)).encode())
    login = (b"AUTH", TESTER.encode(), TESTER.encode())
    words = [login, lease, (b"PUBLISH", channel, payload)]
    sender = socket.create_connection(("127.0.0.1", system.port))
    for command in words:
        sender.sendall(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in command))
    return sender


def test_a_bus_that_hangs_for_three_timeouts_is_lost_once_and_misses_nobody(swarm: Swarm, system: RealServer) -> None:
    """Four services beat on; one bus_lost, one bus_ok; then one that is killed is missed within its timeout."""
    workers = four(swarm)
    system.hang()
    time.sleep(3 * TIMEOUT_SEC)
    system.resume()
    eventually(lambda: system.alert_types() == ["bus_lost", "bus_ok"], "bus_lost and bus_ok in the log stream")
    time.sleep(2 * TIMEOUT_SEC)
    assert system.alert_types() == ["bus_lost", "bus_ok"]
    workers[0].kill()
    swarm.until(WORKERS[0], "heartbeat_miss", within_sec=TIMEOUT_SEC + 1)
    assert system.alert_types() == ["bus_lost", "bus_ok", "heartbeat_miss"]


@pytest.mark.parametrize("skew_sec", [0, -86_400, 86_400])
def test_what_a_bus_had_at_its_door_while_it_hung_brings_nobody_back(
    swarm: Swarm, system: RealServer, skew_sec: float
) -> None:
    """A beat of a process that died since is as old as its sender says, however wrong the sender's clock is."""
    swarm.seed(watching("mesh", "new_svc", new_svc={"heartbeat": {"interval_sec": INTERVAL_SEC}}))
    swarm.start("mesh").ready()
    swarm.start("healer").ready()
    first = json.dumps({"svc": "new_svc", "i": 1, "ts": time.time() + skew_sec})
    system.client.publish("new_svc:heartbeat", first)
    swarm.until("new_svc", "heartbeat_miss")
    system.hang()
    sender = put_at_the_door(system, "new_svc", ts=time.time() + skew_sec)
    time.sleep(3 * TIMEOUT_SEC)
    system.resume()
    eventually(lambda: "bus_ok" in system.alert_types(), "a bus_ok")
    assert system.client.exists("new_svc:heartbeat"), "the old beat has renewed its lease"
    time.sleep(TIMEOUT_SEC)
    sender.close()
    assert system.alert_types("new_svc") == ["heartbeat_miss"]


def test_who_died_while_the_bus_hung_is_as_late_as_it_is(swarm: Swarm, system: RealServer) -> None:
    """Its last beat, which the bus carries out when it goes on, does not make it younger."""
    swarm.seed(watching("rss_agg", "mesh"))
    worker, _, _ = (swarm.start(name).ready() for name in ("rss_agg", "mesh", "healer"))
    swarm.until("rss_agg", "heartbeat_ok")
    system.hang()
    time.sleep(2 * INTERVAL_SEC)
    worker.kill()
    time.sleep(3 * TIMEOUT_SEC)
    system.resume()
    resumed = time.monotonic()
    swarm.until("rss_agg", "heartbeat_miss")
    assert time.monotonic() - resumed < TIMEOUT_SEC + 1
    assert next(a for a in system.alerts() if a["type"] == "heartbeat_miss")["late_sec"] > 3 * TIMEOUT_SEC


@pytest.mark.parametrize("timeouts", [1, 3, 5])
def test_a_healer_that_stood_still_misses_nobody_who_lives_and_finds_who_died(swarm: Swarm, timeouts: int) -> None:
    """Those with a lease and those without; who died at the beginning is found within a timeout of healer's return."""
    services = {"lives": {"heartbeat": {"interval_sec": INTERVAL_SEC}}, "dies": {}}
    services["dies"] = services["lives"]
    swarm.seed(watching("mesh", "lives", "dies", **services))
    swarm.start("mesh").ready()
    healer = swarm.start("healer").ready()
    with beating(swarm.system, "lives"):
        with beating(swarm.system, "dies"):
            for service in ("mesh", "lives", "dies"):
                swarm.until(service, "heartbeat_ok")
        with stopped(healer):
            time.sleep(timeouts * TIMEOUT_SEC)
        swarm.until("dies", "heartbeat_miss", within_sec=TIMEOUT_SEC + 1)
        time.sleep(2 * TIMEOUT_SEC)
        assert swarm.system.alert_types() == ["heartbeat_miss"]
        assert swarm.system.alerts()[0]["late_sec"] > timeouts * TIMEOUT_SEC


def test_a_backlog_brings_nobody_back(swarm: Swarm) -> None:
    """One that came back and died again while healer stood still was never back when healer reads of it."""
    swarm.seed(watching("mesh", "new_svc", new_svc={"heartbeat": {"interval_sec": INTERVAL_SEC}}))
    swarm.start("mesh").ready()
    healer = swarm.start("healer").ready()
    with beating(swarm.system, "new_svc"):
        swarm.until("new_svc", "heartbeat_ok")
    swarm.until("new_svc", "heartbeat_miss")
    with stopped(healer):
        with beating(swarm.system, "new_svc"):
            time.sleep(3 * INTERVAL_SEC)
        time.sleep(2 * TIMEOUT_SEC)
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alert_types("new_svc") == ["heartbeat_miss"]
    assert not healer.ended()


@pytest.mark.timeout(2 * CUTS_SEC)
def test_a_subscription_that_is_cut_each_second_for_a_minute_convicts_nobody(swarm: Swarm, system: RealServer) -> None:
    """CLIENT KILL of whoever subscribes: leases save every verdict."""
    four(swarm)
    end = time.monotonic() + CUTS_SEC
    cuts = 0
    while time.monotonic() < end:
        cuts += int(system.client.client_kill_filter(_type="pubsub"))
        time.sleep(1)
    assert cuts >= CUTS_SEC / 2
    assert system.alert_types() == []


def test_a_flood_that_overruns_the_output_buffer_convicts_nobody(swarm: Swarm, system: RealServer) -> None:
    """The server cuts a subscriber that does not keep up; what it held is lost, and leases save every verdict."""
    healer = four(swarm)[-1]
    system.client.config_set("client-output-buffer-limit", "pubsub 1mb 512kb 1")
    flood = json.dumps({"svc": "mesh", "i": 1, "ts": time.time(), "pad": "x" * 3000})
    with stopped(healer):
        for _ in range(50):
            pipe = system.client.pipeline(transaction=False)
            for _ in range(200):
                pipe.publish("mesh:heartbeat", flood)
            pipe.execute()
        time.sleep(3 * TIMEOUT_SEC)
    info = system.client.info("stats")
    assert int(info.get("client_output_buffer_limit_disconnections", 1)) >= 1
    time.sleep(2 * TIMEOUT_SEC)
    assert system.alert_types() == []


def test_both_buses_wiped_and_back_convict_nobody(swarm: Swarm, system: RealServer) -> None:
    """Two bus_lost at most, as many bus_ok, no miss; the truth that is gone is said."""
    four(swarm)
    assert isinstance(swarm.market, RealServer)
    for bus in (system, swarm.market):
        bus.kill()
    for bus in (system, swarm.market):
        bus.start()
    swarm.until(WORKERS[0], "heartbeat_ok")
    eventually(lambda: "truth_drift" in system.alert_types(), "a truth_drift", within_sec=30)
    assert set(system.alert_types()) <= {"bus_lost", "bus_ok", "truth_drift"}


def test_a_wedged_service_is_told_from_a_dead_one(swarm: Swarm) -> None:
    """Its process lives and is connected to the bus, and does not beat."""
    swarm.seed(watching("mesh"))
    worker = swarm.start("mesh").ready()
    swarm.start("healer").ready()
    swarm.until("mesh", "heartbeat_ok")
    with stopped(worker):
        swarm.until("mesh", "heartbeat_miss")
        assert swarm.system.alerts()[-1]["reason"] == "wedged"
    swarm.until("mesh", "heartbeat_ok")
