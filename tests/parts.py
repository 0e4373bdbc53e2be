"""What the tests of the parts of telling people share: a connection to the bus, and a hold on the lease."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from testkit import RealServer

from marketswarm.bus import Bus
from marketswarm.clock import SystemClock
from marketswarm.messages import HeartbeatMiss, HeartbeatOk, encode
from marketswarm.services.notifying.office import Office

LEASE_SEC = 0.5
MISS = encode(HeartbeatMiss("mesh", 31.0, 30.0, 1_000))
OK = encode(HeartbeatOk("mesh", 0.1, 1_060))


@asynccontextmanager
async def connected(system: RealServer, timeout_sec: float = 1.0) -> AsyncIterator[Bus]:
    """A connection to the bus."""
    address = system.address
    bus = Bus("system-redis", address, client_name="test", loud=False, timeout_sec=timeout_sec)
    try:
        yield bus
    finally:
        await bus.close()


def play(system: RealServer, scene: Callable[[Bus], Awaitable[None]]) -> None:
    """Let a scene play on the bus."""

    async def run() -> None:
        async with connected(system) as bus:
            await scene(bus)

    asyncio.run(run())


def office(bus: Bus, watcher: str) -> Office:
    """One watcher's hold on the lease."""
    return Office(bus, watcher, SystemClock(), lease_sec=LEASE_SEC)
