"""What the judges find, in words, on its way to the recorder."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from marketswarm import names
from marketswarm.clock import Clock
from marketswarm.liveness import Event, State, Tally, Terms
from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    MassMiss,
    MassOk,
    ServiceRecord,
    ServiceRestarted,
    Stable,
    TruthDrift,
    kind,
)
from marketswarm.services.watching.findings import Finding
from marketswarm.services.watching.recorder import Recorder

_NAMED = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Words:
    """How a watcher speaks: the alert for a miss and for its end, each from a finding and the time of day."""

    miss: Callable[[Finding, int], Alert]
    ok: Callable[[Finding, int], Alert]
    well: Callable[[str, float, int], Alert]
    """That a service beats, where nothing happened: the service, seconds since its last beat, the time of day."""
    announces_buses: bool
    """Whether a lost bus is this watcher's to announce: of two that would, one is enough."""
    deputy: bool
    """Whether it tells people only while the one that it watches is down."""


class Announcer:
    """Tells of what the judges find."""

    def __init__(
        self, words: Words, recorder: Recorder, clock: Clock, *, alert_on: Mapping[str, tuple[str, ...]]
    ) -> None:
        """``alert_on`` says what truth wants to be told of each service beyond misses."""
        self._words = words
        self._recorder = recorder
        self._clock = clock
        self._alert_on = alert_on
        self._store_again = False
        self._first = 0

    def turned(self, finding: Finding) -> None:
        """Announce a miss and its end; the first beat after a start is noted, where it changes what is known."""
        turn = finding.transition
        if turn.new is State.MISSED:
            self._recorder.announce(self._words.miss(finding, self._now()))
        elif turn.old is State.MISSED:
            self._recorder.announce(self._words.ok(finding, self._now()))
        else:
            self._first += 1
            if self._first <= _NAMED:
                _log.info("%s: first beat heard", turn.service)
            self._recorder.note(self._words.ok(finding, self._now()))

    def record(self, service: str, state: State, tally: Tally, *, flapping: bool) -> None:
        """Keep how a service stands."""
        counts = (tally.lost_beats, tally.restarts, tally.duplicates)
        self._recorder.keep(service, ServiceRecord(state.name.lower(), *counts, flapping))

    def storm(self, bus: str, group: str, silent: list[str], watched: int) -> None:
        """Announce that most of a bus's services went dark."""
        named = tuple(silent[:_NAMED])
        self._recorder.announce(MassMiss(bus, len(silent), watched, named, group, self._now()))

    def storm_over(self, bus: str, group: str, returned: int, still: list[str]) -> None:
        """Announce that those who come back are back."""
        named = tuple(still[:_NAMED])
        self._recorder.announce(MassOk(bus, returned, len(still), named, group, self._now()))
        self._recorder.release(still)

    def flapping(self, service: str, terms: Terms) -> None:
        """Announce that a service goes and comes."""
        self._recorder.announce(Flapping(service, terms.flap_changes, terms.flap_window_sec, self._now()))

    def stable(self, service: str, state: State) -> None:
        """Announce that it no longer does."""
        self._recorder.announce(Stable(service, "down" if state is State.MISSED else "up", self._now()))

    def happened(self, service: str, event: Event, tally: Tally) -> None:
        """Announce what the numbers of a service's beats tell, where truth asks for it."""
        alert: Alert
        if event is Event.RESTARTED:
            _log.info("%s: another process beats; it was never missed", service)
            alert = ServiceRestarted(service, tally.restarts, self._now())
        else:
            _log.warning("%s: two processes beat under this name", service)
            alert = DuplicateInstance(service, self._now())
        if kind(alert) in self._alert_on.get(service, ()):
            self._recorder.announce(alert)

    def bus_lost(self, bus: str, reason: str) -> None:
        """Announce that a bus cannot be heard, or log it where another watcher announces it."""
        if self._words.announces_buses:
            self._recorder.announce(BusLost(bus, reason, self._now()))
        else:
            _log.warning("%s cannot be heard, so nobody there is judged: %s", bus, reason)

    def bus_ok(self, bus: str, lost_sec: float) -> None:
        """Announce that it can."""
        if self._words.announces_buses:
            self._recorder.announce(BusOk(bus, round(lost_sec, 3), self._now()))
        else:
            _log.info("%s: heard again after %.1f s", bus, lost_sec)

    def bus_again(self, bus: str) -> None:
        """Remember to store again what the bus should hold."""
        self._store_again = self._store_again or bus == names.SYSTEM_BUS

    def turn(self, alive: Iterable[tuple[str, float]]) -> None:
        """Do what has come together since the last turn; ``alive`` tells who beats, and how many seconds ago."""
        if self._first > _NAMED:
            _log.info("first beats of %d more services heard", self._first - _NAMED)
        self._first = 0
        if self._store_again:
            self._store_again = False
            self._recorder.repeat(self._words.well(service, age_sec, self._now()) for service, age_sec in alive)

    def truth_drift(self, bus: str, reason: str, service: str = "") -> None:
        """Announce that a bus does not hold the truth that the swarm runs on, or that a ``service`` runs on another."""
        self._recorder.announce(TruthDrift(bus, reason, self._now(), service))

    def truth_back(self, subject: str) -> None:
        """Log that it does again, the bus or the service."""
        _log.info("truth_drift of %s is over", subject)

    def _now(self) -> int:
        return int(self._clock.wall())
