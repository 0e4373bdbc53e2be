"""What mesh makes of what a judge finds, by a clock of the test's own."""

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from marketswarm.liveness import Detector, Event, Members, State, Tally, Terms, Transition
from marketswarm.messages import FullHeartbeat, Heartbeat, Presence
from marketswarm.services.mesh.roll import WENT_UNSEEN, Roll
from marketswarm.services.watching import Finding, Judge

TERMS = Terms(10, 30)
EPOCH = 1_762_433_458.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds since the begin of the test."""
        return self.now

    def suspended(self) -> float:
        """It never sleeps."""
        return 0.0

    def wall(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.now


class Bench:
    """The judge of a world, as far as a roll asks one."""

    def __init__(self, world: "World") -> None:
        self.detector = world.detector
        self._world = world

    async def certain(self, rows: list[int]) -> bool:
        """As the world says; the lease of a service in ``leases`` is read by then."""
        for row in rows:
            if self.detector.services[row] in self._world.leases:
                self._world.beat(self.detector.services[row], 2)
        return self._world.certain


class World:
    """A bus with services that a roll is kept of."""

    def __init__(self, *services: str, known: Mapping[str, Presence] | None = None) -> None:
        self.clock = Clock()
        self.members = Members((), 0, EPOCH)
        self.members.enrol({service: ("system-redis", f"{service}:heartbeat") for service in services}, 0, EPOCH)
        for service, stands in (known or {}).items():
            self.members.turn(service, stands, EPOCH)
        self.roll = Roll(self.members, self.clock, set(), set(known or {}))
        self.detector = Detector([(service, TERMS) for service in services], 0)
        self.leases: set[str] = set()
        self.certain = True
        """Whether silence is the services' own."""
        self.roll.watch([cast("Judge", Bench(self))])
        self.services = services

    def beat(self, service: str, i: int = 1, *, boot: str = "b1", bye: bool = False) -> None:
        """Let one be heard now."""
        row = self.services.index(service)
        sent = Heartbeat(service, i, self.clock.wall(), boot=boot, bye=bye)
        self._tell(self.detector.hear([(row, sent)], self.clock.now))

    def go(self, to: float, reason: str = "unknown") -> None:
        """Let time pass, judge who is due, and look at all."""
        self.clock.now = to
        found = (self.detector.convict(row, to) for row in self.detector.due(to))
        self._tell([turn for turn in found if turn], reason)
        asyncio.run(self.roll.look())

    def _tell(self, turns: list[Transition], reason: str = "") -> None:
        for turn in turns:
            self.roll.turned(Finding(turn, reason if turn.new is State.MISSED else ""))

    def stands(self, service: str = "a") -> Presence:
        """How one stands."""
        return self.members.presence(service)

    def reason(self, service: str = "a") -> str:
        """Why one stands so."""
        return next(member.reason for member in self.members.all() if member.svc == service)

    def since(self, service: str = "a") -> float:
        """How long after the begin of the test it came to stand so."""
        return next(member.since for member in self.members.all() if member.svc == service) - EPOCH


def test_a_life() -> None:
    """Unseen, alive, suspected, failed with the reason, alive again; each from the moment on in which it is known."""
    world = World("a", "b")
    world.go(1)
    assert world.stands() is Presence.UNSEEN
    world.beat("a")
    assert (world.stands(), world.since()) == (Presence.ALIVE, 1)
    world.go(21)
    assert world.stands() is Presence.ALIVE
    world.go(22)
    assert (world.stands(), world.since()) == (Presence.SUSPECTED, 22)
    world.go(30)
    world.go(31, "crashed")
    assert (world.stands(), world.since()) == (Presence.FAILED, 31)
    assert [member.reason for member in world.members.all()] == ["crashed", ""]
    world.beat("a", boot="b2")
    assert (world.stands(), world.since()) == (Presence.ALIVE, 31)
    assert world.stands("b") is Presence.UNSEEN


def test_a_suspect_is_alive_with_its_next_beat() -> None:
    """At the next look."""
    world = World("a")
    world.beat("a")
    world.go(25)
    assert world.stands() is Presence.SUSPECTED
    world.beat("a", 2)
    world.go(26)
    assert (world.stands(), world.since()) == (Presence.ALIVE, 26)


def test_a_goodbye_is_left_at_once_and_for_as_long_as_nothing_is_heard() -> None:
    """Not when the timeout is over; that then changes nothing."""
    world = World("a")
    world.beat("a")
    world.beat("a", 2, bye=True)
    for now in (1, 25, 40, 4000):
        world.go(now)
        assert (world.stands(), world.since()) == (Presence.LEFT, 1)
    world.beat("a", boot="b2")
    assert (world.stands(), world.since()) == (Presence.ALIVE, 4000)


def test_a_restart_within_the_timeout_is_a_goodbye_and_a_return() -> None:
    """Though its judge never missed it."""
    world = World("a")
    world.beat("a")
    world.beat("a", 2, bye=True)
    world.go(1)
    assert world.stands() is Presence.LEFT
    world.beat("a", boot="b2")
    world.go(2)
    assert (world.stands(), world.since()) == (Presence.ALIVE, 2)
    assert "a" in world.roll.anew


@pytest.mark.parametrize("known", [Presence.ALIVE, Presence.SUSPECTED, Presence.FAILED, Presence.LEFT, Presence.UNSEEN])
def test_after_a_restart_of_mesh_each_stands_as_it_stood(known: Presence) -> None:
    """Until it is heard, or convicted; who had left has not failed, and who was never heard cannot."""
    world = World("a", known={"a": known})
    world.go(22)
    assert (world.stands(), world.since()) == (known, 0)
    world.go(23)
    failed = known in (Presence.ALIVE, Presence.SUSPECTED, Presence.FAILED)
    assert world.stands() is (Presence.FAILED if failed else known)
    world.beat("a")
    assert world.stands() is Presence.ALIVE


@pytest.mark.parametrize(
    ("heard", "cause", "reason"),
    [
        (False, "unknown", WENT_UNSEEN),
        (False, "wedged", "wedged"),
        (True, "unknown", "unknown"),
        (True, "crashed", "crashed"),
    ],
)
def test_who_went_while_mesh_was_away_is_not_said_to_have_crashed(cause: str, reason: str, *, heard: bool) -> None:
    """Nobody listened for its goodbye; one that is still connected, or was heard since, is as it is found."""
    world = World("a", known={"a": Presence.ALIVE})
    if heard:
        world.beat("a")
    world.go(31, cause)
    assert (world.stands(), world.reason()) == (Presence.FAILED, reason)
    world.beat("a", 2)
    world.go(62, cause)
    assert world.reason() == cause


def test_nobody_is_suspected_while_the_bus_is_away_and_a_suspect_stays_one() -> None:
    """Silence proves nothing then, and so does not even a return."""
    world = World("a", "b")
    world.beat("a")
    world.beat("b")
    world.go(15)
    world.beat("b", 2)
    world.go(25)
    world.detector.freeze()
    world.go(500)
    assert (world.stands("a"), world.stands("b")) == (Presence.SUSPECTED, Presence.ALIVE)
    world.detector.thaw(500)
    world.go(510)
    assert (world.stands("a"), world.stands("b")) == (Presence.SUSPECTED, Presence.ALIVE)
    world.beat("a", 2)
    world.go(520)
    assert (world.stands("a"), world.stands("b")) == (Presence.ALIVE, Presence.ALIVE)
    world.go(520.5)
    assert (world.stands("a"), world.stands("b")) == (Presence.ALIVE, Presence.SUSPECTED)


def test_nobody_is_suspected_before_it_is_sure_that_it_is_silent() -> None:
    """A bus that hangs brings nothing either, and a beat that was not heard may stand in the lease."""
    world = World("a", "b")
    world.beat("a")
    world.beat("b")
    world.certain = False
    world.go(25)
    assert (world.stands("a"), world.stands("b")) == (Presence.ALIVE, Presence.ALIVE)
    world.certain = True
    world.leases.add("a")
    world.go(26)
    assert (world.stands("a"), world.stands("b")) == (Presence.ALIVE, Presence.SUSPECTED)


def test_who_may_be_another_process_is_looked_up_at_once_and_until_its_bus_tells() -> None:
    """One that comes, and one that was replaced; a lease that was read before it did is no answer."""
    world = World("a", "b")
    world.beat("a")
    world.roll.happened("b", Event.DUPLICATED, Tally())
    assert world.roll.anew == {"a"}
    world.roll.happened("b", Event.RESTARTED, Tally())
    world.roll.identify({"b": None}, {"a", "b"})
    assert world.roll.anew == {"a"}
    world.roll.identify({"a": FullHeartbeat("a", 1, EPOCH, boot="b0")}, set())
    assert world.roll.anew == {"a"}
    world.roll.identify({"a": FullHeartbeat("a", 1, EPOCH, boot="b1")}, {"a"})
    assert world.roll.anew == set()
    assert [member.boot for member in world.members.all()] == ["b1", ""]


@pytest.mark.parametrize(("bus", "stored"), [("system-redis", ["a", "b"]), ("market-redis", [])])
def test_a_bus_that_is_back_is_given_all_that_it_should_hold(bus: str, stored: list[str]) -> None:
    """It may have lost its last writes and have as many entries as before; only the registry's bus has any."""
    world = World("a", "b")
    world.members.keep(world.members.stale())
    world.roll.bus_again(bus)
    assert sorted(member.svc for member in world.members.stale()) == stored


def test_who_lives_between_two_rounds_was_there() -> None:
    """One that was heard and convicted before anybody looked has failed, and is not unseen."""
    world = World("a")
    world.beat("a")
    world.clock.now = 30
    (turn,) = [found for row in world.detector.due(30) if (found := world.detector.convict(row, 30))]
    world.roll.turned(Finding(turn, "crashed"))
    assert world.stands() is Presence.FAILED
