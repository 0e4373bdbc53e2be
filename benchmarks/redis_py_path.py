"""The peer: redis-py's asyncio pub/sub with hiredis, doing with each beat what the C subscriber does.

It decodes with msgspec, checks the service against the channel, and stores the last beat, its arrival and the gaps.
RESP2, for RESP3, redis-py's default, is slower.

    python benchmarks/redis_py_path.py --port P --services N [--warm W] --beats M
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks.meter import arguments, cpu_sec, result, rss_kib, say

CHUNK = 1000


class Beat(msgspec.Struct, gc=False):
    """What a monitor reads from a heartbeat."""

    svc: str
    i: int
    ts: float
    boot: str = ""


class Store:
    """The last beat of each service."""

    def __init__(self) -> None:
        self.last: dict[str, tuple[float, Beat]] = {}
        self.lost = 0
        self.odd = 0
        self._decode = msgspec.json.Decoder(Beat).decode

    def hear(self, channel: bytes, payload: bytes) -> float:
        """Take in one message; gives the time at which it was."""
        now = time.monotonic()
        service = channel.decode().removesuffix(":heartbeat")
        try:
            beat = self._decode(payload)
        except msgspec.DecodeError:
            self.odd += 1
            return now
        if beat.svc != service:
            self.odd += 1
            return now
        before = self.last.get(service)
        if before and before[1].boot == beat.boot and beat.i > before[1].i + 1:
            self.lost += beat.i - before[1].i - 1
        self.last[service] = now, beat
        return now


async def take(messages: AsyncIterator[dict[str, Any]], store: Store, beats: int) -> None:
    """Hear so many."""
    for _ in range(beats):
        message = await anext(messages)
        store.hear(message["channel"], message["data"])


async def measure(messages: AsyncIterator[dict[str, Any]], store: Store, beats: int) -> dict[str, float]:
    """Hear so many, from the first to the last."""
    message = await anext(messages)
    cpu, first = cpu_sec(), time.monotonic()
    last = store.hear(message["channel"], message["data"])
    for _ in range(beats - 1):
        message = await anext(messages)
        last = store.hear(message["channel"], message["data"])
    return {"first": first, "last": last, "cpu": cpu_sec() - cpu}


async def run(port: int, services: int, warm: int, beats: int) -> None:
    """Subscribe, warm up, measure."""
    client = Redis(host="127.0.0.1", port=port, protocol=2)
    subscription = client.pubsub(ignore_subscribe_messages=True)
    before, began = rss_kib(), time.monotonic()
    channels = [f"svc_{k}:heartbeat" for k in range(services)]
    for start in range(0, services, CHUNK):
        await subscription.subscribe(*channels[start : start + CHUNK])
    confirmed = 0
    while confirmed < services:
        confirmed += await subscription.get_message(timeout=None) is None
    took, memory = time.monotonic() - began, rss_kib() - before
    store = Store()
    messages = subscription.listen()
    say("ready")
    await take(messages, store, warm)
    say("warm")
    figures = await measure(messages, store, beats)
    result(beats, **figures, subscribe_sec=took, rss_kib=memory, lost=store.lost, odd=store.odd)
    await client.aclose()


if __name__ == "__main__":
    given = arguments(__doc__).parse_args()
    asyncio.run(run(given.port, given.services, given.warm, given.beats or 1))
