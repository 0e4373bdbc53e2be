"""What a bus holds of the truths that services run on."""

import asyncio

from testkit import Swarm, beating, watching

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import SystemClock
from marketswarm.daemon import Follower
from marketswarm.services.watching.drifts import Comparer, Drifts

OLD = "b" * 64


def test_a_beater_on_an_old_truth_is_told_once_and_its_end_too(swarm: Swarm) -> None:
    """By the lease that it holds; one that names no truth and one that is not there are not."""
    swarm.seed(watching("mesh"))
    told: list[str] = []

    async def run() -> None:
        clock = SystemClock()
        bus = Bus(names.SYSTEM_BUS, swarm.system.address, client_name="test")
        follower = Follower([bus], names.TRUTH_KEY, clock)
        await follower.find()
        enough = asyncio.Event()

        def wrong(bus: str, reason: str, service: str) -> None:
            told.append(f"{service} on {bus}: {reason.partition(' for ')[0]}")
            enough.set()

        def right(service: str) -> None:
            told.append(f"{service} again")
            enough.set()

        watched = [(bus, ["mesh", "rss_agg", "massive"])]
        comparer = Comparer(Drifts(0.5), follower, watched, clock, wrong=wrong, right=right, look_sec=0.1)
        looking = asyncio.create_task(comparer.run())
        with beating(swarm.system, "mesh", lease=True, sha256=OLD), beating(swarm.system, "rss_agg", lease=True):
            await enough.wait()
            enough.clear()
            await asyncio.sleep(1)  # twice its grace
        with beating(swarm.system, "mesh", lease=True, sha256=follower.running_on):
            await enough.wait()
        looking.cancel()
        await bus.close()

    asyncio.run(run())
    assert told == [f"mesh on system-redis: has run on the truth {OLD[:12]}", "mesh again"]
