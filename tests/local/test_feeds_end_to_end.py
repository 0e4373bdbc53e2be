"""From feeds to insights: every entry once, whoever is killed meanwhile."""

import json
import random
import time
from collections import Counter
from html import escape
from typing import Any

import pytest
from feedserver import FeedServer
from testkit import INTERVAL_SEC, Service, Swarm, eventually, truth
from working import INSIGHTS, QUEUE, dead, insights, pending

from marketswarm.feeds.item import digest

FEEDS = 200
ENTRIES = 50
STAGES = 5
KILLS = 30
SEED = 20261126
WORDS = ("bank", "rate", "oil", "wheat", "chip", "deal", "board", "court", "export", "fund", "yield", "plant")


def document(feed: int, count: int, edited: str = "") -> bytes:
    """Write a feed's document with its first ``count`` entries, the newest on top."""
    dice = random.Random(feed)
    titles = [f"{' '.join(dice.sample(WORDS, 6))} {feed}-{number}" for number in range(ENTRIES)]
    entries = "".join(
        f"<item><guid isPermaLink='false'>{feed}/{number}</guid><title>{escape(titles[number])}</title>"
        f"<link>http://news.example/{feed}/{number}</link><description>&lt;p&gt;Body {number}{edited}&lt;/p&gt;"
        f"</description><pubDate>Wed, 25 Nov 2026 10:{number:02d}:00 GMT</pubDate></item>"
        for number in reversed(range(count))
    )
    return f"<rss version='2.0'><channel><title>Feed {feed}</title>{entries}</channel></rss>".encode()


def swarm_truth(server: FeedServer) -> dict[str, Any]:
    """Make a truth with all feeds of the server, each asked every second."""
    feeds = [
        {"url": server.url(f"/{feed}.xml"), "name": f"feed-{feed}", "interval_sec": 1, "allow_private": True}
        for feed in range(FEEDS)
    ]
    return truth(rss_agg={"heartbeat": {"interval_sec": INTERVAL_SEC}, "feeds": feeds})


class Killed:
    """Three processes of which one is killed now and then, and started again at once."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self._running: dict[str, Service] = {name: self._start(name) for name in ("rss_agg", "one", "two")}

    def _start(self, name: str) -> Service:
        return self._swarm.start("rss_agg" if name == "rss_agg" else "vexy_ai", RSS_CONSUMER=name)

    def kill(self, name: str) -> None:
        """Kill one, and start it again."""
        self._running[name].kill()
        self._running[name] = self._start(name)

    def logs(self) -> str:
        """What those that run now have logged last, for a failure's message."""
        return "\n".join(f"{name}: {service.log[-1500:]}" for name, service in self._running.items())


@pytest.mark.timeout(400)
def test_every_entry_becomes_one_insight_whoever_is_killed(swarm: Swarm) -> None:
    """200 feeds that grow to 50 entries each; rss_agg and two workers are killed at random, 30 times in all."""
    expected = {
        digest(f"feed-{feed}", f"{feed}/{number}", size=16) for feed in range(FEEDS) for number in range(ENTRIES)
    }
    dice = random.Random(SEED)
    with FeedServer() as server:
        for feed in range(FEEDS):
            server.put(f"/{feed}.xml", document(feed, ENTRIES // STAGES))
        swarm.seed(swarm_truth(server))
        parts = Killed(swarm)
        for kill in range(KILLS):
            time.sleep(dice.uniform(0.2, 1.6))
            if kill % (KILLS // STAGES) == 0:
                for feed in range(FEEDS):
                    server.put(f"/{feed}.xml", document(feed, ENTRIES // STAGES * (1 + kill * STAGES // KILLS)))
            parts.kill(dice.choice(["rss_agg", "one", "two"]))
        client = swarm.market.client
        eventually(
            lambda: client.xlen(INSIGHTS) >= len(expected) and pending(swarm.market) == 0,
            lambda: f"{client.xlen(INSIGHTS)} insights of {client.xlen(QUEUE)} items\n{parts.logs()}",
            200,
        )
        found = insights(swarm.market)
        assert Counter(one["item_id"] for one in found) == Counter(expected)
        assert client.xlen(QUEUE) == len(expected)
        assert dead(swarm.market) == []
        assert {one["worker"] for one in found} == {"one", "two"}

        for feed in range(0, FEEDS, 10):
            server.put(f"/{feed}.xml", document(feed, ENTRIES, edited=" and more"))
        eventually(lambda: client.xlen(INSIGHTS) >= len(expected) + FEEDS // 10 * ENTRIES, "edits come", 60)
        edits = insights(swarm.market)[len(expected) :]
        assert {one["revision"] for one in edits} == {2}
        assert len({one["item_id"] for one in edits}) == len(edits) == FEEDS // 10 * ENTRIES
        kept = client.hgetall("rss:feeds")
        assert len(kept) == FEEDS
        assert {json.loads(state)["items"] for state in kept.values()} == {ENTRIES, 2 * ENTRIES}
