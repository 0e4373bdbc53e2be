"""Who is asked in which round who stands by, and what comes of it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.line import Command
from marketswarm.services.mesh.waiting import AT_A_TIME, Waiting

NOW_SEC = 1_762_433_458


class Standbys(Bus):
    """A bus that has noted these hosts, each until then by its clock, for every singleton; counts the round trips."""

    def __init__(self, *noted: tuple[str, int], trouble: Exception | None = None) -> None:
        super().__init__("system-redis", Address(host="127.0.0.1", port=1), client_name="test")
        self.noted = noted
        self.trouble = trouble
        self.asked: list[str] = []

    async def ask(self, commands: Sequence[Command], *, refusals: bool = False) -> list[Any]:
        """Give them, and its clock."""
        (listing, key), clock = commands
        assert (listing, clock, refusals) == ("HVALS", ("TIME",), False)
        self.asked.append(str(key).removesuffix(":standbys"))
        if self.trouble:
            raise self.trouble
        noted = [json.dumps({"host": host, "until": until}).encode() for host, until in self.noted]
        return [noted, [b"%d" % NOW_SEC, b"0"]]


def read(singletons: Mapping[str, Bus], rounds: int = 1) -> list[dict[str, tuple[str, ...]]]:
    """Read in so many rounds."""
    waiting = Waiting(singletons)

    async def run() -> list[dict[str, tuple[str, ...]]]:
        return [await waiting.read() for _ in range(rounds)]

    return asyncio.run(run())


def test_hosts_are_named_in_order() -> None:
    """Whoever has stopped asking is none of them, whatever the bus still holds."""
    later, now = (NOW_SEC + 1) * 1000, NOW_SEC * 1000
    bus = Standbys(("h3", later), ("h1", later), ("h4", now), ("h2", now + 1), ("h1", later))
    assert read({"a": bus, "b": Standbys()}) == [{"a": ("h1", "h1", "h2", "h3"), "b": ()}]


@pytest.mark.parametrize("trouble", [BusUnreachableError("away"), BusRefusedError("not for you")])
def test_a_bus_that_does_not_say_is_left_out(trouble: Exception) -> None:
    """What was known of its singletons stays; the others are told of."""
    away, well = Standbys(trouble=trouble), Standbys(("h1", (NOW_SEC + 1) * 1000))
    assert read({"a": away, "b": well}) == [{"b": ("h1",)}]


def test_a_crowd_takes_turns() -> None:
    """Ten thousand singletons cost no more round trips a round than so many, and all come up."""
    bus, services = Standbys(), [f"s{number}" for number in range(10_000)]
    found = read(dict.fromkeys(services, bus), len(services) // AT_A_TIME)
    assert [len(one) for one in found] == [AT_A_TIME] * len(found)
    assert bus.asked == services


def test_where_there_is_no_singleton_nobody_is_asked() -> None:
    """As in a swarm that has none."""
    assert read({}, 2) == [{}, {}]
