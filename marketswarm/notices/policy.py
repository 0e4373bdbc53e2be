"""When a target may be told: silences, acknowledgements, maintenance, escalation, the rate limit."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from marketswarm import names
from marketswarm.notices.incidents import Incident, paced_by
from marketswarm.notices.silences import Pauses


@dataclass(frozen=True, slots=True)
class Policy:
    """How one target is told. Times are epoch seconds; each method says from when on something may be told.

    ``delay_sec`` is the target's step of the escalation, ``maintained_until`` tells when the maintenance of a subject
    ends that is under way at a time, and None where there is none.
    """

    rate_limit_sec: float = names.DEFAULT_RATE_LIMIT_SEC
    remind_sec: float | None = names.DEFAULT_REMIND_SEC
    delay_sec: float = 0.0
    maintained_until: Callable[[str, float], float | None] = lambda _about, _now: None

    def wanted_at(self, incident: Incident, pauses: Pauses, now: float) -> float:
        """When people want to hear of an incident: never, once somebody has acknowledged it."""
        alert = incident.alert
        if alert is None or pauses.acked_by(paced_by(alert), alert.ts):
            return math.inf
        # A time further ahead than the step itself comes from a stepped clock, and delays nothing.
        delayed = alert.ts + self.delay_sec if self.delay_sec and alert.ts - now <= self.delay_sec else now
        return max(delayed, self._quiet_until(paced_by(alert), pauses, now))

    def allowed_at(self, incident: Incident, now: float) -> float:
        """When the rate limit lets it pass; a time that a stepped clock has put in the future limits nothing."""
        return incident.last + self.rate_limit_sec if 0 < incident.last <= now else now

    def remind_at(self, incident: Incident, pauses: Pauses, now: float) -> float:
        """When to remind of an incident that was told, and lasts."""
        alert = incident.alert
        if self.remind_sec is None or alert is None or pauses.acked_by(paced_by(alert), alert.ts):
            return math.inf
        before = min(max(incident.told, incident.reminded), now)
        return max(before + self.remind_sec, self._quiet_until(paced_by(alert), pauses, now))

    def _quiet_until(self, about: str, pauses: Pauses, now: float) -> float:
        return max(now, pauses.silenced_until(about, now) or now, self.maintained_until(about, now) or now)
