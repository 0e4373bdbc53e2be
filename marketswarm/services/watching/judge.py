"""The judge of one bus: hears its services, and convicts one only after making sure that it is not deaf itself."""

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from marketswarm import names
from marketswarm.bus import Lease
from marketswarm.daemon import Daemon
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.firehose import Beats, Firehose, Oddities
from marketswarm.liveness import Detector, State, Transition
from marketswarm.messages import Heartbeat, Malformed, decode_heartbeat
from marketswarm.pacing import RateLimit
from marketswarm.truth import Position

RETRY_SEC = 0.25
ODDITY_PERIOD_SEC = 60.0
LEASE_CHUNK = 1000
_log = logging.getLogger(__name__)


class Verdicts(Protocol):
    """Who is told what the judge finds."""

    def changed(self, transition: Transition) -> None:
        """Take in that a service went dark, or is heard."""

    def bus_lost(self, bus: str, reason: str) -> None:
        """Take in that a bus cannot be heard."""

    def bus_ok(self, bus: str, lost_sec: float) -> None:
        """Take in that it can be heard again."""


@dataclass(frozen=True, slots=True)
class Legacy:
    """What a judge knows of its bus when the truth changes, for the one after it."""

    known: Mapping[str, tuple[State, float]]
    last: Mapping[str, Heartbeat]
    lost_at: float | None


class Judge:
    """Watches the services that beat on one bus. ``tried`` is set once that bus was heard, or found lost."""

    def __init__(
        self,
        daemon: Daemon,
        bus: str,
        targets: Iterable[Position],
        *,
        missed: Iterable[str],
        verdicts: Verdicts,
        before: Legacy | None = None,
    ) -> None:
        """``missed`` were reported dark already; ``before`` is of who judged this bus until the truth changed."""
        self.tried = asyncio.Event()
        self.malformed = 0
        self._daemon = daemon
        self._clock = daemon.clock
        self._bus = daemon.bus(bus)
        self._bus.loud = False  # the subscription tells of a loss, and does so once
        self._verdicts = verdicts
        self._targets = {target.service: target for target in targets}
        self._last: dict[str, Heartbeat] = {}
        self._oddities = RateLimit(ODDITY_PERIOD_SEC)
        self._lost_at: float | None = None
        self._ask_all = False
        self._wake = asyncio.Event()
        self._detector = Detector()
        self._detector.freeze()  # until the subscription stands
        for target in self._targets.values():
            self._detector.watch(target.service, target.interval_sec, target.timeout_sec, self._clock.monotonic())
        for service in self._targets.keys() & set(missed):
            self._detector.recall_missed(service)
        if before:
            self._detector.inherit(before.known)
            self._last = {service: beat for service, beat in before.last.items() if service in self._targets}
            self._lost_at = before.lost_at
        self._firehose = Firehose(
            self._bus.address,
            {target.channel: target.service for target in self._targets.values()},
            canary=names.canary_channel(daemon.name),
            publish=self._bus.publish,
            on_beats=self._hear,
            on_live=self._live,
            on_lost=self._lost,
            chance=random.random,
        )

    async def run(self) -> None:
        """Listen and judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._firehose.run())
            while True:
                self._daemon.progress.mark(self._bus.name)
                if self._ask_all:
                    self._ask_all = False
                    group.create_task(self._ask(self._targets))
                now = self._clock.monotonic()
                if suspects := self._detector.due(now):
                    # A task of its own: waiting for a bus that hangs must not hold up the other deadlines.
                    group.create_task(self._judge(suspects))
                await self._until(self._detector.next_deadline(), now)

    @property
    def counts(self) -> dict[State, int]:
        """How many services are in each state."""
        return self._detector.counts

    def legacy(self) -> Legacy:
        """What the next judge of this bus goes on with."""
        return Legacy(self._detector.known(), self._last, self._lost_at)

    async def _until(self, deadline: float | None, now: float) -> None:
        pace_sec = self._daemon.pace_sec
        wait_sec = pace_sec if deadline is None else min(pace_sec, max(0.0, deadline - now))
        self._wake.clear()
        try:
            async with asyncio.timeout(wait_sec):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _judge(self, suspects: list[str]) -> None:
        """Convict those of whom the bus knows nothing newer; where it cannot be asked, judge later."""
        heard = await self._firehose.verify() and await self._ask(suspects)
        now = self._clock.monotonic()
        for service in suspects:
            if not heard:
                self._detector.postpone(service, now + RETRY_SEC)
            elif transition := self._detector.convict(service, now):
                self._verdicts.changed(transition)

    async def _ask(self, services: Iterable[str]) -> bool:
        """Take in what the leases say; False where the bus does not tell."""
        wanted = list(services)
        for start in range(0, len(wanted), LEASE_CHUNK):
            try:
                leases = await self._bus.leases(wanted[start : start + LEASE_CHUNK])
            except (BusUnreachableError, BusRefusedError):
                return False
            now = self._clock.monotonic()
            for service, lease in leases.items():
                self._weigh(self._targets[service], lease, now)
        return True

    def _weigh(self, target: Position, lease: Lease, now: float) -> None:
        """Count a lease as life where it holds a beat that was not heard: its age follows from the time it has left."""
        beat = decode_heartbeat(lease.raw, target.service)
        if isinstance(beat, Malformed) or lease.ttl_ms < 0:
            return
        last = self._last.get(target.service)
        if last and last.boot and last.boot == beat.boot and beat.i <= last.i:
            return  # nothing new: this beat was heard, or a later one was while the bus was asked
        self._last[target.service] = beat
        age_sec = min(max(target.timeout_sec - lease.ttl_ms / 1000, 0.0), target.timeout_sec)
        self._alive(target.service, now - age_sec, now)

    def _hear(self, beats: Beats, oddities: Oddities) -> None:
        now = self._clock.monotonic()
        last, beat_of = self._last, self._detector.beat
        for service, beat in beats:
            last[service] = beat
            if transition := beat_of(service, now, now):
                self._tell(transition)
        for service, oddity in oddities:
            self._report(service, oddity, now)

    def _alive(self, service: str, at: float, now: float) -> None:
        if transition := self._detector.beat(service, at, now):
            self._tell(transition)

    def _tell(self, transition: Transition) -> None:
        self._verdicts.changed(transition)
        self._wake.set()  # its deadline may be nearer than what is waited for

    def _report(self, service: str, oddity: Malformed, now: float) -> None:
        """Say that something on a channel is no heartbeat: how much and why, never what."""
        self.malformed += 1
        if count := self._oddities.allow(f"{service} {oddity.name}", now):
            channel = self._targets[service].channel
            _log.warning("%s: ignored %d message(s) %s (%d so far)", channel, count, oddity.value, self.malformed)

    def _live(self) -> None:
        now = self._clock.monotonic()
        if self._lost_at is not None:
            self._verdicts.bus_ok(self._bus.name, now - self._lost_at)
        if self._lost_at is not None or not self.tried.is_set():
            self._detector.thaw(now)
        self._lost_at = None
        self._ask_all = True
        self._wake.set()
        self.tried.set()

    def _lost(self, reason: str) -> None:
        self._detector.freeze()
        self.tried.set()
        if self._lost_at is None:  # else it was told, before the truth changed
            self._lost_at = self._clock.monotonic()
            self._verdicts.bus_lost(self._bus.name, reason)
