"""The watchdog's watchdog: healer with a single target, healer itself, and words of its own."""

from marketswarm import names
from marketswarm.daemon import Daemon, own_position
from marketswarm.liveness import Transition
from marketswarm.messages import HealerMiss, HealerOk
from marketswarm.services.watching import Words, watch


async def work(daemon: Daemon) -> None:
    """Watch healer."""
    healer = own_position(names.HEALER, daemon.truth, daemon.settings)
    await watch(daemon, [healer], Words(_miss, _ok, announces_buses=False))


def _miss(found: Transition, ts: int) -> HealerMiss:
    return HealerMiss(found.service, round(found.silence_sec, 3), found.timeout_sec, ts)


def _ok(found: Transition, ts: int) -> HealerOk:
    return HealerOk(found.service, ts)
