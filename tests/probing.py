"""What tests of massive share: targets, a truth that names them, and what is told of them."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testkit import INTERVAL_SEC, Swarm, truth

PROBES, TOLD = "massive:probes", "massive:told"
ANNOUNCED = "massive:alerts"
"""What massive has announced and nobody has passed on: in a swarm without healer and sentinel, all of it."""


def probing(*probes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make a truth in which massive probes these, often."""
    fast = [{"interval_sec": 0.3, "timeout_sec": 5} | probe for probe in probes]
    return truth(massive={"heartbeat": {"interval_sec": INTERVAL_SEC}, "probes": fast} | fields)


@contextmanager
def accepting(port: int) -> Iterator[None]:
    """Listen on a port; whoever connects is accepted by the kernel."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(128)
        yield


def target(port: int, name: str = "broker", **fields: Any) -> dict[str, Any]:
    """Name a target on a port."""
    return {"name": name, "url": f"tcp://127.0.0.1:{port}"} | fields


def result(swarm: Swarm, name: str = "broker") -> dict[str, Any] | None:
    """Read the latest result of a target."""
    raw: Any = swarm.market.client.hget(PROBES, name)
    return json.loads(raw) if raw else None


def announced(swarm: Swarm) -> list[tuple[str, str]]:
    """Say which alerts massive has announced that nobody has passed on: types and names."""
    return [(alert["type"], alert["probe"]) for alert in swarm.system.alerts(ANNOUNCED)]


def told(swarm: Swarm) -> list[tuple[str, str]]:
    """Say which alerts of probes the log holds: types and names."""
    return [(alert["type"], alert["probe"]) for alert in swarm.system.alerts() if "probe" in alert]
