"""The monitor: hears every heartbeat that truth tells it to watch, and announces who goes dark and who is back."""

from marketswarm.daemon import Daemon
from marketswarm.messages import HeartbeatMiss, HeartbeatOk
from marketswarm.services.watching import Finding, Words, watch


async def work(daemon: Daemon) -> None:
    """Watch what healer's ``subscribe_to`` names."""
    await watch(daemon, Words(_miss, _ok, _well, announces_buses=True, deputy=False))


def _miss(found: Finding, ts: int) -> HeartbeatMiss:
    turn = found.transition
    return HeartbeatMiss(
        turn.service, round(turn.silence_sec, 3), turn.timeout_sec, ts, reason=found.reason, group=found.group
    )


def _ok(found: Finding, ts: int) -> HeartbeatOk:
    turn = found.transition
    return HeartbeatOk(turn.service, round(turn.silence_sec, 3), ts, group=found.group)


def _well(service: str, age_sec: float, ts: int) -> HeartbeatOk:
    return HeartbeatOk(service, round(age_sec, 3), ts)
