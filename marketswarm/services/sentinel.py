"""The watchdog's watchdog: healer with a single target, healer itself, and words of its own."""

from marketswarm.daemon import Daemon
from marketswarm.messages import HealerMiss, HealerOk
from marketswarm.services.watching import Finding, Words, watch


async def work(daemon: Daemon) -> None:
    """Watch healer."""
    await watch(daemon, Words(_miss, _ok, _well, announces_buses=False, deputy=True))


def _miss(found: Finding, ts: int) -> HealerMiss:
    turn = found.transition
    return HealerMiss(
        turn.service, round(turn.silence_sec, 3), turn.timeout_sec, ts, reason=found.reason, group=found.group
    )


def _ok(found: Finding, ts: int) -> HealerOk:
    turn = found.transition
    return HealerOk(turn.service, ts, group=found.group)


def _well(service: str, _age_sec: float, ts: int) -> HealerOk:
    return HealerOk(service, ts)
