"""What tests of rss_agg share: documents, a truth that names feeds, and what is on the queue."""

import json
from typing import Any

from feedserver import FeedServer
from testkit import INTERVAL_SEC, Swarm, truth
from working import QUEUE


def document(*titles: str, extra: str = "") -> bytes:
    """Write an RSS document; each entry's guid is its title."""
    entries = "".join(
        f"<item><guid>{title}</guid><title>{title}</title><link>http://news.example/{title}</link></item>"
        for title in titles
    )
    return f"<rss version='2.0'><channel><title>T</title>{extra}{entries}</channel></rss>".encode()


def feed(server: FeedServer, path: str, **fields: Any) -> dict[str, Any]:
    """Name a feed of the test's server; its name is its path's."""
    name = path.strip("/").removesuffix(".xml")
    return {"url": server.url(path), "name": name, "interval_sec": 0.3, "allow_private": True} | fields


def reading(*feeds: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make a truth in which rss_agg reads these."""
    return truth(rss_agg={"heartbeat": {"interval_sec": INTERVAL_SEC}, "feeds": list(feeds)} | fields)


def items(swarm: Swarm, stream: str = QUEUE) -> list[dict[str, Any]]:
    """Read the queue."""
    entries: Any = swarm.market.client.xrange(stream)
    return [json.loads(fields[b"item"]) for _, fields in entries]


def titles(swarm: Swarm) -> list[str]:
    """Name what is on the queue."""
    return [item["title"] for item in items(swarm)]


def state(swarm: Swarm, name: str) -> dict[str, Any]:
    """Read how a feed is doing, as the bus has it."""
    raw: Any = swarm.market.client.hget("rss:feeds", name)
    return json.loads(raw) if raw else {}
