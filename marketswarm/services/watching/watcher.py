"""The watcher: a memory of what was reported, a judge for each bus, a recorder for what they find."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.daemon import Daemon, Follower, check_timeouts, watched_by
from marketswarm.errors import BusUnreachableError
from marketswarm.liveness import State, Transition
from marketswarm.messages import MISSES, Alert, BusLost, BusOk, TruthDrift, decode_alert
from marketswarm.pacing import Backoff, Grace
from marketswarm.services.watching.judge import Judge
from marketswarm.services.watching.recorder import Recorder

DRIFT_GRACE_SEC = 15.0
"""A bus that comes back empty is seeded again within seconds, and a seed writes one bus after the other."""
DRIFT_PERIOD_SEC = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Words:
    """How a watcher speaks: the alert for a miss and for its end, each from a transition and the time of day."""

    miss: Callable[[Transition, int], Alert]
    ok: Callable[[Transition, int], Alert]
    announces_buses: bool
    """Whether a lost bus is this watcher's to announce: of two that would, one is enough."""


@dataclass(slots=True)
class _Past:
    """What the watcher's life on one truth leaves to the next."""

    recorder: Recorder | None = None
    judges: dict[str, Judge] = field(default_factory=dict)
    drift: Grace = field(default_factory=lambda: Grace(DRIFT_GRACE_SEC))


async def watch(daemon: Daemon, words: Words) -> None:
    """Watch whom truth tells this service to, for ever; counts as started when every bus was tried."""
    past = daemon.keep(_Past)
    targets = watched_by(daemon.name, daemon.truth, daemon.settings)
    check_timeouts(targets)
    if past.recorder is None:
        for variable in daemon.settings.of_later:
            _log.warning("%s has no effect in this version: alerts go to Redis only, see marketswarm alerts", variable)
    recorder = past.recorder = Recorder(daemon, past.recorder)
    missed = await _recall(daemon, [target.service for target in targets], recorder)
    verdicts = _Verdicts(daemon, words, recorder)
    judges = past.judges = {
        bus: Judge(
            daemon,
            bus,
            [target for target in targets if target.bus == bus],
            missed=missed,
            verdicts=verdicts,
            before=past.judges[bus].legacy() if bus in past.judges else None,
        )
        for bus in sorted({target.bus for target in targets})
    }
    for target in targets:
        _log.info("monitoring %s on %s (timeout %g s)", target.channel, target.bus, target.timeout_sec)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        for judge in judges.values():
            group.create_task(judge.run())
        for judge in judges.values():
            await judge.tried.wait()
        _log.info("listening to %d heartbeat(s) on %d bus(es)", len(targets), len(judges))
        daemon.started()
        if words.announces_buses and daemon.follower:
            group.create_task(_watch_truth(daemon.follower, past.drift, verdicts))
        await _report_status(daemon, list(judges.values()))


async def _watch_truth(follower: Follower, grace: Grace, verdicts: "_Verdicts") -> None:
    """Announce a bus that holds another truth than the one watched by, or none."""
    while True:
        follower.judge(grace, wrong=verdicts.truth_drift, right=verdicts.truth_back)
        await asyncio.sleep(DRIFT_PERIOD_SEC)


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


async def _recall(daemon: Daemon, services: list[str], recorder: Recorder) -> set[str]:
    """Name the services whose miss was reported before: by this process, or by the one before it."""
    backoff = Backoff(random.random)
    while True:
        try:
            stored = await daemon.bus(names.SYSTEM_BUS).health(services)
        except BusUnreachableError:
            daemon.progress.mark()
            await asyncio.sleep(backoff.next_sec())
            continue
        health = {**stored, **recorder.health}
        return {service for service in services if isinstance(decode_alert(health.get(service, b"")), MISSES)}


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

    def truth_drift(self, bus: str, reason: str) -> None:
        self._recorder.announce(TruthDrift(bus, reason, int(self._clock.wall())))

    def truth_back(self, bus: str) -> None:
        _log.info("truth_drift of %s is over", bus)
