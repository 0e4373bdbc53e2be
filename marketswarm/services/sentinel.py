"""The watchdog's watchdog: healer with a single target, healer itself, and words of its own."""

from marketswarm.daemon import Daemon
from marketswarm.liveness import Transition
from marketswarm.messages import HealerMiss, HealerOk
from marketswarm.services.watching import Words, watch


async def work(daemon: Daemon) -> None:
    """Watch healer."""
    await watch(daemon, Words(_miss, _ok, announces_buses=False))


def _miss(found: Transition, ts: int) -> HealerMiss:
    return HealerMiss(found.service, round(found.silence_sec, 3), found.timeout_sec, ts)


def _ok(found: Transition, ts: int) -> HealerOk:
    return HealerOk(found.service, ts)
