"""What `marketswarm doctor` finds in a bus that hangs, forgets, fills up or is locked; and that remedies mend it."""

import json
import re
import subprocess
import time
from typing import Any

import pytest
from testkit import BIN, TESTER, RealServer, Swarm, watching

SLOWEST_SEC = 6.0
"""The deadlines add up to less; the rest is for a machine under load."""


@pytest.fixture
def system(swarm: Swarm) -> RealServer:
    """The system bus, seeded and with an append-only file."""
    assert isinstance(swarm.system, RealServer), "these tests need --bus=real"
    swarm.seed(watching("rss_agg"))
    swarm.system.client.config_set("appendonly", "yes")
    return swarm.system


def wrong(swarm: Swarm, prefix: str = "system-redis", **environ: str) -> dict[str, dict[str, Any]]:
    """What is not well with a bus, by the checks' names."""
    done = swarm.command("marketswarm", "doctor", "--json", **environ)
    checks = json.loads(done.stdout)["checks"]
    named = {check["name"]: check for check in checks if check["name"].startswith(prefix)}
    return {name: check for name, check in named.items() if check["verdict"] in ("warn", "FAIL")}


def mend(swarm: Swarm, line: str) -> None:
    """Type a remedy."""
    done = swarm.command(*line.split())
    assert (done.returncode, done.stdout) == (0, "OK\n"), done.stderr


def test_a_good_bus_has_nothing_to_mend(swarm: Swarm, system: RealServer) -> None:
    """Its INFO is read as the doctor expects it."""
    assert wrong(swarm) == {}
    system.client.config_set("maxmemory", "1gb")
    assert wrong(swarm) == {}


@pytest.mark.parametrize(
    ("option", "bad", "check"),
    [("appendonly", "no", "system-redis keeps"), ("maxmemory-policy", "allkeys-lru", "system-redis memory")],
)
def test_the_remedy_of_a_setting_mends_it(swarm: Swarm, system: RealServer, option: str, bad: str, check: str) -> None:
    """What is printed can be typed, up to the semicolon, and then the bus is well."""
    system.client.config_set(option, bad)
    found = wrong(swarm)
    assert list(found) == [check]
    mend(swarm, found[check]["remedy"].partition(";")[0])
    assert wrong(swarm) == {}


def test_a_full_bus_is_told_and_its_remedy_gives_it_room(swarm: Swarm, system: RealServer) -> None:
    """It refuses writes and answers everything else; the command in the remedy doubles its memory."""
    used = system.client.info("memory")["used_memory"]
    system.client.config_set("maxmemory", str(used * 3 // 4))
    found = wrong(swarm)
    assert list(found) == ["system-redis writes"]
    assert "its memory is full" in found["system-redis writes"]["found"]
    command = re.search(
        r"marketswarm acl cli system-redis CONFIG SET maxmemory \d+", found["system-redis writes"]["remedy"]
    )
    assert command is not None
    mend(swarm, command[0])
    assert wrong(swarm) == {}


def test_keys_that_were_evicted_are_told(swarm: Swarm, system: RealServer) -> None:
    """Long after: what was thrown away may have been the truth."""
    for number in range(100):
        system.client.set(f"filler:{number}", b"x" * 20_000)
    memory = system.client.info("memory")
    # What waits to be written to the file is no key, and is gone a moment later.
    counted = memory["used_memory"] - memory["mem_not_counted_for_evict"]
    system.client.config_set("maxmemory-policy", "allkeys-random")
    system.client.config_set("maxmemory", str(counted - 500_000))
    system.client.set("one more", "drop")
    system.client.config_set("maxmemory-policy", "noeviction")
    system.client.config_set("maxmemory", "0")
    found = wrong(swarm)["system-redis memory"]
    assert "were evicted" in found["found"]
    assert "CONFIG RESETSTAT" in found["remedy"]


def test_a_replica_is_told(swarm: Swarm, system: RealServer) -> None:
    """It takes no writes, and its remedy makes it a master again."""
    system.client.replicaof("127.0.0.1", "1")
    found = wrong(swarm)["system-redis writes"]
    assert found["verdict"] == "FAIL"
    assert "127.0.0.1:1" in found["found"]
    mend(swarm, found["remedy"])
    assert "system-redis writes" not in wrong(swarm)


def test_a_locked_bus_is_told(swarm: Swarm, system: RealServer) -> None:
    """Without a login that it knows nothing is known but that; with one all is well."""
    system.client.acl_setuser("marketswarm-operator", reset_passwords=True, passwords=["+other"])
    found = wrong(swarm)
    assert list(found) == ["system-redis"]
    assert "WRONGPASS" in found["system-redis"]["found"]
    with_login = f"redis://{TESTER}:{TESTER}@127.0.0.1:{system.port}"
    found = wrong(swarm, SYSTEM_REDIS_URL=with_login)
    assert list(found) == ["system-redis rights"]
    assert "refused marketswarm-operator the login" in found["system-redis rights"]["found"]


def test_when_every_bus_hangs_it_takes_seconds(swarm: Swarm, system: RealServer) -> None:
    """Who hangs is named, with the process; nobody waits for the sum of all timeouts."""
    assert isinstance(swarm.market, RealServer)
    for server in (system, swarm.market):
        server.hang()
    began = time.monotonic()
    found = wrong(swarm, prefix="")
    took_sec = time.monotonic() - began
    assert list(found) == ["system-redis", "market-redis"]
    assert "redis-server (pid " in found["market-redis"]["found"]
    assert took_sec < SLOWEST_SEC


def test_a_bus_that_hangs_hides_nothing_of_the_other(swarm: Swarm, system: RealServer) -> None:
    """The truth comes from the one that answers, and the swarm is judged by it."""
    assert isinstance(swarm.market, RealServer)
    swarm.market.hang()
    found = wrong(swarm, prefix="")
    assert "healer listens" in found
    assert "system-redis" not in found
    assert "heartbeat rss_agg" in found


def test_a_reader_that_has_seen_enough_is_no_error(swarm: Swarm, system: RealServer) -> None:
    """`| head -1` ends quietly."""
    pipe = f"{BIN}/marketswarm doctor | head -1"
    done = subprocess.run(["bash", "-c", pipe], env=swarm.environ, capture_output=True, text=True, check=False)
    assert (done.stdout.split()[0], done.stderr) == ("ok", "")
