"""How what massive announces gets into the log of alerts: passed on by healer or sentinel, each thing once."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from probing import ANNOUNCED, accepting, probing, target, told
from relaying import FAILED, OK, OTHER, StagedBus, announce, gone, left, logged, of_probes, relay, some, until
from testkit import Server, Swarm, eventually, free_port, listening, watching

from marketswarm import names
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import HeartbeatOk, ProbeOk, encode
from marketswarm.services.notifying.bell import RUNG_BY
from marketswarm.services.notifying.relay import BATCH, Passed, Relay

LIFE = encode(HeartbeatOk("rss_agg", 0.1, 1762433458))
OFTEN = (
    b'{"type":"heartbeat_ok","svc":"massive","age_sec":1,"type":"probe_ok","probe":"b","failed_sec":1.5,"ts":1}',
    b'{"type":"probe_ok","svc":"massive","age_sec":1,"type":"heartbeat_ok","probe":"b","failed_sec":1.5,"ts":1}',
    b'{"type":"probe_ok","svc":"massive","\\u0074ype":"heartbeat_ok","probe":"b","failed_sec":1.5,"ts":1}',
    b'{"type":"probe_ok","svc":"rss_agg","probe":"b","failed_sec":1.5,"ts":1,"svc":"massive","more":[1]}',
)
"""Each has something twice: some programs take the first of it, others the last."""


def heard_so_many(heard: Callable[[], list[bytes]], count: int) -> Callable[[], bool]:
    """Wait until so many alerts of probes were heard."""
    return lambda: len(of_probes(heard())) >= count


def turn(server: Server, passed: Passed | None = None) -> None:
    """Let a relay pass on once what there is."""

    async def run() -> None:
        bus = StagedBus(server)
        try:
            await relay(bus, passed=passed).turn()
        finally:
            await bus.close()

    asyncio.run(run())


def test_what_massive_announces_is_logged_and_published_as_it_is(swarm: Swarm) -> None:
    """In its order, with the time at which massive found it; nothing of it stays."""
    announce(swarm.system, FAILED, OTHER, OK)
    with listening(swarm.system, "healer:alerts") as heard:
        turn(swarm.system)
        eventually(heard_so_many(heard, 3), "it is heard")
        assert heard() == [FAILED, OTHER, OK]
    entries: Any = swarm.system.client.xrange(names.ALERT_LOG)
    assert [fields for _, fields in entries] == [{b"event": event} for event in (FAILED, OTHER, OK)]
    assert left(swarm.system) == 0


def test_more_than_goes_into_one_script_goes_into_several(swarm: Swarm) -> None:
    """The bus is not blocked for long, and all of it is passed on in order."""
    alerts = some(2 * BATCH + 1)
    announce(swarm.system, *alerts)

    async def run() -> list[int]:
        bus = StagedBus(swarm.system)
        await relay(bus).turn()
        await bus.close()
        return [sum(word in alerts for word in script) for script in bus.scripts]

    assert asyncio.run(run()) == [BATCH, BATCH, 1]
    assert logged(swarm.system) == alerts


def test_of_two_that_read_the_same_one_passes_it_on(swarm: Swarm) -> None:
    """Both have read it before either of them has a say; what comes meanwhile is passed on as well, behind it."""
    first, late = some(BATCH + 3), [FAILED, OK]
    announce(swarm.system, *first)

    async def run() -> list[int]:
        buses = [StagedBus(swarm.system), StagedBus(swarm.system)]
        both = asyncio.Barrier(2)

        async def meet() -> None:
            await both.wait()
            announce(swarm.system, *late[len(meetings) :][:1])
            meetings.append(1)

        meetings: list[int] = []
        for bus in buses:
            bus.before = meet
        await asyncio.gather(*(relay(bus).turn() for bus in buses))
        for bus in buses:
            await bus.close()
        return [len(bus.scripts) for bus in buses]

    with listening(swarm.system, "healer:alerts") as heard:
        asked = asyncio.run(run())
        eventually(heard_so_many(heard, len(first + late)), "all is heard")
        assert heard() == first + late
    assert min(asked) >= 1
    assert logged(swarm.system) == first + late
    assert left(swarm.system) == 0


@pytest.mark.parametrize("foreign", [LIFE, b"", b"junk", b"[]", b'{"type":"probe_failed"}', b"\xff\n", b"{" * 5000])
def test_what_is_no_alert_of_a_probe_is_thrown_away_and_said(
    swarm: Swarm, caplog: pytest.LogCaptureFixture, foreign: bytes
) -> None:
    """Nobody makes healer say by it that a service lives; what stands beside it is passed on."""
    announce(swarm.system, FAILED, foreign, foreign, OK)
    with listening(swarm.system, "healer:alerts") as heard:
        turn(swarm.system)
        eventually(heard_so_many(heard, 2), "the others are heard")
        assert heard() == logged(swarm.system) == [FAILED, OK]
    assert left(swarm.system) == 0
    (error,) = (one for one in caplog.records if one.levelno >= logging.WARNING)
    assert error.getMessage().startswith(
        "massive:alerts: threw 2 thing(s) away that are no alert of a probe, the last: "
    )
    assert error.getMessage().isprintable()
    assert len(error.getMessage()) < 600


@pytest.mark.parametrize("ambiguous", OFTEN)
def test_what_can_be_read_in_two_ways_is_passed_on_in_one(swarm: Swarm, ambiguous: bytes) -> None:
    """It is the same alert of a probe to everybody, or is thrown away."""
    announce(swarm.system, ambiguous)
    turn(swarm.system)
    assert logged(swarm.system) in ([], [encode(ProbeOk("massive", "b", 1.5, 1))])
    assert left(swarm.system) == 0


def test_an_entry_without_an_alert_is_thrown_away(swarm: Swarm) -> None:
    """It has no field by that name."""
    swarm.system.client.xadd(ANNOUNCED, {"other": FAILED})
    turn(swarm.system)
    assert (logged(swarm.system), left(swarm.system)) == ([], 0)


def test_of_a_flood_of_strangers_one_line_is_logged(swarm: Swarm, caplog: pytest.LogCaptureFixture) -> None:
    """And the next one, a minute later, has all of them in it."""
    time_of_day = [100.0]

    class Clock:
        def monotonic(self) -> float:
            return time_of_day[0]

        def wall(self) -> float:
            return time_of_day[0]

        def suspended(self) -> float:
            return 0.0

    async def run() -> None:
        bus = StagedBus(swarm.system)
        relaying = Relay(bus, bus, "healer:alerts", Clock(), Passed())
        for later_sec in (0.0, 30.0, 29.9, 0.1, 1.0):
            time_of_day[0] += later_sec
            announce(swarm.system, b"junk")
            await relaying.turn()
        await bus.close()

    asyncio.run(run())
    said = [one.getMessage().split(" thing")[0] for one in caplog.records if one.levelno >= logging.WARNING]
    assert said == ["massive:alerts: threw 1", "massive:alerts: threw 3"]


def test_what_cannot_be_logged_is_not_taken_out(swarm: Swarm) -> None:
    """Somebody has put a string in the place of the log; once that is gone, all of it is passed on, once."""
    swarm.system.client.set(names.ALERT_LOG, "a string")
    announce(swarm.system, FAILED, OK)
    with listening(swarm.system, "healer:alerts") as heard:
        with pytest.raises(BusRefusedError, match="WRONGTYPE"):
            turn(swarm.system)
        assert heard() == []
        assert left(swarm.system) == 2
        swarm.system.client.delete(names.ALERT_LOG)
        turn(swarm.system)
        eventually(heard_so_many(heard, 2), "it is heard")
        assert heard() == logged(swarm.system) == [FAILED, OK]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_lost_answer_loses_nothing_and_repeats_nothing(swarm: Swarm, when: str, *, apart: bool) -> None:
    """Whether the bus had done it or not, and wherever alerts go."""
    announce(swarm.system, FAILED, OTHER)
    with listening(swarm.market if apart else swarm.system, "ops") as heard:

        async def run() -> None:
            bus, other = StagedBus(swarm.system), StagedBus(swarm.market, names.MARKET_BUS)
            setattr(bus, when, gone)
            relaying = relay(bus, other if apart else bus, channel="ops")
            with pytest.raises(BusUnreachableError):
                await relaying.turn()
            announce(swarm.system, OK)
            working = asyncio.create_task(relaying.run())
            await until(lambda: len(other.published) == 3 if apart else left(swarm.system) == 0, "all is passed on")
            working.cancel()
            await bus.close()
            await other.close()

        asyncio.run(run())
        eventually(heard_so_many(heard, 3), "it is heard")
        assert heard() == [FAILED, OTHER, OK]
    assert logged(swarm.system) == [FAILED, OTHER, OK]
    assert left(swarm.system) == 0


def elsewhere(swarm: Swarm, scene: Callable[[StagedBus, StagedBus], Any]) -> None:
    """Let a scene play where alerts go to another bus than that of the log."""

    async def run() -> None:
        bus, other = StagedBus(swarm.system), StagedBus(swarm.market, names.MARKET_BUS)
        await scene(bus, other)
        await bus.close()
        await other.close()

    asyncio.run(run())


def test_alerts_may_go_to_another_bus(swarm: Swarm) -> None:
    """They are logged on the one and published on the other, and there only."""
    announce(swarm.system, FAILED, b"junk", OK)

    async def scene(bus: StagedBus, other: StagedBus) -> None:
        working = asyncio.create_task(relay(bus, other).run())
        await until(lambda: len(other.published) >= 2, "it is published")
        working.cancel()

    with listening(swarm.system, "healer:alerts") as unheard, listening(swarm.market, "healer:alerts") as heard:
        elsewhere(swarm, scene)
        eventually(heard_so_many(heard, 2), "it is heard")
        assert heard() == logged(swarm.system) == [FAILED, OK]
        assert unheard() == []
    assert swarm.market.client.exists(names.ALERT_LOG) == 0


def test_the_other_bus_is_waited_for_and_holds_up_no_log(swarm: Swarm) -> None:
    """What it does not take is logged at once, and published when it does, in order; also what comes meanwhile."""
    announce(swarm.system, FAILED)

    async def scene(bus: StagedBus, other: StagedBus) -> None:
        other.away = True
        relaying = relay(bus, other)
        working = asyncio.create_task(relaying.run())
        await until(lambda: logged(swarm.system) == [FAILED], "it is logged")
        announce(swarm.system, OTHER, OK)
        relaying.ring()
        await until(lambda: len(logged(swarm.system)) == 3, "and so is what comes then")
        assert other.published == []
        other.away = False
        await until(lambda: len(other.published) >= 3, "it is published")
        working.cancel()
        assert other.published == [FAILED, OTHER, OK]

    elsewhere(swarm, scene)


def test_who_published_it_on_the_other_bus_is_who_passed_it_on(swarm: Swarm) -> None:
    """Not one that has lost its own answer meanwhile."""
    announce(swarm.system, FAILED, OK)

    async def scene(bus: StagedBus, other: StagedBus) -> None:
        faster = StagedBus(swarm.system)

        async def too_late() -> None:
            await relay(faster, other, passed := Passed()).turn()
            assert list(passed.unpublished) == [FAILED, OK]
            await gone()

        bus.before = too_late
        relaying = relay(bus, other, passed := Passed())
        with pytest.raises(BusUnreachableError):
            await relaying.turn()
        assert set(passed.unsure.values()) == {FAILED, OK}
        await relaying.turn()
        assert (list(passed.unpublished), passed.unsure) == ([], {})
        await faster.close()

    elsewhere(swarm, scene)
    assert logged(swarm.system) == [FAILED, OK]


def test_a_new_truth_loses_no_publication(swarm: Swarm) -> None:
    """It cuts a life off in the middle of the script; the next life publishes what that took, where its truth says."""
    announce(swarm.system, FAILED, OK)

    async def scene(bus: StagedBus, other: StagedBus) -> None:
        passed = Passed()
        life = asyncio.create_task(relay(bus, other, passed).run())

        async def new_truth() -> None:
            life.cancel()

        bus.before = new_truth
        await asyncio.wait({life})
        assert life.cancelled()
        assert other.published == []
        life = asyncio.create_task(relay(bus, bus, passed, channel="ops:alerts").run())
        await until(lambda: len(bus.published) >= 2, "it is published")
        life.cancel()
        assert (bus.published, other.published) == ([FAILED, OK], [])

    with listening(swarm.system, "ops:alerts") as heard:
        elsewhere(swarm, scene)
        eventually(heard_so_many(heard, 2), "it is heard")
        assert heard() == logged(swarm.system) == [FAILED, OK]


def test_what_waits_when_a_watcher_starts_is_passed_on(swarm: Swarm) -> None:
    """It is announced while neither of them is there; the end as well, and in order."""
    port = free_port()
    swarm.seed(probing(target(port)))
    massive = swarm.start("massive").ready()
    eventually(lambda: left(swarm.system) == 1, "probe_failed")
    with accepting(port):
        eventually(lambda: left(swarm.system) == 2, "probe_ok")
        assert massive.stop() == 0
    announcements = swarm.system.alerts(ANNOUNCED)
    with listening(swarm.system, "healer:alerts") as heard:
        swarm.start("sentinel").ready()
        eventually(lambda: left(swarm.system) == 0, "it is passed on")
        assert told(swarm) == [("probe_failed", "broker"), ("probe_ok", "broker")]
        eventually(heard_so_many(heard, 2), "it is heard")
        passed_on = of_probes(logged(swarm.system))
        assert [json.loads(event) for event in passed_on] == announcements
        assert of_probes(heard()) == passed_on


@pytest.mark.parametrize("watchers", [("healer",), ("sentinel",), ("healer", "sentinel")])
def test_it_is_passed_on_at_once_and_by_one_of_them(swarm: Swarm, watchers: tuple[str, ...]) -> None:
    """The bell rings for it: nobody looks from time to time. Of ten, the fastest shows what it takes."""
    swarm.seed(watching())
    for watcher in watchers:
        swarm.start(watcher).ready()
    took = []
    with listening(swarm.system, "healer:alerts") as heard:
        for number, event in enumerate(some(10), 1):
            began = time.monotonic()
            announce(swarm.system, event)
            eventually(heard_so_many(heard, number), "it is heard")
            took.append(time.monotonic() - began)
        assert of_probes(heard()) == some(10)
    assert of_probes(logged(swarm.system)) == some(10)
    assert min(took) < 0.5
    assert names.PROBE_ALERTS in RUNG_BY


def test_a_probe_is_told_once_over_restarts_of_everybody(swarm: Swarm) -> None:
    """massive, healer and sentinel are killed in turn, between the beginning and the end of it."""
    port = free_port()
    swarm.seed(watching("massive", massive=probing(target(port))["services"]["massive"]))
    killed = {name: swarm.start(name).ready() for name in ("massive", "healer", "sentinel")}
    eventually(lambda: told(swarm), "probe_failed")
    for name, service in killed.items():
        service.kill()
        swarm.start(name).ready()
    with accepting(port):
        eventually(lambda: len(told(swarm)) > 1, "probe_ok")
        assert told(swarm) == [("probe_failed", "broker"), ("probe_ok", "broker")]
        assert left(swarm.system) == 0


def test_a_watcher_publishes_where_truth_says(swarm: Swarm) -> None:
    """On another bus, and on its channel there; after a new truth on another one."""
    document = watching()
    places = document["services"]["healer"]["access_points"]
    places["publish_to"] = [{"bus": "market-redis", "key": "ops:alerts"}]
    swarm.seed(document)
    with (
        listening(swarm.market, "ops:alerts") as before,
        listening(swarm.system, "ops:more") as after,
        listening(swarm.system, "ops:alerts", "healer:alerts") as unheard,
    ):
        healer = swarm.start("healer").ready()
        announce(swarm.system, FAILED)
        eventually(before, "it is published")
        places["publish_to"] = [{"bus": "system-redis", "key": "ops:more"}]
        swarm.seed(document)
        healer.logs("its work begins anew")
        announce(swarm.system, OK)
        eventually(after, "it is published there")
        assert [before(), after(), unheard()] == [[FAILED], [OK], []]
    assert logged(swarm.system) == [FAILED, OK]


def test_a_string_in_the_place_of_the_stream_is_said_and_hinders_nobody(swarm: Swarm) -> None:
    """Whoever has put it there: other alerts go on, and what massive announces does as soon as it can."""
    swarm.system.client.set(ANNOUNCED, "a string")
    swarm.seed(watching())
    healer = swarm.start("healer").ready().logs("what massive announces is not passed on: ")
    swarm.system.client.delete(ANNOUNCED)
    announce(swarm.system, FAILED)
    eventually(lambda: told(swarm), "it is passed on")
    assert healer.log.count("what massive announces is not passed on: ") == 1


def test_a_watcher_says_what_is_no_alert_of_a_probe(swarm: Swarm) -> None:
    """And goes on: of who is said to live it holds nothing, and it judges nobody here by itself."""
    swarm.seed(watching())
    healer = swarm.start("healer").ready()
    announce(swarm.system, LIFE)
    healer.logs("massive:alerts: threw 1 thing(s) away that are no alert of a probe, the last: ")
    announce(swarm.system, FAILED)
    eventually(lambda: told(swarm), "what is one is passed on")
    assert swarm.health("rss_agg") is None
    assert "heartbeat_ok" not in swarm.system.alert_types()
