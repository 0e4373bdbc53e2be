"""A year of a hundred services on the real detector, in seconds.

Every beat is heard, but not before the detector is about to look at its service: rows are apart, so that it comes to
the same, and nothing has to keep the beats of all in order.
"""

import heapq
import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulation.timeline import Dice

from marketswarm.liveness import Detector, State, Terms, Transition
from marketswarm.messages import Heartbeat

DAY_SEC = 86_400.0
YEAR_SEC = 365 * DAY_SEC
MINUTES = (10, 10, 15, 20, 30, 60)
"""The intervals of most; those of the first few are ``SHORT``, since most beats are theirs."""
SHORT = (1, 2, 5, 5)
LOSS_SEC = 3.0
"""How soon a lost bus is known to be lost."""
CLOSE_SEC = 0.001


@dataclass(slots=True)
class Life:
    """What a service does all year: from when to when its processes live, one after the other."""

    name: str
    terms: Terms
    spans: list[tuple[float, float]]
    beats: Iterator[tuple[float, Heartbeat]]
    next: tuple[float, Heartbeat] | None = None
    heard: float = 0.0
    told: list[Transition] = field(default_factory=list)


class Year:
    """The year of a seed. ``run`` raises AssertionError where a promise is broken."""

    def __init__(self, seed: int, services: int = 100, length_sec: float = YEAR_SEC) -> None:
        dice = Dice(seed)
        self.counted: Counter[str] = Counter()
        """How many beats, misses, returns, deaths, restarts and losses of the bus there were."""
        self._length_sec = length_sec
        self._losses = _losses(dice, length_sec)
        self._loss_starts = [start for start, _ in self._losses]
        minutes = [*SHORT, *(dice.choice(MINUTES) for _ in range(services))][:services]
        self._lives = [self._life(f"svc_{number}", 60.0 * of_it, dice) for number, of_it in enumerate(minutes)]
        self.detector = Detector([(life.name, life.terms) for life in self._lives], 0.0)
        self._returns: list[tuple[float, int]] = []
        self._thawed = 0.0

    def run(self) -> None:
        """Live through it."""
        turns = [(start + LOSS_SEC, end) for start, end in self._losses if end - start > LOSS_SEC]
        for lost, back in [*turns, (self._length_sec, self._length_sec)]:
            self._watch_until(lost)
            if lost < self._length_sec:
                self.counted["losses of the bus"] += 1
                self.detector.freeze()
                assert self.detector.next_deadline() is None
                assert self.detector.due(back) == []
                self._let_return(back)
                self.detector.thaw(back)
                self._thawed = back
        for life in self._lives:
            self._look_back(life)

    def _watch_until(self, end: float) -> None:
        detector = self.detector
        while True:
            deadline = detector.next_deadline()
            now = end if deadline is None else min(deadline, end)
            if self._returns and self._returns[0][0] <= now:
                self._let_return(self._returns[0][0])
                continue
            if now >= end:
                return
            for row in detector.due(now):
                self._hear(row, now)
                if miss := detector.convict(row, now):
                    self._missed(row, miss, now)

    def _hear(self, row: int, now: float) -> None:
        """Let the detector have each beat that has come, at its moment."""
        life, hear = self._lives[row], self.detector.hear
        count = 0
        while life.next and life.next[0] <= now:
            life.heard, beat = life.next
            for turn in hear([(row, beat)], life.heard):
                self._turned(life, turn)
            life.next = next(life.beats, None)
            count += 1
        self.counted["beats"] += count

    def _let_return(self, now: float) -> None:
        while self._returns and self._returns[0][0] <= now:
            moment, row = heapq.heappop(self._returns)
            life = self._lives[row]
            self._hear(row, moment)
            assert self.detector.state(row) is State.ALIVE, f"{life.name} beats at {moment}, and is not back"

    def _missed(self, row: int, miss: Transition, now: float) -> None:
        life = self._lives[row]
        bound = max(life.heard + life.terms.silence_sec, self._thawed + life.terms.warmup_sec)
        if not life.heard:
            bound = max(life.terms.warmup_sec, self._thawed + life.terms.warmup_sec)
        late_sec = now - bound
        assert -CLOSE_SEC <= late_sec <= CLOSE_SEC, f"{life.name} is missed {late_sec} s late"
        self._turned(life, miss)
        if life.next:
            heapq.heappush(self._returns, (life.next[0], row))

    def _turned(self, life: Life, turn: Transition) -> None:
        if life.told or turn.old is not State.UNSEEN:
            before = life.told[-1].new if life.told else State.UNSEEN
            assert turn.old is before is not turn.new, f"{life.name} turns from {turn.old} after {before}"
        life.told.append(turn)
        self.counted["misses" if turn.new is State.MISSED else "returns"] += 1

    def _look_back(self, life: Life) -> None:
        """Compare with its life: whoever was silent for longer than it may be was missed, once, and nobody else."""
        misses = sum(turn.new is State.MISSED for turn in life.told)
        self.counted["deaths"] += sum(
            later - end > life.terms.silence_sec
            for (_, end), (later, _) in zip(life.spans, [*life.spans[1:], (self._length_sec, 0.0)], strict=True)
        )
        self.counted["restarts"] += len(life.spans) - 1
        assert misses == sum(self._silences(life)), f"{life.name} is missed {misses} times"

    def _silences(self, life: Life) -> Iterator[bool]:
        """Of each time between two beats, and of the one before the first and after the last: whether it is a miss."""
        heard = 0.0
        terms = life.terms
        moments = (moment for span in life.spans for moment in self._moments(terms, span))
        for moment in itertools.chain(moments, [self._length_sec]):
            due = heard + (terms.silence_sec if heard else terms.warmup_sec)
            if moment > due:
                yield moment > self._due(due, terms)
            heard = moment

    def _due(self, due: float, terms: Terms) -> float:
        """When a deadline is over, the losses of the bus and the warm-ups after them included."""
        for start, end in self._losses:
            if end - start > LOSS_SEC and start + LOSS_SEC <= due:
                due = max(due, end + terms.warmup_sec)
        return due

    def _life(self, name: str, interval_sec: float, dice: Dice) -> Life:
        terms = Terms(interval_sec, 3 * interval_sec)
        spans, moment = [], dice.uniform(0.0, interval_sec)
        while moment < self._length_sec:
            lived_sec = dice.expovariate(1 / (40 * DAY_SEC)) if dice.happens(0.8) else dice.uniform(1.0, 3600.0)
            spans.append((moment, min(moment + lived_sec, self._length_sec)))
            # A restart takes seconds, and some of those who die are found in the morning.
            moment += lived_sec + dice.choice((2.0, 20.0, dice.uniform(60.0, 3600.0), dice.uniform(0.0, DAY_SEC)))
        life = Life(name, terms, spans, self._beats(name, terms, spans))
        life.next = next(life.beats, None)
        return life

    def _beats(self, name: str, terms: Terms, spans: list[tuple[float, float]]) -> Iterator[tuple[float, Heartbeat]]:
        for number, span in enumerate(spans):
            boot = f"{name}-{number}"
            for count, moment in enumerate(self._moments(terms, span), 1):
                yield moment, Heartbeat(name, count, moment, boot)

    def _moments(self, terms: Terms, span: tuple[float, float]) -> Iterator[float]:
        moment, end = span
        while (moment := self._taken(moment)) < end:
            yield moment
            moment += terms.interval_sec

    def _taken(self, moment: float) -> float:
        """When the bus takes a beat of this moment: as soon as it is back, where it is lost."""
        number = bisect_right(self._loss_starts, moment) - 1
        if number >= 0 and moment <= self._losses[number][1]:
            return self._losses[number][1] + 0.5
        return moment


def _losses(dice: Dice, length_sec: float) -> list[tuple[float, float]]:
    losses, moment = [], dice.expovariate(1 / (7 * DAY_SEC))
    while moment < length_sec - DAY_SEC:
        end = moment + dice.choice((1.0, 5.0, 60.0, dice.uniform(0.0, 7200.0)))
        losses.append((moment, end))
        moment = end + 3600.0 + dice.expovariate(1 / (7 * DAY_SEC))
    return losses
