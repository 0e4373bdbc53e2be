"""Verdicts on their way out: kept in memory until the bus has them, in order, none lost and none twice."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from marketswarm import names
from marketswarm.alertlog import ALERTS, Log
from marketswarm.bus import Bus, Entry
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.line import Command
from marketswarm.log.alerts import announce
from marketswarm.messages import (
    MISSES,
    Alert,
    ProbeFailed,
    ProbeOk,
    ServiceRecord,
    decode_alert,
    encode,
    group_of,
    service_of,
)
from marketswarm.pacing import Backoff
from marketswarm.patience import whole

RETRY_CAP_SEC = 5.0
BATCH = 500
"""How many verdicts go in one transaction: it blocks the bus for a few milliseconds."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Verdict:
    entry: Entry
    published: bool
    stored: bool = False
    unsure: bool = False
    """Whether it may be stored: a try was given up."""


class Recorder:
    """Takes verdicts at once and stores them as fast as the bus allows; detecting never waits for it.

    The log stream, ``health:<svc>`` and the publication go in one transaction, many verdicts at a time, so a process
    that is killed has either told all of a verdict or nothing, and the one after it judges anew. Where truth sends
    alerts to another bus than system-redis, or the bus refuses to store, the publication is a step of its own.
    """

    def __init__(
        self, log_bus: Bus, alert_bus: Bus, channel: str, before: "Recorder | None" = None, *, log: Log = ALERTS
    ) -> None:
        """``before`` is the recorder of the life before this one: what it could not tell yet is told by this one.

        Where ``channel`` is empty nothing is published: those who hand on what the ``log`` has do that.
        """
        self._log_bus = log_bus
        self._alert_bus = alert_bus
        self._channel = channel
        self._log = log
        self._waiting: list[_Verdict] = before.waiting if before else []
        self._missed: dict[str, bytes] = dict(before.missed) if before else {}
        self._notes_of: dict[str, bytes] = dict(before.notes) if before else {}
        self._records: dict[str, bytes] = {}
        """Those that say more than that a service beats."""
        self._unkept: dict[str, bytes] = {}
        self._news = asyncio.Event()
        self._notes = asyncio.Event()
        self._refusal = ""

    @property
    def waiting(self) -> list[_Verdict]:
        """The verdicts that are not told yet, in order."""
        return list(self._waiting)

    def unstored(self) -> list[bytes]:
        """Give the alerts that the bus did not take when it was asked to: it is away, or refuses."""
        unstored = (verdict for verdict in self._waiting if verdict.entry.log and not verdict.stored)
        return [verdict.entry.event for verdict in unstored if verdict.unsure or self._refusal]

    @property
    def missed(self) -> Mapping[str, bytes]:
        """The alert on each service that is dark, stored or not."""
        return self._missed

    def recall(self, missed: Mapping[str, bytes]) -> None:
        """Take over the alerts on those who are dark from the process before this one."""
        self._missed = {**missed, **self._missed}

    @property
    def notes(self) -> Mapping[str, bytes]:
        """The verdicts that nobody is told, and that are not stored yet."""
        return self._notes_of

    def announce(self, alert: Alert) -> None:
        """Store and publish an alert, and log it, where people are not told of its group instead."""
        if not group_of(alert):
            announce(alert)
        event, service = encode(alert), service_of(alert)
        if isinstance(alert, MISSES):
            self._missed[alert.svc] = event
        elif service:
            self._missed.pop(service, None)
        self._put(_Verdict(Entry(event, service, beside=_beside(alert, event)), published=not self._channel))

    def note(self, alert: Alert) -> None:
        """Store a verdict as a service's health where there is none, and tell nobody."""
        if service := service_of(alert):
            self._notes_of[service] = encode(alert)
            self._notes.set()

    def keep(self, service: str, record: ServiceRecord) -> None:
        """Store what is known of a service for the process after this one, and for ``marketswarm status``."""
        self._unkept[service] = encode(record)
        if record.says_more:
            self._records[service] = self._unkept[service]
        else:
            self._records.pop(service, None)
        self._notes.set()

    def repeat(self, others: Iterable[Alert]) -> None:
        """Store once more what a bus that was away should hold: it may have come back empty.

        ``others`` are the verdicts on those who are not dark, for where the bus has none.
        """
        for service, event in self._missed.items():
            self._waiting.append(_Verdict(Entry(event, service, log=False, publish=False), published=True))
        for alert in others:
            self.note(alert)
        self._unkept = {**self._records, **self._unkept}
        self._news.set()
        self._notes.set()

    def release(self, services: Iterable[str]) -> None:
        """Store of those who are still dark that their group is over: the end of each is told by itself."""
        for service in services:
            alert = decode_alert(self._missed.get(service, b""))
            if isinstance(alert, MISSES) and alert.group:
                self._missed[service] = event = encode(msgspec.structs.replace(alert, group=""))
                self._put(_Verdict(Entry(event, service, log=False, publish=False), published=True))

    async def run(self) -> None:
        """Store and publish what waits, for ever; what nobody waits for does not hold up a verdict."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_verdicts())
            group.create_task(self._run_notes())

    async def _run_verdicts(self) -> None:
        backoff = Backoff(random.random, cap_sec=RETRY_CAP_SEC)
        while True:
            self._news.clear()
            await self._store()
            await self._publish()
            self._waiting = [verdict for verdict in self._waiting if not (verdict.stored and verdict.published)]
            if self._waiting:
                await _within(self._news, backoff.next_sec())
            else:
                backoff.reset()
                await self._news.wait()

    async def _run_notes(self) -> None:
        backoff = Backoff(random.random, cap_sec=RETRY_CAP_SEC)
        while True:
            self._notes.clear()
            if await self._kept():
                backoff.reset()
                await self._notes.wait()
            else:
                await asyncio.sleep(backoff.next_sec())

    def _put(self, verdict: _Verdict) -> None:
        self._waiting.append(verdict)
        self._news.set()

    async def _store(self) -> None:
        """Store in order, up to the first failure."""
        for batch in self._batches():
            try:
                await whole(self._keep(batch))
            except (BusUnreachableError, asyncio.CancelledError) as error:
                for verdict in batch:
                    verdict.unsure = not verdict.stored
                if isinstance(error, asyncio.CancelledError):
                    raise
                return
            except BusRefusedError as error:
                self._refused(error)
                return
            self._refusal = ""

    def _batches(self) -> Iterator[list[_Verdict]]:
        """What is to be stored, in order; what was tried together is tried together again, and nothing with it."""
        unstored = [verdict for verdict in self._waiting if not verdict.stored]
        tried = [verdict for verdict in unstored if verdict.unsure]
        fresh = unstored[len(tried) :]
        if tried:
            yield tried
        yield from (fresh[start : start + BATCH] for start in range(0, len(fresh), BATCH))

    async def _keep(self, batch: list[_Verdict]) -> None:
        channel = self._channel if self._alert_bus is self._log_bus else None
        entries = [replace(found.entry, publish=False) if found.published else found.entry for found in batch]
        await self._log_bus.record(entries, channel=channel, unsure=batch[0].unsure, log=self._log)
        for verdict in batch:
            verdict.stored = True
            verdict.published = verdict.published or channel is not None

    async def _kept(self) -> bool:
        """Store what programs read besides alerts, and say whether that succeeded; what did not is kept."""
        unkept, self._unkept = self._unkept, {}
        missing, self._notes_of = self._notes_of, {}
        try:
            await self._log_bus.keep_records(unkept)
            await self._log_bus.fill_health({svc: event for svc, event in missing.items() if svc not in self._missed})
        except (BusUnreachableError, BusRefusedError, asyncio.CancelledError) as error:
            self._unkept = unkept | self._unkept
            self._notes_of = missing | self._notes_of
            if isinstance(error, asyncio.CancelledError):
                raise
            _log.debug("records not kept: %s", error)
            return False
        return True

    async def _publish(self) -> None:
        """Publish what is stored, and what the bus refuses to: without memory or disk it still delivers messages."""
        for verdict in self._waiting:
            if not verdict.published and (verdict.stored or self._refusal):
                try:
                    await whole(self._send(verdict))
                except (BusUnreachableError, BusRefusedError) as error:
                    _log.debug("not published: %s", error)
                    return

    async def _send(self, verdict: _Verdict) -> None:
        await self._alert_bus.publish(self._channel, verdict.entry.event)
        verdict.published = True

    def _refused(self, error: BusRefusedError) -> None:
        if str(error) != self._refusal:
            self._refusal = str(error)
            meanwhile = "are published but" if self._channel else "wait, since they"
            _log.error("alerts %s cannot be stored: %s", meanwhile, error)


def _beside(alert: Alert, event: bytes) -> Command | None:
    """What changes with an alert besides health: massive's next process goes by which probes were told to fail."""
    match alert:
        case ProbeFailed():
            return ("HSET", names.PROBES_TOLD, alert.probe, event)
        case ProbeOk():
            return ("HDEL", names.PROBES_TOLD, alert.probe)
        case _:
            return None


async def _within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
