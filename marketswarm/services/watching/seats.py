"""A judge for each bus: seated by the truth, and relieved by the next one when the truth changes."""

import functools
import gc
from collections.abc import Iterable, Mapping

from marketswarm.daemon import Daemon
from marketswarm.liveness import Terms
from marketswarm.services.watching.findings import Legacy, Recalled, Target, Verdicts
from marketswarm.services.watching.judge import Judge
from marketswarm.truth import Position


def seat(
    daemon: Daemon,
    targets: Iterable[Position],
    verdicts: Verdicts,
    recalled: Recalled,
    before: Mapping[str, Legacy],
) -> dict[str, Judge]:
    """Make a judge for each bus on which somebody is to be watched; each marks the daemon's progress."""
    watched: dict[str, list[Target]] = {}
    for at in targets:
        watched.setdefault(at.bus, []).append(_target(at))
    return {
        bus: Judge(
            daemon.bus(bus),
            watched[bus],
            watcher=daemon.name,
            clock=daemon.clock,
            verdicts=verdicts,
            pace_sec=daemon.pace_sec,
            mark=functools.partial(daemon.progress.mark, bus),
            recalled=recalled,
            before=before.get(bus),
        )
        for bus in sorted(watched)
    }


def legacies(judges: Mapping[str, Judge]) -> dict[str, Legacy]:
    """What these leave to those who come after them."""
    return {bus: judge.legacy() for bus, judge in judges.items()}


def settle_memory() -> None:
    """Spare the garbage collector what lives as long as this life: walking through it would hold up the beats."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _target(at: Position) -> Target:
    terms = Terms(at.interval_sec, at.timeout_sec, at.misses, at.recover_beats, at.flap_changes, at.flap_window_sec)
    return Target(at.service, at.channel, terms)
