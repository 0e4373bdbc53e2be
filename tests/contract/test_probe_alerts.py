"""What massive tells of a probe: announced and remembered in one step, for others to pass on."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from probing import ANNOUNCED
from testkit import Server, Swarm, eventually, listening, watching

from marketswarm import names
from marketswarm.alertlog import PROBE_ALERTS
from marketswarm.bus import Bus
from marketswarm.errors import BusUnreachableError
from marketswarm.line import Command
from marketswarm.messages import Alert, ProbeFailed, ProbeOk, encode
from marketswarm.services.watching.recorder import Recorder

FAILED = ProbeFailed("massive", "broker", "tls", "expired", 3, 1762433458, 1762433398.5)
AGAIN = ProbeFailed("massive", "broker", "tcp", "refused", 3, 1762433558, 1762433498.5)
OTHER = ProbeFailed("massive", "feed", "dns", "no such name", 3, 1762433460, 1762433400.5)
OK = ProbeOk("massive", "broker", 90.5, 1762433488)


class WatchedBus(Bus):
    """A bus that knows what it was asked; ``gives_up`` is how many answers come too late.

    ``meanwhile`` is done before that is known.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(names.SYSTEM_BUS, server.address, client_name="marketswarm:test", loud=False)
        self.asked: list[list[Command]] = []
        self.gives_up = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def ask(self, commands: Sequence[Command], *, refusals: bool = False) -> list[Any]:
        """Ask, and note it."""
        self.asked.append(list(commands))
        answers = await super().ask(commands, refusals=refusals)
        if self.gives_up and ("MULTI",) in commands:
            self.gives_up -= 1
            self.meanwhile()
            raise BusUnreachableError("no answer in time")
        return answers


def told(server: Server) -> dict[str, bytes]:
    """What massive's next process finds."""
    found: Any = server.client.hgetall("massive:told")
    return {field.decode(): value for field, value in found.items()}


def record(
    server: Server, act: Callable[[Recorder], None], gives_up: int = 0, meanwhile: Callable[[], None] | None = None
) -> WatchedBus:
    """Let massive's recorder tell what it is given."""

    async def run() -> WatchedBus:
        bus = WatchedBus(server)
        bus.gives_up = gives_up
        bus.meanwhile = meanwhile or bus.meanwhile
        recorder = Recorder(bus, bus, "", log=PROBE_ALERTS)
        act(recorder)
        task = asyncio.create_task(recorder.run())
        await asyncio.to_thread(eventually, lambda: not recorder.waiting, "all is told")
        task.cancel()
        await bus.close()
        return bus

    return asyncio.run(run())


def announcing(*alerts: Alert) -> Callable[[Recorder], None]:
    """Announce these, one after another."""

    def act(recorder: Recorder) -> None:
        for alert in alerts:
            recorder.announce(alert)

    return act


def test_a_probe_that_fails_is_remembered_in_the_step_that_tells_of_it(swarm: Swarm) -> None:
    """One transaction holds the announcement and the memory; no health, nothing of healer's, and no publication."""
    with listening(swarm.system, names.ALERT_CHANNEL) as heard:
        bus = record(swarm.system, announcing(FAILED))
        assert heard() == []
    assert told(swarm.system) == {"broker": encode(FAILED)}
    assert swarm.system.alerts(ANNOUNCED) == [json.loads(encode(FAILED))]
    assert [command[:2] for asked in bus.asked for command in asked] == [
        ("MULTI",),
        ("XADD", "massive:alerts"),
        ("SET", "massive:alerts:last"),
        ("HSET", "massive:told"),
        ("EXEC",),
    ]
    assert [key for pattern in ("healer:*", "health:*") for key in swarm.system.client.keys(pattern)] == []


def test_the_end_of_it_is_no_longer_remembered(swarm: Swarm) -> None:
    """In its own transaction, and of its own target only."""
    record(swarm.system, announcing(FAILED, OTHER))
    bus = record(swarm.system, announcing(OK))
    assert told(swarm.system) == {"feed": encode(OTHER)}
    (commands,) = (asked for asked in bus.asked if ("MULTI",) in asked)
    assert [command[0] for command in commands] == ["MULTI", "XADD", "SET", "HDEL", "EXEC"]


@pytest.mark.parametrize(
    ("alerts", "left"),
    [
        ((FAILED, OK), {}),
        ((OK,), {}),
        ((FAILED, OK, AGAIN), {"broker": encode(AGAIN)}),
        ((FAILED, AGAIN), {"broker": encode(AGAIN)}),
        ((OK, FAILED), {"broker": encode(FAILED)}),
    ],
)
@pytest.mark.parametrize("gives_up", [0, 1, 2])
@pytest.mark.parametrize("passed_on", [False, True])
def test_of_many_in_one_step_the_last_is_remembered(
    swarm: Swarm, alerts: tuple[Alert, ...], left: dict[str, bytes], gives_up: int, *, passed_on: bool
) -> None:
    """In their order, and once, though the bus had taken what nobody waited for any more, and it was passed on."""
    gone: list[dict[str, Any]] = []

    def pass_on() -> None:
        gone.extend(swarm.system.alerts(ANNOUNCED))
        swarm.system.client.xtrim(ANNOUNCED, maxlen=0, approximate=False)

    record(swarm.system, announcing(*alerts), gives_up, pass_on if passed_on else None)
    assert told(swarm.system) == left
    assert gone + swarm.system.alerts(ANNOUNCED) == [json.loads(encode(alert)) for alert in alerts]
    assert len(gone) == (len(alerts) if passed_on and gives_up else 0)


def test_what_a_bus_has_lost_with_the_answer_is_announced_again(swarm: Swarm) -> None:
    """It came back empty: that it had taken the alert helps nobody."""
    record(swarm.system, announcing(OTHER))

    def empty() -> None:
        swarm.system.client.flushall()

    record(swarm.system, announcing(FAILED), 1, empty)
    assert told(swarm.system) == {"broker": encode(FAILED)}
    assert swarm.system.alerts(ANNOUNCED) == [json.loads(encode(FAILED))]


def test_a_probe_is_silenced_and_acknowledged_by_its_name(swarm: Swarm) -> None:
    """It is acknowledged while it fails; one that is well, or that there is not, is refused."""
    swarm.seed(watching("rss_agg"))
    record(swarm.system, announcing(ProbeFailed("massive", "net-url", "http", "answers 503", 3, 1, 0.5)))
    silenced = swarm.command("marketswarm", "silence", "massive/net-host", "--for", "8h")
    assert silenced.stdout.startswith("massive/net-host is silenced until ")
    good = swarm.command("marketswarm", "ack", "massive/net-url")
    assert good.stdout.startswith("massive/net-url is acknowledged: no reminders and no escalation until it is back; ")
    assert swarm.system.client.hkeys("healer:acks") == [b"massive/net-url"]
    well = swarm.command("marketswarm", "ack", "massive/net-host")
    assert (well.returncode, well.stderr) == (1, "massive/net-host is not down: nothing to acknowledge\n")
    unknown = swarm.command("marketswarm", "ack", "massive/net-uri")
    assert unknown.returncode == 78
    assert unknown.stderr.endswith("named 'massive/net-uri'; did you mean massive/net-url?\n")
    assert swarm.system.client.hkeys("healer:acks") == [b"massive/net-url"]
    assert swarm.command("marketswarm", "unsilence", "massive/net-host").returncode == 0
