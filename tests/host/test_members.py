"""Who is in the swarm, as an operator sees it on a host while services stop, die, come and go."""

import json
from typing import Any

from host.layout import TIMEOUT_SEC, document, pids, unit
from host.machine import MARKET, Machine, eventually
from testkit import SERVICES

TRUTH = "etc/marketswarm/truth.json"


def members(host: Machine) -> dict[str, dict[str, Any]]:
    """What `marketswarm mesh` says, by service."""
    found = json.loads(host.tries("marketswarm", "mesh", "--json").stdout)
    return {member["svc"]: member for member in found.get("members", [])}


def until(host: Machine, service: str, state: str) -> dict[str, Any]:
    """Wait until a member is in a state, and give its entry."""
    eventually(lambda: members(host).get(service, {}).get("state") == state, f"{service} is {state}", 20)
    return members(host)[service]


def seed(host: Machine, wanted: dict[str, Any]) -> None:
    """Put a document on the buses."""
    (host.root / TRUTH).write_text(json.dumps(wanted), encoding="ascii")
    host.run("marketswarm-seed")


def test_mesh_knows_who_stopped_who_crashed_and_who_is_back(swarm: Machine) -> None:
    """Each on its host and by its process; a goodbye is told apart from a crash."""
    hostname = (swarm.root / "etc/hostname").read_text(encoding="ascii").strip()
    for service in SERVICES:
        entry = until(swarm, service, "alive")
        assert (entry["host"], entry["pid"]) == (hostname, swarm.pid(unit(service)))
    assert swarm.tries("marketswarm", "mesh").returncode == 0

    swarm.systemctl("stop", unit("vexy_ai"))
    until(swarm, "vexy_ai", "left")
    assert swarm.tries("marketswarm", "mesh").returncode == 1
    swarm.systemctl("start", unit("vexy_ai"))
    until(swarm, "vexy_ai", "alive")

    before = members(swarm)["massive"]
    swarm.signal(unit("massive"), "KILL")
    eventually(lambda: members(swarm)["massive"]["boot"] != before["boot"], "its next process is known", 20)
    after = until(swarm, "massive", "alive")
    assert after["pid"] == swarm.pid(unit("massive")) != before["pid"]

    swarm.signal(unit("massive"), "STOP")
    until(swarm, "massive", "suspected")
    assert until(swarm, "massive", "failed")["reason"] == "wedged"
    assert swarm.tries("marketswarm", "mesh").returncode == 2
    swarm.signal(unit("massive"), "CONT")
    until(swarm, "massive", "alive")


def test_a_seed_that_adds_and_removes_services_restarts_nobody_and_alarms_nobody(swarm: Machine) -> None:
    """What has left the truth is remembered; what has come is unseen until it is started."""
    before = pids(swarm)
    wanted = document(new_svc={"heartbeat": {}})
    del wanted["services"]["vexy_ai"]
    watches = wanted["services"]["healer"]["access_points"]["subscribe_to"]
    watches[:] = [point for point in watches if point["key"] != "vexy_ai:heartbeat"]
    seed(swarm, wanted)
    until(swarm, "new_svc", "unseen")
    eventually(lambda: members(swarm)["vexy_ai"]["reason"] == "left the truth", "it is remembered", 20)
    assert not members(swarm)["vexy_ai"]["in_truth"]
    seed(swarm, document())
    until(swarm, "vexy_ai", "alive")
    eventually(lambda: members(swarm)["new_svc"]["reason"] == "left the truth", "that one is remembered", 20)
    assert pids(swarm) == before
    swarm.run("sleep", str(TIMEOUT_SEC))
    assert swarm.alert_types() == []


def test_a_singleton_that_crashes_owns_its_work_again(swarm: Machine) -> None:
    """By a higher token, after the lease of its predecessor; nobody is alarmed."""
    wanted = document(rss_agg={"heartbeat": {}, "singleton": True})
    seed(swarm, wanted)
    first = int(eventually(lambda: swarm.redis("GET", "rss_agg:token", port=MARKET), "it owns its work", 20))
    swarm.signal(unit("rss_agg"), "KILL")
    eventually(lambda: int(swarm.redis("GET", "rss_agg:token", port=MARKET)) > first, "it owns it again", 20)
    swarm.logs(unit("rss_agg"), "owns it by token")
    swarm.run("sleep", str(TIMEOUT_SEC))
    assert swarm.alert_types() == []
