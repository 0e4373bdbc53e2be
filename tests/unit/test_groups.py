"""What people are told of as one: services that go dark together, and a service that goes and comes."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from marketswarm.liveness import Detector, State, Terms
from marketswarm.messages import Heartbeat
from marketswarm.services.watching.groups import FLAPPING, SETTLE_SEC, Groups

BUS = "market-redis"
TERMS = Terms(10, 30)
FLAPS = Terms(10, 30, flap_changes=3, flap_window_sec=600)
WALL = 1_762_433_458.75
STORM = f"{BUS}@1762433458"


class Told:
    """Who is told what the groups are."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def storm(self, bus: str, group: str, silent: list[str], watched: int) -> None:
        """Most services go dark."""
        self.lines.append(("storm", bus, group, silent, watched))

    def storm_over(self, bus: str, group: str, returned: int, still: list[str]) -> None:
        """Those who come back are back."""
        self.lines.append(("storm_over", bus, group, returned, still))

    def flapping(self, service: str, terms: Terms) -> None:
        """A service goes and comes."""
        self.lines.append(("flapping", service, terms))

    def stable(self, service: str, state: State) -> None:
        """It no longer does."""
        self.lines.append(("stable", service, state))


class Bus:
    """A bus, whose services were all heard at 0."""

    def __init__(self, *services: str, terms: Terms = TERMS) -> None:
        self.detector = Detector([(service, terms) for service in services], 0)
        self.told = Told()
        self.groups = Groups(BUS, self.detector, cast("Any", self.told))
        self.hear(0, *range(len(services)))

    def hear(self, now: float, *rows: int) -> list[str]:
        """Let these beat; returns the groups of those who are back."""
        turns = self.detector.hear([(row, Heartbeat(self.detector.services[row], 1, now)) for row in rows], now)
        return [self.groups.of_return(turn.row, now) for turn in turns if turn.old is State.MISSED]

    def judge(self, now: float) -> dict[str, str]:
        """Miss those who are due, as the judge does; returns the group of each."""
        silence = None if self.groups.storming(now) else self.detector.silence(now)
        missed = [found for row in self.detector.due(now) if (found := self.detector.convict(row, now))]
        if missed and silence:
            self.groups.begin(silence, now, WALL)
        return {miss.service: self.groups.of_miss(miss, now) for miss in missed}


def test_one_that_goes_dark_and_comes_back_stands_for_itself() -> None:
    """It is in no group."""
    bus = Bus("a", "b", "c")
    bus.hear(20, 1, 2)
    assert bus.judge(30) == {"a": ""}
    assert bus.hear(40, 0) == [""]
    assert bus.told.lines == []


def test_those_who_go_dark_together_are_one_thing() -> None:
    """Named by the bus and the second in which it was told, before each of them is."""
    bus = Bus("a", "b", "c", "d", "e")
    bus.hear(20, 4)
    assert bus.judge(30) == dict.fromkeys("abcd", STORM)
    assert bus.told.lines == [("storm", BUS, STORM, ["a", "b", "c", "d"], 5)]


def test_those_who_are_missed_later_belong_to_it_if_they_were_silent_by_then() -> None:
    """Not all are due at once; one that beat after the others died goes by itself."""
    bus = Bus("a", "b", "c", "d", "e")
    bus.hear(8, 3)
    bus.hear(25, 4)
    assert bus.judge(30) == dict.fromkeys("abc", STORM)
    assert bus.judge(38) == {"d": STORM}
    assert bus.judge(55) == {"e": ""}
    assert len(bus.told.lines) == 1


def test_a_storm_is_told_of_once() -> None:
    """While it is known that they go dark, the next of them begin no second one."""
    bus = Bus(*"abcdefgh")
    bus.hear(5, *range(3, 8))
    assert bus.judge(30) == dict.fromkeys("abc", STORM)
    assert bus.groups.storming(30)
    assert bus.judge(35) == dict.fromkeys("defgh", STORM)
    assert [line[0] for line in bus.told.lines] == ["storm"]


def test_it_is_over_when_all_are_back() -> None:
    """Each of them in the group, and then one word."""
    bus = Bus("a", "b", "c")
    bus.judge(30)
    assert bus.hear(40, 0, 1) == [STORM, STORM]
    assert bus.groups.turn(41) == []
    assert len(bus.told.lines) == 1
    assert bus.hear(42, 2) == [STORM]
    bus.groups.turn(42)
    bus.groups.turn(43)
    assert bus.told.lines[1:] == [("storm_over", BUS, STORM, 3, [])]


def test_who_does_not_come_back_is_named_at_its_end() -> None:
    """One and a half intervals after the last return; from then on each stands for itself."""
    bus = Bus("a", "b", "c", "d")
    bus.judge(30)
    bus.hear(40, 1)
    bus.groups.turn(54.9)
    assert len(bus.told.lines) == 1
    bus.groups.turn(55)
    assert bus.told.lines[1:] == [("storm_over", BUS, STORM, 1, ["a", "c", "d"])]
    assert bus.hear(56, 0) == [""]


def test_slow_beaters_are_waited_for_a_minute_at_most() -> None:
    """An operator wants to know."""
    bus = Bus("a", "b", "c", terms=Terms(3600, 7200))
    bus.judge(7200)
    bus.hear(7300, 0)
    bus.groups.turn(7300 + SETTLE_SEC - 0.1)
    assert len(bus.told.lines) == 1
    bus.groups.turn(7300 + SETTLE_SEC)
    assert bus.told.lines[1:] == [("storm_over", BUS, STORM, 1, ["b", "c"])]


def test_a_storm_nobody_comes_back_from_is_not_over() -> None:
    """However long it lasts."""
    bus = Bus("a", "b", "c")
    bus.judge(30)
    bus.groups.turn(1e6)
    assert len(bus.told.lines) == 1


def test_a_storm_goes_on_over_a_restart() -> None:
    """Who was reported dark in it is back in it; nobody goes dark in it any more."""
    bus = Bus("a", "b", "c", "d")
    bus.detector.recall_missed(0)
    bus.detector.recall_missed(1)
    bus.groups.recall({"a": STORM, "b": STORM, "gone": STORM}, [], 0)
    assert bus.judge(30) == {"c": "", "d": ""}
    assert bus.hear(40, 0, 1) == [STORM, STORM]
    bus.groups.turn(40)
    assert bus.told.lines == [("storm_over", BUS, STORM, 2, [])]


def test_of_several_storms_before_a_restart_the_biggest_goes_on() -> None:
    """Those of the others come back by themselves."""
    bus = Bus("a", "b", "c")
    for row in range(3):
        bus.detector.recall_missed(row)
    bus.groups.recall({"a": "old", "b": STORM, "c": STORM}, [], 0)
    assert bus.hear(10, 0, 1, 2) == ["", STORM, STORM]


@pytest.mark.parametrize("missed", [{}, {"a": ""}, {"a": FLAPPING}])
def test_without_a_storm_before_a_restart_there_is_none_after_it(missed: dict[str, str]) -> None:
    """A miss that stood for itself, or for its flapping, is no storm."""
    bus = Bus("a", "b")
    bus.detector.recall_missed(0)
    bus.groups.recall(missed, [], 0)
    assert bus.hear(10, 0) == [""]
    bus.groups.turn(1e6)
    assert bus.told.lines == []


def flap(bus: Bus) -> Callable[[float], str]:
    """Let A go dark at a moment, or come back, in turn; returns its group."""

    def change(now: float) -> str:
        if bus.detector.state(0) is State.MISSED:
            return bus.hear(now, 0)[0]
        return bus.judge(now)["a"]

    return change


def test_one_that_goes_and_comes_is_told_of_once() -> None:
    """The changes that show it stand for themselves; from then on they are in the group, the one that tells too."""
    bus = Bus("a", terms=FLAPS)
    change = flap(bus)
    assert [change(now) for now in (30, 40, 70, 80, 110)] == ["", "", FLAPPING, FLAPPING, FLAPPING]
    assert bus.told.lines == [("flapping", "a", FLAPS)]
    assert bus.groups.flaps(0)
    assert bus.groups.flapping() == {"a"}


@pytest.mark.parametrize(("changes", "state"), [((30, 40, 70), State.MISSED), ((30, 40, 70, 80), State.ALIVE)])
def test_when_it_is_over_it_is_said_where_it_stands(changes: tuple[float, ...], state: State) -> None:
    """Once, when it has been quiet for as long as truth says."""
    bus = Bus("a", terms=FLAPS)
    for now in changes:
        flap(bus)(now)
    assert bus.groups.turn(changes[-1] + 599) == []
    assert bus.groups.turn(changes[-1] + 600) == [0]
    assert bus.groups.turn(changes[-1] + 601) == []
    assert bus.told.lines[1:] == [("stable", "a", state)]
    assert not bus.groups.flaps(0)


def test_one_that_flapped_before_a_restart_still_does() -> None:
    """It is not told again that it begins."""
    bus = Bus("a", "b", terms=FLAPS)
    bus.groups.recall({}, ["a", "gone"], 0)
    assert bus.groups.flapping() == {"a"}
    assert bus.judge(30) == {"a": FLAPPING, "b": ""}
    assert bus.groups.turn(630) == [0]
    assert bus.told.lines == [("stable", "a", State.MISSED)]


def test_one_that_flaps_goes_dark_with_the_others() -> None:
    """The storm explains more; that it flaps goes on."""
    bus = Bus("a", "b", "c", terms=FLAPS)
    bus.groups.recall({}, ["a"], 0)
    assert bus.judge(30) == dict.fromkeys("abc", STORM)
    assert bus.groups.flaps(0)
    assert bus.hear(40, 0) == [STORM]
