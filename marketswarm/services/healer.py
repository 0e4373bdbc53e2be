"""The monitor: hears every heartbeat that truth tells it to watch, and announces who goes dark and who is back."""

from marketswarm.daemon import Daemon
from marketswarm.liveness import Transition
from marketswarm.messages import HeartbeatMiss, HeartbeatOk
from marketswarm.services.watching import Words, watch


async def work(daemon: Daemon) -> None:
    """Watch what healer's ``subscribe_to`` names."""
    await watch(daemon, Words(_miss, _ok, announces_buses=True))


def _miss(found: Transition, ts: int) -> HeartbeatMiss:
    return HeartbeatMiss(found.service, round(found.silence_sec, 3), found.timeout_sec, ts)


def _ok(found: Transition, ts: int) -> HeartbeatOk:
    return HeartbeatOk(found.service, round(found.silence_sec, 3), ts)
