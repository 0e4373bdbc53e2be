"""The heartbeat of each service, as other programs rely on it."""

import json
import signal

import pytest
from testkit import HEALER_INTERVAL_SEC, INTERVAL_SEC, SERVICES, TIMEOUT_SEC, Swarm, eventually, listening, truth


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_beats_on_its_channel_and_keeps_its_lease(swarm: Swarm, name: str) -> None:
    """Channel, JSON shape, count from 1, and the lease: same bytes, TTL no longer than its timeout."""
    document = truth()
    swarm.seed(document)
    with listening(swarm.system, f"{name}:heartbeat") as heard:
        service = swarm.start(name).ready()
        eventually(lambda: len(heard()) >= 3, "three beats")
        beats = [json.loads(raw) for raw in heard()]
        lease, ttl = swarm.system.client.get(f"{name}:heartbeat"), swarm.system.client.pttl(f"{name}:heartbeat")
    assert [beat["i"] for beat in beats] == list(range(1, len(beats) + 1))
    assert all(beat["svc"] == name and beat["pid"] == service.pid for beat in beats)
    assert len({beat["boot"] for beat in beats}) == 1
    assert len({beat["truth"] for beat in beats}) == 1
    assert isinstance(beats[0]["ts"], float)
    assert lease in heard()
    timeout_sec = 3 * HEALER_INTERVAL_SEC if name == "healer" else TIMEOUT_SEC
    assert isinstance(ttl, int)
    assert 0 < ttl <= timeout_sec * 1000


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_stops_cleanly(swarm: Swarm, name: str, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end it within 2 s with exit code 0, and STOPPING=1 is said."""
    swarm.seed()
    service = swarm.start(name).ready()
    service.signal(number)
    assert service.exit_code(2) == 0
    assert service.notified()[-1] == "STOPPING=1"
    assert "Traceback" not in service.log


def test_ready_is_said_after_the_first_beat(swarm: Swarm) -> None:
    """READY=1 means that it truly works: the lease is there when the service manager hears it."""
    swarm.seed()
    swarm.start("rss_agg").ready()
    assert swarm.system.json("rss_agg:heartbeat")


def test_a_service_beats_where_truth_puts_it(swarm: Swarm) -> None:
    """Another channel on the other bus: the host of redis_url names the bus, whatever its port."""
    heartbeat = {"interval_sec": INTERVAL_SEC, "channel": "beats:rss", "redis_url": "redis://market-redis:6379"}
    swarm.seed(truth(rss_agg={"heartbeat": heartbeat}))
    with listening(swarm.market, "beats:rss") as heard:
        swarm.start("rss_agg").ready()
        eventually(heard, "a beat on market-redis")
    assert swarm.market.json("rss_agg:heartbeat")
    assert swarm.system.json("rss_agg:heartbeat") is None


def test_a_service_waits_for_the_truth(swarm: Swarm) -> None:
    """Started before the seed, it says once what it waits for, and works as soon as the truth is there."""
    service = swarm.start("rss_agg").logs("no truth:doc on system-redis")
    assert not service.ended()
    swarm.seed()
    service.ready()
    assert service.log.count("no truth:doc") == 1


def test_a_bad_truth_ends_a_service_with_65(swarm: Swarm) -> None:
    """Garbage under truth:doc: one line a fault, the exit code that systemd calls DATAERR, no traceback."""
    swarm.system.client.set("truth:doc", '{"services": {"healer": {"threshold": {"heartbeat_cadence": -3}}}}')
    service = swarm.start("rss_agg")
    assert service.exit_code() == 65
    fault = "services.healer.threshold.heartbeat_cadence: must be > 0, is -3"
    assert f"error: truth:doc on system-redis: {fault}" in service.log
    assert "Traceback" not in service.log


def test_the_truth_of_market_redis_serves_when_system_redis_has_none(swarm: Swarm) -> None:
    """Truth is on both buses for resilience."""
    swarm.seed()
    swarm.system.client.delete("truth:doc")
    swarm.start("rss_agg").ready()


def test_an_unknown_service_is_one_line_and_78(swarm: Swarm) -> None:
    """It names what there is, and how more come to be."""
    service = swarm.start("rss_aggg")
    assert service.exit_code() == 78
    assert "no service named 'rss_aggg'" in service.log
    assert "rss_agg, sentinel" in service.log
    assert len(service.log.splitlines()) == 1


def test_a_bad_environment_is_told_whole_and_78(swarm: Swarm) -> None:
    """All bad variables at once, before anything else."""
    service = swarm.start("healer", LOG_LEVEL="LOUD", HB_INTERVAL_SEC="soon")
    assert service.exit_code() == 78
    assert "error: LOG_LEVEL: must be one of" in service.log
    assert "error: HB_INTERVAL_SEC: must be a number of seconds > 0, is 'soon'" in service.log


def test_a_service_that_truth_does_not_name_takes_the_defaults_and_says_so(swarm: Swarm) -> None:
    """Ten seconds, its own channel, system-redis."""
    document = truth()
    del document["services"]["mesh"]
    document["services"]["healer"]["access_points"]["subscribe_to"] = []
    swarm.seed(document)
    service = swarm.start("mesh").ready()
    assert "mesh is not in the truth" in service.log
    assert "beats every 10 s" in service.log
