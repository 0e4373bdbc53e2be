"""SIGHUP, as `systemctl reload` sends it: the truth is looked at at once, and nothing ends.

Most services here look at the truth by themselves once in decades, so whatever they find they were asked for.
"""

import signal
import sys
import time
from typing import Any

import pytest
from testkit import INTERVAL_SEC, SERVICES, Service, Swarm, eventually, truth

PROGRAM = """
import asyncio, sys
from marketswarm import daemon, log, services, settings
environment = settings.load(user=sys.argv[1])
log.configure(environment.log_level, None, identifier="test")
asyncio.run(daemon.run(sys.argv[1], services.load(sys.argv[1]), environment, poll_sec=1e9))
"""
SELDOM_SEC = 600
"""A beat that comes within a test is no ordinary one."""


def start(swarm: Swarm, name: str = "massive") -> Service:
    """Start a service that does not look by itself."""
    return swarm.start_by((sys.executable, "-c", PROGRAM), name)


def beat(swarm: Swarm) -> dict[str, Any]:
    """The last beat of massive, from its lease."""
    return eventually(lambda: swarm.system.json("massive:heartbeat"), "a lease of massive")


def reload(service: Service) -> None:
    """Send SIGHUP, and wait until the service says that it is done."""
    before = service.notified().count("READY=1")
    service.signal(signal.SIGHUP)
    eventually(
        lambda: service.notified().count("READY=1") > before or service.ended(),
        lambda: f"{service.name} reloads; it said {service.said} and logged\n{service.log}",
    )
    assert not service.ended()


def reloads(service: Service) -> list[str]:
    """What the service manager has heard of starts and reloads."""
    return [said.partition("\n")[0] for said in service.notified() if said.startswith(("READY", "RELOADING", "STOP"))]


def test_work_that_a_new_truth_concerns_begins_anew_at_once(swarm: Swarm) -> None:
    """The same process and boot, each number once; ready again with the first beat of the new work."""
    swarm.seed(truth(massive={"heartbeat": {"interval_sec": SELDOM_SEC, "timeout_sec": 2 * SELDOM_SEC}}))
    service = start(swarm).ready()
    before = beat(swarm)
    swarm.seed(truth(massive={"heartbeat": {"interval_sec": SELDOM_SEC - 1, "timeout_sec": 2 * SELDOM_SEC}}))
    reload(service)
    after = beat(swarm)
    assert (after["boot"], after["pid"], after["i"]) == (before["boot"], service.pid, before["i"] + 1)
    assert after["truth"] != before["truth"]
    assert service.log.count(f"follows the truth {after['truth'][:12]} now; its work begins anew") == 1
    assert reloads(service) == ["READY=1", "RELOADING=1", "READY=1"]


def test_work_that_a_new_truth_does_not_concern_goes_on_and_beats_with_it_at_once(swarm: Swarm) -> None:
    """The beat that names the new truth does not wait for the next interval."""
    document = truth(massive={"heartbeat": {"interval_sec": SELDOM_SEC, "timeout_sec": 2 * SELDOM_SEC}})
    swarm.seed(document)
    service = start(swarm).ready()
    before = beat(swarm)
    document["services"]["new_svc"] = {"heartbeat": {"interval_sec": INTERVAL_SEC}}
    swarm.seed(document)
    reload(service)
    after = eventually(lambda: (last := beat(swarm))["truth"] != before["truth"] and last, "a beat with the new truth")
    assert (after["boot"], after["pid"], after["i"]) == (before["boot"], service.pid, before["i"] + 1)
    assert service.log.count(f"follows the truth {after['truth'][:12]} now; its work goes on") == 1
    assert reloads(service) == ["READY=1", "RELOADING=1", "READY=1"]


def test_a_reload_with_nothing_new_says_so(swarm: Swarm) -> None:
    """Each time it is asked for; the service beats on."""
    swarm.seed()
    service = start(swarm).ready()
    reload(service)
    reload(service)
    now = beat(swarm)
    assert service.log.count(f"already on the truth {now['truth'][:12]}") == 2
    eventually(lambda: beat(swarm)["i"] > now["i"], "beats go on")
    assert reloads(service) == ["READY=1", *["RELOADING=1", "READY=1"] * 2]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_takes_a_reload(swarm: Swarm, name: str) -> None:
    """As the unit starts it; only who is asked says that there is nothing new."""
    swarm.seed()
    service = swarm.start(name).ready()
    reload(service)
    assert service.log.count("already on the truth") == 1
    assert reloads(service) == ["READY=1", "RELOADING=1", "READY=1"]


def test_a_bad_truth_is_not_taken_over_and_its_first_fault_is_said(swarm: Swarm) -> None:
    """The last good one stays in force, and in the beats."""
    swarm.seed()
    service = start(swarm).ready()
    before = beat(swarm)
    for bus in (swarm.system, swarm.market):
        bus.client.set("truth:doc", '{"services": {"mesh": {"heartbeat": {"interval_sec": -1}}}}')
    reload(service)
    fault = "system-redis holds a truth:doc that is no truth: services.mesh.heartbeat.interval_sec: must be > 0, is -1"
    (line,) = [line for line in service.log.splitlines() if "is no truth" in line]
    assert f"stays on the truth {before['truth'][:12]}: {fault}; run marketswarm-seed; market-redis holds" in line
    assert beat(swarm)["truth"] == before["truth"]


def test_a_service_that_waits_for_its_first_truth_survives_and_goes_on_waiting(swarm: Swarm) -> None:
    """Nobody is told of a reload: READY=1 at its end would pass for a start that is done."""
    service = start(swarm).logs("no truth:doc on system-redis")
    service.signal(signal.SIGHUP)
    service.logs("no truth to begin with yet: system-redis holds no truth:doc; run marketswarm-seed")
    assert reloads(service) == []
    swarm.seed()
    service.ready()
    assert reloads(service) == ["READY=1"]


def test_many_at_once_are_survived_and_answered(swarm: Swarm) -> None:
    """However they fall upon the looks: ready is said last, and the truth that was new is followed once."""
    swarm.seed()
    service = start(swarm, "rss_agg").ready()
    swarm.seed(truth(rss_agg={"heartbeat": {"interval_sec": INTERVAL_SEC, "timeout_sec": 5}}))
    for _ in range(50):
        service.signal(signal.SIGHUP)
    eventually(lambda: reloads(service)[-2:] == ["RELOADING=1", "READY=1"], lambda: f"ready, said {service.said}")
    service.logs("its work begins anew")
    reload(service)
    assert service.log.count("its work begins anew") == 1
    assert "Traceback" not in service.log


@pytest.mark.parametrize("name", ["mesh", "healer"])
def test_one_during_the_stop_is_ignored(swarm: Swarm, name: str) -> None:
    """The service ends as it does without: 0, and STOPPING=1 is the last that is heard of it."""
    swarm.seed()
    service = start(swarm, name).ready()
    service.signal(signal.SIGTERM)
    while not service.ended():
        service.signal(signal.SIGHUP)
        time.sleep(0.001)
    assert service.exit_code() == 0, service.log
    assert reloads(service)[-1] == "STOPPING=1"


def test_the_loss_of_the_terminal_ends_a_service_that_no_service_manager_has_started(swarm: Swarm) -> None:
    """Who started it by hand has closed the window."""
    service = swarm.start("mesh", NOTIFY_SOCKET="").logs("no truth:doc on system-redis")
    service.signal(signal.SIGHUP)
    assert service.exit_code() == -signal.SIGHUP


def test_who_stands_by_takes_a_reload_too(swarm: Swarm) -> None:
    """It has no work of which a reload could wait, and stands by as before."""
    swarm.seed(truth(rss_agg={"heartbeat": {"interval_sec": INTERVAL_SEC}, "singleton": True}))
    swarm.start("rss_agg").ready().logs("owns it by token")
    service = start(swarm, "rss_agg").logs("standing by").ready()
    reload(service)
    service.logs("already on the truth")
    assert reloads(service) == ["READY=1", "RELOADING=1", "READY=1"]
    assert "owns it by token" not in service.log
