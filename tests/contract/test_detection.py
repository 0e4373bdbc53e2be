"""What healer knows of a service beyond whether it lives: why it is silent, what it lost, whether it is one of many."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from testkit import INTERVAL_SEC, TIMEOUT_SEC, Swarm, beating, eventually, listening, watching

CROWD = ("one", "two", "three", "four")


def tuned(service: str, **heartbeat: Any) -> dict[str, Any]:
    """Make a document in which healer watches this service, with more in its heartbeat section."""
    return watching(service, **{service: {"heartbeat": {"interval_sec": INTERVAL_SEC, **heartbeat}}})


def beat(swarm: Swarm, service: str, count: int, **more: Any) -> None:
    """Publish one beat as a foreign program would."""
    message = {"svc": service, "i": count, "ts": time.time(), **more}
    swarm.system.client.publish(f"{service}:heartbeat", json.dumps(message))


def row(swarm: Swarm, service: str) -> dict[str, Any]:
    """What `marketswarm status --json` says of a service."""
    rows: list[dict[str, Any]] = json.loads(swarm.command("marketswarm", "status", "--json").stdout)["services"]
    return next(found for found in rows if found["service"] == service)


@contextmanager
def crowd(swarm: Swarm) -> Iterator[None]:
    """Have all of CROWD beat."""
    with ExitStack() as stack:
        for service in CROWD:
            stack.enter_context(beating(swarm.system, service, lease=True))
        yield


def test_a_service_that_was_stopped_says_goodbye(swarm: Swarm) -> None:
    """Its last beat says so; the alert comes at the timeout all the same, and status knows at once."""
    swarm.seed(watching("mesh"))
    worker = swarm.start("mesh").ready()
    swarm.start("healer").ready()
    swarm.until("mesh", "heartbeat_ok")
    with listening(swarm.system, "mesh:heartbeat") as heard:
        worker.stop()
        eventually(lambda: heard() and json.loads(heard()[-1]).get("bye") is True, "a goodbye")
    assert row(swarm, "mesh")["state"] == "stopped"
    swarm.until("mesh", "heartbeat_miss")
    miss = swarm.system.alerts()[-1]
    assert miss["reason"] == "stopped"
    assert miss["late_sec"] >= TIMEOUT_SEC
    assert (row(swarm, "mesh")["state"], row(swarm, "mesh")["reason"]) == ("DOWN", "stopped")


def test_a_service_whose_process_is_gone_has_crashed(swarm: Swarm) -> None:
    """Nobody said goodbye, and nobody starts it again."""
    swarm.seed(watching("mesh"))
    worker = swarm.start("mesh").ready()
    swarm.start("healer").ready()
    swarm.until("mesh", "heartbeat_ok")
    worker.kill()
    swarm.until("mesh", "heartbeat_miss")
    assert swarm.system.alerts()[-1]["reason"] == "crashed"


def test_of_a_foreign_program_nobody_knows_why(swarm: Swarm) -> None:
    """It does not say who it is."""
    swarm.seed(tuned("new_svc"))
    with beating(swarm.system, "new_svc"):
        swarm.start("healer").ready()
        swarm.until("new_svc", "heartbeat_ok")
    swarm.until("new_svc", "heartbeat_miss")
    assert swarm.system.alerts()[-1]["reason"] == "unknown"


@pytest.mark.parametrize("announced", [True, False])
def test_a_restart_below_the_timeout_is_counted_and_told_where_truth_asks(swarm: Swarm, *, announced: bool) -> None:
    """Nobody is missed; status has the count, over a restart of healer too."""
    swarm.seed(tuned("mesh", alert_on=["service_restarted"] if announced else []))
    worker, healer = swarm.start("mesh").ready(), swarm.start("healer").ready()
    swarm.until("mesh", "heartbeat_ok")
    worker.kill()
    swarm.start("mesh").ready()
    healer.logs("mesh: another process beats")
    eventually(lambda: row(swarm, "mesh")["restarts"] == 1, "a restart in status")
    assert swarm.system.alert_types() == (["service_restarted"] if announced else [])
    healer.kill()
    swarm.start("healer").ready().logs("mesh: first beat heard")
    assert row(swarm, "mesh")["restarts"] == 1


def test_two_processes_under_one_name_are_told_once(swarm: Swarm) -> None:
    """Not at the first change, which may be a restart, but when they go on to take turns."""
    swarm.seed(tuned("mesh", alert_on=["duplicate_instance"]))
    healer = swarm.start("healer").ready()
    swarm.start("mesh").ready()
    swarm.until("mesh", "heartbeat_ok")
    swarm.start("mesh").ready()
    eventually(lambda: "duplicate_instance" in swarm.system.alert_types(), "a duplicate_instance")
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alert_types() == ["duplicate_instance"]
    assert healer.log.count("two processes beat under this name") == 2, "as it was found, and as the alert"
    assert row(swarm, "mesh")["duplicates"] == 1
    assert row(swarm, "mesh")["restarts"] == 0


def test_beats_that_were_lost_are_counted(swarm: Swarm) -> None:
    """By the gaps in their numbers; nobody is missed for them."""
    swarm.seed(tuned("new_svc"))
    swarm.start("healer").ready()
    for count in (1, 2, 5, 6, 9):
        beat(swarm, "new_svc", count)
    eventually(lambda: row(swarm, "new_svc")["lost_beats"] == 4, "four lost beats in status")
    assert swarm.system.alert_types() == []


def test_a_service_may_miss_more_than_one_timeout(swarm: Swarm) -> None:
    """Truth's misses says how many in a row."""
    swarm.seed(tuned("mesh", misses=2))
    worker = swarm.start("mesh").ready()
    swarm.start("healer").ready()
    swarm.until("mesh", "heartbeat_ok")
    worker.stop()
    swarm.until("mesh", "heartbeat_miss")
    assert 2 * TIMEOUT_SEC <= swarm.system.alerts()[-1]["late_sec"] < 3 * TIMEOUT_SEC


def test_a_service_may_have_to_beat_more_than_once_to_be_back(swarm: Swarm) -> None:
    """Truth's recover_beats says how often, none of them later than the timeout."""
    swarm.seed(tuned("new_svc", recover_beats=3))
    swarm.start("healer").ready()
    swarm.until("new_svc", "heartbeat_miss")
    for count in (1, 2):
        beat(swarm, "new_svc", count)
    time.sleep(INTERVAL_SEC)
    assert swarm.health("new_svc") == "heartbeat_miss"
    beat(swarm, "new_svc", 3)
    swarm.until("new_svc", "heartbeat_ok")


def test_a_service_that_goes_and_comes_is_told_of_once(swarm: Swarm) -> None:
    """One flapping, and one stable at its end; what happens meanwhile is in the log, and nobody is woken for it."""
    flap = {"changes": 3, "within_sec": 4 * TIMEOUT_SEC}
    swarm.seed(tuned("new_svc", timeout_sec=0.5, flap=flap))
    healer = swarm.start("healer").ready()
    for expected in range(1, 6):
        kind = "heartbeat_miss" if expected % 2 else "heartbeat_ok"
        if kind == "heartbeat_ok":
            beat(swarm, "new_svc", expected)
        swarm.until("new_svc", kind)
    told = [alert["type"] for alert in swarm.system.alerts() if "group" not in alert]
    assert told == ["heartbeat_miss", "heartbeat_ok", "flapping"]
    assert [alert["type"] for alert in swarm.system.alerts()].count("heartbeat_miss") == 3
    assert row(swarm, "new_svc")["flapping"]
    eventually(lambda: swarm.system.alert_types()[-1] == "stable", "a stable")
    assert swarm.system.alerts()[-1]["state"] == "down"
    assert healer.log.count("heartbeat_miss") == 1
    eventually(lambda: not row(swarm, "new_svc")["flapping"], "no longer flapping in status")


def test_most_of_a_bus_going_dark_is_one_message(swarm: Swarm) -> None:
    """Each has its own record; the log of healer and `marketswarm alerts` have one line, and one when they are back."""
    sections = {name: {"heartbeat": {"interval_sec": INTERVAL_SEC}} for name in CROWD}
    swarm.seed(watching(*CROWD, "mesh", **sections))
    swarm.start("mesh").ready()
    with crowd(swarm):
        healer = swarm.start("healer").ready()
        for service in (*CROWD, "mesh"):
            swarm.until(service, "heartbeat_ok")
    for service in CROWD:
        swarm.until(service, "heartbeat_miss")
    mass, *misses = swarm.system.alerts()
    assert (mass["type"], mass["bus"], mass["silent"], mass["watched"]) == ("mass_miss", "system-redis", 4, 5)
    assert sorted(mass["services"]) == sorted(CROWD)
    assert [miss["group"] for miss in misses] == [mass["group"]] * 4
    assert healer.log.count("_miss") == 1
    assert swarm.command("marketswarm", "alerts").stdout.count("_miss") == 1
    assert swarm.command("marketswarm", "alerts", "--all").stdout.count("heartbeat_miss") == 4
    with crowd(swarm):
        eventually(lambda: "mass_ok" in swarm.system.alert_types(), "a mass_ok")
        back = swarm.system.alerts()[-1]
        assert (back["type"], back["returned"], back["still_missed"]) == ("mass_ok", 4, 0)
        assert [a["group"] for a in swarm.system.alerts() if a["type"] == "heartbeat_ok"] == [mass["group"]] * 4
        assert healer.log.count("_ok") == 1


def test_a_restart_of_healer_does_not_move_since(swarm: Swarm) -> None:
    """A verdict that still holds is as old as it was, and who only publishes counts as unseen until it is heard."""
    swarm.seed(watching("mesh", "new_svc", new_svc={"heartbeat": {"interval_sec": INTERVAL_SEC}}))
    swarm.start("mesh").ready()
    with beating(swarm.system, "new_svc"):
        healer = swarm.start("healer").ready()
        for service in ("mesh", "new_svc"):
            swarm.until(service, "heartbeat_ok")
        since = row(swarm, "mesh")["since"]
        assert row(swarm, "new_svc")["state"] == "up"
        time.sleep(1.1)
    healer.kill()
    swarm.start("healer").ready().logs("mesh: first beat heard")
    eventually(lambda: row(swarm, "new_svc")["state"] == "unseen", "unseen again")
    assert row(swarm, "mesh")["since"] == since
