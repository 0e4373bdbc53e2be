"""What massive puts back where a bus has lost that people were told of a target."""

import json
from collections.abc import Iterator, Mapping

import pytest
from simulation.healer import Clocks
from simulation.loop import VirtualLoop
from simulation.timeline import Timeline

from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.errors import BusUnreachableError
from marketswarm.messages import Alert, ProbeFailed, ProbeOk
from marketswarm.services.massive.told import LOOK_SEC, Told

FAILED = ProbeFailed("massive", "broker", "tcp", "refused", 2, 100, 90.0)


class Kept(Bus):
    """A hash of a bus."""

    def __init__(self) -> None:
        super().__init__("system-redis", Address.parse("redis://127.0.0.1:1"), client_name="test")
        self.held: dict[str, bytes] = {}
        self.away = False

    async def fields(self, key: str) -> dict[str, bytes]:
        """Read it."""
        assert key == "massive:told"
        if self.away:
            raise BusUnreachableError("away")
        return dict(self.held)

    async def set_fields(self, key: str, fields: Mapping[str, bytes]) -> None:
        """Write to it."""
        assert key == "massive:told"
        self.held |= fields


class World:
    """What was told, a bus, and time."""

    def __init__(self) -> None:
        self.loop = VirtualLoop(Timeline(), self._nowhere)
        self.bus = Kept()
        self.told = Told()
        self.alerts: list[Alert] = []
        self._clock = Clocks(self.loop)
        self._keeping = self.loop.create_task(self.told.keep(self.bus, self._clock))

    async def _nowhere(self, *_: object) -> None:
        raise AssertionError

    def wait(self, looks: int) -> None:
        """Let so many looks be taken."""
        self.loop.call_later(looks * LOOK_SEC, self.loop.stop)
        self.loop.run_forever()

    def close(self) -> None:
        """End it."""
        self._keeping.cancel()
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        self.loop.close()


@pytest.fixture
def world() -> Iterator[World]:
    """One in which people were told of a target, which the bus holds."""
    made = World()
    made.told.failed(FAILED, made.alerts.append)
    made.bus.held["broker"] = b"told"
    yield made
    made.close()


def test_what_is_there_is_left_alone(world: World) -> None:
    """However often it is looked at."""
    world.wait(5)
    assert world.bus.held == {"broker": b"told"}


def test_what_a_bus_has_lost_is_put_back(world: World) -> None:
    """At the second look that misses it: before, it may be on its way."""
    world.bus.held.clear()
    world.wait(1)
    assert world.bus.held == {}
    world.wait(1)
    assert json.loads(world.bus.held["broker"])["probe"] == "broker"


def test_what_has_ended_is_not_put_back(world: World) -> None:
    """Its field is gone with the announcement of its end."""
    world.told.ended(ProbeOk("massive", "broker", 5.0, 105), "broker", world.alerts.append)
    world.bus.held.clear()
    world.wait(3)
    assert world.bus.held == {}
    assert world.alerts == [FAILED, ProbeOk("massive", "broker", 5.0, 105)]


def test_a_bus_that_is_away_says_nothing(world: World) -> None:
    """Missing before and after it counts as missing once."""
    world.bus.held.clear()
    world.wait(1)
    world.bus.away = True
    world.wait(1)
    world.bus.away = False
    world.wait(1)
    assert world.bus.held == {}
    world.wait(1)
    assert "broker" in world.bus.held


def test_what_the_process_before_has_told_is_kept_as_well(world: World) -> None:
    """It was recalled."""
    world.told.recall({"web": ProbeFailed("massive", "web", "tls", "expired", 2, 100, 90.0)})
    world.wait(2)
    assert sorted(world.bus.held) == ["broker", "web"]
