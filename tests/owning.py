"""What tests of singletons share: a truth with one, two processes of it, and who wrote what."""

import asyncio
import hashlib
import json
from typing import Any

from feeding import document, feed, reading
from feedserver import FeedServer
from testkit import INTERVAL_SEC, Service, Swarm, eventually, truth
from working import QUEUE

from marketswarm import settings
from marketswarm.clock import SystemClock
from marketswarm.daemon import Daemon
from marketswarm.sd import Manager
from marketswarm.truth import Loaded, parse

LEASE_SEC = 1.0
MISSED_AFTER_SEC = 5.0
"""Lease, hand-over and the start of the work on a busy machine are shorter."""
OWNER = "rss_agg:owner"


RAW = json.dumps(truth(mesh={"heartbeat": {"interval_sec": INTERVAL_SEC}, "singleton": True})).encode()
LOADED = Loaded(parse(RAW), hashlib.sha256(RAW).hexdigest())


def alone(swarm: Swarm, clock: SystemClock | None = None) -> Daemon:
    """Make a process of a singleton, which lives in this one."""
    swarm.allow(json.loads(RAW))
    return Daemon(
        "mesh", settings.load(swarm.environ, user="mesh"), LOADED, Manager(present=False), clock or SystemClock()
    )


def singleton(server: FeedServer, *titles: str, **fields: Any) -> dict[str, Any]:
    """Make a truth in which rss_agg is a singleton and reads one feed, which has these entries."""
    server.put("/a.xml", document(*titles))
    heartbeat = {"interval_sec": INTERVAL_SEC, "timeout_sec": MISSED_AFTER_SEC}
    return reading(
        feed(server, "/a.xml"), **{"heartbeat": heartbeat, "singleton": True, "lease_sec": LEASE_SEC} | fields
    )


def owner(swarm: Swarm) -> dict[str, Any]:
    """The lease, {} for none."""
    return swarm.market.json(OWNER) or {}


def token(swarm: Swarm) -> int:
    """The token of the owner; 0 where there is none."""
    return int(owner(swarm).get("token", 0))


def pair(swarm: Swarm) -> tuple[Service, Service]:
    """Start two: the first owns it, the second stands by."""
    first = swarm.start("rss_agg").ready().logs("owns it by token")
    second = swarm.start("rss_agg").ready().logs("standing by")
    return first, second


def bus_ms(swarm: Swarm) -> int:
    """The clock of the bus that has the lease."""
    now: Any = swarm.market.client.time()
    return int(now[0]) * 1000 + int(now[1]) // 1000


def written(swarm: Swarm) -> list[tuple[int, str]]:
    """By which token each item was written, and its title, in the order of the stream."""
    entries: Any = swarm.market.client.xrange(QUEUE)
    return [(int(fields[b"token"]), json.loads(fields[b"item"])["title"]) for _, fields in entries]


def comes(swarm: Swarm, title: str) -> None:
    """Wait until an item is on the stream."""
    eventually(lambda: any(title == found for _, found in written(swarm)), f"{title} comes")


def one_writer_at_a_time(swarm: Swarm, titles: set[str]) -> list[int]:
    """Check on the stream that tokens never go back and each item came once; returns the tokens, each once."""
    tokens = [token for token, _ in written(swarm)]
    assert tokens == sorted(tokens)
    assert sorted(title for _, title in written(swarm)) == sorted(titles)
    return sorted(set(tokens))


async def stopped(*lives: asyncio.Task[Any]) -> None:
    """Stop them, as SIGTERM does."""
    for life in lives:
        life.cancel()
    await asyncio.wait(lives)
