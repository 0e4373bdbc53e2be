"""The parts of telling people that need a real Redis: who is on duty, the bell, what a target's books hold."""

import asyncio
import time

import pytest
from parts import LEASE_SEC, MISS, OK, connected, office, play
from testkit import RealServer, eventually

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.errors import NoGroupError
from marketswarm.notices.ledger import Ledger
from marketswarm.notices.letters import DeadLetter, TargetState
from marketswarm.notices.policy import Policy
from marketswarm.outbox import Outbox
from marketswarm.services.notifying.bell import ring


def test_one_of_two_is_on_duty(system: RealServer) -> None:
    """Whoever comes first has it until it lets go or its time is over; the other one asks in vain."""

    async def scene(bus: Bus) -> None:
        first, second = office(bus, "healer"), office(bus, "sentinel")
        assert await first.take()
        assert not await second.take()
        await asyncio.sleep(LEASE_SEC / 2)
        assert await first.take(), "it is renewed"
        await asyncio.sleep(LEASE_SEC * 0.75)
        assert not await second.take()
        await first.leave()
        assert await second.take()
        assert not await first.confirm()

    play(system, scene)


def test_who_slept_over_its_lease_asks_before_it_goes_on(system: RealServer) -> None:
    """Its own clock tells it that the lease may be another's by now."""

    async def scene(bus: Bus) -> None:
        first, second = office(bus, "healer"), office(bus, "sentinel")
        assert await first.take()
        await asyncio.sleep(LEASE_SEC * 1.2)
        assert await second.take()
        assert not await first.confirm()
        assert not first.held

    play(system, scene)


def test_a_process_that_was_started_anew_is_on_duty_at_once(system: RealServer) -> None:
    """The lease is the watcher's, not the process's: nobody waits for a dead process's lease to end."""

    async def scene(bus: Bus) -> None:
        assert await office(bus, "healer").take()
        assert await office(bus, "healer").take()

    play(system, scene)


def test_while_the_bus_is_away_who_was_on_duty_stays_so(system: RealServer) -> None:
    """Nobody else can get the lease meanwhile; when it is back, it alone says who has it."""

    async def scene(bus: Bus) -> None:
        first = office(bus, "healer")
        assert await first.take()
        system.hang()
        try:
            await asyncio.sleep(LEASE_SEC * 1.2)
            assert await first.confirm()
        finally:
            system.resume()
        assert await first.take()

    play(system, scene)


def test_a_full_bus_takes_nobody_off_duty(system: RealServer) -> None:
    """It refuses to write the lease, for everybody."""

    async def scene(bus: Bus) -> None:
        first = office(bus, "healer")
        assert await first.take()
        system.client.config_set("maxmemory", "1")
        await asyncio.sleep(LEASE_SEC * 1.2)
        assert await first.confirm()

    play(system, scene)


def test_the_bell_rings_for_each_burst_and_after_an_absence(system: RealServer) -> None:
    """At once, without a question a second; a bus that was away may have got anything meanwhile."""
    rings: list[float] = []

    async def rung(times: int) -> None:
        await asyncio.to_thread(eventually, lambda: len(rings) >= times, f"it has rung {times} times")

    async def scene() -> None:
        async with connected(system, timeout_sec=12) as bus:
            bell = asyncio.create_task(
                ring(bus, (names.ALERT_LOG, names.NOTIFY_ASKED), lambda: rings.append(time.time()))
            )
            await rung(1)
            await asyncio.sleep(0.3)
            assert len(rings) == 1, "once at the start"
            burst = system.client.pipeline(transaction=False)
            for _ in range(200):
                burst.xadd(names.ALERT_LOG, {"event": "x"})
            began = time.time()
            burst.execute()  # in one go: 200 turns of its own would be what a busy machine takes, before any bell
            await rung(2)
            await asyncio.sleep(0.5)
            assert rings[1] - began < 0.2
            assert len(rings) < 10, "a burst is one"
            before = len(rings)
            system.client.xadd(names.NOTIFY_ASKED, {"event": "x"})
            await rung(before + 1)
            await asyncio.sleep(0.3)
            assert len(rings) == before + 1
            system.kill()
            system.start()
            await rung(before + 2)
            await asyncio.sleep(1.0)
            assert len(rings) == before + 2
            bell.cancel()

    asyncio.run(scene())


def test_what_is_no_stream_keeps_the_bell_from_no_other(system: RealServer) -> None:
    """Not at the start, nor when it becomes one in the midst; once it is a stream again it rings as well."""
    rings: list[float] = []
    streams = (names.ALERT_LOG, names.PROBE_ALERTS)

    async def rung(times: int) -> None:
        await asyncio.to_thread(eventually, lambda: len(rings) >= times, f"it has rung {times} times", 5)

    async def scene() -> None:
        async with connected(system, timeout_sec=12) as bus:
            system.client.set(names.PROBE_ALERTS, "a string")
            bell = asyncio.create_task(ring(bus, streams, lambda: rings.append(time.time())))
            await rung(1)
            system.client.xadd(names.ALERT_LOG, {"event": "x"})
            await rung(2)
            system.client.delete(names.PROBE_ALERTS)
            system.client.xadd(names.ALERT_LOG, {"event": "x"})
            await rung(3)
            system.client.xadd(names.PROBE_ALERTS, {"event": "x"})
            await rung(4)
            system.client.set(names.PROBE_ALERTS, "a string")
            for times in (5, 6):
                system.client.xadd(names.ALERT_LOG, {"event": "x"})
                await rung(times)
            bell.cancel()

    asyncio.run(scene())


def test_what_one_has_read_and_not_told_the_other_finds(system: RealServer) -> None:
    """Two consumers of one group: entries, incidents, and what was on its way go over; what was told does not."""

    async def scene(bus: Bus) -> None:
        healer, sentinel = Outbox(bus, "webhook", "healer"), Outbox(bus, "webhook", "sentinel")
        await healer.open()
        for event in (MISS, OK):
            system.client.xadd(names.ALERT_LOG, {"event": event})
        taken = await healer.take()
        ledger = Ledger(Policy(rate_limit_sec=0))
        for entry, event in taken:
            ledger.take(entry, event, 1_061.0)
        (miss, _) = ledger.batch()
        ledger.told([miss], 1_061.0)
        await healer.settle(ledger.changes(), ["on its way"], [], TargetState(delivered=1.0))
        assert await sentinel.take() == []
        recalled = await sentinel.recall()
        assert recalled.pending == taken, "of an incident of which something is on its way"
        assert recalled.sending == ("on its way",)
        assert recalled.state == TargetState(), "that is healer's"
        assert (await healer.recall()).state == TargetState(delivered=1.0)

    play(system, scene)


def test_settling_is_all_or_nothing(system: RealServer) -> None:
    """What is done, what is kept, and what was refused, in one transaction."""

    async def scene(bus: Bus) -> None:
        outbox = Outbox(bus, "webhook", "healer")
        await outbox.open()
        system.client.xadd(names.ALERT_LOG, {"event": MISS})
        ledger = Ledger(Policy())
        for entry, event in await outbox.take():
            ledger.take(entry, event, 1_061.0)
        ledger.told(ledger.batch(), 1_061.0)
        letter = DeadLetter("webhook", "alert", "key", MISS.decode(), "HTTP 404")
        await outbox.settle(ledger.changes(), [], [letter], TargetState())
        recalled = await outbox.recall()
        assert recalled.pending == []
        assert recalled.incidents["service mesh"].told == 1_061.0
        assert len(await bus.last(names.DEAD_LETTERS, 10)) == 1

    play(system, scene)


def test_a_new_target_begins_with_what_comes_from_now_on(system: RealServer) -> None:
    """A webhook that is set for the first time does not get the alerts of last month."""

    async def scene(bus: Bus) -> None:
        system.client.xadd(names.ALERT_LOG, {"event": MISS})
        outbox = Outbox(bus, "webhook", "healer")
        await outbox.open()
        assert await outbox.take() == []
        system.client.xadd(names.ALERT_LOG, {"event": OK})
        assert [event for _, event in await outbox.take()] == [OK]

    play(system, scene)


def test_a_group_that_is_gone_is_an_error_of_its_own(system: RealServer) -> None:
    """It says that the bus came back without its data."""

    async def scene(bus: Bus) -> None:
        with pytest.raises(NoGroupError):
            await Outbox(bus, "webhook", "healer").take()

    play(system, scene)
