"""What a singleton promises: of several that are started one works, the others stand by, and a stop hands it over."""

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import pytest
from feeding import document, feed, reading
from feedserver import FeedServer
from owning import (
    LEASE_SEC,
    LOADED,
    OWNER,
    alone,
    bus_ms,
    comes,
    one_writer_at_a_time,
    owner,
    pair,
    singleton,
    stopped,
    token,
)
from testkit import INTERVAL_SEC, TIMEOUT_SEC, Swarm, eventually, listening, truth
from working import QUEUE

from marketswarm.clock import SystemClock
from marketswarm.daemon import Daemon, Work
from marketswarm.errors import FencedError


def standbys(swarm: Swarm) -> list[dict[str, Any]]:
    """Who stands by, as the bus has it."""
    kept: Any = swarm.market.client.hgetall("rss_agg:standbys")
    return [json.loads(raw) for raw in kept.values()]


def test_the_second_stands_by_and_is_ready(swarm: Swarm) -> None:
    """It says so to systemd and on the lease's bus; it does not beat, and the first does as ever."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one"))
        first, second = pair(swarm)
        with listening(swarm.system, "rss_agg:heartbeat") as heard:
            eventually(lambda: len(heard()) > 5, "beats")
            assert {json.loads(raw)["pid"] for raw in heard()} == {first.pid}
        comes(swarm, "one")
    assert f"STATUS=standing by: {socket.gethostname()} owns it" in second.notified()
    (waiting,) = standbys(swarm)
    assert (waiting["pid"], waiting["svc"], waiting["version"]) == (second.pid, "rss_agg", version("marketswarm"))
    assert waiting["until"] > bus_ms(swarm)
    beat = swarm.system.json("rss_agg:heartbeat")
    assert beat
    assert (beat["pid"], beat["token"], beat["version"]) == (first.pid, token(swarm), version("marketswarm"))
    assert owner(swarm)["token"] == beat["token"]
    assert swarm.system.client.exists(OWNER) == 0


def test_a_stop_hands_over_at_once(swarm: Swarm) -> None:
    """The goodbye comes first, then the lease is given back; the next owner works by a higher token."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one", lease_sec=3600))
        first, second = pair(swarm)
        comes(swarm, "one")
        with listening(swarm.system, "rss_agg:heartbeat") as heard:
            assert first.stop() == 0
            second.logs("owns it by token")
            server.put("/a.xml", document("two", "one"))
            comes(swarm, "two")
            eventually(lambda: json.loads(heard()[-1])["pid"] == second.pid, "the second beats")
            beats = [json.loads(raw) for raw in heard()]
    by_first = [beat for beat in beats if beat["pid"] == first.pid]
    assert beats[: len(by_first)] == by_first
    assert by_first[-1]["bye"]
    assert len(one_writer_at_a_time(swarm, {"one", "two"})) == 2
    assert standbys(swarm) == []


def test_one_that_stands_by_is_stopped_without_a_word(swarm: Swarm) -> None:
    """Exit 0, no goodbye in the owner's name, and nobody counts on it any more."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one"))
        first, second = pair(swarm)
        with listening(swarm.system, "rss_agg:heartbeat") as heard:
            before = token(swarm)
            assert second.stop() == 0
            eventually(lambda: len(heard()) > 3, "beats")
            assert {json.loads(raw)["pid"] for raw in heard()} == {first.pid}
    assert not any(json.loads(raw).get("bye") for raw in heard())
    assert (standbys(swarm), token(swarm)) == ([], before)


def test_a_new_truth_changes_no_owner(swarm: Swarm) -> None:
    """Its work begins anew, by the same token; the other goes on standing by."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one"))
        first, second = pair(swarm)
        comes(swarm, "one")
        before = owner(swarm)
        server.put("/b.xml", document("two"))
        swarm.seed(reading(feed(server, "/b.xml"), singleton=True, lease_sec=LEASE_SEC))
        comes(swarm, "two")
        second.logs("its work begins anew")
    assert owner(swarm) == before
    assert one_writer_at_a_time(swarm, {"one", "two"}) == [before["token"]]
    assert "its work begins anew" in first.log
    assert second.log.count("owns it by token") == 0


def test_a_truth_may_end_and_begin_it(swarm: Swarm) -> None:
    """Where it is none any more the lease is given back, and items carry no token."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one", lease_sec=3600))
        service = swarm.start("rss_agg").ready()
        comes(swarm, "one")
        server.put("/b.xml", document("two"))
        swarm.seed(reading(feed(server, "/b.xml")))
        eventually(lambda: swarm.market.client.xlen("rss:queue") == 2, "the second item")
        last: Any = swarm.market.client.xrevrange("rss:queue", count=1)
        assert set(last[0][1]) == {b"item"}
        assert owner(swarm) == {}
        eventually(lambda: "token" not in (swarm.system.json("rss_agg:heartbeat") or {}), "beats have no token")
        swarm.seed(singleton(server, "one", lease_sec=3600))
        eventually(lambda: token(swarm), "it is owned again")
    assert not service.ended()


def test_a_lease_that_moves_to_another_bus_is_not_given_back(swarm: Swarm) -> None:
    """It runs out: who stands by and has not heard of the new truth would take it, and two would work."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one", lease_sec=3600))
        service = swarm.start("rss_agg").ready()
        comes(swarm, "one")
        before = owner(swarm)
        elsewhere = {"publish_to": [{"bus": "system-redis", "key": QUEUE}]}
        swarm.seed(singleton(server, "one", lease_sec=3600, access_points=elsewhere))
        eventually(lambda: swarm.system.client.exists(OWNER), "it is owned there")
        assert owner(swarm) == before
        assert service.stop() == 0
        assert not swarm.system.client.exists(OWNER)


def test_any_service_may_be_one(swarm: Swarm) -> None:
    """Its lease is on the bus of its beats; half of its timeout, where truth has no lease_sec."""
    swarm.seed(truth(mesh={"heartbeat": {"interval_sec": INTERVAL_SEC}, "singleton": True}))
    swarm.start("mesh").ready()
    second = swarm.start("mesh").logs("standing by")
    assert 0 < int(swarm.system.client.pttl("mesh:owner")) <= 1000
    assert swarm.system.client.hlen("mesh:standbys") == 1
    second.close()


def lives(swarm: Swarm, work: Work, clock: SystemClock | None = None) -> None:
    """Let a singleton live in this process until it owns the service no more, and another life begin."""

    async def scene() -> None:
        daemon = alone(swarm, clock)
        assert await daemon.live(work) == LOADED
        with suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL_SEC):
                await daemon.moved(LOADED).live(Daemon.idle)

    asyncio.run(scene())


async def hangs(daemon: Daemon) -> None:
    """Be wedged: the process lives, its loop turns, and the work has made a few turns."""
    daemon.started()
    for _ in range(3):
        daemon.progress.mark()
        await asyncio.sleep(0)
    await asyncio.Event().wait()


async def happens(check: Callable[[], object], what: str) -> None:
    """Wait for something while the others in this process go on."""
    await asyncio.to_thread(eventually, check, what)


async def on(daemon: Daemon, work: Work) -> None:
    """Live one life after another."""
    while True:
        daemon = daemon.moved(await daemon.live(work))


def test_work_that_makes_no_progress_is_stopped_and_passed_on(swarm: Swarm, caplog: pytest.LogCaptureFixture) -> None:
    """Its process stands by, once another has had time to take the lease; which then owns it and beats."""
    client = swarm.system.client

    async def scene() -> None:
        first = asyncio.create_task(on(alone(swarm), hangs))
        await happens(lambda: client.exists("mesh:owner"), "the first owns it")
        before = swarm.system.json("mesh:owner") or {}
        second = asyncio.create_task(on(alone(swarm), Daemon.idle))
        await happens(lambda: (swarm.system.json("mesh:owner") or before)["owner"] != before["owner"], "a hand-over")
        await happens(lambda: client.hkeys("mesh:standbys") == [before["owner"].encode()], "the first stands by")
        after = swarm.system.json("mesh:owner") or before
        assert after["token"] > before["token"]
        await happens(lambda: (swarm.system.json("mesh:heartbeat") or {}).get("token") == after["token"], "a beat")
        await stopped(first, second)

    asyncio.run(scene())
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert [line for line in told if "gives the lease back" in line] == [
        "mesh: its work makes no progress, it gives the lease back; look for what it waits for"
    ]


def test_work_that_hangs_in_each_life_beats_in_the_first_only(swarm: Swarm) -> None:
    """Nobody else is there to take over: it has the lease again and again, and healer has to miss it."""
    beats: list[int] = []

    async def scene() -> None:
        with listening(swarm.system, "mesh:heartbeat") as heard:

            async def hangs_again(daemon: Daemon) -> None:
                beats.append(len(heard()))
                await hangs(daemon)

            living = asyncio.create_task(on(alone(swarm), hangs_again))
            await happens(lambda: len(beats) == 4, "the fourth life")
            await stopped(living)

    asyncio.run(scene())
    assert beats[0] == 0 < beats[1] == beats[2] == beats[3]


def test_work_that_turns_again_after_it_hung_beats_again(swarm: Swarm) -> None:
    """In its next life, once it has earned a renewal of the lease."""

    async def scene() -> None:
        daemon = alone(swarm)
        await daemon.live(hangs)
        with listening(swarm.system, "mesh:heartbeat") as heard:
            living = asyncio.create_task(on(daemon.moved(LOADED), Daemon.idle))
            await happens(lambda: len(heard()) > 3, "beats")
            await stopped(living)

    asyncio.run(scene())


def test_work_need_not_name_its_parts_as_standing_by_does(swarm: Swarm) -> None:
    """Who owned it after another did, and marks a part of its own only, keeps it and beats."""
    swarm.system.client.set("mesh:owner", '{"owner":"x","token":1,"host":"h"}', px=300)
    swarm.system.client.set("mesh:token", 1)

    async def turns(daemon: Daemon) -> None:
        daemon.started()
        while True:
            daemon.progress.mark("own")
            await daemon.pause()

    async def scene() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * TIMEOUT_SEC):
                await alone(swarm).live(turns)
                raise AssertionError("it has lost it")

    with listening(swarm.system, "mesh:heartbeat") as heard:
        asyncio.run(scene())
        assert len(heard()) > TIMEOUT_SEC / INTERVAL_SEC


def test_work_that_is_fenced_off_ends(swarm: Swarm) -> None:
    """A write of its own, by the fence that it is given; anything else that its work has begun ends with it."""

    async def writes(daemon: Daemon) -> None:
        daemon.started()
        assert daemon.fence
        bus = daemon.bus("system-redis")
        await bus.ask([daemon.fence.around([("HSET", "mesh:services", "a", "1")])])
        swarm.system.client.incr("mesh:token")
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            await bus.ask([daemon.fence.around([("HSET", "mesh:services", "a", "2")])])

    lives(swarm, writes)
    assert swarm.system.client.hget("mesh:services", "a") == b"1"


class Known:
    """What work knows beyond a truth."""


def test_who_lost_it_forgets_what_the_work_knew(swarm: Swarm) -> None:
    """Another one may have worked meanwhile. A new truth alone makes nothing forgotten."""
    found: list[Known] = []

    async def knows(daemon: Daemon) -> None:
        found.append(daemon.keep(Known))
        assert daemon.moved(LOADED).keep(Known) is found[-1]
        raise FencedError("taken")

    async def scene() -> None:
        daemon = alone(swarm)
        for _ in range(2):
            daemon = daemon.moved(await daemon.live(knows))
        living = asyncio.create_task(on(daemon, Daemon.idle))
        await happens(lambda: swarm.system.client.exists("mesh:heartbeat"), "a beat")
        await stopped(living)

    asyncio.run(scene())
    assert found[0] is not found[1]


class Sleeper(SystemClock):
    """A clock of a machine that can be put to sleep."""

    slept_sec = 0.0

    def suspended(self) -> float:
        """How long it has slept."""
        return self.slept_sec


def test_an_owner_whose_machine_has_slept_for_longer_than_the_lease_stops(swarm: Swarm) -> None:
    """The monotonic clock does not count that, and all looks well to the process."""
    clock = Sleeper()

    async def sleeps(daemon: Daemon) -> None:
        clock.slept_sec += TIMEOUT_SEC
        await daemon.idle()

    lives(swarm, sleeps, clock)
