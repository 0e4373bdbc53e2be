"""What becomes of probes, and of what is told of them, while a bus is away."""

import asyncio
import functools
import json

import pytest
from probing import PROBES, TOLD, accepting, announced, probing, result, target, told
from receivers import HttpReceiver
from relaying import FAILED, OK, StagedBus, announce, left, logged, of_probes, relay, some
from testkit import RealServer, Service, Swarm, eventually, free_port, watching

from marketswarm.alertlog import PROBE_ALERTS
from marketswarm.errors import BusRefusedError
from marketswarm.messages import ProbeFailed, ProbeOk, encode
from marketswarm.services.watching.recorder import Recorder

BEGINNING, END = ("probe_failed", "broker"), ("probe_ok", "broker")


def beats(swarm: Swarm, service: Service, count: int) -> None:
    """Wait for so many more beats of a service."""
    before = swarm.system.json(f"{service.name}:heartbeat")
    assert before
    eventually(
        lambda: (swarm.system.json(f"{service.name}:heartbeat") or before)["i"] >= before["i"] + count, "it beats on"
    )


def history(swarm: Swarm) -> int:
    """How many results the history has."""
    return int(str(swarm.market.client.xlen(f"{PROBES}:log")))


def test_results_wait_for_a_bus_that_hangs_while_beats_and_alerts_go_on(swarm: Swarm, market: RealServer) -> None:
    """They come when it is back, and none is lost."""
    port = free_port()
    swarm.seed(probing(target(port)))
    with accepting(port):
        massive = swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        market.hang()
        beats(swarm, massive, 6)
    eventually(lambda: announced(swarm), "probe_failed, while the results wait")
    beats(swarm, massive, 6)
    market.resume()
    found = eventually(lambda: (now := result(swarm)) and now.get("fails", 0) >= 3 and now, "the results come")
    eventually(lambda: history(swarm) >= found["fails"] + 2, "and those before them")


def test_a_bus_of_results_that_came_back_empty_is_filled_again(swarm: Swarm, market: RealServer) -> None:
    """By the next probe of each target."""
    port = free_port()
    swarm.seed(probing(target(port)))
    with accepting(port):
        massive = swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        market.kill()
        beats(swarm, massive, 3)
        market.start()
        assert eventually(lambda: result(swarm), "a result again")["ok"]
    assert not massive.ended()


def test_what_fails_while_the_system_bus_is_away_is_told_once_when_it_is_back(swarm: Swarm, system: RealServer) -> None:
    """The target is known to fail meanwhile, and its end is told too."""
    port = free_port()
    swarm.seed(probing(target(port)))
    with accepting(port):
        swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        system.hang()
    eventually(lambda: (result(swarm) or {}).get("failed"), "it is found out")
    system.resume()
    eventually(lambda: announced(swarm), "probe_failed")
    with accepting(port):
        eventually(lambda: len(announced(swarm)) > 1, "probe_ok")
        assert announced(swarm) == [BEGINNING, END]
        assert system.client.exists(TOLD) == 0


def test_people_hear_of_a_target_as_of_a_service(swarm: Swarm, system: RealServer, receiver: HttpReceiver) -> None:
    """By healer, which passes on what massive announces and carries it."""
    port = free_port()
    swarm.seed(watching("massive", massive=probing(target(port))["services"]["massive"]))
    with accepting(port):
        swarm.start("massive").ready()
        swarm.start("healer", WEBHOOK_URL=receiver.url).ready()
        swarm.until("massive", "heartbeat_ok")
    eventually(lambda: receiver.bodies, "people hear of it")
    with accepting(port):
        eventually(lambda: len(receiver.bodies) > 1, "and of its end")
    titles = [body["title"] for body in receiver.bodies]
    assert titles[0] == "[MarketSwarm] PROBE FAILED: massive/broker"
    assert titles[1].startswith("[MarketSwarm] PROBE OK: massive/broker, after ")


def test_a_probe_that_fails_while_the_bus_hangs_is_told_and_remembered_once(system: RealServer) -> None:
    """What was given up, and carried out when the server goes on, is not told again; the end comes behind it.

    It has been passed on by then, so that it is not even where massive has put it any more.
    """
    failed = ProbeFailed("massive", "broker", "tls", "expired", 3, 1, 0.5)
    feed = ProbeFailed("massive", "feed", "dns", "no such name", 3, 2, 1.5)
    ok = ProbeOk("massive", "broker", 12.5, 3)

    async def run() -> None:
        bus, healers = StagedBus(system), StagedBus(system)
        recorder = Recorder(bus, bus, "", log=PROBE_ALERTS)
        await bus.ping()
        system.hang()
        recorder.announce(failed)
        life = asyncio.create_task(recorder.run())
        await asyncio.to_thread(eventually, recorder.unstored, "a try was given up")
        life.cancel()
        await asyncio.wait({life})
        await asyncio.to_thread(system.resume)
        await asyncio.to_thread(eventually, lambda: left(system) == 1, "the first try is carried out")
        await relay(healers).turn()
        recorder = Recorder(bus, bus, "", recorder, log=PROBE_ALERTS)
        recorder.announce(feed)
        recorder.announce(ok)
        life = asyncio.create_task(recorder.run())
        await asyncio.to_thread(eventually, lambda: not recorder.waiting, "all is announced")
        life.cancel()
        await relay(healers).turn()
        await bus.close()
        await healers.close()

    asyncio.run(run())
    assert system.alerts() == [json.loads(encode(alert)) for alert in (failed, feed, ok)]
    assert system.client.hgetall(TOLD) == {b"feed": encode(feed)}


@pytest.mark.parametrize("comes_back_empty", [False, True])
def test_what_fails_while_the_system_bus_is_away_is_passed_on_once(
    swarm: Swarm, system: RealServer, *, comes_back_empty: bool
) -> None:
    """Whoever has noticed first that it is back: massive, healer or sentinel."""
    port = free_port()
    document = watching("massive", massive=probing(target(port))["services"]["massive"])
    swarm.seed(document)
    for watcher in ("healer", "sentinel"):
        swarm.start(watcher).ready()
    with accepting(port):
        swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        if comes_back_empty:
            system.kill()
        else:
            system.hang()
    eventually(lambda: (result(swarm) or {}).get("failed"), "it is found out")
    if comes_back_empty:
        system.start()
        swarm.seed(document)
    else:
        system.resume()
    eventually(lambda: told(swarm), "probe_failed")
    with accepting(port):
        eventually(lambda: len(told(swarm)) > 1, "probe_ok")
        assert told(swarm) == [BEGINNING, END]
        assert left(system) == 0


def test_a_relay_that_waits_for_a_bus_that_hangs_passes_on_once(system: RealServer) -> None:
    """Its first try is carried out when the server goes on, though nobody waits for that any more."""
    announce(system, FAILED, OK)

    async def run() -> None:
        bus = StagedBus(system)

        async def hang() -> None:
            system.hang()

        bus.before = hang
        life = asyncio.create_task(relay(bus).run())
        await asyncio.to_thread(eventually, lambda: bus.gave_up, "a try was given up")
        await asyncio.to_thread(system.resume)
        await asyncio.to_thread(eventually, lambda: left(system) == 0, "it is passed on")
        life.cancel()
        await bus.close()

    asyncio.run(run())
    assert logged(system) == [FAILED, OK]


def test_a_full_bus_has_passed_on_what_it_had_taken(system: RealServer) -> None:
    """Nothing is lost by it; what massive finds then waits until there is room, as other alerts do."""
    announce(system, FAILED, OK)
    system.client.config_set("maxmemory", "1")

    async def run() -> None:
        bus = StagedBus(system)
        await relay(bus).turn()
        recorder = Recorder(bus, bus, "", log=PROBE_ALERTS)
        recorder.announce(ProbeOk("massive", "broker", 12.5, 3))
        life = asyncio.create_task(recorder.run())
        await asyncio.to_thread(eventually, recorder.unstored, "it is refused")
        assert left(system) == 0
        system.client.config_set("maxmemory", "0")
        await asyncio.to_thread(eventually, lambda: left(system) == 1, "there is room")
        life.cancel()
        await bus.close()

    asyncio.run(run())
    assert logged(system) == [FAILED, OK]


def test_a_bus_that_takes_no_writes_keeps_what_is_to_be_passed_on(system: RealServer) -> None:
    """Until it does."""
    announce(system, FAILED, OK)
    system.client.config_set("min-replicas-to-write", "1")

    async def run() -> None:
        bus = StagedBus(system)
        with pytest.raises(BusRefusedError, match="NOREPLICAS"):
            await relay(bus).turn()
        assert (left(system), logged(system)) == (2, [])
        system.client.config_set("min-replicas-to-write", "0")
        await relay(bus).turn()
        await bus.close()

    asyncio.run(run())
    assert logged(system) == [FAILED, OK]


def no_more_than(system: RealServer, most: int) -> bool:
    """Whether so few are left to be passed on."""
    return left(system) <= most


def test_watchers_that_are_killed_in_the_midst_of_it_pass_on_each_thing_once(swarm: Swarm, system: RealServer) -> None:
    """Both of them, again and again, while there is more than goes into many scripts."""
    alerts = some(5000)
    swarm.seed(watching())
    announce(system, *alerts)
    for most in range(4800, 3000, -600):
        both = [swarm.start(watcher) for watcher in ("healer", "sentinel")]
        eventually(functools.partial(no_more_than, system, most), "some are passed on", pause_sec=0.0005)
        for watcher in both:
            watcher.kill()
    swarm.start("sentinel").ready()
    eventually(lambda: left(system) == 0, "the others are passed on")
    assert of_probes(logged(system)) == alerts
