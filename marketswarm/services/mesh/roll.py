"""The roll of the members: kept true by what the judges find, and by a look at all of them in each round."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from marketswarm import names
from marketswarm.clock import Clock
from marketswarm.liveness import Cause, Detector, Event, Members, State, Tally, Terms, presence
from marketswarm.messages import FullHeartbeat, Presence
from marketswarm.services.watching import Finding, Judge

WENT_UNSEEN: Final = "silent since before mesh was started"
"""The reason of who may have crashed, or said goodbye when nobody listened."""
_log = logging.getLogger(__name__)


class Roll:
    """Is told what the judges find, of each member once."""

    def __init__(self, members: Members, clock: Clock, anew: set[str], unheard: set[str]) -> None:
        """``anew`` are those of whom another process may beat now, ``unheard`` those of whom only hearsay is known.

        That is what the process before this one has left, until they are heard or missed.
        """
        self.anew = anew
        self._unheard = unheard
        self._members = members
        self._clock = clock
        self._judges: tuple[Judge, ...] = ()
        self._places: dict[str, tuple[Detector, int]] = {}

    def watch(self, judges: Iterable[Judge]) -> None:
        """Take in who holds what is known of the members, before the first of them is told of."""
        self._judges = tuple(judges)
        detectors = (judge.detector for judge in self._judges)
        self._places = {svc: (found, row) for found in detectors for row, svc in enumerate(found.services)}

    async def look(self) -> None:
        """See who has fallen silent, who has said goodbye, and who of those is back."""
        await asyncio.gather(*map(self._doubt, self._judges))
        now = self._clock.monotonic()
        for judge in self._judges:
            for row in judge.detector.numbers.goodbyes:
                self._judge(judge.detector.services[row], now)
        for member in list(self._members.all()):
            if member.state in (Presence.SUSPECTED, Presence.LEFT) and member.svc in self._places:
                self._judge(member.svc, now)

    async def _doubt(self, judge: Judge) -> None:
        """Suspect those who are quiet, once it is sure that they are: a bus that hangs makes nobody a suspect."""
        heard = judge.detector
        rows = [row for row in heard.quiet(self._clock.monotonic()) if row not in heard.numbers.goodbyes]
        if rows and await judge.certain(rows):
            now = self._clock.monotonic()
            for row in set(rows).intersection(heard.quiet(now)):
                self._judge(heard.services[row], now, quiet=True)

    def identify(self, found: Mapping[str, FullHeartbeat | None], anew: Collection[str]) -> None:
        """Take in what the leases say of these services, None of those that have none.

        ``anew`` were so when the leases were asked for; who has become so since is read once more.
        """
        wall = self._clock.wall()
        for service, identity in found.items():
            self._members.identify(service, identity, wall, anew=service in anew)
        self.anew.difference_update(found.keys() & anew)

    def turned(self, finding: Finding) -> None:
        """Take in that a member went dark, or is heard."""
        service, reason = finding.transition.service, finding.reason
        if service in self._unheard and reason == Cause.UNKNOWN:
            reason = WENT_UNSEEN
        self._unheard.discard(service)
        self._judge(service, self._clock.monotonic(), reason=reason)
        if finding.transition.new is State.ALIVE:
            self.anew.add(service)

    def happened(self, service: str, event: Event, _tally: Tally) -> None:
        """Take in that another process beats."""
        if event is Event.RESTARTED:
            self.anew.add(service)

    def bus_lost(self, bus: str, reason: str) -> None:
        """Log that a bus cannot be heard."""
        _log.warning("%s cannot be heard, so nobody there is judged: %s", bus, reason)

    def bus_ok(self, bus: str, lost_sec: float) -> None:
        """Log that it can be heard again."""
        _log.info("%s: heard again after %.1f s", bus, lost_sec)

    def bus_again(self, bus: str) -> None:
        """Have all stored anew where the registry is: as many entries as before may still be older ones."""
        if bus == names.SYSTEM_BUS:
            self._members.emptied()

    def storm(self, bus: str, group: str, silent: list[str], watched: int) -> None:
        """Leave it to healer; each member is told of."""

    def storm_over(self, bus: str, group: str, returned: int, still: list[str]) -> None:
        """Leave it to healer."""

    def flapping(self, service: str, terms: Terms) -> None:
        """Leave it to healer."""

    def stable(self, service: str, state: State) -> None:
        """Leave it to healer."""

    def _judge(self, service: str, now: float, *, quiet: bool = False, reason: str = "") -> None:
        detector, row = self._places[service]
        stands = presence(
            self._members.presence(service),
            detector.state(row),
            goodbye=row in detector.numbers.goodbyes,
            quiet=quiet,
            silent=detector.age_sec(row, now) > detector.terms(row).suspect_sec,
        )
        self._members.turn(service, stands, self._clock.wall(), reason)
