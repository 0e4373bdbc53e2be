"""A singleton while its owner is killed, stopped, and cut off: never two that write, and a hand-over each time."""

import asyncio
import json
import signal
from collections.abc import Callable
from itertools import pairwise

import pytest
from feeding import document
from feedserver import FeedServer
from namespaces import Host, hosts
from owning import (
    LEASE_SEC,
    LOADED,
    MISSED_AFTER_SEC,
    alone,
    bus_ms,
    comes,
    one_writer_at_a_time,
    pair,
    singleton,
    stopped,
    token,
)
from testkit import HEALER_INTERVAL_SEC, TIMEOUT_SEC, RealServer, Server, Service, Swarm, eventually, listening

from marketswarm.daemon import Daemon

HAND_OVER_SEC = 1.0


@pytest.fixture
def market(swarm: Swarm) -> RealServer:
    """The bus that the lease and the queue are on."""
    assert isinstance(swarm.market, RealServer)
    return swarm.market


def handed_over(swarm: Swarm, before: int, lost_ms: int, lease_sec: float) -> int:
    """Wait for the next owner; by the bus's clock it came in time, and its token is higher. Returns the token."""
    after = eventually(lambda: now if (now := token(swarm)) > before else 0, "another owner")
    assert after - lost_ms <= (lease_sec + HAND_OVER_SEC) * 1000
    return after


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_loss_of_the_owner_hands_over(swarm: Swarm, number: signal.Signals) -> None:
    """Within lease + 1 s, and no sooner than its lease has run out."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one", lease_sec=3))
        first, second = pair(swarm)
        comes(swarm, "one")
        before = token(swarm)
        first.signal(number)
        lost_ms, left_ms = bus_ms(swarm), int(swarm.market.client.pttl("rss_agg:owner"))
        after = handed_over(swarm, before, lost_ms, 3)
        assert after >= lost_ms + left_ms - 2
        server.put("/a.xml", document("two", "one"))
        comes(swarm, "two")
        second.logs(f"owns it by token {after}")
    assert one_writer_at_a_time(swarm, {"one", "two"}) == [before, after]


def test_an_owner_that_wakes_up_writes_nothing(swarm: Swarm) -> None:
    """What it had begun when it was stopped is refused, its beats too are over, and it stands by."""
    titles = ["one"]
    with FeedServer() as server:
        swarm.seed(singleton(server, "one"))
        owns, stands_by = pair(swarm)
        comes(swarm, "one")
        tokens = [token(swarm)]
        for turn in range(3):
            titles += [f"{turn}-{entry}" for entry in range(40)]
            server.put("/a.xml", document(*titles))
            asked_again(server)
            tokens.append(wakes_up_too_late(swarm, owns, stands_by, tokens[-1]))
            comes(swarm, titles[-1])
            owns, stands_by = stands_by, owns
        assert [owns.ended(), stands_by.ended()] == [False, False]
    assert set(one_writer_at_a_time(swarm, set(titles))) <= set(tokens)


def asked_again(server: FeedServer) -> None:
    """Wait for another request."""
    count = len(server.asked("/a.xml"))
    eventually(lambda: len(server.asked("/a.xml")) > count, "it is asked")


def wakes_up_too_late(swarm: Swarm, owns: Service, stands_by: Service, before: int) -> int:
    """Stop the owner until the other one beats, and let it go on; returns the new token."""
    owns.signal(signal.SIGSTOP)
    after = handed_over(swarm, before, bus_ms(swarm), LEASE_SEC)
    eventually(lambda: beats_by(swarm) == stands_by.pid, "the next one beats")
    count = owns.log.count("standing by")
    with listening(swarm.system, "rss_agg:heartbeat") as heard:
        owns.signal(signal.SIGCONT)
        eventually(lambda: owns.log.count("standing by") > count, "it stands by")
        assert {json.loads(raw)["pid"] for raw in heard()} <= {stands_by.pid}
    return after


def beats_by(swarm: Swarm) -> int:
    """The process that beat last."""
    return int((swarm.system.json("rss_agg:heartbeat") or {}).get("pid", 0))


def test_a_write_that_is_refused_ends_the_work_at_once(swarm: Swarm) -> None:
    """Though the lease would hold for an hour by the owner's own clock."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one", lease_sec=3600))
        service = swarm.start("rss_agg").ready()
        comes(swarm, "one")
        swarm.market.client.incr("rss_agg:token")
        service.logs("its work has stopped: market-redis").logs("standing by")
        count = len(server.asked("/a.xml"))
        signal.sigtimedwait([], 1.0)
        assert len(server.asked("/a.xml")) == count
        swarm.market.client.delete("rss_agg:owner")
        server.put("/a.xml", document("two", "one"))
        comes(swarm, "two")
    one_writer_at_a_time(swarm, {"one", "two"})


def watched(swarm: Swarm, server: FeedServer) -> Service:
    """Start a singleton, two of it, and a healer that has heard it."""
    swarm.seed(singleton(server, "one"))
    swarm.start("sentinel").ready()
    first, _ = pair(swarm)
    comes(swarm, "one")
    swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    return first


AWAY: dict[str, Callable[[RealServer], None]] = {"killed": RealServer.kill, "hung": RealServer.hang}


@pytest.mark.parametrize("away", AWAY)
def test_a_bus_of_the_lease_that_is_away_makes_nobody_miss_the_owner(
    swarm: Swarm, market: RealServer, away: str
) -> None:
    """Nobody can take over: the owner stops its work when its lease is over, beats on, and goes on when it can."""
    with FeedServer() as server:
        first = watched(swarm, server)
        AWAY[away](market)
        first.logs("its work has stopped: its lease on market-redis has run out")
        signal.sigtimedwait([], 1.5 * MISSED_AFTER_SEC)
        count = len(server.asked("/a.xml"))
        signal.sigtimedwait([], HEALER_INTERVAL_SEC)
        assert len(server.asked("/a.xml")) == count
        assert beats_by(swarm) == first.pid
        assert swarm.system.client.pttl("rss_agg:heartbeat") > 0
        if away == "killed":
            market.start()
        else:
            market.resume()
        server.put("/a.xml", document("two", "one"))
        comes(swarm, "two")
        assert swarm.health("rss_agg") == "heartbeat_ok"
    assert swarm.system.alert_types("rss_agg") == []


def test_work_that_turns_while_the_bus_of_the_lease_is_away_is_not_wedged(
    swarm: Swarm, caplog: pytest.LogCaptureFixture
) -> None:
    """Its turns come less often than the bus is asked; the lease runs out for want of an answer.

    Nor is work that takes longer than a lease to start afterwards, though beats went on meanwhile.
    """
    system = swarm.system
    assert isinstance(system, RealServer)
    late: list[Daemon] = []

    async def turns(daemon: Daemon) -> None:
        daemon.started()
        daemon.progress.mark()
        await asyncio.to_thread(system.kill)
        while True:
            daemon.progress.mark()
            await asyncio.sleep(TIMEOUT_SEC / 8)

    async def starts_late(daemon: Daemon) -> None:
        await asyncio.sleep(TIMEOUT_SEC)
        late.append(daemon)
        await daemon.idle()

    async def scene() -> None:
        daemon = alone(swarm)
        await daemon.live(turns)
        living = asyncio.create_task(daemon.moved(LOADED).live(starts_late))
        await asyncio.sleep(TIMEOUT_SEC / 4)
        await asyncio.to_thread(system.start)
        await asyncio.to_thread(eventually, lambda: late or living.done(), "its work goes on")
        await stopped(living)

    asyncio.run(scene())
    told = [record.message for record in caplog.records]
    assert [line for line in told if "its work has stopped" in line] == [
        "mesh: its work has stopped: its lease on system-redis has run out"
    ]
    assert late


def test_a_bus_whose_memory_is_full_keeps_the_owner(swarm: Swarm) -> None:
    """It takes renewals, though no items: what was fetched waits, as it does without a lease."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one"))
        service = swarm.start("rss_agg").ready()
        comes(swarm, "one")
        before = token(swarm)
        swarm.market.client.config_set("maxmemory", 1)
        server.put("/a.xml", document("two", "one"))
        service.logs("it is tried again until it is taken")
        count = len(server.asked("/a.xml"))
        signal.sigtimedwait([], 3 * LEASE_SEC)
        assert (token(swarm), len(server.asked("/a.xml"))) == (before, count)
        swarm.market.client.config_set("maxmemory", 0)
        comes(swarm, "two")
    assert one_writer_at_a_time(swarm, {"one", "two"}) == [before]
    assert "its work has stopped" not in service.log


def test_who_stands_by_where_memory_is_full_is_ready(swarm: Swarm) -> None:
    """The bus cannot note it, and says all the same who owns it."""
    with FeedServer() as server:
        swarm.seed(singleton(server, "one"))
        swarm.start("rss_agg").ready().logs("owns it by token")
        swarm.market.client.config_set("maxmemory", 1)
        second = swarm.start("rss_agg").ready().logs("standing by: ")
        assert swarm.market.client.hlen("rss_agg:standbys") == 0
        swarm.market.client.config_set("maxmemory", 0)
        eventually(lambda: swarm.market.client.hlen("rss_agg:standbys") == 1, "it is noted")
    assert "nobody can own" not in second.log


def test_healer_makes_no_alarm_of_a_hand_over(swarm: Swarm) -> None:
    """It counts another process, and neither a miss nor two under one name."""
    with FeedServer() as server:
        first = watched(swarm, server)
        before = token(swarm)
        first.signal(signal.SIGSTOP)
        eventually(lambda: token(swarm) > before, "another owner")
        eventually(lambda: beats_by(swarm) not in (0, first.pid), "it beats")
        first.signal(signal.SIGCONT)
        first.logs("standing by")
        record = eventually(lambda: restarts(swarm), "healer counts it")
    assert (record["restarts"], record.get("duplicates", 0)) == (1, 0)
    assert swarm.system.alert_types("rss_agg") == []


def restarts(swarm: Swarm) -> dict[str, int]:
    """What healer keeps of rss_agg, once it has counted a restart."""
    raw = swarm.system.client.hget("healer:records", "rss_agg")
    record: dict[str, int] = json.loads(raw) if isinstance(raw, bytes) else {}
    return record if record.get("restarts") else {}


def started_on(swarm: Swarm, host: Host, hubs: tuple[str, str]) -> Service:
    """Start rss_agg on a host, from which each bus is at a hub; a socket of systemd is out of its reach."""
    system, market = (f"redis://{hub}:{bus.port}" for hub, bus in zip(hubs, buses(swarm), strict=True))
    return swarm.start("rss_agg", within=host.inside, SYSTEM_REDIS_URL=system, MARKET_REDIS_URL=market)


def buses(swarm: Swarm) -> tuple[Server, Server]:
    """The two buses."""
    return swarm.system, swarm.market


def two_hosts(swarm: Swarm, server: FeedServer, hubs: tuple[str, str], first: Host, second: Host) -> list[Service]:
    """Have the buses listen at the hubs, rss_agg own its lease on the first host, and stand by on the second."""
    for bus, hub in zip(buses(swarm), hubs, strict=True):
        bus.client.config_set("protected-mode", "no")
        bus.client.config_set("bind", f"127.0.0.1 {hub}")
    swarm.seed(singleton(server, "one"))
    owns = started_on(swarm, first, hubs).logs("owns it by token")
    stands_by = started_on(swarm, second, hubs).logs(f"standing by: {first.name} owns it")
    comes(swarm, "one")
    swarm.start("healer").ready()
    return [owns, stands_by]


def test_a_partition_of_the_owner_hands_over(swarm: Swarm) -> None:
    """On two hosts: who is cut off stops by its own clock, and after the partition it neither writes nor beats.

    Then the other one is cut off.
    """
    titles = ["one"]
    with hosts("hosta", "hostb") as (hubs, (first, second)), FeedServer(address=hubs[0]) as server:
        owns, stands_by = two_hosts(swarm, server, hubs, first, second)
        tokens = [token(swarm)]
        for cut, other in ((first, second), (second, first)):
            cut.cut()
            tokens.append(handed_over(swarm, tokens[-1], bus_ms(swarm), LEASE_SEC))
            titles.insert(0, f"while {cut.name} is cut off")
            server.put("/a.xml", document(*titles))
            comes(swarm, titles[0])
            owns.logs("its lease on market-redis has run out")
            back_again(swarm, cut, owns, stands_by)
            owns.logs(f"standing by: {other.name} owns it")
            owns, stands_by = stands_by, owns
    assert one_writer_at_a_time(swarm, set(titles)) == tokens
    assert restarts(swarm).get("duplicates", 0) == 0


def back_again(swarm: Swarm, cut: Host, owned: Service, owns: Service) -> None:
    """End the partition; only the new owner is heard."""
    eventually(lambda: beats_by(swarm) == owns.pid, "the new owner beats")
    count = owned.log.count("standing by")
    with listening(swarm.system, "rss_agg:heartbeat") as heard:
        cut.mend()
        eventually(lambda: owned.log.count("standing by") > count, "the former owner stands by")
        seen = len(heard())
        eventually(lambda: len(heard()) > seen + 3, "beats")
        assert {json.loads(raw)["pid"] for raw in heard()} == {owns.pid}


def test_an_owner_that_is_cut_off_from_the_lease_alone_is_relieved(swarm: Swarm) -> None:
    """It reaches the bus of its beats all the time, and falls silent when it finds that a later owner beats there."""
    with hosts("hosta", "hostb") as (hubs, (first, second)), FeedServer(address=hubs[0]) as server:
        owns, stands_by = two_hosts(swarm, server, hubs, first, second)
        before = token(swarm)
        with listening(swarm.system, "rss_agg:heartbeat") as heard:
            first.lose(hubs[1])
            after = handed_over(swarm, before, bus_ms(swarm), LEASE_SEC)
            stands_by.logs(f"owns it by token {after}")
            owns.logs("its lease on market-redis has run out")
            eventually(lambda: [json.loads(raw)["pid"] for raw in heard()[-9:]] == [stands_by.pid] * 9, "one beats")
            by = [json.loads(raw)["pid"] for raw in heard()]
        assert sum(one != other for one, other in pairwise(by)) <= 3
        server.put("/a.xml", document("two", "one"))
        comes(swarm, "two")
    assert one_writer_at_a_time(swarm, {"one", "two"}) == [before, after]
    assert restarts(swarm).get("duplicates", 0) == 0
    assert swarm.system.alert_types("rss_agg") == []
