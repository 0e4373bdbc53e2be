"""What a real bus can do to the swarm, and what must hold: nobody is missed who lives, nobody who died is forgotten."""

import asyncio
import functools
import json
import secrets
import signal
import socketserver
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from testkit import INTERVAL_SEC, TIMEOUT_SEC, RealServer, Swarm, beating, eventually, free_port, truth, watching

from marketswarm.bus import Bus, Entry
from marketswarm.errors import BusUnreachableError
from marketswarm.services.watching.watcher import DRIFT_GRACE_SEC
from marketswarm.truth import digest

HANG_SEC = 5.0


def reseed(swarm: Swarm) -> None:
    """Give a bus that came back empty its truth, as the bootstrap unit will."""
    swarm.seed(watching("rss_agg"))


def test_a_killed_bus_alarms_nobody_and_everyone_is_back(swarm: Swarm, system: RealServer) -> None:
    """SIGKILL and a restart with empty hands: one bus_lost, one bus_ok, no miss; services reconnect by themselves."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    sentinel = swarm.start("sentinel").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    system.kill()
    time.sleep(2 * TIMEOUT_SEC)
    system.start()
    reseed(swarm)
    eventually(lambda: system.alert_types() == ["bus_lost", "bus_ok"], "bus_lost and bus_ok in the log stream")
    eventually(lambda: system.json("rss_agg:heartbeat"), "rss_agg beats again", within_sec=2)
    time.sleep(2 * TIMEOUT_SEC)
    assert system.alert_types() == ["bus_lost", "bus_ok"]
    assert swarm.health("rss_agg") == "heartbeat_ok", "a bus that comes back empty gets its health objects again"
    assert swarm.health("healer") == "healer_ok"
    for service in (healer, worker, sentinel):
        assert not service.ended()
    assert worker.log.count("does not answer") == worker.log.count("answers again") == 1
    assert sentinel.log.count("cannot be heard") == sentinel.log.count("heard again") == 1
    assert healer.log.count("bus_lost") == healer.log.count("bus_ok") == 1


def test_a_bus_that_stays_without_truth_is_announced_once_and_alarms_nobody_else(
    swarm: Swarm, system: RealServer
) -> None:
    """Wiped and not seeded again: everyone keeps the last good truth, and healer says after a grace what is missing."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    system.kill()
    system.start()
    back = time.monotonic()
    eventually(lambda: "truth_drift" in system.alert_types(), "a truth_drift", within_sec=2 * DRIFT_GRACE_SEC)
    assert time.monotonic() - back >= DRIFT_GRACE_SEC
    drift = system.alerts()[-1]
    assert list(drift) == ["type", "bus", "reason", "ts"]
    assert drift["bus"] == "system-redis"
    assert drift["reason"] == "holds no truth:doc; run marketswarm-seed"
    reseed(swarm)
    healer.logs("truth_drift of system-redis is over")
    assert swarm.system.alert_types().count("truth_drift") == 1
    assert set(system.alert_types()) <= {"bus_lost", "bus_ok", "truth_drift"}
    for service in (healer, worker):
        assert not service.ended()
        assert "its work begins anew" not in service.log


def mesh_on_market() -> dict[str, Any]:
    """Make a document in which healer watches mesh on market-redis, and rss_agg as usual."""
    on_market = {"heartbeat": {"interval_sec": INTERVAL_SEC, "redis_url": "redis://market-redis:6379"}}
    document = watching("rss_agg", mesh=on_market)
    document["services"]["healer"]["access_points"]["subscribe_to"].append(
        {"bus": "market-redis", "key": "mesh:heartbeat"}
    )
    return document


def test_a_lost_bus_over_a_change_of_truth_is_lost_once(swarm: Swarm) -> None:
    """The next life of healer knows that it was announced, and announces its end."""
    assert isinstance(swarm.market, RealServer)
    document = mesh_on_market()
    points = document["services"]["healer"]["access_points"]["subscribe_to"]
    swarm.seed(document)
    for name in ("rss_agg", "mesh"):
        swarm.start(name).ready()
    healer = swarm.start("healer", TRUTH_REDIS_URL="redis://system-redis").ready()
    swarm.until("mesh", "heartbeat_ok")
    swarm.market.kill()
    eventually(lambda: swarm.system.alert_types() == ["bus_lost"], "bus_lost of market-redis")
    points.append({"bus": "system-redis", "key": "massive:heartbeat"})
    raw = json.dumps(document).encode()
    swarm.system.client.mset({"truth:doc": raw, "truth:sha256": digest(raw)})
    healer.logs("its work begins anew")
    swarm.until("massive", "heartbeat_miss")
    swarm.market.start()
    eventually(lambda: swarm.system.alert_types()[-1] == "bus_ok", "bus_ok of market-redis")
    time.sleep(TIMEOUT_SEC)
    assert swarm.system.alert_types() == ["bus_lost", "heartbeat_miss", "bus_ok"]
    assert swarm.system.alerts()[-1]["lost_sec"] > TIMEOUT_SEC / 2


def test_a_bus_that_is_lost_over_a_restart_of_healer_is_lost_once_and_heard_once(swarm: Swarm) -> None:
    """The next process knows from the log what was told: no second bus_lost; bus_ok counts from the first."""
    assert isinstance(swarm.market, RealServer)
    swarm.seed(mesh_on_market())
    swarm.start("mesh").ready()
    healer = swarm.start("healer", TRUTH_REDIS_URL="redis://system-redis").ready()
    swarm.until("mesh", "heartbeat_ok")
    swarm.market.kill()
    eventually(lambda: "bus_lost" in swarm.system.alert_types(), "bus_lost of market-redis")
    healer.kill()
    swarm.start("healer", TRUTH_REDIS_URL="redis://system-redis")
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alert_types().count("bus_lost") == 1
    swarm.market.start()
    eventually(lambda: "bus_ok" in swarm.system.alert_types(), "bus_ok of market-redis")
    lost, ok = (alert for alert in swarm.system.alerts() if alert["type"].startswith("bus_"))
    assert ok["lost_sec"] >= 2 * TIMEOUT_SEC
    assert abs(ok["ts"] - lost["ts"] - ok["lost_sec"]) < 2


def test_a_hung_bus_alarms_nobody(swarm: Swarm, system: RealServer) -> None:
    """SIGSTOP: the connection stands and brings nothing, which must not look like everybody's death."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    swarm.start("healer").ready()
    swarm.start("sentinel").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    system.hang()
    time.sleep(HANG_SEC)
    system.resume()
    eventually(lambda: system.alert_types() == ["bus_lost", "bus_ok"], "bus_lost and bus_ok in the log stream")
    time.sleep(2 * TIMEOUT_SEC)
    assert system.alert_types() == ["bus_lost", "bus_ok"]
    worker.stop()
    swarm.until("rss_agg", "heartbeat_miss")


def test_an_alert_that_a_hung_bus_took_after_all_is_not_stored_twice(system: RealServer) -> None:
    """It was given up, but the connection had handed it over, and the server carries it out when it goes on."""

    async def run() -> None:
        bus = Bus("system-redis", system.address, client_name="test")
        keep = functools.partial(bus.record, [Entry(b"event", health_of=None)], channel="healer:alerts")
        try:
            await bus.ping()
            system.hang()
            with pytest.raises(BusUnreachableError):
                await keep()
            system.resume()
            eventually(lambda: system.client.xlen("healer:alerts:log") == 1, "the first try is carried out")
            await keep(unsure=True)
            assert system.client.xlen("healer:alerts:log") == 1
            await keep()
            assert system.client.xlen("healer:alerts:log") == 2
        finally:
            await bus.close()

    asyncio.run(run())


def test_a_service_that_dies_with_the_bus_is_found(swarm: Swarm, system: RealServer) -> None:
    """After the return everyone gets a fresh warm-up, and who does not use it is missed."""
    swarm.seed(watching("rss_agg", "mesh"))
    worker, _ = swarm.start("rss_agg").ready(), swarm.start("mesh").ready()
    swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    swarm.until("mesh", "heartbeat_ok")
    system.hang()
    worker.kill()
    time.sleep(HANG_SEC)
    system.resume()
    swarm.until("rss_agg", "heartbeat_miss")
    assert system.alert_types("mesh") == []


def test_the_bus_may_be_away_at_the_start(swarm: Swarm, system: RealServer) -> None:
    """Services wait with one log line, do not spin, and work when it comes."""
    system.kill()
    services = [swarm.start(name) for name in ("healer", "sentinel", "rss_agg")]
    time.sleep(3)
    for service in services:
        assert not service.ended()
        assert service.log.count("does not answer") == 1, service.log
        ticks = [int(field) for field in Path(f"/proc/{service.pid}/stat").read_text().split()[13:15]]
        assert sum(ticks) < 100, "a second of CPU time in three of waiting is a busy loop"
    system.start()
    reseed(swarm)
    for service in services:
        service.ready()
    swarm.until("rss_agg", "heartbeat_ok")


def test_a_late_bus_is_no_failure_for_the_seed(swarm: Swarm, system: RealServer, tmp_path: Path) -> None:
    """It waits with backoff, says what for, and seeds both as soon as both are there."""
    system.kill()
    path = swarm.write(truth())
    late = RealServer(system.port, tmp_path, users=system.users)

    coming = threading.Timer(3, late.start)
    coming.start()
    done = swarm.command("marketswarm-seed", "--truth", str(path))
    coming.join()
    assert done.returncode == 0, done.stderr
    assert "waiting for system-redis" in done.stdout
    assert late.client.get("truth:doc") == swarm.market.client.get("truth:doc") == path.read_bytes()
    late.stop()


def test_healer_killed_between_a_miss_and_the_recovery_loses_and_repeats_nothing(swarm: Swarm) -> None:
    """Its memory is on the bus: no second miss, and the ok comes from the next process."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    worker.kill()
    swarm.until("rss_agg", "heartbeat_miss")
    healer.kill()
    swarm.start("healer").ready()
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alert_types("rss_agg") == ["heartbeat_miss"]
    swarm.start("rss_agg").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.system.alert_types("rss_agg") == ["heartbeat_miss", "heartbeat_ok"]


def test_a_recovery_while_healer_was_dead_is_told(swarm: Swarm) -> None:
    """The service came back unseen; healer's next process says so, from the lease or the next beat."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    worker.kill()
    swarm.until("rss_agg", "heartbeat_miss")
    healer.kill()
    swarm.start("rss_agg").ready()
    swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.system.alert_types("rss_agg") == ["heartbeat_miss", "heartbeat_ok"]


def test_a_service_that_died_while_healer_was_dead_is_found_within_its_timeout(swarm: Swarm) -> None:
    """The warm-up after a restart is no longer than the timeout."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    healer.kill()
    worker.kill()
    swarm.start("healer").ready()
    began = time.monotonic()
    swarm.until("rss_agg", "heartbeat_miss")
    assert time.monotonic() - began < TIMEOUT_SEC + 1


def test_healer_restarted_raises_no_storm(swarm: Swarm) -> None:
    """Four services alive, healer killed five times: not one alert about them."""
    swarm.seed()
    for name in ("rss_agg", "massive", "mesh", "vexy_ai", "sentinel"):
        swarm.start(name, SENTINEL_TIMEOUT_SEC="60").ready()
    for _ in range(5):
        healer = swarm.start("healer").ready()
        time.sleep(INTERVAL_SEC)
        healer.kill()
    swarm.start("healer").ready()
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alerts() == []


def test_a_stalled_healer_convicts_nobody(swarm: Swarm) -> None:
    """SIGSTOP for several timeouts: it reads what waited in the socket and asks the bus before it judges."""
    swarm.seed(watching("rss_agg", "new_svc", new_svc={"heartbeat": {"interval_sec": INTERVAL_SEC}}))
    worker = swarm.start("rss_agg").ready()
    with beating(swarm.system, "new_svc"):
        healer = swarm.start("healer").ready()
        swarm.until("rss_agg", "heartbeat_ok")
        swarm.until("new_svc", "heartbeat_ok")
        healer.signal(signal.SIGSTOP)
        time.sleep(3 * TIMEOUT_SEC)
        healer.signal(signal.SIGCONT)
        time.sleep(2 * TIMEOUT_SEC)
        assert swarm.system.alerts() == []
        worker.kill()
        swarm.until("rss_agg", "heartbeat_miss")
        assert swarm.system.alert_types("new_svc") == []


def test_a_wedged_service_stops_beating_though_its_process_lives(swarm: Swarm) -> None:
    """SIGSTOP of a service is a miss at its timeout, SIGCONT the recovery."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    worker.signal(signal.SIGSTOP)
    swarm.until("rss_agg", "heartbeat_miss")
    worker.signal(signal.SIGCONT)
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.system.alert_types("rss_agg") == ["heartbeat_miss", "heartbeat_ok"]


def test_only_market_redis_gone_touches_nobody_on_the_system_bus(swarm: Swarm) -> None:
    """Clocks stand still for the bus that is away, and for no other."""
    on_market = {"heartbeat": {"interval_sec": INTERVAL_SEC, "redis_url": "redis://market-redis:6379"}}
    document = watching("rss_agg", mesh=on_market)
    document["services"]["healer"]["access_points"]["subscribe_to"].append(
        {"bus": "market-redis", "key": "mesh:heartbeat"}
    )
    swarm.seed(document)
    worker, _ = swarm.start("rss_agg").ready(), swarm.start("mesh").ready()
    swarm.start("healer").ready()
    swarm.start("sentinel").ready()
    swarm.until("mesh", "heartbeat_ok")
    assert isinstance(swarm.market, RealServer)
    swarm.market.hang()
    eventually(lambda: swarm.system.alert_types() == ["bus_lost"], "bus_lost of market-redis")
    assert swarm.system.alerts()[0]["bus"] == "market-redis"
    worker.kill()
    swarm.until("rss_agg", "heartbeat_miss")
    swarm.market.resume()
    eventually(lambda: swarm.system.alert_types()[-1] == "bus_ok", "bus_ok of market-redis")
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alert_types() == ["bus_lost", "heartbeat_miss", "bus_ok"]


def test_a_subscription_cut_again_and_again_convicts_nobody_alive_and_still_finds_the_dead(swarm: Swarm) -> None:
    """CLIENT KILL every 0.5 s: each cut heals at once, the leases save every verdict, no bus is called lost."""
    swarm.seed(watching("rss_agg", "mesh"))
    worker, _ = swarm.start("rss_agg").ready(), swarm.start("mesh").ready()
    healer = swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    swarm.until("mesh", "heartbeat_ok")
    end = time.monotonic() + 4 * TIMEOUT_SEC
    worker.kill()
    while time.monotonic() < end:
        swarm.system.client.client_kill_filter(_type="pubsub")
        time.sleep(0.5)
    assert swarm.system.alert_types() == ["heartbeat_miss"], healer.log
    assert swarm.health("rss_agg") == "heartbeat_miss"


def test_a_bus_out_of_memory_still_carries_alerts(swarm: Swarm) -> None:
    """Writes are refused and messages are not: the alert is published, said to be unstored, and stored later."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    subscription = swarm.system.client.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe("healer:alerts")
    swarm.system.client.config_set("maxmemory", "1")
    time.sleep(2 * TIMEOUT_SEC)
    assert not worker.ended()
    worker.kill()
    message = eventually(lambda: subscription.get_message(timeout=0.1), "a published alert")
    assert json.loads(message["data"])["type"] == "heartbeat_miss"
    assert swarm.system.alerts() == []
    healer.logs("cannot be stored")
    worker.logs("beats go on without a lease")
    swarm.system.client.config_set("maxmemory", "0")
    eventually(lambda: swarm.system.alert_types() == ["heartbeat_miss"], "the alert in the log stream")
    assert subscription.get_message(timeout=0.5) is None, "published once"
    subscription.close()


def test_a_server_that_ends_every_connection_is_a_lost_bus_and_holds_up_nobody(swarm: Swarm) -> None:
    """Something else has the port: healer says so, is READY, and watches the other bus."""
    on_market = {"heartbeat": {"interval_sec": INTERVAL_SEC, "redis_url": "redis://market-redis:6379"}}
    document = watching("rss_agg", mesh=on_market)
    point = {"bus": "market-redis", "key": "mesh:heartbeat"}
    document["services"]["healer"]["access_points"]["subscribe_to"].append(point)
    swarm.seed(document)
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        url = f"redis://127.0.0.1:{stranger.server_address[1]}"
        swarm.start("healer", MARKET_REDIS_URL=url).ready()
        eventually(lambda: len(swarm.system.alerts()) == 2, "bus_lost and a miss")
        told = {alert["type"]: alert.get("svc") or alert.get("bus") for alert in swarm.system.alerts()}
        assert told == {"bus_lost": "market-redis", "heartbeat_miss": "rss_agg"}
        stranger.shutdown()


@pytest.mark.parametrize("name", ["healer", "sentinel", "rss_agg"])
def test_a_service_stops_cleanly_while_its_bus_hangs(swarm: Swarm, system: RealServer, name: str) -> None:
    """SIGTERM ends it within 2 s with exit code 0, though nothing answers."""
    swarm.seed(watching("rss_agg"))
    service = swarm.start(name).ready()
    system.hang()
    time.sleep(2 * INTERVAL_SEC)
    assert service.stop() == 0
    system.resume()


def test_a_bus_that_wants_a_password_is_one_line_and_77(swarm: Swarm, tmp_path: Path) -> None:
    """NOAUTH is no outage: services and seed end with NOPERM and say what refused."""
    word = secrets.token_hex()
    locked = RealServer(free_port(), tmp_path, "--requirepass", word)
    locked.client = redis.Redis(host="127.0.0.1", port=locked.port, password=word)
    locked.start()
    environ = {"SYSTEM_REDIS_URL": locked.url}
    service = swarm.start("rss_agg", **environ)
    assert service.exit_code() == 77
    assert "system-redis" in service.log
    assert "refuses" in service.log
    assert swarm.command("marketswarm-seed", "--truth", str(swarm.write(truth())), **environ).returncode == 77
    with_password = {"SYSTEM_REDIS_URL": locked.url.replace("//", f"//:{word}@")}
    done = swarm.command("marketswarm-seed", "--truth", str(swarm.write(watching("rss_agg"))), **with_password)
    assert done.returncode == 0, done.stderr
    healer = swarm.start("healer", **with_password).ready()
    eventually(lambda: locked.alert_types() == ["heartbeat_miss"], "healer works with the password")
    assert word not in healer.log
    locked.stop()
