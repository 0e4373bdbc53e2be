"""What the judges find, in words."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, cast

import pytest

from marketswarm.liveness import Event, State, Tally, Terms, Transition
from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ServiceRecord,
    ServiceRestarted,
    Stable,
    TruthDrift,
)
from marketswarm.services import healer, sentinel
from marketswarm.services.watching import Finding, Words
from marketswarm.services.watching import verdicts as module
from marketswarm.services.watching.verdicts import Announcer

NOW = 1_762_433_458
MANY = [f"s{i}" for i in range(25)]


class FakeClock:
    """It is NOW, and a part of a second."""

    def wall(self) -> float:
        """Seconds."""
        return NOW + 0.9


class FakeRecorder:
    """Takes what is announced, noted, kept and repeated."""

    def __init__(self) -> None:
        self.announced: list[Alert] = []
        self.noted: list[Alert] = []
        self.kept: dict[str, ServiceRecord] = {}
        self.repeated: list[list[Alert]] = []
        self.released: list[str] = []

    def announce(self, alert: Alert) -> None:
        """Take an alert."""
        self.announced.append(alert)

    def release(self, services: Iterable[str]) -> None:
        """Take who stands for itself."""
        self.released += services

    def note(self, alert: Alert) -> None:
        """Take a note."""
        self.noted.append(alert)

    def keep(self, service: str, record: ServiceRecord) -> None:
        """Take a record."""
        self.kept[service] = record

    def repeat(self, others: Iterable[Alert]) -> None:
        """Store again."""
        self.repeated.append(list(others))


class Watcher:
    """A watcher's words, and what is announced in them."""

    def __init__(self, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._said: list[Words] = []
        monkeypatch.setattr(service, "watch", self._watch)
        asyncio.run(service.work(None))
        self.told = FakeRecorder()
        self.says = self.with_alerts_on()

    def with_alerts_on(self, **alert_on: tuple[str, ...]) -> Announcer:
        """An announcer for a truth that wants to be told of these."""
        return Announcer(self._said[0], cast("Any", self.told), cast("Any", FakeClock()), alert_on=alert_on)

    async def _watch(self, _: object, words: Words) -> None:
        self._said.append(words)


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """Healer."""
    return Watcher(healer, monkeypatch)


@pytest.fixture
def watchdog(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """Sentinel."""
    return Watcher(sentinel, monkeypatch)


def turn(old: State, new: State, service: str = "mesh", silence_sec: float = 31.23456) -> Transition:
    """Make a change of state."""
    return Transition(0, service, old, new, silence_sec, 30.0)


MISSED = turn(State.ALIVE, State.MISSED)
BACK = turn(State.MISSED, State.ALIVE, silence_sec=0.12345)
FIRST = turn(State.UNSEEN, State.ALIVE, silence_sec=0.12345)


def test_a_miss_and_its_end_are_announced(monitor: Watcher) -> None:
    """To the millisecond of the silence, and to the second of the day."""
    monitor.says.turned(Finding(MISSED, "crashed"))
    monitor.says.turned(Finding(BACK))
    assert monitor.told.announced == [
        HeartbeatMiss("mesh", 31.235, 30.0, NOW, reason="crashed"),
        HeartbeatOk("mesh", 0.123, NOW),
    ]


def test_both_name_their_group(monitor: Watcher) -> None:
    """For programs, and for who looks closer."""
    monitor.says.turned(Finding(MISSED, "unknown", "g"))
    monitor.says.turned(Finding(BACK, group="g"))
    assert monitor.told.announced == [
        HeartbeatMiss("mesh", 31.235, 30.0, NOW, reason="unknown", group="g"),
        HeartbeatOk("mesh", 0.123, NOW, group="g"),
    ]


def test_sentinel_has_words_of_its_own(watchdog: Watcher) -> None:
    """They are of healer, and say as much."""
    watchdog.says.turned(Finding(turn(State.UNSEEN, State.MISSED, "healer"), "wedged", "g"))
    watchdog.says.turned(Finding(turn(State.MISSED, State.ALIVE, "healer"), group="g"))
    assert watchdog.told.announced == [
        HealerMiss("healer", 31.235, 30.0, NOW, reason="wedged", group="g"),
        HealerOk("healer", NOW, group="g"),
    ]


def test_a_first_beat_is_noted_and_nobody_is_told(monitor: Watcher) -> None:
    """Nothing was announced that it would end."""
    monitor.says.turned(Finding(FIRST))
    assert monitor.told.noted == [HeartbeatOk("mesh", 0.123, NOW)]
    assert monitor.told.announced == []


def test_the_first_beats_of_a_crowd_are_a_few_lines(monitor: Watcher, caplog: pytest.LogCaptureFixture) -> None:
    """One each of the first, and one for all the others; the next few are lines again."""
    with caplog.at_level(logging.INFO):
        for service in MANY:
            monitor.says.turned(Finding(turn(State.UNSEEN, State.ALIVE, service)))
        monitor.says.turn([])
        monitor.says.turn([])
        monitor.says.turned(Finding(FIRST))
    assert caplog.messages == [
        *(f"{service}: first beat heard" for service in MANY[:10]),
        "first beats of 15 more services heard",
        "mesh: first beat heard",
    ]
    assert len(monitor.told.noted) == 26


def test_a_record_says_how_a_service_stands(monitor: Watcher) -> None:
    """In the words that `status` reads."""
    monitor.says.record("a", State.UNSEEN, Tally(), flapping=False)
    monitor.says.record("b", State.ALIVE, Tally(3, 2, 1), flapping=True)
    monitor.says.record("c", State.MISSED, Tally(), flapping=False)
    assert monitor.told.kept == {
        "a": ServiceRecord("unseen"),
        "b": ServiceRecord("alive", 3, 2, 1, flapping=True),
        "c": ServiceRecord("missed"),
    }


def test_of_a_crowd_the_first_are_named(monitor: Watcher) -> None:
    """An alert is read by people; how many there are stands beside it."""
    monitor.says.storm("market-redis", "g", MANY, 40)
    monitor.says.storm_over("market-redis", "g", 13, MANY[:12])
    assert monitor.told.announced == [
        MassMiss("market-redis", 25, 40, tuple(MANY[:10]), "g", NOW),
        MassOk("market-redis", 13, 12, tuple(MANY[:10]), "g", NOW),
    ]
    assert monitor.told.released == MANY[:12], "whoever comes back later does so by itself, after a restart as well"


def test_flapping_is_announced_by_the_terms_and_its_end_by_the_state(monitor: Watcher) -> None:
    """One that was not heard since a restart is not down."""
    monitor.says.flapping("mesh", Terms(10, 30, flap_changes=4, flap_window_sec=600))
    for state in (State.MISSED, State.ALIVE, State.UNSEEN):
        monitor.says.stable("mesh", state)
    assert monitor.told.announced == [
        Flapping("mesh", 4, 600, NOW),
        *(Stable("mesh", state, NOW) for state in ("down", "up", "up")),
    ]


@pytest.mark.parametrize(
    ("event", "alert"),
    [
        (Event.RESTARTED, ServiceRestarted("mesh", 2, NOW)),
        (Event.DUPLICATED, DuplicateInstance("mesh", NOW)),
    ],
)
def test_what_numbers_tell_is_announced_where_truth_asks_for_it(monitor: Watcher, event: Event, alert: Alert) -> None:
    """Of that service, and that alert."""
    kind = str(alert.__struct_config__.tag)
    other = {"service_restarted": "duplicate_instance", "duplicate_instance": "service_restarted"}[kind]
    for alert_on in ({}, {"massive": (kind,)}, {"mesh": (other,)}):
        monitor.with_alerts_on(**alert_on).happened("mesh", event, Tally(restarts=2))
    assert monitor.told.announced == []
    monitor.with_alerts_on(mesh=(other, kind)).happened("mesh", event, Tally(restarts=2))
    assert monitor.told.announced == [alert]


def test_what_numbers_tell_is_logged_in_any_case(monitor: Watcher, caplog: pytest.LogCaptureFixture) -> None:
    """Two under one name is a warning."""
    with caplog.at_level(logging.INFO):
        monitor.says.happened("mesh", Event.RESTARTED, Tally(restarts=1))
        monitor.says.happened("mesh", Event.DUPLICATED, Tally(duplicates=1))
    assert caplog.record_tuples == [
        (module.__name__, logging.INFO, "mesh: another process beats; it was never missed"),
        (module.__name__, logging.WARNING, "mesh: two processes beat under this name"),
    ]


def test_a_lost_bus_is_healers_to_announce(monitor: Watcher, watchdog: Watcher) -> None:
    """Sentinel, which is cut off from it too, logs it."""
    for watcher in (monitor, watchdog):
        watcher.says.bus_lost("market-redis", "silent")
        watcher.says.bus_ok("market-redis", 1.23456)
    assert monitor.told.announced == [BusLost("market-redis", "silent", NOW), BusOk("market-redis", 1.235, NOW)]
    assert watchdog.told.announced == []


def test_a_truth_that_drifts_is_announced_and_its_end_logged(
    monitor: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no alert for the end."""
    with caplog.at_level(logging.INFO):
        monitor.says.truth_drift("market-redis", "holds no truth:doc")
        monitor.says.truth_back("market-redis")
        monitor.says.truth_drift("market-redis", "has run on ab12", "mesh")
        monitor.says.truth_back("mesh")
    assert monitor.told.announced == [
        TruthDrift("market-redis", "holds no truth:doc", NOW),
        TruthDrift("market-redis", "has run on ab12", NOW, svc="mesh"),
    ]
    assert caplog.messages == ["truth_drift of market-redis is over", "truth_drift of mesh is over"]


def test_when_the_bus_that_has_the_verdicts_is_back_they_are_stored_again(monitor: Watcher) -> None:
    """Once for each time, with who beats by then; another bus holds none of them."""
    monitor.says.turn([("mesh", 0.5)])
    monitor.says.bus_again("market-redis")
    monitor.says.turn([("mesh", 0.5)])
    assert monitor.told.repeated == []
    monitor.says.bus_again("system-redis")
    monitor.says.bus_again("market-redis")
    monitor.says.turn([("mesh", 0.56789)])
    monitor.says.turn([("mesh", 0.5)])
    assert monitor.told.repeated == [[HeartbeatOk("mesh", 0.568, NOW)]]


def test_sentinel_stores_again_in_its_words(watchdog: Watcher) -> None:
    """What a healer that beats is."""
    watchdog.says.bus_again("system-redis")
    watchdog.says.turn([("healer", 0.5)])
    assert watchdog.told.repeated == [[HealerOk("healer", NOW)]]
