"""What rss_agg promises: each entry of each feed on the queue once, and its place at every server's door."""

import json
import time
from itertools import pairwise
from typing import Any

from feeding import document, feed, items, reading, state, titles
from feedserver import FeedServer, bomb, cut_off, endless, hang, redirect, status
from testkit import TIMEOUT_SEC, Swarm, eventually
from working import QUEUE

from marketswarm.feeds.item import digest


def test_an_entry_goes_to_the_queue_as_an_item(swarm: Swarm) -> None:
    """JSON in the field item; its id is that of its feed and guid."""
    body = (
        b"<rss version='2.0'><channel><item><guid>g1</guid><title>Rates &amp; bonds</title>"
        b"<link>http://news.example/1?utm_source=x</link><description>&lt;b&gt;Up&lt;/b&gt; a bit</description>"
        b"<pubDate>Wed, 25 Nov 2026 10:00:00 +0200</pubDate><category>macro</category></item></channel></rss>"
    )
    with FeedServer() as server:
        server.put("/a.xml", body)
        swarm.seed(reading(feed(server, "/a.xml", category="markets")))
        swarm.start("rss_agg").ready()
        (item,) = eventually(lambda: items(swarm), "an item")
    fetched = item.pop("fetched")
    assert item == {
        "id": digest("a", "g1", size=16),
        "feed": "a",
        "category": "markets",
        "title": "Rates & bonds",
        "link": "http://news.example/1",
        "published": "2026-11-25T08:00:00Z",
        "updated": None,
        "summary": "Up a bit",
        "authors": [],
        "tags": ["macro"],
        "revision": 1,
    }
    assert fetched.endswith("Z")


def test_the_queue_is_where_truth_says(swarm: Swarm) -> None:
    """The first of publish_to that is no heartbeat."""
    points = [{"bus": "system-redis", "key": "rss_agg:heartbeat"}, {"bus": "system-redis", "key": "my:items"}]
    with FeedServer() as server:
        server.put("/a.xml", document("one"))
        swarm.seed(reading(feed(server, "/a.xml"), access_points={"publish_to": points}))
        swarm.start("rss_agg").ready()
        eventually(lambda: swarm.system.client.xlen("my:items") == 1, "an item on the other stream")
    assert swarm.market.client.exists(QUEUE) == 0


def test_what_has_not_changed_is_asked_for_and_not_sent_again(swarm: Swarm) -> None:
    """Both validators are sent, also by a process that was started anew; entries come once."""
    with FeedServer() as server:
        server.put("/a.xml", document("one", "two"))
        swarm.seed(reading(feed(server, "/a.xml")))
        first = swarm.start("rss_agg").ready()
        eventually(lambda: len(server.asked("/a.xml")) >= 3, "it is asked again")
        first.kill()
        before = len(server.asked("/a.xml"))
        swarm.start("rss_agg").ready()
        eventually(lambda: len(server.asked("/a.xml")) > before + 1, "the next one asks")
        asked = server.asked("/a.xml")
        assert "if-none-match" not in asked[0].headers
        assert all({"if-none-match", "if-modified-since"} <= one.headers.keys() for one in asked[1:])
        assert sorted(titles(swarm)) == ["one", "two"]
        assert state(swarm, "a")["status"] == 304

        server.put("/a.xml", document("three", "one", "two"))
        eventually(lambda: "three" in titles(swarm), "the new one comes")
    assert sorted(titles(swarm)) == ["one", "three", "two"]


def test_a_document_that_comes_again_is_not_read_again(swarm: Swarm) -> None:
    """Where a server knows no validators."""
    with FeedServer() as server:
        server.put("/a.xml", document("one"), etag=False, last_modified=False)
        swarm.seed(reading(feed(server, "/a.xml")))
        swarm.start("rss_agg").ready()
        eventually(lambda: len(server.asked("/a.xml")) > 2, "it is asked again")
        first = state(swarm, "a")
        assert first["read"] < first["fetched"]
        assert first["status"] == 200
        server.put("/a.xml", document("two", "one"), etag=False, last_modified=False)
        eventually(lambda: titles(swarm) == ["one", "two"], "the new one comes")
        assert state(swarm, "a")["read"] > first["read"]


def test_an_edited_entry_is_an_update(swarm: Swarm) -> None:
    """The same id again, as its next revision."""
    with FeedServer() as server:
        server.put("/a.xml", b"<rss version='2.0'><channel><item><guid>g</guid><title>A</title></item></channel></rss>")
        swarm.seed(reading(feed(server, "/a.xml")))
        swarm.start("rss_agg").ready()
        eventually(lambda: titles(swarm) == ["A"], "it comes")
        server.put("/a.xml", b"<rss version='2.0'><channel><item><guid>g</guid><title>B</title></item></channel></rss>")
        eventually(lambda: titles(swarm) == ["A", "B"], "its edit comes")
    one, two = items(swarm)
    assert (one["id"], one["revision"], two["revision"]) == (two["id"], 1, 2)


def test_a_broken_feed_holds_up_no_other_and_no_heartbeat(swarm: Swarm) -> None:
    """Hanging, endless, cut off, refused, hostile: each is said in plain words, and the good one goes on."""
    with FeedServer() as server:
        server.put("/good.xml", document("one"))
        server.set("/hang.xml", hang())
        server.set("/endless.xml", endless())
        server.set("/bomb.xml", bomb("gzip"))
        server.set("/cut.xml", cut_off(document("lost")))
        server.set("/gone.xml", status(410))
        server.put("/page.xml", b"<html><body>Not here</body></html>", content_type="text/html")
        server.put("/laughs.xml", _laughs())
        names = ("good", "hang", "endless", "bomb", "cut", "gone", "page", "laughs")
        swarm.seed(reading(*(feed(server, f"/{name}.xml") for name in names), fetching={"at_once": 4}))
        pubsub = swarm.system.client.pubsub()
        pubsub.subscribe("rss_agg:heartbeat")
        swarm.start("rss_agg", FETCH_TIMEOUT_SEC="2").ready()
        gaps: list[float] = []
        while not all(state(swarm, name) for name in names):
            gaps += _beat_gaps(pubsub, 1.0)
        errors = {name: state(swarm, name).get("error", "") for name in names}
        eventually(lambda: len(server.asked("/good.xml")) > 2, "the good one is asked on")
    assert titles(swarm) == ["one"]
    assert errors == {
        "good": "",
        "hang": "took longer than 2 s",
        "endless": "larger than 8 MiB",
        "bomb": "larger than 8 MiB",
        "cut": "the connection broke off",
        "gone": "answers 410",
        "page": "is no feed: it is an HTML page",
        "laughs": errors["laughs"],
    }
    assert errors["laughs"]
    assert max(gaps) < TIMEOUT_SEC


def _laughs() -> bytes:
    """Write an XML bomb (CVE-2003-1564)."""
    levels = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE rss [<!ENTITY l0 'ha'>{levels}]><rss><channel><title>&l9;</title></channel></rss>".encode()


def _beat_gaps(pubsub: Any, for_sec: float) -> list[float]:
    """Listen for so long; returns the seconds between one heartbeat and the next."""
    heard: list[float] = []
    end = time.monotonic() + for_sec
    while time.monotonic() < end:
        message = pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1)
        if message:
            heard.append(time.monotonic())
    return [after - before for before, after in pairwise(heard)]


def test_a_private_address_is_not_asked_unless_the_feed_may(swarm: Swarm) -> None:
    """Neither in truth, nor behind a redirect of a feed that is allowed elsewhere."""
    with FeedServer() as server:
        server.put("/secret.xml", document("secret"))
        swarm.seed(reading(feed(server, "/secret.xml", allow_private=False)))
        service = swarm.start("rss_agg").ready()
        service.logs("leads to a private address (127.0.0.1 is on loopback)")
        assert server.requests == []
    assert titles(swarm) == []


def test_a_feed_that_has_moved_for_good_is_asked_at_its_new_address(swarm: Swarm) -> None:
    """From then on, also after a restart; the old one is not asked any more."""
    with FeedServer() as server:
        server.put("/new.xml", document("one"))
        server.set("/old.xml", redirect("/new.xml", 301))
        swarm.seed(reading(feed(server, "/old.xml")))
        service = swarm.start("rss_agg").ready()
        service.logs("has moved for good")
        eventually(lambda: len(server.asked("/new.xml")) > 2, "the new one is asked")
        assert len(server.asked("/old.xml")) == 1
        service.kill()
        before = len(server.asked("/new.xml"))
        swarm.start("rss_agg").ready()
        eventually(lambda: len(server.asked("/new.xml")) > before, "it is asked there")
        assert len(server.asked("/old.xml")) == 1


def test_a_server_that_is_too_busy_is_left_alone(swarm: Swarm) -> None:
    """For as long as Retry-After says."""
    with FeedServer() as server:
        server.put("/a.xml", document("one"))
        server.then("/a.xml", status(429, {"Retry-After": "3"}))
        swarm.seed(reading(feed(server, "/a.xml")))
        swarm.start("rss_agg").ready()
        busy = eventually(lambda: now if (now := state(swarm, "a")).get("status") == 429 else None, "it is too busy")
        assert round(busy["next_at"] - busy["fetched"], 3) == 3
        eventually(lambda: titles(swarm) == ["one"], "it comes")
        first, second = server.asked("/a.xml")[:2]
        assert 2.9 < second.at - first.at < 6
        assert state(swarm, "a").get("failures", 0) == 0


def test_a_feed_is_asked_as_seldom_as_it_wishes(swarm: Swarm) -> None:
    """By Cache-Control or ttl; what it says is in its state."""
    with FeedServer() as server:
        server.put("/cached.xml", document("one"), headers={"Cache-Control": "max-age=600"})
        server.put("/ttl.xml", document("two", extra="<ttl>10</ttl>"))
        server.put("/often.xml", document("three"))
        swarm.seed(reading(*(feed(server, f"/{name}.xml") for name in ("cached", "ttl", "often"))))
        swarm.start("rss_agg").ready()
        eventually(lambda: len(server.asked("/often.xml")) > 5, "one is asked often")
        assert (len(server.asked("/cached.xml")), len(server.asked("/ttl.xml"))) == (1, 1)
        assert state(swarm, "ttl")["next_at"] - state(swarm, "ttl")["fetched"] >= 600


def test_the_environment_says_how_feeds_are_asked(swarm: Swarm) -> None:
    """SCHEDULE_SEC where truth has no interval, MAX_PER_FEED, USER_AGENT."""
    with FeedServer() as server:
        server.put("/a.xml", document("one", "two", "three"))
        asks = feed(server, "/a.xml")
        del asks["interval_sec"]
        swarm.seed(reading(asks))
        swarm.start("rss_agg", SCHEDULE_SEC="0.2", MAX_PER_FEED="2", USER_AGENT="me/1 (me@example.com)").ready()
        eventually(lambda: len(server.asked("/a.xml")) > 3, "it is asked often")
        assert {one.headers["user-agent"] for one in server.asked("/a.xml")} == {"me/1 (me@example.com)"}
    assert len(titles(swarm)) == 2


def test_a_queue_that_nobody_reads_is_filled_and_not_overrun(swarm: Swarm) -> None:
    """No item that a group has yet to read is dropped: feeds wait, and go on when there is room."""
    with FeedServer() as server:
        for number in range(6):
            server.put(f"/{number}.xml", document(*(f"{number}-{entry}" for entry in range(60))))
        swarm.market.client.xgroup_create(QUEUE, "vexy_ai", "0", mkstream=True)
        feeds = [feed(server, f"/{number}.xml") for number in range(6)]
        swarm.seed(reading(*feeds, stream={"maxlen": 100}, fetching={"at_once": 1}))
        service = swarm.start("rss_agg").ready()
        service.logs("is full of items that wait for a worker")
        count = swarm.market.client.xlen(QUEUE)
        assert 200 <= count < 360
        seen: set[str] = set()
        while len(seen) < 360:
            answer: Any = swarm.market.client.xreadgroup("vexy_ai", "me", {QUEUE: ">"}, count=50, block=8000)
            assert answer, f"only {len(seen)} came"
            for entry, fields in answer[0][1]:
                seen.add(json.loads(fields[b"item"])["title"])
                swarm.market.client.xack(QUEUE, "vexy_ai", entry)
        service.logs("has room again")


def test_a_truth_with_other_feeds_is_followed(swarm: Swarm) -> None:
    """Without a restart; what a feed that is gone was like is forgotten, what was published is not."""
    with FeedServer() as server:
        server.put("/a.xml", document("a"))
        server.put("/b.xml", document("b"))
        swarm.seed(reading(feed(server, "/a.xml")))
        swarm.start("rss_agg").ready()
        eventually(lambda: titles(swarm) == ["a"], "the first")
        swarm.seed(reading(feed(server, "/b.xml")))
        eventually(lambda: titles(swarm) == ["a", "b"], "the second")
        assert set(swarm.market.client.hgetall("rss:feeds")) == {b"b"}
        swarm.seed(reading(feed(server, "/a.xml"), feed(server, "/b.xml")))
        eventually(lambda: state(swarm, "a").get("status") == 200, "the first is asked again")
    assert titles(swarm) == ["a", "b"]


def test_a_shorter_interval_counts_at_once(swarm: Swarm) -> None:
    """Whoever seeds it need not wait for what was planned by the longer one."""
    with FeedServer() as server:
        server.put("/a.xml", document("a"))
        swarm.seed(reading(feed(server, "/a.xml", interval_sec=3600)))
        swarm.start("rss_agg").ready()
        eventually(lambda: titles(swarm) == ["a"], "it is asked once")
        swarm.seed(reading(feed(server, "/a.xml", interval_sec=0.3)))
        eventually(lambda: len(server.asked("/a.xml")) > 2, "it is asked by the shorter one")


def test_a_stop_takes_no_time_though_a_feed_hangs(swarm: Swarm) -> None:
    """Exit 0 within two seconds."""
    with FeedServer() as server:
        server.set("/a.xml", hang())
        swarm.seed(reading(feed(server, "/a.xml")))
        service = swarm.start("rss_agg").ready()
        eventually(lambda: server.asked("/a.xml"), "it is asked")
        assert service.stop() == 0
