"""What people are told of as one: services that go dark together, and a service that goes and comes."""

from collections.abc import Iterable, Mapping

from marketswarm.liveness import Detector, Flap, Flaps, Silence, State, Storm, Transition
from marketswarm.services.watching.findings import Verdicts

SETTLE_SEC = 60.0
FLAPPING = "flapping"


class Groups:
    """Puts each finding on one bus into its group, and tells of the groups."""

    def __init__(self, bus: str, detector: Detector, verdicts: Verdicts) -> None:
        self._bus = bus
        self._detector = detector
        self._verdicts = verdicts
        self._flaps = Flaps()
        self._storm: Storm | None = None
        longest_sec = max((terms.interval_sec for terms in detector.kinds), default=SETTLE_SEC)
        self._settle_sec = min(SETTLE_SEC, 1.5 * longest_sec)

    def recall(self, missed: Mapping[str, str], flapping: Iterable[str], now: float) -> None:
        """Take over, from before a restart, who was reported dark in which group, and who flapped."""
        rows: dict[str, set[int]] = {}
        flapped = set(flapping)
        for row, service in enumerate(self._detector.services):
            rows.setdefault(missed.get(service, ""), set()).add(row)
            if service in flapped:
                self._flaps.recall(row, self._detector.terms(row), now)
        storms = {name: members for name, members in rows.items() if name not in ("", FLAPPING)}
        if storms:
            name = max(storms, key=lambda storm: len(storms[storm]))
            self._storm = Storm(name, float("-inf"), self._settle_sec, storms[name])

    def flapping(self) -> frozenset[str]:
        """Who flaps."""
        return frozenset(svc for row, svc in enumerate(self._detector.services) if self._flaps.flapping(row))

    def flaps(self, row: int) -> bool:
        """Whether this one does."""
        return self._flaps.flapping(row)

    def begin(self, silence: Silence, now: float, wall: float) -> None:
        """Make one matter of most of the bus's services going dark."""
        self._storm = Storm(f"{self._bus}@{int(wall)}", now, self._settle_sec, set(silence.rows))
        silent = [self._detector.services[row] for row in silence.rows]
        self._verdicts.storm(self._bus, self._storm.name, silent, silence.watched)

    def of_miss(self, miss: Transition, now: float) -> str:
        """Name the group of one that goes dark; empty where it stands for itself."""
        group = self._flap(miss.row, now)
        return self._storm.name if self._storm and self._storm.takes(miss.row, now - miss.silence_sec) else group

    def of_return(self, row: int, now: float) -> str:
        """Name the group of one that is back."""
        group = self._flap(row, now)
        return self._storm.name if self._storm and self._storm.back(row, now) else group

    def turn(self, now: float) -> list[int]:
        """Tell what is over; returns who no longer flaps."""
        settled = self._flaps.settled(now)
        for row in settled:
            self._verdicts.stable(self._detector.services[row], self._detector.state(row))
        if self._storm and self._storm.over(now):
            storm, self._storm = self._storm, None
            missed = (row for row in sorted(storm.members) if self._detector.state(row) is State.MISSED)
            still = [self._detector.services[row] for row in missed]
            self._verdicts.storm_over(self._bus, storm.name, storm.returned, still)
        return settled

    def storming(self, now: float) -> bool:
        """Whether a storm was told of just now: those who go dark with it are known to do so."""
        return self._storm is not None and now - self._storm.began <= self._settle_sec

    def _flap(self, row: int, now: float) -> str:
        terms = self._detector.terms(row)
        flap = self._flaps.changed(row, terms, now)
        if flap is Flap.BEGINS:
            self._verdicts.flapping(self._detector.services[row], terms)
        return FLAPPING if flap else ""
