"""What becomes of items whose worker dies, hangs or is slow, and whose bus goes away."""

import signal
from collections import Counter
from functools import partial

import pytest
from testkit import RealServer, Service, Swarm, eventually
from working import INSIGHTS, QUEUE, dead, insights, item, own_handler, pending, put, vexy, worked_through


class Workers:
    """Workers of one group, with the scripted handler."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self._path = own_handler(swarm.directory)

    def begin(self, name: str) -> Service:
        """Start one, under a name of its own in the group."""
        return self._swarm.start("vexy_ai", PYTHONPATH=self._path, RSS_CONSUMER=name)

    def start(self, name: str) -> Service:
        """Start one and wait until it is ready."""
        return self.begin(name).ready()


@pytest.fixture
def workers(swarm: Swarm) -> Workers:
    """A seeded swarm whose workers do what titles say."""
    swarm.seed(vexy(handler="scripted", max_deliveries=3))
    return Workers(swarm)


def held_by(swarm: Swarm, name: str) -> int:
    """How many entries a worker has."""
    found = {one["name"].decode(): one["pending"] for one in swarm.market.client.xinfo_consumers(QUEUE, "vexy_ai")}
    return int(found.get(name, 0))


def grown(server: RealServer, count: int) -> bool:
    """Whether there are more insights than so many."""
    return bool(server.client.xlen(INSIGHTS) > count)


def test_what_a_killed_worker_had_is_done_by_another(swarm: Swarm, workers: Workers) -> None:
    """Once its lease is gone; nothing is lost and nothing comes twice."""
    first = workers.start("first")
    put(swarm.market, [item("slow 3", number) for number in range(8)])
    eventually(lambda: held_by(swarm, "first") == 8, "the first has all")
    workers.start("second")
    first.kill()
    found = worked_through(swarm.market, 8, within_sec=60)
    assert Counter(one["item_id"] for one in found) == Counter(f"slow 3#{number}" for number in range(8))
    assert {one["worker"] for one in found} == {"second"}


def test_a_slow_worker_that_lives_is_not_robbed(swarm: Swarm, workers: Workers) -> None:
    """However long it takes over an item: three times its lease here."""
    workers.start("slow")
    put(swarm.market, [item("slow 6")])
    eventually(lambda: held_by(swarm, "slow") == 1, "the slow one has it")
    workers.start("idle")
    (found,) = worked_through(swarm.market, 1)
    assert found["worker"] == "slow"


def test_a_worker_that_is_started_again_goes_on_with_what_it_had(swarm: Swarm, workers: Workers) -> None:
    """At once: its predecessor was itself, and there is no lease to wait for."""
    first = workers.start("me")
    put(swarm.market, [item("slow 1", number) for number in range(3)])
    eventually(lambda: held_by(swarm, "me") == 3, "it has all")
    first.kill()
    workers.start("me")
    assert len(worked_through(swarm.market, 3)) == 3


def test_an_item_that_kills_its_worker_takes_no_other_with_it(swarm: Swarm, workers: Workers) -> None:
    """It is put aside after so many tries, and all that were in hand with it are worked through."""
    put(swarm.market, [*(item("fine", number) for number in range(5)), item("die"), item("fine", 5)])
    starts: list[Service] = []

    def done() -> bool:
        if not starts or starts[-1].ended():
            starts.append(workers.begin("me"))
        return bool(dead(swarm.market)) and swarm.market.client.xlen(INSIGHTS) == 6

    eventually(done, "the others are done, and it is put aside", 60)
    (letter,) = dead(swarm.market)
    assert letter["reason"] == "its worker ended or hung each time before it had a result"
    assert Counter(one["item_id"] for one in insights(swarm.market)) == Counter(f"fine#{number}" for number in range(6))
    assert len(starts) == 4
    assert pending(swarm.market) == 0


def test_a_worker_that_was_stopped_for_long_stores_nothing_twice(swarm: Swarm, workers: Workers) -> None:
    """Another has done its items meanwhile; what it finds when it goes on, nobody wants."""
    stopped = workers.start("stopped")
    put(swarm.market, [item("slow 1", number) for number in range(4)])
    eventually(lambda: held_by(swarm, "stopped") == 4, "it has all")
    stopped.signal(signal.SIGSTOP)
    workers.start("other")
    worked_through(swarm.market, 4, within_sec=60)
    stopped.signal(signal.SIGCONT)
    put(swarm.market, [item("slow 0", number) for number in range(20)])
    found = worked_through(swarm.market, 24)
    assert set(Counter(one["item_id"] for one in found).values()) == {1}


def test_a_bus_that_comes_back_empty_has_its_group_again(swarm: Swarm, workers: Workers) -> None:
    """And what is put there from then on is worked through."""
    service = workers.start("me")
    put(swarm.market, [item("before")])
    worked_through(swarm.market, 1)
    market = swarm.market
    assert isinstance(market, RealServer)
    market.kill()
    market.start()
    put(market, [item("after")])
    assert [one["title"] for one in worked_through(market, 1)] == ["after"]
    assert "has lost its group vexy_ai, which begins anew" in service.log


def test_a_bus_that_hangs_loses_nothing_and_doubles_nothing(swarm: Swarm, workers: Workers) -> None:
    """A result that was on its way when it hung is stored once, whether its answer was heard or not."""
    workers.start("me")
    market = swarm.market
    assert isinstance(market, RealServer)
    put(market, [item("slow 0.3", number) for number in range(300)])
    for _ in range(3):
        eventually(partial(grown, market, market.client.xlen(INSIGHTS)), "work goes on")
        market.hang()
        signal.sigtimedwait([], 2.5)
        market.resume()
    found = worked_through(market, 300, within_sec=60)
    assert Counter(one["item_id"] for one in found) == Counter(f"slow 0.3#{number}" for number in range(300))


def test_a_bus_that_is_full_is_waited_for(swarm: Swarm, workers: Workers) -> None:
    """Nothing is settled without its result."""
    service = workers.start("me")
    client = swarm.market.client
    put(swarm.market, [item("slow 0.5", number) for number in range(5)])
    eventually(lambda: held_by(swarm, "me") == 5, "it has all")
    client.config_set("maxmemory", 1)
    signal.sigtimedwait([], 2.0)
    client.config_set("maxmemory", 0)
    assert len(worked_through(swarm.market, 5)) == 5
    assert not service.ended()
