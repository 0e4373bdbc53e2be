"""Verdicts on their way out: in order, none lost, none twice, whatever the buses do meanwhile."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import Alert, BusLost, BusOk, HeartbeatMiss, HeartbeatOk, encode
from marketswarm.pacing import Backoff
from marketswarm.services.watching import recorder as module
from marketswarm.services.watching.recorder import Recorder
from marketswarm.settings import Settings
from marketswarm.truth import parse

MISS = HeartbeatMiss("rss_agg", 31.2, 30.0, 1)
OK = HeartbeatOk("rss_agg", 0.1, 2)
OTHER = HeartbeatMiss("mesh", 31.2, 30.0, 3)
LOST = BusLost("market-redis", "silent", 4)
FOUND = BusOk("market-redis", 1.5, 5)
GONE = BusUnreachableError("gone")
FULL = BusRefusedError("OOM")
Kept = tuple[bytes, str | None, bool, str | None]


class FakeBus:
    """A bus that keeps what it gets. ``record_fails`` and ``publish_fails`` are raised in turn; None is a success."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.published: list[tuple[str, bytes]] = []
        self.record_fails: list[Exception | None] = []
        self.publish_fails: list[Exception | None] = []
        self.tries = 0
        self.unsure: list[bool] = []
        self.at_try: dict[int, Callable[[], None]] = {}

    async def record(
        self, event: bytes, *, health_of: str | None, log: bool, channel: str | None, unsure: bool
    ) -> None:
        """Keep a verdict whole, or nothing of it."""
        self.tries += 1
        self.unsure.append(unsure)
        self.at_try.pop(self.tries, lambda: None)()
        await asyncio.sleep(0)
        self._fail(self.record_fails)
        self.kept.append((event, health_of, log, channel))
        if channel:
            self.published.append((channel, event))

    async def publish(self, channel: str, event: bytes) -> int:
        """Deliver a message."""
        await asyncio.sleep(0)
        self._fail(self.publish_fails)
        self.published.append((channel, event))
        return 1

    @staticmethod
    def _fail(errors: list[Exception | None]) -> None:
        error = errors.pop(0) if errors else None
        if error:
            raise error


class FakeDaemon:
    """What a recorder needs of its daemon: two buses, and a truth that says where alerts go."""

    def __init__(self, alert_bus: str = "system-redis") -> None:
        point = f'{{"bus": "{alert_bus}", "key": "healer:alerts"}}'
        self.truth = parse(f'{{"services": {{"healer": {{"access_points": {{"publish_to": [{point}]}}}}}}}}'.encode())
        self.settings = Settings()
        self.buses = {"system-redis": FakeBus(), "market-redis": FakeBus()}

    def bus(self, name: str) -> FakeBus:
        """Return a bus by its name."""
        return self.buses[name]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(module, "Backoff", lambda chance, **_: Backoff(chance, base_sec=1e-9))


def record(
    daemon: FakeDaemon,
    act: Callable[[Recorder], Any],
    until: Callable[[], bool],
    before: Recorder | None = None,
) -> None:
    """Let a recorder work from what ``act`` hands it until something is so, and a while longer."""

    async def run() -> None:
        recorder = Recorder(cast("Any", daemon), before)
        task = asyncio.create_task(recorder.run())
        act(recorder)
        turns_left = 10_000
        while turns_left:
            await asyncio.sleep(0)
            turns_left = min(turns_left - 1, 20) if until() else turns_left - 1
        assert until()
        assert not task.done()
        task.cancel()

    asyncio.run(run())


def announce(*alerts: Alert) -> Callable[[Recorder], None]:
    """Hand in these alerts, in this order."""

    def act(recorder: Recorder) -> None:
        for alert in alerts:
            recorder.announce(alert)

    return act


def stored(bus: FakeBus, count: int) -> Callable[[], bool]:
    """Wait until so many verdicts are kept."""
    return lambda: len(bus.kept) >= count


def test_an_alert_is_stored_and_published_in_one_go() -> None:
    """Log, health and channel are one call, which the bus does whole or not at all."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    record(daemon, announce(MISS), stored(bus, 1))
    assert bus.kept == [(encode(MISS), "rss_agg", True, "healer:alerts")]
    assert bus.published == [("healer:alerts", encode(MISS))]


def test_a_note_is_health_and_nothing_else() -> None:
    """The first beat after a start alerts nobody."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    record(daemon, lambda recorder: recorder.note(OK), stored(bus, 1))
    assert bus.kept == [(encode(OK), "rss_agg", False, None)]
    assert bus.published == []


def test_what_was_given_up_is_looked_for_before_it_is_stored_again() -> None:
    """A server that hung may have carried it out; of what was refused, and of what comes next, that is not so."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [GONE, GONE, None, FULL, None]
    record(daemon, announce(MISS, OTHER), stored(bus, 2))
    assert bus.unsure == [False, True, True, False, False]


def test_a_bus_has_no_health() -> None:
    """`health:` is for services; a lost bus is announced all the same."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    record(daemon, announce(LOST, FOUND), stored(bus, 2))
    assert [(health_of, log, channel) for _, health_of, log, channel in bus.kept] == [(None, True, "healer:alerts")] * 2


def test_an_alert_is_one_line_in_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    """As the error that it is, and at once, whatever the bus does."""
    daemon = FakeDaemon()
    daemon.bus("system-redis").record_fails = [GONE]
    with caplog.at_level(logging.INFO):
        record(daemon, announce(MISS), stored(daemon.bus("system-redis"), 1))
    said = [(level, line) for _, level, line in caplog.record_tuples]
    assert said == [(logging.ERROR, "heartbeat_miss rss_agg: no beat for 31.2 s (timeout 30 s)")]


def test_a_bus_that_does_not_answer_gets_everything_later() -> None:
    """In order, none lost, none twice."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [GONE, GONE, None, GONE, None, GONE, GONE, GONE]
    record(daemon, announce(MISS, OTHER, OK, LOST), stored(bus, 4))
    assert [event for event, *_ in bus.kept] == [encode(alert) for alert in (MISS, OTHER, OK, LOST)]
    assert [event for _, event in bus.published] == [encode(alert) for alert in (MISS, OTHER, OK, LOST)]
    assert bus.tries == 10


def test_what_comes_while_a_bus_is_away_waits_behind() -> None:
    """An alert that is handed in during an outage does not overtake."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [GONE] * 5

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        bus.at_try[3] = lambda: recorder.announce(OK)

    record(daemon, act, stored(bus, 2))
    assert [event for event, *_ in bus.kept] == [encode(MISS), encode(OK)]


def test_a_bus_that_refuses_to_store_still_delivers() -> None:
    """Published once though not stored, stored later without publishing again."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [FULL, FULL, FULL]
    record(daemon, announce(MISS, OTHER), stored(bus, 2))
    assert bus.published == [("healer:alerts", encode(MISS)), ("healer:alerts", encode(OTHER))]
    assert bus.kept == [(encode(MISS), "rss_agg", True, None), (encode(OTHER), "mesh", True, None)]


def test_a_note_that_is_refused_is_not_published() -> None:
    """It stays what nobody is told."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [FULL]
    record(daemon, lambda recorder: recorder.note(OK), stored(bus, 1))
    assert bus.published == []


def test_what_could_neither_be_stored_nor_published_is_published_when_stored() -> None:
    """A bus that refuses both delivers once it is well."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [FULL]
    bus.publish_fails = [GONE]
    record(daemon, announce(MISS), stored(bus, 1))
    assert bus.kept == [(encode(MISS), "rss_agg", True, "healer:alerts")]
    assert bus.published == [("healer:alerts", encode(MISS))]


def test_a_refusal_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    """Not with every try; a new reason, or the old one after a success, is said again."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")
    bus.record_fails = [BusRefusedError("NOPERM"), FULL, FULL, None, FULL]
    with caplog.at_level(logging.WARNING):
        record(daemon, announce(MISS, OK), stored(bus, 2))
    errors = [line for logger, _, line in caplog.record_tuples if logger == module.__name__]
    assert errors == [f"alerts are published but cannot be stored: {why}" for why in ("NOPERM", "OOM", "OOM")]


def test_alerts_may_go_to_another_bus() -> None:
    """Stored on system-redis first, then published where truth says."""
    daemon = FakeDaemon("market-redis")
    system, market = daemon.bus("system-redis"), daemon.bus("market-redis")
    record(daemon, announce(MISS, OK), lambda: len(market.published) == 2)
    assert (
        [event for event, *_ in system.kept] == [event for _, event in market.published] == [encode(MISS), encode(OK)]
    )
    assert (system.published, market.kept) == ([], [])


def test_an_alert_waits_for_the_other_bus_too() -> None:
    """It is stored once, and published when the bus that it goes to is back."""
    daemon = FakeDaemon("market-redis")
    system, market = daemon.bus("system-redis"), daemon.bus("market-redis")
    market.publish_fails = [GONE, GONE]
    record(daemon, announce(MISS, OK), lambda: len(system.kept) >= 2)
    assert [event for _, event in market.published] == [encode(MISS), encode(OK)]
    assert [event for event, *_ in system.kept] == [encode(MISS), encode(OK)]


def test_health_is_repeated_for_a_bus_that_came_back_empty() -> None:
    """The latest of each service, stored behind what waits, announced to nobody."""
    daemon = FakeDaemon()
    bus = daemon.bus("system-redis")

    def act(recorder: Recorder) -> None:
        announce(MISS, OTHER, OK, LOST)(recorder)
        recorder.repeat_health()

    record(daemon, act, stored(bus, 6))
    assert len(bus.published) == 4
    assert bus.kept[4:] == [(encode(OK), "rss_agg", False, None), (encode(OTHER), "mesh", False, None)]


def test_the_next_recorder_tells_what_waits_and_knows_the_health() -> None:
    """A change of truth begins a new recorder, and loses and repeats nothing."""
    first, second = FakeDaemon(), FakeDaemon("market-redis")
    first.bus("system-redis").record_fails = [None, *[GONE] * 1000]
    old: list[Recorder] = []

    def act(recorder: Recorder) -> None:
        old.append(recorder)
        announce(MISS, OK, OTHER)(recorder)

    record(first, act, lambda: first.bus("system-redis").tries > 5)
    system, market = second.bus("system-redis"), second.bus("market-redis")
    record(second, announce(LOST), lambda: len(market.published) >= 3, before=old[0])
    assert [event for event, *_ in first.bus("system-redis").kept] == [encode(MISS)]
    assert [event for event, *_ in system.kept] == [encode(OK), encode(OTHER), encode(LOST)]
    assert [event for _, event in market.published] == [encode(OK), encode(OTHER), encode(LOST)]
    assert old[0].health == {"rss_agg": encode(OK), "mesh": encode(OTHER)}


def test_a_verdict_that_is_being_stored_when_the_life_ends_is_not_told_twice() -> None:
    """The bus has it before the answer is there: a recorder that is cancelled waits for the answer."""

    async def run() -> tuple[FakeBus, Recorder]:
        daemon = FakeDaemon()
        recorder = Recorder(cast("Any", daemon))
        bus = daemon.bus("system-redis")
        task = asyncio.create_task(recorder.run())
        bus.at_try[1] = lambda: cast("None", task.cancel())
        recorder.announce(MISS)
        with pytest.raises(asyncio.CancelledError):
            await task
        return bus, recorder

    bus, recorder = asyncio.run(run())
    assert [event for event, *_ in bus.kept] == [encode(MISS)]
    assert all(verdict.stored and verdict.published for verdict in recorder.waiting)


def test_a_verdict_that_fails_to_be_stored_when_the_life_ends_waits_for_the_next() -> None:
    """Nobody hears of the failure, and nothing is lost by it."""

    async def run() -> Recorder:
        daemon = FakeDaemon()
        recorder = Recorder(cast("Any", daemon))
        bus = daemon.bus("system-redis")
        bus.record_fails = [GONE]
        task = asyncio.create_task(recorder.run())
        bus.at_try[1] = lambda: cast("None", task.cancel())
        recorder.announce(MISS)
        with pytest.raises(asyncio.CancelledError):
            await task
        return recorder

    assert [verdict.stored for verdict in asyncio.run(run()).waiting] == [False]
