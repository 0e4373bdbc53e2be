"""What the tests of telling people share: healer with a webhook, and what its receiver was told."""

from typing import Any

from receivers import HttpReceiver
from testkit import Service, Swarm, eventually

FAILOVER_SEC = 12.0


def told(receiver: HttpReceiver) -> list[dict[str, Any]]:
    """What the server was told so far, one thing each, in order."""
    return [one for body in receiver.bodies for one in body["told"]]


def kinds(receiver: HttpReceiver) -> list[tuple[str, str]]:
    """What that was: kind and subject."""
    return [(one["kind"], one["subject"]) for one in told(receiver)]


def until(receiver: HttpReceiver, *wanted: tuple[str, str], within_sec: float = FAILOVER_SEC) -> None:
    """Wait until just these were told, in this order."""
    expected = list(wanted)
    eventually(
        lambda: len(kinds(receiver)) >= len(expected), lambda: f"{expected}, told: {kinds(receiver)}", within_sec
    )
    assert kinds(receiver) == expected, kinds(receiver)


def healer(swarm: Swarm, receiver: HttpReceiver, **environ: str) -> Service:
    """Start healer with a webhook."""
    return swarm.start("healer", WEBHOOK_URL=f"{receiver.url}/secret-path", **environ).ready()


def pending(swarm: Swarm, target: str = "webhook") -> int:
    """How many alerts a target was not told of yet."""
    found: Any = swarm.system.client.xpending("healer:alerts:log", f"notify:{target}")
    return int(found["pending"])


def under_way(swarm: Swarm, target: str = "webhook") -> None:
    """Wait until healer knows what the target was told before: without that it tells nobody, bus or no bus."""
    eventually(lambda: swarm.system.client.hexists("healer:notify:state", f"healer {target}"), "healer tells")
