"""What becomes of feeds while the queue's bus is away, full or empty."""

import signal
import time
from functools import partial

from feeding import document, feed, reading, titles
from feedserver import FeedServer
from testkit import RealServer, Service, Swarm, eventually
from working import QUEUE


def started(swarm: Swarm, server: FeedServer, **fields: float) -> Service:
    """Have one feed read, whose first entry has come."""
    server.put("/a.xml", document("one"))
    swarm.seed(reading(feed(server, "/a.xml", **fields)))
    service = swarm.start("rss_agg").ready()
    eventually(lambda: titles(swarm) == ["one"], "the first entry")
    return service


def came(swarm: Swarm, names: list[str]) -> bool:
    """Whether all of these are on the queue."""
    return set(names) <= set(titles(swarm))


def test_a_bus_that_hangs_has_each_entry_once(swarm: Swarm, market: RealServer) -> None:
    """What was on its way when it hung is published once, whether its answer was heard or not."""
    with FeedServer() as server:
        started(swarm, server, interval_sec=0.05)
        expected = {"one"}
        for number in range(6):
            names = [f"{number}-{entry}" for entry in range(20)]
            expected |= set(names)
            server.put("/a.xml", document(*names, *sorted(expected - set(names))[:30]))
            time.sleep(0.03 * number)
            market.hang()
            signal.sigtimedwait([], 1.5)
            market.resume()
            eventually(partial(came, swarm, names), "they come")
    assert sorted(titles(swarm)) == sorted(expected)


def test_no_feed_is_asked_while_its_entries_could_not_be_stored(swarm: Swarm, market: RealServer) -> None:
    """The bus is away: its server is left alone; the heartbeat goes on."""
    with FeedServer() as server:
        service = started(swarm, server)
        market.hang()
        signal.sigtimedwait([], 2.5)
        count = len(server.asked("/a.xml"))
        signal.sigtimedwait([], 2.5)
        assert len(server.asked("/a.xml")) - count <= 1
        assert swarm.system.client.pttl("rss_agg:heartbeat") > 0
        market.resume()
        server.put("/a.xml", document("two", "one"))
        eventually(lambda: titles(swarm) == ["one", "two"], "it goes on")
        assert not service.ended()


def test_what_was_fetched_waits_for_a_bus_that_is_full(swarm: Swarm, market: RealServer) -> None:
    """It is asked for once, and published when there is memory."""
    with FeedServer() as server:
        service = started(swarm, server)
        market.client.config_set("maxmemory", 1)
        server.put("/a.xml", document("two", "one"))
        service.logs("it is tried again until it is taken")
        count = len(server.asked("/a.xml"))
        signal.sigtimedwait([], 2.0)
        assert len(server.asked("/a.xml")) == count
        market.client.config_set("maxmemory", 0)
        eventually(lambda: titles(swarm) == ["one", "two"], "it is published")
        assert service.log.count("it is tried again until it is taken") == 1


def test_a_bus_that_comes_back_empty_gets_all_there_is(swarm: Swarm, market: RealServer) -> None:
    """Nothing that is still in a feed is taken for known."""
    with FeedServer() as server:
        started(swarm, server)
        market.kill()
        market.start()
        eventually(lambda: titles(swarm) == ["one"], "it is there again")
        assert market.client.xlen(QUEUE) == 1
        assert "if-none-match" not in server.asked("/a.xml")[-1].headers or len(server.asked("/a.xml")) > 2
