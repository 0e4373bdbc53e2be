"""What a judge asks to say why a service is silent."""

import asyncio
from typing import Any, cast

import pytest

from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.liveness import Detector, Terms
from marketswarm.messages import Heartbeat
from marketswarm.services.watching import causes as module
from marketswarm.services.watching.causes import CROWD, Causes

HERE = "here"


class FakeBus:
    """A bus that tells who is connected, or does not."""

    def __init__(self, *connected: str, error: Exception | None = None) -> None:
        self.asked = 0
        self._connected = set(connected)
        self._error = error

    async def connected(self) -> set[str]:
        """Tell."""
        self.asked += 1
        if self._error:
            raise self._error
        return self._connected


class FakeHost:
    """A host on which these processes run, and systemd has these units up; what it was asked stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running: set[int] = set()
        self.active: set[str] = set()
        self.asked: list[object] = []
        monkeypatch.setattr(module, "host", self)

    def runs(self, pid: int) -> bool:
        """Whether there is such a process."""
        self.asked.append(pid)
        return pid in self.running

    def unit_active(self, unit: str) -> bool:
        """Whether it is up."""
        self.asked.append(unit)
        return unit in self.active


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The host of the watcher."""
    return FakeHost(monkeypatch)


def reason(bus: FakeBus, *, host: str = HERE, pid: int = 42, bye: bool = False) -> str:
    """Say why mesh is silent, whose last beat said this."""
    detector = Detector([("mesh", Terms(10, 30))], 0, host=HERE)
    detector.hear([(0, Heartbeat("mesh", 1, 0, boot="b0", host=host, pid=pid, bye=bye))], 1)
    causes = Causes(cast("Any", bus), detector)
    return str(causes.of(0, asyncio.run(causes.look([0]))))


def test_one_whose_process_is_gone_has_crashed(here: FakeHost) -> None:
    """Where nobody starts it again."""
    assert reason(FakeBus()) == "crashed"
    assert here.asked == [42, "marketswarm@mesh.service"]


def test_one_whose_unit_is_up_is_started_again(here: FakeHost) -> None:
    """By systemd, and its log says why it cannot start."""
    here.active = {"marketswarm@mesh.service"}
    assert reason(FakeBus()) == "restarting"


def test_one_that_is_connected_is_wedged(here: FakeHost) -> None:
    """Under its own name; somebody else's connection says nothing of it."""
    here.running = {42}
    assert reason(FakeBus("marketswarm:mesh")) == "wedged"
    assert reason(FakeBus("marketswarm:mesh2", "mesh", "")) == "unknown"


def test_one_that_said_goodbye_was_stopped(here: FakeHost) -> None:
    """Whether its process is known to be gone or not."""
    assert reason(FakeBus(), bye=True) == "stopped"
    assert reason(FakeBus(), bye=True, host="there") == "stopped"


def test_the_process_of_another_host_is_not_looked_for_here(here: FakeHost) -> None:
    """There may be one of the same id, and a unit of the same name."""
    here.active = {"marketswarm@mesh.service"}
    assert reason(FakeBus(), host="there") == "unknown"
    assert reason(FakeBus("marketswarm:mesh"), host="there") == "wedged"
    assert here.asked == []


@pytest.mark.parametrize("error", [BusUnreachableError("gone"), BusRefusedError("NOPERM")])
def test_a_bus_that_does_not_tell_holds_up_nothing(here: FakeHost, error: Exception) -> None:
    """Then nobody is known to be connected."""
    here.running = {42}
    assert reason(FakeBus(error=error)) == "unknown"


@pytest.mark.parametrize(("count", "asked"), [(1, 1), (CROWD, 1), (CROWD + 1, 0)])
def test_of_a_crowd_the_bus_is_not_asked(count: int, asked: int) -> None:
    """Its answer would be long, and what is urgent is their leases."""
    bus = FakeBus("marketswarm:mesh")
    causes = Causes(cast("Any", bus), Detector([], 0))
    assert asyncio.run(causes.look(range(count))) == ({"marketswarm:mesh"} if asked else set())
    assert bus.asked == asked
