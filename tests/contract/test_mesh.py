"""Mesh: who should be there, who is, and on what; in `mesh:services`, on `mesh:gossip`, and as a person looks at it."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testkit import INTERVAL_SEC, Swarm, eventually, listening, truth

import marketswarm

NEW_SVC = {"heartbeat": {"interval_sec": INTERVAL_SEC}}
Heard = Callable[[], list[bytes]]


@pytest.fixture(autouse=True)
def same_package(swarm: Swarm) -> None:
    """Commands are of the package that this test has imported: of the installed one, or of the tree."""
    swarm.environ["PYTHONPATH"] = str(Path(marketswarm.__file__).parents[1])


@pytest.fixture
def gossip(swarm: Swarm) -> Iterator[Heard]:
    """What is heard on the channel from the start of the test on."""
    with listening(swarm.system, "mesh:gossip") as heard:
        yield heard


def only(*services: str, **sections: Any) -> dict[str, Any]:
    """Make a document of mesh and these services alone."""
    document = truth(**sections)
    document["services"] = {name: document["services"][name] for name in (*services, "mesh")}
    for name in services:
        document["services"][name].setdefault("heartbeat", {}).setdefault("timeout_sec", 2)
    return document


def member(swarm: Swarm, service: str) -> dict[str, Any]:
    """The registry's entry of a service; empty where there is none."""
    raw: Any = swarm.system.client.hget("mesh:services", service)
    return json.loads(raw) if raw else {}


def until(swarm: Swarm, service: str, state: str) -> dict[str, Any]:
    """Wait until a service is in a state, and give its entry."""

    def found() -> dict[str, Any] | None:
        entry = member(swarm, service)
        return entry if entry.get("state") == state else None

    return eventually(found, lambda: f"{service} is {state}; it is {member(swarm, service)}")


def turns(heard: list[bytes], service: str) -> list[tuple[str, str]]:
    """The changes of a service that were told."""
    return [(told["old"], told["new"]) for told in map(json.loads, heard) if told["svc"] == service]


def test_a_member_is_known_by_its_beats(swarm: Swarm) -> None:
    """Where it is, which process, on which truth: what its lease says; and mesh knows itself."""
    swarm.seed(only("rss_agg"))
    worker, mesh = swarm.start("rss_agg").ready(), swarm.start("mesh").ready()
    for service in (worker, mesh):
        until(swarm, service.name, "alive")
        entry = eventually(
            lambda name=service.name: member(swarm, name) if "boot" in member(swarm, name) else None, "its process"
        )
        beat = swarm.system.json(f"{service.name}:heartbeat")
        assert beat is not None
        assert {name: entry[name] for name in ("host", "pid", "boot", "truth")} == {
            "host": socket.gethostname(),
            "pid": service.pid,
            "boot": beat["boot"],
            "truth": beat["truth"],
        }
        assert (entry["bus"], entry["channel"]) == ("system-redis", f"{service.name}:heartbeat")
        assert 0 <= beat["ts"] - entry["since"] < 60
    assert swarm.system.alerts() == []
    assert swarm.system.client.keys("health:*") == []
