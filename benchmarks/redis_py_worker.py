"""The peer: a bare loop with redis-py over a consumer group. It heeds no death, no failure and no deadline.

It reads 64 items at a time, has the same handler work through them one after another, and stores and settles what came
of them in one MULTI. What the handler remembers is asked for by redis-py as well. RESP2, for RESP3, redis-py's default,
is slower.

    python benchmarks/redis_py_worker.py --port P --items N --handler NAME
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from marketswarm import names, settings
from marketswarm.feeds.insight import encode_insight
from marketswarm.feeds.item import decode_item
from marketswarm.handlers import Context, Handle, open_handler

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks.meter import cpu_sec, say

COUNT = 64
NAME = "bare"


class Memory:
    """Keeps what a handler remembers where vexy_ai does, in one round trip, and waits for it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    async def first(self, keys: Sequence[str], value: str, ttl_sec: float) -> list[str]:
        """Say under each of these keys whose value was there first."""
        asked = self._client.pipeline(transaction=False)
        for key in keys:
            asked.set(key, value, nx=True, px=round(ttl_sec * 1000))
            asked.get(key)
        return [(kept or value.encode()).decode() for kept in asked.execute()[1::2]]


async def work(client: redis.Redis, handle: Handle, items: int) -> None:
    """Work through so many items."""
    while items > 0:
        found: Any = client.xreadgroup(names.VEXY_AI, NAME, {names.QUEUE: ">"}, count=COUNT, block=1000)
        storing = client.pipeline(transaction=True)
        for entry, fields in found[0][1]:
            item = decode_item(fields[names.QUEUE_FIELD.encode()])
            if item:
                insight = encode_insight(item, await handle(item), worker=NAME, ts=round(time.time(), 3))
                result: Any = {names.INSIGHTS_FIELD: insight}
                storing.xadd(names.INSIGHTS, result, maxlen=names.DEFAULT_QUEUE_MAXLEN, approximate=True)
            storing.xack(names.QUEUE, names.VEXY_AI, entry)
            items -= 1
        storing.execute()


async def main(given: argparse.Namespace) -> None:
    """Join, work, and print what that took."""
    client = redis.Redis(host="127.0.0.1", port=given.port, protocol=2)
    client.xgroup_create(names.QUEUE, names.VEXY_AI, "0")
    async with open_handler(given.handler, Context(settings.load(), Memory(client))) as handle:
        before = cpu_sec()
        await work(client, handle, given.items)
        say(json.dumps({"cpu_sec": cpu_sec() - before}))
    client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="of a redis-server on 127.0.0.1")
    parser.add_argument("--items", type=int, required=True, help="how many stand on the queue")
    parser.add_argument("--handler", required=True, help="what is done with each")
    asyncio.run(main(parser.parse_args()))
