"""What comes on a heartbeat's channel and is no heartbeat: counted, and said at times."""

import logging
from collections.abc import Sequence

from marketswarm.firehose import Oddities
from marketswarm.pacing import RateLimit

PERIOD_SEC = 60.0
_log = logging.getLogger(__name__)


class OddityLog:
    """Says how much and why, never what: it may be anything."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._limit = RateLimit(PERIOD_SEC)
        self._total = 0

    def take(self, oddities: Oddities, now: float) -> None:
        """Count, and log each kind of each service once a period."""
        for row, oddity in oddities:
            self._total += 1
            service = self._services[row]
            if count := self._limit.allow(f"{service} {oddity.name}", now):
                text = "%s: ignored %d message(s) on its channel %s (%d so far)"
                _log.warning(text, service, count, oddity.value, self._total)
