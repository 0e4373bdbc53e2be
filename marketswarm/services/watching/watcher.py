"""The watcher: a memory of what was reported, a judge for each bus, a recorder for what they find."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from marketswarm import names
from marketswarm.daemon import Daemon
from marketswarm.errors import BadEnvironmentError, BusUnreachableError
from marketswarm.liveness import State, Transition
from marketswarm.messages import MISSES, Alert, BusLost, BusOk, decode_alert
from marketswarm.pacing import Backoff
from marketswarm.services.watching.judge import Judge
from marketswarm.services.watching.recorder import Recorder
from marketswarm.truth import Position

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Words:
    """How a watcher speaks: the alert for a miss and for its end, each from a transition and the time of day."""

    miss: Callable[[Transition, int], Alert]
    ok: Callable[[Transition, int], Alert]
    announces_buses: bool
    """Whether a lost bus is this watcher's to announce: of two that would, one is enough."""


async def watch(daemon: Daemon, positions: Iterable[Position], words: Words) -> None:
    """Watch these services for ever; counts as started when every bus was tried."""
    for variable in daemon.settings.of_later:
        _log.warning("%s has no effect in this version: alerts go to Redis only, see marketswarm alerts", variable)
    targets = list(positions)
    _check(targets)
    missed = await _recall(daemon, [target.service for target in targets])
    recorder = Recorder(daemon)
    verdicts = _Verdicts(daemon, words, recorder)
    judges = [
        Judge(daemon, bus, [t for t in targets if t.bus == bus], missed=missed, verdicts=verdicts)
        for bus in sorted({target.bus for target in targets})
    ]
    for target in targets:
        _log.info("monitoring %s on %s (timeout %g s)", target.channel, target.bus, target.timeout_sec)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        for judge in judges:
            group.create_task(judge.run())
        for judge in judges:
            await judge.tried.wait()
        _log.info("listening to %d heartbeat(s) on %d bus(es)", len(targets), len(judges))
        daemon.started()
        await _report_status(daemon, judges)


def _check(targets: Iterable[Position]) -> None:
    """Refuse what would alarm at a healthy service; a timeout that truth states was refused with the truth."""
    for target in targets:
        if target.timeout_sec <= target.interval_sec:
            variable = (
                names.ENV_SENTINEL_TIMEOUT_SEC if target.service == names.HEALER else names.ENV_DEFAULT_TIMEOUT_SEC
            )
            raise BadEnvironmentError(
                f"{variable}: must be > {target.interval_sec:g}, the interval_sec of {target.service}, "
                f"is {target.timeout_sec:g}"
            )


async def _report_status(daemon: Daemon, judges: list[Judge]) -> None:
    """Keep the status line true; also the sign that this loop turns."""
    said = ""
    while True:
        counts = {state: sum(judge.counts[state] for judge in judges) for state in State}
        line = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing to watch"
        if line != said:
            said = line
            daemon.status(line)
        daemon.progress.mark()
        await asyncio.sleep(daemon.pace_sec)


async def _recall(daemon: Daemon, services: list[str]) -> set[str]:
    """Name the services whose miss was reported before this process began."""
    backoff = Backoff(random.random)
    while True:
        try:
            health = await daemon.bus(names.SYSTEM_BUS).health(services)
        except BusUnreachableError:
            await asyncio.sleep(backoff.next_sec())
            continue
        return {service for service, raw in health.items() if isinstance(decode_alert(raw), MISSES)}


class _Verdicts:
    """Puts what the judges find into words, and hands it to the recorder."""

    def __init__(self, daemon: Daemon, words: Words, recorder: Recorder) -> None:
        self._clock = daemon.clock
        self._words = words
        self._recorder = recorder

    def changed(self, transition: Transition) -> None:
        ts = int(self._clock.wall())
        if transition.new is State.MISSED:
            self._recorder.announce(self._words.miss(transition, ts))
        elif transition.old is State.MISSED:
            self._recorder.announce(self._words.ok(transition, ts))
        else:
            _log.info("%s: first beat heard", transition.service)
            self._recorder.note(self._words.ok(transition, ts))

    def bus_lost(self, bus: str, reason: str) -> None:
        if self._words.announces_buses:
            self._recorder.announce(BusLost(bus, reason, int(self._clock.wall())))
        else:
            _log.warning("%s cannot be heard, so nobody there is judged: %s", bus, reason)

    def bus_ok(self, bus: str, lost_sec: float) -> None:
        if self._words.announces_buses:
            self._recorder.announce(BusOk(bus, round(lost_sec, 3), int(self._clock.wall())))
        else:
            _log.info("%s: heard again after %.1f s", bus, lost_sec)
        if bus == names.SYSTEM_BUS:
            self._recorder.repeat_health()
