"""What tests of the relay share: alerts of probes, buses that lose answers, and relays on them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from probing import ANNOUNCED
from testkit import Server, eventually

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import SystemClock
from marketswarm.errors import BusUnreachableError
from marketswarm.line import Command
from marketswarm.messages import ProbeFailed, ProbeOk, encode
from marketswarm.services.notifying.relay import Passed, Relay

FAILED = encode(ProbeFailed("massive", "broker", "tls", "expired", 3, 1762433458, 1762433398.5))
OK = encode(ProbeOk("massive", "broker", 90.5, 1762433488))
OTHER = encode(ProbeFailed("massive", "feed", "dns", "no such name", 3, 1762433460, 1762433400.5))
Step = Callable[[], Awaitable[None]]


def some(count: int) -> list[bytes]:
    """Make alerts, each of another target."""
    return [encode(ProbeOk("massive", f"target-{number}", 1.5, number)) for number in range(count)]


def announce(server: Server, *events: bytes) -> None:
    """Put into massive's stream what it announces, or somebody in its place."""
    together = server.client.pipeline(transaction=False)
    for event in events:
        together.xadd(ANNOUNCED, {"event": event})
    together.execute()


def logged(server: Server) -> list[bytes]:
    """What the log of alerts holds."""
    found: Any = server.client.xrange(names.ALERT_LOG)
    return [fields[b"event"] for _, fields in found]


def of_probes(events: list[bytes]) -> list[bytes]:
    """Leave out what a watcher has to say itself meanwhile."""
    return [event for event in events if event.startswith(b'{"type":"probe_')]


def left(server: Server) -> int:
    """How much is still to be passed on."""
    return int(str(server.client.xlen(ANNOUNCED)))


class StagedBus(Bus):
    """A bus of which a test says what happens ``before`` a script is sent to it, and ``after`` it was carried out.

    While it is ``away`` nothing can be published.
    """

    def __init__(self, server: Server, name: str = names.SYSTEM_BUS) -> None:
        super().__init__(name, server.address, client_name="marketswarm:test", loud=False)
        self.scripts: list[Command] = []
        self.before: Step | None = None
        self.after: Step | None = None
        self.away = False
        self.gave_up = 0
        """How many scripts were not answered."""
        self.published: list[bytes] = []

    async def ask(self, commands: Sequence[Command], *, refusals: bool = False) -> list[Any]:
        """Ask; each of the two steps is taken once."""
        script = any(command[0] == "EVAL" for command in commands)
        if script:
            self.scripts.append(commands[0])
            step, self.before = self.before, None
            await _take(step)
        try:
            answers = await super().ask(commands, refusals=refusals)
        except BusUnreachableError:
            self.gave_up += script
            raise
        if script:
            step, self.after = self.after, None
            await _take(step)
        return answers

    async def publish(self, channel: str, payload: bytes) -> int:
        """Publish, and note it."""
        if self.away:
            await gone()
        heard_by = await super().publish(channel, payload)
        self.published.append(payload)
        return heard_by


async def _take(step: Step | None) -> None:
    if step:
        await step()


async def gone() -> None:
    """Lose the question, or the answer."""
    raise BusUnreachableError("no answer in time")


def relay(
    bus: Bus, alert_bus: Bus | None = None, passed: Passed | None = None, channel: str = "healer:alerts"
) -> Relay:
    """Make a watcher's relay; its alerts go to the same bus unless another is given."""
    return Relay(bus, alert_bus or bus, channel, SystemClock(), passed or Passed())


async def until(check: Callable[[], bool], what: str) -> None:
    """Let the relays work until something is so."""
    await asyncio.to_thread(eventually, check, what)
