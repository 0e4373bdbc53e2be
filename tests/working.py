"""What tests of the worker share: items on the queue, insights of them, and handlers of the tests' own."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testkit import INTERVAL_SEC, Server, eventually, truth

from marketswarm.feeds.item import Item, encode_item

QUEUE = "rss:queue"
DEAD = "rss:queue:dead"
INSIGHTS = "vexy:insights"
GROUP = "vexy_ai"
AT = datetime(2026, 11, 26, tzinfo=UTC)

HANDLERS = """
import asyncio
import os
from contextlib import asynccontextmanager


@asynccontextmanager
async def handler(context):
    async def handle(item):
        words = item.title.split()
        if "die" in words:
            os._exit(9)
        if "fail" in words:
            raise ValueError("does not like it")
        if "slow" in words:
            await asyncio.sleep(float(words[-1]))
        return {"tickers": [], "sentiment": 0.0, "by": os.getpid()}

    yield handle
"""
"""A handler that does what an item's title says."""


def own_handler(directory: Path) -> str:
    """Install it as a user's package would be, under the name ``scripted``; returns what PYTHONPATH has to hold."""
    place = directory / "packages"
    about = place / "scripted-1.dist-info"
    about.mkdir(parents=True)
    (place / "scripted.py").write_text(HANDLERS, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[marketswarm.handlers]\nscripted = scripted:handler\n", encoding="utf-8")
    return str(place)


def vexy(**work: Any) -> dict[str, Any]:
    """Make a truth in which vexy_ai works so."""
    return truth(vexy_ai={"heartbeat": {"interval_sec": INTERVAL_SEC}, "work": work})


def item(title: str, number: int = 0) -> Item:
    """Make an item; its id is its title and number."""
    return Item(id=f"{title}#{number}", feed="tests", title=title, fetched=AT)


def put(server: Server, items: Iterable[Item], stream: str = QUEUE) -> list[bytes]:
    """Put items on the queue; returns the ids of their entries."""
    pipeline = server.client.pipeline(transaction=False)
    for one in items:
        pipeline.xadd(stream, {"item": encode_item(one)})
    return list(pipeline.execute())


def insights(server: Server, stream: str = INSIGHTS) -> list[dict[str, Any]]:
    """Read all insights."""
    entries: Any = server.client.xrange(stream)
    return [json.loads(fields[b"insight"]) for _, fields in entries]


def worked_through(server: Server, count: int, within_sec: float = 15.0) -> list[dict[str, Any]]:
    """Wait for so many insights, and for nothing to be pending behind them."""
    eventually(
        lambda: server.client.xlen(INSIGHTS) >= count and pending(server) == 0,
        lambda: f"{count} insights, are {server.client.xlen(INSIGHTS)}, pending {pending(server)}",
        within_sec,
    )
    return insights(server)


def pending(server: Server, group: str = GROUP) -> int:
    """How many entries the group has and has not settled."""
    found: Any = server.client.xpending(QUEUE, group)
    return int(found["pending"])


def dead(server: Server) -> list[dict[str, str]]:
    """Read what was put aside."""
    entries: Any = server.client.xrange(DEAD)
    return [{name.decode(): value.decode(errors="replace") for name, value in fields.items()} for _, fields in entries]
