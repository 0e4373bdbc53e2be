"""Verdicts on their way out: kept in memory until the bus has them, in order, none lost and none twice."""

import asyncio
import logging
import random
from collections import deque
from dataclasses import dataclass

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.daemon import Daemon
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.log import NOTICE
from marketswarm.messages import Alert, BusLost, BusOk, encode, sentence, subject
from marketswarm.pacing import Backoff

RETRY_CAP_SEC = 5.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Verdict:
    event: bytes
    health_of: str | None
    announce: bool
    published: bool = False


class Recorder:
    """Takes verdicts at once and stores them as fast as the bus allows; detecting never waits for it.

    The log stream, ``health:<svc>`` and the publication go in one transaction, so a process that is killed has either
    told everything or nothing, and the one after it judges anew.
    """

    def __init__(self, daemon: Daemon) -> None:
        where = daemon.truth.alerts_to(daemon.settings.alert_channel)
        self._log_bus = daemon.bus(names.SYSTEM_BUS)
        self._alert_bus = daemon.bus(where.bus)
        self._channel = where.key
        self._waiting: deque[_Verdict] = deque()
        self._health: dict[str, bytes] = {}
        self._news = asyncio.Event()
        self._refusal = ""

    def announce(self, alert: Alert) -> None:
        """Log, store and publish an alert."""
        _log.log(NOTICE, "%s", sentence(alert))
        health_of = None if isinstance(alert, (BusLost, BusOk)) else subject(alert)
        self._put(_Verdict(encode(alert), health_of, announce=True))

    def note(self, alert: Alert) -> None:
        """Store a verdict as a service's health and tell nobody."""
        self._put(_Verdict(encode(alert), subject(alert), announce=False))

    def repeat_health(self) -> None:
        """Store every ``health:<svc>`` once more: a bus that was away may have come back empty."""
        for service, event in self._health.items():
            self._waiting.append(_Verdict(event, service, announce=False))
        self._news.set()

    async def run(self) -> None:
        """Store what waits, for ever."""
        backoff = Backoff(random.random, cap_sec=RETRY_CAP_SEC)
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                try:
                    await self._store(self._waiting[0])
                except BusUnreachableError:
                    await asyncio.sleep(backoff.next_sec())
                except BusRefusedError as error:
                    await self._publish_unstored(error)
                    await asyncio.sleep(backoff.next_sec())
                else:
                    self._waiting.popleft()
                    self._refusal = ""
                    backoff.reset()

    def _put(self, verdict: _Verdict) -> None:
        if verdict.health_of:
            self._health[verdict.health_of] = verdict.event
        self._waiting.append(verdict)
        self._news.set()

    async def _store(self, verdict: _Verdict) -> None:
        publish = verdict.announce and not verdict.published
        same_bus = self._alert_bus is self._log_bus
        channel = self._channel if publish and same_bus else None
        await self._log_bus.record(verdict.event, health_of=verdict.health_of, log=verdict.announce, channel=channel)
        if publish and not same_bus:
            await self._publish(self._alert_bus, verdict)

    async def _publish_unstored(self, error: BusRefusedError) -> None:
        """Publish what cannot be stored: a bus without memory or disk refuses writes and still delivers messages."""
        if str(error) != self._refusal:
            self._refusal = str(error)
            _log.error("alerts are published but cannot be stored: %s", error)
        for verdict in self._waiting:
            if verdict.announce and not verdict.published:
                await self._publish(self._alert_bus, verdict)

    async def _publish(self, bus: Bus, verdict: _Verdict) -> None:
        try:
            await bus.publish(self._channel, verdict.event)
        except (BusUnreachableError, BusRefusedError) as error:
            _log.debug("not published: %s", error)
        else:
            verdict.published = True
