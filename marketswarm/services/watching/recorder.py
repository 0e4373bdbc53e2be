"""Verdicts on their way out: kept in memory until the bus has them, in order, none lost and none twice."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from marketswarm import names
from marketswarm.daemon import Daemon
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.log.alerts import announce
from marketswarm.messages import Alert, encode, service_of
from marketswarm.pacing import Backoff

RETRY_CAP_SEC = 5.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Verdict:
    event: bytes
    health_of: str | None
    log: bool
    """Whether it goes into the log stream; a verdict that alerts nobody does not."""
    published: bool
    stored: bool = False
    unsure: bool = False
    """Whether it may be stored: a try was given up."""


class Recorder:
    """Takes verdicts at once and stores them as fast as the bus allows; detecting never waits for it.

    The log stream, ``health:<svc>`` and the publication go in one transaction, so a process that is killed has either
    told everything or nothing, and the one after it judges anew. Where truth sends alerts to another bus than
    system-redis, or the bus refuses to store, the publication is a step of its own.
    """

    def __init__(self, daemon: Daemon, before: "Recorder | None" = None) -> None:
        """``before`` is the recorder of the life before this one: what it could not tell yet is told by this one."""
        where = daemon.truth.alerts_to(daemon.settings.alert_channel)
        self._log_bus = daemon.bus(names.SYSTEM_BUS)
        self._alert_bus = daemon.bus(where.bus)
        self._channel = where.key
        self._waiting: list[_Verdict] = before.waiting if before else []
        self._health: dict[str, bytes] = dict(before.health) if before else {}
        self._news = asyncio.Event()
        self._refusal = ""

    @property
    def waiting(self) -> list[_Verdict]:
        """The verdicts that are not told yet, in order."""
        return list(self._waiting)

    @property
    def health(self) -> Mapping[str, bytes]:
        """The latest verdict on each service, stored or not."""
        return self._health

    def announce(self, alert: Alert) -> None:
        """Log, store and publish an alert."""
        announce(alert)
        self._put(_Verdict(encode(alert), service_of(alert), log=True, published=False))

    def note(self, alert: Alert) -> None:
        """Store a verdict as a service's health and tell nobody."""
        self._put(_Verdict(encode(alert), service_of(alert), log=False, published=True))

    def repeat_health(self) -> None:
        """Store every ``health:<svc>`` once more: a bus that was away may have come back empty."""
        for service, event in self._health.items():
            self._waiting.append(_Verdict(event, service, log=False, published=True))
        self._news.set()

    async def run(self) -> None:
        """Store and publish what waits, for ever."""
        backoff = Backoff(random.random, cap_sec=RETRY_CAP_SEC)
        while True:
            self._news.clear()
            await self._store()
            await self._publish()
            self._waiting = [verdict for verdict in self._waiting if not (verdict.stored and verdict.published)]
            if self._waiting:
                await self._news_within(backoff.next_sec())
            else:
                backoff.reset()
                await self._news.wait()

    def _put(self, verdict: _Verdict) -> None:
        if verdict.health_of:
            self._health[verdict.health_of] = verdict.event
        self._waiting.append(verdict)
        self._news.set()

    async def _news_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _store(self) -> None:
        """Store in order, up to the first failure."""
        same_bus = self._alert_bus is self._log_bus
        for verdict in [waiting for waiting in self._waiting if not waiting.stored]:
            channel = None if verdict.published or not same_bus else self._channel
            try:
                await _whole(self._keep(verdict, channel))
            except BusUnreachableError:
                verdict.unsure = True
                return
            except BusRefusedError as error:
                self._refused(error)
                return
            self._refusal = ""

    async def _keep(self, verdict: _Verdict, channel: str | None) -> None:
        await self._log_bus.record(
            verdict.event, health_of=verdict.health_of, log=verdict.log, channel=channel, unsure=verdict.unsure
        )
        verdict.stored = True
        verdict.published = verdict.published or channel is not None

    async def _publish(self) -> None:
        """Publish what is stored, and what the bus refuses to: without memory or disk it still delivers messages."""
        for verdict in self._waiting:
            if not verdict.published and (verdict.stored or self._refusal):
                try:
                    await _whole(self._send(verdict))
                except (BusUnreachableError, BusRefusedError) as error:
                    _log.debug("not published: %s", error)
                    return

    async def _send(self, verdict: _Verdict) -> None:
        await self._alert_bus.publish(self._channel, verdict.event)
        verdict.published = True

    def _refused(self, error: BusRefusedError) -> None:
        if str(error) != self._refusal:
            self._refusal = str(error)
            _log.error("alerts are published but cannot be stored: %s", error)


async def _whole(step: Coroutine[Any, Any, None]) -> None:
    """Let a step that has begun come to its end also when this task is cancelled: half-known, it would be told twice.

    A bus bounds it by its timeout.
    """
    task = asyncio.create_task(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        task.exception()  # what has failed is still waiting; nobody is there to try it again now
        raise
