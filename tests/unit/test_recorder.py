"""Verdicts on their way out: in order, none lost, none twice, whatever the buses do meanwhile."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import pytest

from marketswarm.alertlog import ALERTS, PROBE_ALERTS, Log
from marketswarm.bus import Entry
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    ProbeFailed,
    ProbeOk,
    ServiceRecord,
    decode_alert,
    encode,
)
from marketswarm.pacing import Backoff
from marketswarm.services.watching import recorder as module
from marketswarm.services.watching.recorder import Recorder

CHANNEL = "healer:alerts"
MISS = HeartbeatMiss("rss_agg", 31.2, 30.0, 1)
OK = HeartbeatOk("rss_agg", 0.1, 2)
OTHER = HeartbeatMiss("mesh", 31.2, 30.0, 3)
LOST = BusLost("market-redis", "silent", 4)
FOUND = BusOk("market-redis", 1.5, 5)
BAD = ProbeFailed("massive", "broker", "tls", "expired", 3, 6, 5.5)
GOOD = ProbeOk("massive", "broker", 12.3, 7)
WELL = ServiceRecord("alive")
WORN = ServiceRecord("alive", lost_beats=7)
DARK = ServiceRecord("missed")
GONE = BusUnreachableError("gone")
FULL = BusRefusedError("OOM")
LATE = BusUnreachableError("no answer in time")
"""What it stands for was carried out all the same, after nobody waited any more."""
SETTLED = 50
"""After so many turns of the loop all is done that nothing holds up."""


class FakeBus:
    """A bus that keeps what it gets. ``record_fails`` and the like are raised in turn; None is a success."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.channels: list[str | None] = []
        """For each entry, where it was published."""
        self.published: list[tuple[str, bytes]] = []
        self.kept_records: dict[str, bytes] = {}
        self.filled: list[dict[str, bytes]] = []
        self.takes_records: asyncio.Event | None = None
        self.record_fails: list[Exception | None] = []
        self.publish_fails: list[Exception | None] = []
        self.records_fail: list[Exception | None] = []
        self.fill_fails: list[Exception | None] = []
        self.logs: set[Log] = set()
        """Where alerts were appended."""
        self.batches: list[list[bytes]] = []
        """What was tried together."""
        self.unsure: list[bool] = []
        self.at_try: dict[int, Callable[[], object]] = {}

    async def record(self, entries: Sequence[Entry], *, channel: str | None, unsure: bool, log: Log) -> None:
        """Keep verdicts, all or nothing; what a try that was given up has kept is not kept again."""
        self.logs.add(log)
        self.unsure.append(unsure)
        self.batches.append([entry.event for entry in entries])
        self.at_try.pop(len(self.batches), lambda: None)()
        await asyncio.sleep(0)
        error = self.record_fails.pop(0) if self.record_fails else None
        if error and error is not LATE:
            raise error
        logged = {entry.event for entry in entries if entry.log}
        if not (unsure and logged and logged <= {entry.event for entry in self.entries if entry.log}):
            self.entries += entries
            self.channels += [channel if entry.publish else None for entry in entries]
            self.published += [(channel, entry.event) for entry in entries if channel and entry.publish]
        if error:
            raise error

    async def publish(self, channel: str, event: bytes) -> int:
        """Deliver a message."""
        await asyncio.sleep(0)
        self._fail(self.publish_fails)
        self.published.append((channel, event))
        return 1

    async def keep_records(self, records: Mapping[str, bytes]) -> None:
        """Store what is known of services."""
        await (self.takes_records.wait() if self.takes_records else asyncio.sleep(0))
        if records:
            self._fail(self.records_fail)
            self.kept_records.update(records)

    async def fill_health(self, health: Mapping[str, bytes]) -> None:
        """Store what is missing."""
        await asyncio.sleep(0)
        if health:
            self._fail(self.fill_fails)
            self.filled.append(dict(health))

    @property
    def kept(self) -> list[bytes]:
        """What was stored, in order."""
        return [entry.event for entry in self.entries]

    @property
    def details(self) -> list[tuple[bytes, str | None, bool, str | None]]:
        """What was stored: the verdict, whose health it is, whether it is in the log, where it was published."""
        return [
            (entry.event, entry.health_of, entry.log, channel)
            for entry, channel in zip(self.entries, self.channels, strict=True)
        ]

    @property
    def heard(self) -> list[bytes]:
        """What was published, in order."""
        return [event for _, event in self.published]

    @staticmethod
    def _fail(errors: list[Exception | None]) -> None:
        error = errors.pop(0) if errors else None
        if error:
            raise error


class Buses:
    """The bus that has the log, and the one that alerts go to."""

    def __init__(self, *, apart: bool = False) -> None:
        self.log = FakeBus()
        self.alerts = FakeBus() if apart else self.log

    def recorder(self, before: Recorder | None = None) -> Recorder:
        """Make a recorder that writes to them."""
        return Recorder(cast("Any", self.log), cast("Any", self.alerts), CHANNEL, before=before)

    def silent(self, before: Recorder | None = None) -> Recorder:
        """Make one as massive's, which publishes nothing."""
        return Recorder(cast("Any", self.log), cast("Any", self.alerts), "", before=before, log=PROBE_ALERTS)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(module, "Backoff", lambda chance, **_: Backoff(chance, base_sec=1e-9))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two verdicts go in one transaction."""
    monkeypatch.setattr(module, "BATCH", 2)


def record(
    buses: Buses,
    act: Callable[[Recorder], Any],
    until: Callable[[], bool],
    before: Recorder | None = None,
    *,
    silent: bool = False,
) -> Recorder:
    """Let a recorder work from what ``act`` hands it until something is so, and a while longer."""

    async def run() -> Recorder:
        recorder = buses.silent(before) if silent else buses.recorder(before)
        task = asyncio.create_task(recorder.run())
        act(recorder)
        turns_left = 10_000
        while turns_left:
            await asyncio.sleep(0)
            turns_left = min(turns_left - 1, SETTLED) if until() else turns_left - 1
        assert until()
        assert not task.done()
        task.cancel()
        return recorder

    return asyncio.run(run())


def cut_off(buses: Buses, *alerts: Alert) -> Recorder:
    """Let a recorder work on these until its life ends in the middle of the first try, and return it."""

    async def run() -> Recorder:
        recorder = buses.recorder()
        task = asyncio.create_task(recorder.run())
        buses.log.at_try[1] = task.cancel
        announce(*alerts)(recorder)
        with pytest.raises(asyncio.CancelledError):
            await task
        return recorder

    return asyncio.run(run())


def announce(*alerts: Alert) -> Callable[[Recorder], None]:
    """Hand in these alerts, in this order."""

    def act(recorder: Recorder) -> None:
        for alert in alerts:
            recorder.announce(alert)

    return act


def stored(bus: FakeBus, count: int) -> Callable[[], bool]:
    """Wait until so many verdicts are kept."""
    return lambda: len(bus.entries) >= count


def raw(alerts: Iterable[Alert]) -> list[bytes]:
    """Encode alerts."""
    return [encode(alert) for alert in alerts]


def some(count: int) -> list[Alert]:
    """Make alerts, each on another service."""
    return [HeartbeatMiss(f"s{i}", 31.2, 30.0, i) for i in range(count)]


def test_an_alert_is_stored_and_published_in_one_go() -> None:
    """Log, health and channel are one call, which the bus does whole or not at all."""
    buses = Buses()
    record(buses, announce(MISS), stored(buses.log, 1))
    assert buses.log.details == [(encode(MISS), "rss_agg", True, CHANNEL)]
    assert buses.log.published == [(CHANNEL, encode(MISS))]
    assert buses.log.logs == {ALERTS}


def test_verdicts_that_wait_together_are_stored_together() -> None:
    """In order, in one call: a round trip each would hold up a storm of them."""
    buses = Buses()
    alerts: list[Alert] = [MISS, OTHER, OK, LOST]
    record(buses, announce(*alerts), stored(buses.log, 4))
    assert buses.log.batches == [raw(alerts)]
    assert buses.log.heard == raw(alerts)


@pytest.mark.parametrize("count", [module.BATCH - 1, module.BATCH, module.BATCH + 1])
def test_so_many_go_in_one_transaction(count: int) -> None:
    """It blocks the bus, so it has its limit; nobody is lost at its edge."""
    buses = Buses()
    alerts = some(count)
    record(buses, announce(*alerts), stored(buses.log, count))
    sizes = [min(count, module.BATCH), count - module.BATCH][: 1 + (count > module.BATCH)]
    assert [len(batch) for batch in buses.log.batches] == sizes
    assert buses.log.kept == raw(alerts)


@pytest.mark.usefixtures("small_batches")
def test_batches_go_in_order() -> None:
    """The last one holds what is left."""
    buses = Buses()
    alerts = some(5)
    record(buses, announce(*alerts), stored(buses.log, 5))
    assert buses.log.batches == [raw(alerts[:2]), raw(alerts[2:4]), raw(alerts[4:])]


def test_a_note_is_health_where_there_is_none_and_nothing_else() -> None:
    """The first beat after a start alerts nobody, and what a bus has kept is of more use."""
    buses = Buses()

    def act(recorder: Recorder) -> None:
        recorder.note(OK)
        recorder.note(HealerOk("healer", 2))
        recorder.note(FOUND)

    recorder = record(buses, act, lambda: bool(buses.log.filled))
    assert buses.log.filled == [{"rss_agg": encode(OK), "healer": encode(HealerOk("healer", 2))}]
    assert (buses.log.entries, buses.log.published, recorder.waiting) == ([], [], [])


def test_what_was_given_up_is_looked_for_before_it_is_stored_again() -> None:
    """A server that hung may have carried it out; of what was refused, and of what comes next, that is not so."""
    buses = Buses()
    buses.log.record_fails = [GONE, GONE, None, FULL, None]

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        buses.log.at_try[2] = lambda: recorder.announce(OTHER)

    record(buses, act, stored(buses.log, 2))
    assert buses.log.unsure == [False, True, True, False, False]


def test_what_was_tried_together_is_tried_together_again() -> None:
    """Only so the bus can tell whether it has them: what came meanwhile goes by itself."""
    buses = Buses()
    buses.log.record_fails = [GONE, GONE]

    def act(recorder: Recorder) -> None:
        announce(MISS, OTHER)(recorder)
        buses.log.at_try[2] = lambda: announce(OK, LOST)(recorder)

    record(buses, act, stored(buses.log, 4))
    first, then = raw([MISS, OTHER]), raw([OK, LOST])
    assert buses.log.batches == [first, first, first, then]
    assert buses.log.unsure == [False, True, True, False]


@pytest.mark.usefixtures("small_batches")
def test_the_batch_that_was_given_up_is_tried_again_as_it_was() -> None:
    """Those before it are stored, and those behind it wait."""
    buses = Buses()
    buses.log.record_fails = [None, GONE]
    alerts = some(5)
    record(buses, announce(*alerts), stored(buses.log, 5))
    a, b, c = raw(alerts[:2]), raw(alerts[2:4]), raw(alerts[4:])
    assert buses.log.batches == [a, b, b, c]
    assert buses.log.unsure == [False, False, True, False]


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    "fails",
    [[LATE], [LATE, GONE], [GONE, LATE], [None, LATE, GONE], [LATE, None, LATE], [GONE, LATE, LATE, GONE, LATE]],
)
def test_what_a_server_carried_out_after_it_was_given_up_is_not_stored_nor_published_twice(
    fails: list[Exception | None],
) -> None:
    """And what it did not carry out is not lost."""
    buses = Buses()
    buses.log.record_fails = fails
    alerts = some(5)

    def act(recorder: Recorder) -> None:
        announce(*alerts[:3])(recorder)
        buses.log.at_try[2] = lambda: announce(*alerts[3:])(recorder)

    recorder = record(buses, act, stored(buses.log, 5))
    assert buses.log.kept == buses.log.heard == raw(alerts)
    assert recorder.waiting == []


def test_a_bus_has_no_health() -> None:
    """`health:` is for services; a lost bus is announced all the same."""
    buses = Buses()
    mass = MassMiss("market-redis", 3, 4, ("a", "b", "c"), "g", 1)
    record(buses, announce(LOST, FOUND, mass), stored(buses.log, 3))
    assert [(health_of, log, channel) for _, health_of, log, channel in buses.log.details] == [
        (None, True, CHANNEL)
    ] * 3


@pytest.mark.parametrize("fails", [[], [GONE], [LATE], [FULL], [FULL, GONE, LATE]])
def test_which_probes_fail_is_remembered_with_the_alert(fails: list[Exception | None]) -> None:
    """It goes along however often the bus has to be asked, and no service's health changes by it."""
    buses = Buses()
    buses.log.record_fails = [*fails]
    recorder = record(buses, announce(BAD, MISS, GOOD), stored(buses.log, 3))
    assert [(entry.health_of, entry.beside) for entry in buses.log.entries] == [
        (None, ("HSET", "massive:told", "broker", encode(BAD))),
        ("rss_agg", None),
        (None, ("HDEL", "massive:told", "broker")),
    ]
    assert buses.log.kept == buses.log.heard == raw([BAD, MISS, GOOD])
    assert (recorder.waiting, set(recorder.missed)) == ([], {"rss_agg"})


@pytest.mark.parametrize("fails", [[], [GONE], [LATE], [FULL], [FULL, GONE, LATE]])
def test_who_has_no_channel_announces_for_others_to_publish(
    caplog: pytest.LogCaptureFixture, fails: list[Exception | None]
) -> None:
    """In a stream of its own, once and in order; a bus that refuses to store it hears nothing either."""
    buses = Buses()
    buses.log.record_fails = [*fails]
    recorder = record(buses, announce(BAD, GOOD), stored(buses.log, 2), silent=True)
    assert buses.log.kept == raw([BAD, GOOD])
    assert (buses.log.published, recorder.waiting, buses.log.logs) == ([], [], {PROBE_ALERTS})
    errors = [line for logger, _, line in caplog.record_tuples if logger == module.__name__]
    assert errors == ["alerts wait, since they cannot be stored: OOM"] * fails.count(FULL)


def test_what_one_without_a_channel_could_not_store_its_next_life_does() -> None:
    """It publishes it as little."""
    buses = Buses()
    buses.log.record_fails = [FULL] * 10_000
    waiting = record(buses, announce(BAD), lambda: len(buses.log.batches) > 3, silent=True)
    assert len(waiting.waiting) == 1
    buses.log.record_fails.clear()
    record(buses, announce(GOOD), stored(buses.log, 2), waiting, silent=True)
    assert (buses.log.kept, buses.log.published) == (raw([BAD, GOOD]), [])


def test_an_alert_is_one_line_in_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    """As the error that it is, and at once, whatever the bus does."""
    buses = Buses()
    buses.log.record_fails = [GONE]
    with caplog.at_level(logging.INFO):
        record(buses, announce(MISS), stored(buses.log, 1))
    said = [(level, line) for _, level, line in caplog.record_tuples]
    assert said == [(logging.ERROR, "heartbeat_miss rss_agg: no beat for 31.2 s (timeout 30 s)")]


@pytest.mark.parametrize(
    "alert",
    [
        HeartbeatMiss("rss_agg", 31.2, 30.0, 1, group="market-redis@1"),
        HeartbeatOk("rss_agg", 0.1, 2, group="flapping"),
        HealerMiss("healer", 31.2, 30.0, 1, group="flapping"),
        HealerOk("healer", 2, group="flapping"),
    ],
)
def test_an_alert_in_a_group_is_for_programs(caplog: pytest.LogCaptureFixture, alert: HeartbeatMiss | HealerOk) -> None:
    """Stored and published like any other; the journal, which people read, has the group's alert instead."""
    buses = Buses()
    with caplog.at_level(logging.INFO):
        record(buses, announce(alert), stored(buses.log, 1))
    assert buses.log.details == [(encode(alert), alert.svc, True, CHANNEL)]
    assert caplog.messages == []


def test_a_bus_that_does_not_answer_gets_everything_later() -> None:
    """In order, none lost, none twice."""
    buses = Buses()
    buses.log.record_fails = [GONE, GONE, None, GONE, None, GONE, GONE, GONE]
    alerts: list[Alert] = [MISS, OTHER, OK, LOST]

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        buses.log.at_try[1] = lambda: announce(OTHER, OK)(recorder)
        buses.log.at_try[4] = lambda: recorder.announce(LOST)

    record(buses, act, stored(buses.log, 4))
    assert buses.log.kept == buses.log.heard == raw(alerts)
    assert len(buses.log.batches) == 9


def test_what_comes_while_a_bus_is_away_waits_behind() -> None:
    """An alert that is handed in during an outage does not overtake."""
    buses = Buses()
    buses.log.record_fails = [GONE] * 5

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        buses.log.at_try[3] = lambda: recorder.announce(OK)

    record(buses, act, stored(buses.log, 2))
    assert buses.log.kept == raw([MISS, OK])


def test_a_bus_that_refuses_to_store_still_delivers() -> None:
    """Published once though not stored, stored later without publishing again."""
    buses = Buses()
    buses.log.record_fails = [FULL, FULL, FULL]
    record(buses, announce(MISS, OTHER), stored(buses.log, 2))
    assert buses.log.published == [(CHANNEL, encode(MISS)), (CHANNEL, encode(OTHER))]
    assert buses.log.details == [(encode(MISS), "rss_agg", True, None), (encode(OTHER), "mesh", True, None)]


@pytest.mark.usefixtures("small_batches")
def test_what_waits_behind_a_refused_batch_is_published_too() -> None:
    """In order: nobody hears of the third before the first."""
    buses = Buses()
    buses.log.record_fails = [FULL] * 3
    alerts = some(5)
    record(buses, announce(*alerts), stored(buses.log, 5))
    assert buses.log.heard == buses.log.kept == raw(alerts)


def test_what_could_neither_be_stored_nor_published_is_published_when_stored() -> None:
    """A bus that refuses both delivers once it is well."""
    buses = Buses()
    buses.log.record_fails = [FULL]
    buses.log.publish_fails = [GONE]
    record(buses, announce(MISS), stored(buses.log, 1))
    assert buses.log.details == [(encode(MISS), "rss_agg", True, CHANNEL)]
    assert buses.log.published == [(CHANNEL, encode(MISS))]


def test_a_refusal_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    """Not with every try; a new reason, or the old one after a success, is said again."""
    buses = Buses()
    buses.log.record_fails = [BusRefusedError("NOPERM"), FULL, FULL, None, FULL]

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        buses.log.at_try[4] = lambda: recorder.announce(OK)

    with caplog.at_level(logging.WARNING):
        record(buses, act, stored(buses.log, 2))
    errors = [line for logger, _, line in caplog.record_tuples if logger == module.__name__]
    assert errors == [f"alerts are published but cannot be stored: {why}" for why in ("NOPERM", "OOM", "OOM")]


def test_alerts_may_go_to_another_bus() -> None:
    """Stored on system-redis first, then published where truth says."""
    buses = Buses(apart=True)
    record(buses, announce(MISS, OK), lambda: len(buses.alerts.published) == 2)
    assert buses.log.kept == buses.alerts.heard == raw([MISS, OK])
    assert (buses.log.published, buses.alerts.kept) == ([], [])


def test_an_alert_waits_for_the_other_bus_too() -> None:
    """It is stored once, and published when the bus that it goes to is back."""
    buses = Buses(apart=True)
    buses.alerts.publish_fails = [GONE, GONE]
    record(buses, announce(MISS, OK), lambda: len(buses.alerts.published) >= 2)
    assert buses.log.kept == buses.alerts.heard == raw([MISS, OK])


def test_who_is_dark_is_known_until_it_is_said_to_be_back() -> None:
    """Stored or not: the watcher's next life goes by it."""
    buses = Buses()
    buses.log.record_fails = [GONE] * 10_000
    recorder = record(
        buses,
        announce(MISS, OTHER, HealerMiss("healer", 31, 30, 1), LOST, OK),
        lambda: len(buses.log.batches) > 3,
    )
    assert recorder.missed == {"mesh": encode(OTHER), "healer": encode(HealerMiss("healer", 31, 30, 1))}


def test_a_record_is_stored_for_the_process_after_this_one() -> None:
    """The latest of each service."""
    buses = Buses()

    def act(recorder: Recorder) -> None:
        recorder.keep("mesh", WELL)
        recorder.keep("rss_agg", WELL)
        recorder.keep("mesh", DARK)

    record(buses, act, lambda: bool(buses.log.kept_records))
    assert buses.log.kept_records == {"mesh": encode(DARK), "rss_agg": encode(WELL)}
    assert (buses.log.entries, buses.log.published) == ([], [])


@pytest.mark.parametrize("fails", [[GONE, GONE], [FULL, GONE, FULL]])
def test_a_record_that_could_not_be_stored_is_tried_again(fails: list[Exception | None]) -> None:
    """As it stands by then: what is newer is not written over."""
    buses = Buses()
    buses.log.records_fail = fails

    def act(recorder: Recorder) -> None:
        recorder.keep("mesh", WELL)
        recorder.keep("rss_agg", WORN)
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, recorder.keep, "mesh", DARK)

    record(buses, act, lambda: len(buses.log.kept_records) == 2)
    assert buses.log.kept_records == {"mesh": encode(DARK), "rss_agg": encode(WORN)}


@pytest.mark.parametrize("error", [GONE, FULL])
def test_what_nobody_waits_for_holds_up_no_alert(error: Exception) -> None:
    """A bus may refuse the one and take the other."""
    buses = Buses()
    buses.log.records_fail = [error] * 10_000

    def act(recorder: Recorder) -> None:
        recorder.keep("mesh", DARK)
        asyncio.get_running_loop().call_soon(recorder.announce, OTHER)

    record(buses, act, stored(buses.log, 1))
    assert buses.log.kept == raw([OTHER])
    assert buses.log.kept_records == {}


def test_records_that_take_long_hold_up_no_alert() -> None:
    """At the start of a watcher of a million there are many; a verdict does not wait for their end."""
    buses = Buses()
    buses.log.takes_records = asyncio.Event()

    def act(recorder: Recorder) -> None:
        recorder.keep("mesh", DARK)
        asyncio.get_running_loop().call_later(0.01, recorder.announce, OTHER)

    record(buses, act, stored(buses.log, 1))


def test_alerts_that_cannot_be_stored_hold_up_no_record() -> None:
    """Nor a note."""
    buses = Buses()
    buses.log.record_fails = [FULL] * 10_000

    def act(recorder: Recorder) -> None:
        recorder.announce(OTHER)
        recorder.keep("mesh", DARK)
        recorder.note(OK)

    record(buses, act, lambda: bool(buses.log.filled))
    assert buses.log.kept_records == {"mesh": encode(DARK)}
    assert buses.log.filled == [{"rss_agg": encode(OK)}]


def emptied(buses: Buses, act: Callable[[Recorder], Any], others: Sequence[Alert] = ()) -> FakeBus:
    """Let the bus come back empty after ``act``; what it holds in the end was stored again."""

    def then(recorder: Recorder) -> None:
        act(recorder)
        emptying.append(asyncio.create_task(empty(recorder)))

    async def empty(recorder: Recorder) -> None:
        for _ in range(SETTLED):
            await asyncio.sleep(0)
        buses.log.entries, buses.log.channels, buses.log.published, buses.log.kept_records = [], [], [], {}
        buses.log.batches = [[]]
        recorder.repeat(others)

    emptying: list[asyncio.Task[None]] = []
    record(buses, then, lambda: bool(buses.log.batches and not buses.log.batches[0]))
    return buses.log


def test_who_is_dark_is_stored_again_on_a_bus_that_came_back_empty() -> None:
    """As the health of each, announced to nobody a second time; a lost bus has none."""
    bus = emptied(Buses(), announce(MISS, OTHER, OK, LOST))
    assert bus.details == [(encode(OTHER), "mesh", False, None)]
    assert bus.published == []


def test_who_stays_dark_when_a_group_is_over_is_stored_as_one_of_its_own() -> None:
    """Nobody is told a second time; who is back, or belongs to no group, is left alone."""
    buses = Buses()
    grouped = [HeartbeatMiss(service, 31.2, 30.0, 1, reason="crashed", group="g") for service in ("mesh", "massive")]

    def act(recorder: Recorder) -> None:
        announce(*grouped, MISS, HeartbeatOk("massive", 0.1, 2, "g"))(recorder)
        recorder.release(["mesh", "massive", "rss_agg", "never_heard"])

    alone = HeartbeatMiss("mesh", 31.2, 30.0, 1, reason="crashed")
    recorder = record(buses, act, lambda: len(buses.log.entries) == 5)
    assert recorder.missed == {"mesh": encode(alone), "rss_agg": encode(MISS)}
    assert buses.log.details[-1] == (encode(alone), "mesh", False, None)
    assert len(buses.log.heard) == 4


def test_who_is_well_is_stored_again_only_where_the_bus_has_nothing() -> None:
    """Of those who beat, the watcher says so anew; who is dark is not well."""
    others = [HeartbeatOk("rss_agg", 0.5, 9), HeartbeatOk("mesh", 0.5, 9)]
    bus = emptied(Buses(), announce(OTHER), others)
    assert bus.filled == [{"rss_agg": encode(others[0])}]
    assert bus.published == []


def test_records_that_say_something_are_stored_again() -> None:
    """Those that say only that a service beats are not kept in memory; the watcher tells them anew by and by."""

    def act(recorder: Recorder) -> None:
        for service, kept in {"a": WELL, "b": WORN, "c": DARK, "d": DARK, "e": WELL}.items():
            recorder.keep(service, kept)
        recorder.keep("d", WELL)

    bus = emptied(Buses(), act)
    assert bus.kept_records == {"b": encode(WORN), "c": encode(DARK)}


def test_what_is_stored_again_waits_for_the_bus_too() -> None:
    """It may go again before it has them."""
    buses = Buses()
    buses.log.fill_fails = [GONE, FULL, GONE]
    buses.log.record_fails = [None, GONE, GONE]
    bus = emptied(buses, announce(OTHER), [OK])
    assert bus.details == [(encode(OTHER), "mesh", False, None)]
    assert bus.filled == [{"rss_agg": encode(OK)}]


def test_one_that_goes_dark_meanwhile_is_not_said_to_be_well() -> None:
    """Its miss is newer than the look at who beats."""
    buses = Buses()
    buses.log.fill_fails = [GONE, GONE]

    def act(recorder: Recorder) -> None:
        recorder.repeat([OK])
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, recorder.announce, MISS)

    record(buses, act, stored(buses.log, 1))
    assert buses.log.kept == raw([MISS])
    assert buses.log.filled == []


def test_one_that_came_back_empty_while_a_verdict_waits_holds_the_verdict_in_the_end() -> None:
    """What is stored again goes in its turn: an older miss does not cover the recovery."""
    buses = Buses()
    buses.log.record_fails = [None, GONE, GONE]

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        buses.log.at_try[1] = lambda: recorder.repeat([])
        buses.log.at_try[2] = lambda: recorder.announce(OK)

    record(buses, act, lambda: OK in map(decode_alert, buses.log.kept))
    assert buses.log.kept == raw([MISS, MISS, OK])
    assert buses.log.heard == raw([MISS, OK])


def test_the_next_recorder_tells_what_waits_and_knows_who_is_dark() -> None:
    """A change of truth begins a new recorder, and loses and repeats nothing."""
    first, second = Buses(), Buses(apart=True)
    first.log.record_fails = [None, *[GONE] * 10_000]

    def act(recorder: Recorder) -> None:
        recorder.announce(MISS)
        first.log.at_try[1] = lambda: announce(OK, OTHER)(recorder)

    old = record(first, act, lambda: len(first.log.batches) > 5)
    new = record(second, announce(LOST), lambda: len(second.alerts.published) >= 3, before=old)
    assert first.log.kept == raw([MISS])
    assert second.log.kept == second.alerts.heard == raw([OK, OTHER, LOST])
    assert new.missed == {"mesh": encode(OTHER)}
    assert second.log.unsure == [True, False], "the first of them was tried before"


@pytest.mark.parametrize("fails_at", ["keep_records", "fill_health"])
def test_the_next_recorder_notes_what_could_not_be_noted(fails_at: str) -> None:
    """Nobody would note it again: the service was heard, and goes on to be."""
    first, second = Buses(), Buses()
    first.log.records_fail = [GONE] * 10_000 if fails_at == "keep_records" else []
    first.log.fill_fails = [GONE] * 10_000

    def act(recorder: Recorder) -> None:
        recorder.keep("mesh", DARK)
        recorder.note(OK)

    fails = first.log.records_fail or first.log.fill_fails
    old = record(first, act, lambda: len(fails) < 9_990)
    record(second, announce(), lambda: bool(second.log.filled), before=old)
    assert second.log.filled == [{"rss_agg": encode(OK)}]


def test_a_note_that_is_being_stored_when_the_life_ends_is_not_lost() -> None:
    """To store it twice does no harm."""
    first, second = Buses(), Buses()

    async def run() -> Recorder:
        recorder = first.recorder()
        task = asyncio.create_task(recorder.run())
        recorder.note(OK)
        await asyncio.sleep(0)  # it begins
        await asyncio.sleep(0)  # its tasks begin, and wait for the bus
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return recorder

    old = asyncio.run(run())
    assert first.log.filled == []
    record(second, announce(), lambda: bool(second.log.filled), before=old)
    assert second.log.filled == [{"rss_agg": encode(OK)}]


def test_a_verdict_that_is_being_stored_when_the_life_ends_is_not_told_twice() -> None:
    """The bus has it before the answer is there: a recorder that is cancelled waits for the answer."""
    buses = Buses()
    recorder = cut_off(buses, MISS, OTHER)
    assert buses.log.kept == raw([MISS, OTHER])
    record(buses, announce(OK), stored(buses.log, 3), before=recorder)
    assert buses.log.kept == buses.log.heard == raw([MISS, OTHER, OK])


@pytest.mark.parametrize("error", [GONE, FULL])
def test_a_verdict_that_fails_to_be_stored_when_the_life_ends_waits_for_the_next(error: Exception) -> None:
    """Nobody hears of the failure, and nothing is lost by it."""
    buses = Buses()
    buses.log.record_fails = [error]
    recorder = cut_off(buses, MISS, OTHER)
    assert [verdict.stored for verdict in recorder.waiting] == [False, False]
    record(buses, announce(OK), stored(buses.log, 3), before=recorder)
    assert buses.log.kept == buses.log.heard == raw([MISS, OTHER, OK])


def test_a_try_that_is_given_up_when_the_life_ends_is_not_told_twice() -> None:
    """The server may carry it out later: the next recorder looks for it, as for any other."""
    buses = Buses()
    buses.log.record_fails = [LATE]
    recorder = cut_off(buses, MISS, OTHER)
    record(buses, announce(OK), stored(buses.log, 3), before=recorder)
    assert buses.log.kept == buses.log.heard == raw([MISS, OTHER, OK])
