"""What mesh says of the members while a bus, or mesh itself, is not well: nothing that is not so."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testkit import TIMEOUT_SEC, RealServer, Service, Swarm, beating, eventually, listening

import marketswarm

HEARTBEAT = {"interval_sec": 0.5, "timeout_sec": TIMEOUT_SEC}
"""Who beats so is suspected after a second: a busy machine makes hardly anybody a suspect."""
MEMBERS = ("rss_agg", "massive", "mesh")
DOCUMENT: dict[str, Any] = {
    "services": {
        "rss_agg": {"heartbeat": HEARTBEAT},
        "massive": {"heartbeat": HEARTBEAT | {"redis_url": "redis://market-redis"}},
        "mesh": {"heartbeat": HEARTBEAT},
    }
}
Registry = dict[str, dict[str, Any]]


@pytest.fixture
def services(swarm: Swarm) -> dict[str, Service]:
    """A swarm that is known to be alive: rss_agg on system-redis, massive on market-redis."""
    swarm.environ["PYTHONPATH"] = str(Path(marketswarm.__file__).parents[1])
    swarm.seed(DOCUMENT)
    running = {name: swarm.start(name).ready() for name in MEMBERS}
    eventually(lambda: all("boot" in registry(swarm).get(name, {}) for name in MEMBERS), "all are known")
    return running


def registry(swarm: Swarm) -> Registry:
    """What is kept, but for the last beats."""
    found: Any = swarm.system.client.hgetall("mesh:services")
    members = {service.decode(): json.loads(raw) for service, raw in found.items()}
    return {svc: {name: said for name, said in one.items() if name not in ("i", "ts")} for svc, one in members.items()}


def states(swarm: Swarm) -> dict[str, str]:
    """How each member stands."""
    return {service: member["state"] for service, member in registry(swarm).items()}


def ill(heard: Callable[[], list[bytes]]) -> list[str]:
    """Of whom anything was told but that it is alive."""
    return [told["svc"] for told in map(json.loads, heard()) if told["new"] != "alive"]


def test_a_bus_that_comes_back_empty_has_the_registry_again(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """All of it, since when each is alive included; the outage made nobody anything."""
    before = registry(swarm)
    system.kill()
    time.sleep(2 * TIMEOUT_SEC)
    system.start()
    eventually(lambda: registry(swarm) == before, lambda: f"{before} is back; there is {registry(swarm)}")
    time.sleep(TIMEOUT_SEC)
    assert registry(swarm) == before


def test_a_bus_that_comes_back_with_an_older_registry_has_the_newest_again(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """A power cut takes the last second of writes, and leaves as many entries as there were."""
    system.client.save()
    services["massive"].stop()
    eventually(lambda: states(swarm)["massive"] == "left", "massive has left")
    system.kill()
    system.start()
    eventually(lambda: states(swarm).get("massive") == "left", lambda: f"the newest is back; there is {states(swarm)}")


def test_nobody_is_suspected_for_a_bus_that_hangs(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """Neither on the bus that does, nor on the other one."""
    before = registry(swarm)
    for server in (swarm.market, system):
        assert isinstance(server, RealServer)
        with listening(system, "mesh:gossip") as heard:
            server.hang()
            time.sleep(2 * TIMEOUT_SEC)
            server.resume()
            services["mesh"].logs(f"{'system' if server is system else 'market'}-redis: heard again")
            time.sleep(TIMEOUT_SEC)
            assert ill(heard) == []
        assert registry(swarm) == before


def test_who_died_during_an_outage_has_failed_after_it(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """Once mesh could hear that it is gone, and nobody else."""
    system.kill()
    services["rss_agg"].kill()
    time.sleep(TIMEOUT_SEC)
    system.start()
    eventually(lambda: states(swarm).get("rss_agg") == "failed", "rss_agg has failed")
    assert states(swarm) == {"rss_agg": "failed", "massive": "alive", "mesh": "alive"}
    assert registry(swarm)["rss_agg"]["reason"] == "crashed"


def test_mesh_that_stood_still_finds_everybody_as_they_are(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """Stopped for longer than any timeout, it suspects nobody."""
    before = registry(swarm)
    with listening(system, "mesh:gossip") as heard:
        services["mesh"].signal(signal.SIGSTOP)
        time.sleep(2 * TIMEOUT_SEC)
        services["mesh"].signal(signal.SIGCONT)
        services["mesh"].logs("this process stood still")
        time.sleep(2 * TIMEOUT_SEC)
        assert ill(heard) == []
    assert registry(swarm) == before


def test_a_bus_that_stores_nothing_is_told_when_it_does_again(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """Mesh says so once, goes on judging, and what has changed meanwhile is stored and told as it is by then."""
    with listening(system, "mesh:gossip") as heard:
        system.client.config_set("maxmemory", "1")
        services["massive"].stop()
        services["mesh"].logs("the registry cannot be stored")
        time.sleep(1)
        assert (services["mesh"].log.count("the registry cannot be stored"), heard()) == (1, [])
        system.client.config_set("maxmemory", "0")
        eventually(lambda: states(swarm)["massive"] == "left", "massive has left")
        assert [(told["svc"], told["new"]) for told in map(json.loads, heard())] == [("massive", "left")]


def test_a_key_of_another_kind_in_its_place_is_said_once(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """Mesh goes on; once the key is gone the registry is back."""
    before = registry(swarm)
    system.client.set("mesh:services", "x")
    services["mesh"].logs("the registry cannot be stored")
    time.sleep(1)
    assert services["mesh"].log.count("the registry cannot be stored") == 1
    system.client.delete("mesh:services")
    eventually(lambda: registry(swarm) == before, "the registry is back")


def test_members_are_shown_while_the_disk_is_full(
    swarm: Swarm, system: RealServer, services: dict[str, Service]
) -> None:
    """The bus refuses even PING then, but all that is asked for can be read."""
    (Path(str(system.client.config_get("dir")["dir"])) / "dump.rdb").mkdir()  # so nothing can be saved
    system.client.config_set("save", "3600 1")
    system.client.bgsave()
    eventually(lambda: not system.answers(), "PING is refused")
    shown = swarm.command("marketswarm", "mesh")
    assert (shown.returncode, "3 members: 3 alive" in shown.stdout) == (0, True), shown.stdout + shown.stderr


def test_many_members_are_known(swarm: Swarm, system: RealServer) -> None:
    """More than one round asks of: all who have a lease are known by their process, and nobody is suspected for it."""
    swarm.environ["PYTHONPATH"] = str(Path(marketswarm.__file__).parents[1])
    count = 3000
    slow = {"heartbeat": {"interval_sec": 100, "timeout_sec": 300}}
    swarm.seed({"services": {**{f"s{number}": slow for number in range(count)}, "mesh": {"heartbeat": HEARTBEAT}}})
    pipe = system.client.pipeline(transaction=False)
    for number in range(count):
        beat = {"svc": f"s{number}", "i": 1, "ts": time.time(), "boot": f"b{number}", "host": "h", "pid": 1}
        pipe.set(f"s{number}:heartbeat", json.dumps(beat), px=300_000)
    pipe.execute()
    mesh = swarm.start("mesh").ready()
    with beating(system, "s0"):
        eventually(lambda: sum("boot" in one for one in registry(swarm).values()) == count + 1, "all are known", 60)
    assert set(states(swarm).values()) == {"alive"}
    assert "makes no progress" not in mesh.log
