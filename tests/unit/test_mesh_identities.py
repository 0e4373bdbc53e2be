"""Whose lease is read in which round."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.line import Command
from marketswarm.services.mesh.identities import AT_A_TIME, Identities


class Leases(Bus):
    """A bus that has the lease of every service but ``s0``, and notes who was asked for in each round trip."""

    def __init__(self, trouble: Exception | None = None) -> None:
        super().__init__("system-redis", Address(host="127.0.0.1", port=1), client_name="test")
        self.asked: list[set[str]] = []
        self.trouble = trouble

    async def ask(self, commands: Sequence[Command], *, refusals: bool = False) -> list[Any]:
        """Give them: it is not asked how long they will be there."""
        assert ({command[0] for command in commands}, refusals) == ({"MGET"}, False)
        asked = [[str(key).removesuffix(":heartbeat") for key in command[1:]] for command in commands]
        self.asked.append({service for services in asked for service in services})
        if self.trouble:
            raise self.trouble
        return [[self._lease(service) for service in services] for services in asked]

    def _lease(self, service: str) -> bytes | None:
        beat = {"svc": service, "i": 1, "ts": 2, "boot": f"of {service}"}
        return json.dumps(beat).encode() if service != "s0" else None


def read(buses: Mapping[Bus, set[str]], *rounds: set[str]) -> list[dict[str, str | None]]:
    """Read in so many rounds, each with those who cannot wait; gives the boot of each, None where there is no lease."""
    identities = Identities(buses)

    async def run() -> list[dict[str, str | None]]:
        found = [await identities.read(at_once) for at_once in rounds]
        return [{svc: identity.boot if identity else None for svc, identity in one.items()} for one in found]

    return asyncio.run(run())


def test_a_few_are_read_in_each_round() -> None:
    """Each on its own bus; who has no lease is told as well."""
    first, second = Leases(), Leases()
    expected = {"s0": None, "s1": "of s1", "s2": "of s2"}
    assert read({first: {"s0", "s1"}, second: {"s2"}}, set(), {"s1"}) == [expected, expected]
    assert (first.asked, second.asked) == ([{"s0", "s1"}] * 2, [{"s2"}] * 2)


def test_many_take_turns_and_who_cannot_wait_is_read_at_once() -> None:
    """All of them within so many rounds."""
    bus, services = Leases(), {f"s{number}" for number in range(2 * AT_A_TIME + 1)}
    turns = read({bus: services}, set(), set(), set())
    assert [len(asked) for asked in bus.asked] == [AT_A_TIME] * 3
    assert {svc for found in turns for svc in found} == services
    late = next(iter(services - turns[0].keys()))
    (found,) = read({bus: services}, {late, "elsewhere"})
    assert late in found
    assert "elsewhere" not in found


def test_ten_thousand_cost_one_round_trip_a_round() -> None:
    """However many of them cannot wait: a bus is asked once, not once for each."""
    bus, services = Leases(), {f"s{number}" for number in range(10_000)}
    (found,) = read({bus: services}, services)
    assert (len(bus.asked), set(found)) == (1, services)
    read({bus: services}, *[set()] * 3)
    assert len(bus.asked) == 4


@pytest.mark.parametrize(
    ("trouble", "found"), [(BusUnreachableError("away"), {}), (BusRefusedError("not for you"), {"s1": None})]
)
def test_a_bus_that_is_away_tells_nothing_and_one_that_refuses_has_no_leases(
    trouble: Exception, found: dict[str, None]
) -> None:
    """The one is asked again; with the other, who beats is a member all the same."""
    assert read({Leases(trouble): {"s1"}, Leases(): {"s2"}}, set()) == [found | {"s2": "of s2"}]
