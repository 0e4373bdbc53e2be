"""The watcher: a memory of what was reported, a judge for each bus, a recorder for what they find."""

import asyncio
import functools
import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.daemon import Daemon, check_timeouts, watched_by
from marketswarm.errors import BusUnreachableError
from marketswarm.liveness import State, Tally
from marketswarm.messages import MISSES, BusLost, BusOk, ServiceRecord, decode_alert, decode_record, group_of
from marketswarm.pacing import Backoff, Grace
from marketswarm.services.notifying import Desk
from marketswarm.services.watching.drifts import Comparer, Drifts
from marketswarm.services.watching.findings import Legacy, Recalled
from marketswarm.services.watching.judge import Judge
from marketswarm.services.watching.recorder import Recorder
from marketswarm.services.watching.seats import legacies, seat, settle_memory
from marketswarm.services.watching.verdicts import Announcer, Words

DRIFT_GRACE_SEC = 15.0
"""A bus that comes back empty is seeded again within seconds, and a seed writes one bus after the other."""
LOOK_BACK = 1000
"""So many alerts are looked through at the start for a bus that is lost since then."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Past:
    """What the watcher's life on one truth leaves to the next."""

    recorder: Recorder | None = None
    judges: dict[str, Judge] = field(default_factory=dict)
    drift: Grace = field(default_factory=lambda: Grace(DRIFT_GRACE_SEC))
    drifts: Drifts = field(default_factory=Drifts)


async def watch(daemon: Daemon, words: Words) -> None:
    """Watch whom truth tells this service to, for ever; counts as started when every bus was tried."""
    past = daemon.keep(_Past)
    targets = watched_by(daemon.name, daemon.truth, daemon.settings)
    check_timeouts(targets)
    daemon.settings.outward.check()
    where = daemon.truth.alerts_to(daemon.settings.alert_channel)
    system, alerting = daemon.bus(names.SYSTEM_BUS), daemon.bus(where.bus)
    first = past.recorder is None
    recorder = past.recorder = Recorder(system, alerting, where.key, before=past.recorder)
    recalled = await _recall(daemon, [target.service for target in targets], recorder, first=first)
    announcer = Announcer(
        words, recorder, daemon.clock, alert_on={target.service: target.alert_on for target in targets}
    )
    lost = recalled.lost if words.announces_buses else {}
    lost_before = {bus: _lost_before(ts, daemon) for bus, ts in lost.items()}
    judges = past.judges = seat(daemon, targets, announcer, recalled, lost_before | legacies(past.judges))
    down = functools.partial(_anybody_missed, list(judges.values())) if words.deputy else None
    desk = Desk(daemon, recorder.unstored, down)
    settle_memory()
    for target in targets:
        _log.info("monitoring %s on %s (timeout %g s)", target.channel, target.bus, target.timeout_sec)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        group.create_task(desk.run())
        for judge in judges.values():
            group.create_task(judge.run())
        for judge in judges.values():
            await judge.tried.wait()
        _log.info("listening to %d heartbeat(s) on %d bus(es)", len(targets), len(judges))
        daemon.started()
        drift = past.drift if words.announces_buses else None
        if drift and daemon.follower:
            watched = [(daemon.bus(bus), judge.detector.services) for bus, judge in judges.items()]
            comparer = Comparer(
                past.drifts,
                daemon.follower,
                watched,
                daemon.clock,
                wrong=announcer.truth_drift,
                right=announcer.truth_back,
            )
            group.create_task(comparer.run())
        await _turn(daemon, list(judges.values()), announcer, drift)


def _anybody_missed(judges: list[Judge]) -> bool:
    return any(judge.detector.counts[State.MISSED] for judge in judges)


async def _turn(daemon: Daemon, judges: list[Judge], announcer: Announcer, drift: Grace | None) -> None:
    """Keep the status line and the records true, and look at the truths; also the sign that this loop turns."""
    said = ""
    while True:
        counts = {state: sum(judge.detector.counts[state] for judge in judges) for state in State}
        line = ", ".join(f"{n} {state.name.lower()}" for state, n in counts.items() if n) or "nothing to watch"
        if line != said:
            said = line
            daemon.status(line)
        for judge in judges:
            judge.report(announcer)
        announcer.turn(found for judge in judges for found in judge.detector.alive(daemon.clock.monotonic()))
        if drift and daemon.follower:
            daemon.follower.judge(drift, wrong=announcer.truth_drift, right=announcer.truth_back)
        daemon.progress.mark()
        await daemon.pause()


async def _recall(daemon: Daemon, services: list[str], recorder: Recorder, *, first: bool) -> Recalled:
    """Remember what was said of the services before: by the process before this one, where it is its ``first`` life."""
    backoff = Backoff(random.random)
    bus = daemon.bus(names.SYSTEM_BUS)
    while True:
        try:
            stored, records = await bus.health(services), await bus.records(services)
            told = await bus.last(names.ALERT_LOG, LOOK_BACK) if first else []
        except BusUnreachableError:
            daemon.progress.mark()
            await asyncio.sleep(backoff.next_sec())
            continue
        if first:
            recorder.recall({svc: raw for svc, raw in stored.items() if isinstance(decode_alert(raw), MISSES)})
        alerts = {service: decode_alert(raw) for service, raw in recorder.missed.items()}
        known = {service: record for service, raw in records.items() if (record := decode_record(raw))}
        return Recalled(
            missed={service: group_of(alert) for service, alert in alerts.items() if alert},
            flapping=frozenset(service for service, record in known.items() if record.flapping),
            tallies={service: _tally(record) for service, record in known.items()},
            lost=_losses(raw for _, raw in told),
        )


def _losses(alerts: Iterable[bytes]) -> dict[str, int]:
    """Find the buses that were lost and not heard again, by the alerts that were told, and when."""
    lost: dict[str, int] = {}
    for alert in map(decode_alert, alerts):
        if isinstance(alert, BusLost):
            lost[alert.bus] = alert.ts
        elif isinstance(alert, BusOk):
            lost.pop(alert.bus, None)
    return lost


def _lost_before(ts: int, daemon: Daemon) -> Legacy:
    """Make of a loss that the process before this one told of what the judge of that bus goes on with."""
    ago_sec = max(0.0, daemon.clock.wall() - ts)
    return Legacy({}, frozenset(), daemon.clock.monotonic() - ago_sec)


def _tally(record: ServiceRecord) -> Tally:
    return Tally(record.lost_beats, record.restarts, record.duplicates)
