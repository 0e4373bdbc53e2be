"""Deadlines and states of the services of one bus.

What is known of a service stands in columns, one row a service: at a million of them each byte counts, and a beat only
stores numbers.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence

from marketswarm.liveness.sequence import Sequence as Numbering
from marketswarm.liveness.states import Known, State, Transition
from marketswarm.liveness.storm import Silence
from marketswarm.liveness.terms import Terms
from marketswarm.liveness.wheel import Wheel
from marketswarm.messages import Heartbeat

SLICE = 10_000
"""How many rows are looked at in one go: a crowd that comes up at once must not hold up the beats."""
_PRIME = 2_654_435_761
SAMPLE = 100
"""How many services are looked at to see that most are well."""


class Detector:
    """Judges the services of one bus, each by its row: its place among ``targets``.

    The order of a judgement: ``due`` names suspects, the caller verifies that it is not deaf itself and hands in later
    evidence, then ``convict`` decides. While frozen, nobody becomes due and nobody is convicted.
    """

    def __init__(self, targets: Iterable[tuple[str, Terms]], now: float, *, host: str = "") -> None:
        """Begin to watch; the warm-ups start now. ``host`` is the watcher's own."""
        kinds: dict[Terms, int] = {}
        self.services: list[str] = []
        self._kind = array("H")
        for service, terms in targets:
            self.services.append(service)
            self._kind.append(kinds.setdefault(terms, len(kinds)))
        size = len(self.services)
        self.numbers = Numbering(size, host)
        """What the numbers of the beats tell."""
        self.kinds = tuple(kinds)
        """The different terms that there are."""
        self._grains_sec = [terms.grain_sec for terms in self.kinds]
        self._floor = [now + terms.warmup_sec for terms in self.kinds]
        """No deadline of these terms is earlier."""
        self._spared = now
        """Since when nothing has stood in the way of hearing."""
        self._state = bytearray(size)
        self._heard = [now] * size
        """Arrival of the last beat; start of the watching where there is none. Beats of one piece share a number."""
        self._sent = array("d", [0.0]) * size
        """When that beat was sent, by its sender's clock."""
        self._returning: dict[int, tuple[int, float]] = {}
        """Of those missed: how many beats have come again, and when the last one."""
        self._queued = bytearray(size)
        self._wheel = Wheel()
        self._frozen = False
        self.counts = dict.fromkeys(State, 0)
        """How many services are in each state."""
        self.counts[State.UNSEEN] = size
        for row in range(size):
            self._queue(row)

    def terms(self, row: int) -> Terms:
        """What truth says of this service's silence."""
        return self.kinds[self._kind[row]]

    def state(self, row: int) -> State:
        """Where it stands."""
        return State(self._state[row])

    def alive(self, now: float) -> list[tuple[str, float]]:
        """Who beats, and how many seconds ago the last time."""
        rows = (row for row, state in enumerate(self._state) if state == State.ALIVE)
        return [(self.services[row], now - self._heard[row]) for row in rows]

    def quiet(self, now: float) -> list[int]:
        """Who is not missed, and silent for longer than says nothing; nobody, while that proves nothing."""
        if self._frozen:
            return []
        limits = [now - terms.suspect_sec for terms in self.kinds]
        if all(self._spared >= limit for limit in limits):
            return []
        rows = enumerate(zip(self._state, self._kind, self._heard, strict=True))
        return [
            row
            for row, (state, kind, heard) in rows
            if heard < limits[kind] and self._spared < limits[kind] and state == State.ALIVE
        ]

    def age_sec(self, row: int, now: float) -> float:
        """Seconds since its last beat arrived, or since the watching began where there was none."""
        return now - self._heard[row]

    def recall_missed(self, row: int) -> None:
        """Take over, from before a restart, that this service's miss is already reported; its return ends it."""
        self._heard[row] = float("-inf")  # its last beat was heard by another process: any lease may be a later one
        self._move(row, State.MISSED)

    def known(self) -> dict[str, "Known"]:
        """What another detector can go on with."""
        return {
            service: Known(self.state(row), self._heard[row], self._sent[row], self.numbers.known(row))
            for row, service in enumerate(self.services)
        }

    def inherit(self, known: Mapping[str, "Known"]) -> None:
        """Take over, from before a change of what is watched, what was known of the services that still are.

        Their last beat counts on; nobody's deadline comes earlier than the warm-up that began with this detector.
        """
        for row, service in enumerate(self.services):
            if found := known.get(service):
                self._heard[row], self._sent[row] = found.heard, found.sent
                self.numbers.inherit(row, found.numbers)
                self._move(row, found.state)

    def hear(
        self, beats: Sequence[tuple[int, Heartbeat]], now: float, *, late_since: float | None = None
    ) -> list[Transition]:
        """Take in beats that were read at ``now``.

        ``late_since``: they may have waited to be read, from then on at the earliest. A beat then counts from when its
        sender says that it was sent, so that a backlog brings nobody back who died meanwhile.
        """
        heard, sent, state, numbers = self._heard, self._sent, self._state, self.numbers
        counts, odd = numbers.counts, numbers.odd
        alive = int(State.ALIVE)
        turns: list[Transition] = []
        if late_since is not None:
            return [turn for row, beat in beats if (turn := self.evidence(row, beat, now, now, late_since))]
        for row, beat in beats:
            count = beat.i
            if count == counts[row] + 1 and not beat.bye:
                counts[row] = count
            else:
                odd(row, beat, now, alive=state[row] == alive, older=beat.ts < sent[row])
            heard[row] = now
            sent[row] = beat.ts
            if state[row] != alive and (turn := self._sign_of_life(row, now, now)):
                turns.append(turn)
        return turns

    def evidence(
        self, row: int, beat: Heartbeat, at: float, now: float, late_since: float | None = None
    ) -> Transition | None:
        """Take in one beat that arrived at ``at``; older than what is known, it changes nothing."""
        if late_since is not None and self.numbers.counted(row):
            by_sender = self._heard[row] + (beat.ts - self._sent[row])
            at = min(at, max(by_sender, late_since))
        if beat.boot or beat.i > self.numbers.last(row):  # else it may be an old one of the same process
            alive, older = self._state[row] == State.ALIVE, beat.ts < self._sent[row]
            self.numbers.odd(row, beat, now, alive=alive, older=older)
        unseen = self._state[row] == State.UNSEEN
        if at <= self._heard[row] and not unseen:
            return None
        too_old = now - at >= self.terms(row).silence_sec  # the sign of life of one that died since
        if too_old and unseen:
            return None
        self._heard[row], self._sent[row] = at, beat.ts
        return None if too_old or self._state[row] == State.ALIVE else self._sign_of_life(row, at, now)

    def knows(self, row: int, beat: Heartbeat) -> bool:
        """Whether this beat, or a later one of the same process, was heard; False where nothing says which process.

        A beat that its sender had to send again has the number of the first try and a later time.
        """
        last = self.numbers.last_of(row, beat)
        return last is not None and (beat.i < last or (beat.i == last and beat.ts <= self._sent[row]))

    def next_deadline(self) -> float | None:
        """When to call ``due`` next, at the earliest; None where nobody waits for a deadline."""
        return None if self._frozen else self._wheel.next()

    def due(self, now: float) -> list[int]:
        """The services whose deadline has passed. Each waits for ``convict`` or ``postpone`` and is not named twice.

        Looks at so many only that it takes milliseconds; where more are waiting, ``next_deadline`` has passed, too.
        """
        if self._frozen:
            return []
        suspects = []
        for row in self._wheel.take(now, SLICE):
            self._queued[row] = False
            if self._state[row] == State.MISSED:
                continue
            deadline = self._deadline(row)
            if deadline <= now:
                suspects.append(row)
            else:
                self._queued[row] = True
                grain_sec = self._grains_sec[self._kind[row]]
                self._wheel.put(row, deadline, grain_sec if deadline - now > grain_sec else 0.0)
        return suspects

    def convict(self, row: int, now: float, *, asked: float | None = None) -> Transition | None:
        """Decide on a suspect; None where evidence or a freeze has come in between.

        ``asked`` is when the evidence was asked for, where that is some time ago: it says nothing of a later deadline.
        """
        if self._state[row] == State.MISSED:
            return None
        if self._frozen or self._deadline(row) > (now if asked is None else asked):
            self._queue(row)
            return None
        old = self._move(row, State.MISSED)
        return Transition(
            row, self.services[row], old, State.MISSED, now - self._heard[row], self.terms(row).timeout_sec
        )

    def postpone(self, row: int, until: float) -> None:
        """Put off a judgement that could not be made."""
        self._queue(row, until)

    def freeze(self) -> None:
        """Stop all clocks: the bus cannot be heard."""
        self._frozen = True

    def thaw(self, now: float) -> None:
        """Start the clocks again, with a fresh warm-up for each service."""
        self._frozen = False
        self.spare(now)

    def spare(self, now: float) -> None:
        """Grant each service a fresh warm-up: nobody knows what was missed of it."""
        self._spared = now
        self._floor = [max(floor, now + terms.warmup_sec) for floor, terms in zip(self._floor, self.kinds, strict=True)]

    def silence(self, now: float) -> Silence | None:
        """Who is silent for longer than a healthy service ever is, where that is most of those not missed yet.

        A sample says at little cost that it is not; only else everybody is looked at.
        """
        size = len(self.services)
        # Every so-many-th might be all of one host; multiples of a great prime are spread without such a pattern.
        sample = range(size) if size <= SAMPLE else [nth * _PRIME % size for nth in range(SAMPLE)]
        if not self._silent(sample, now).of_most:
            return None
        silence = self._silent(range(size), now)
        return silence if silence.of_most else None

    def _silent(self, rows: Iterable[int], now: float) -> Silence:
        listening = [row for row in rows if self._state[row] != State.MISSED]
        silent = tuple(row for row in listening if self.terms(row).overdue(now - max(self._heard[row], self._spared)))
        return Silence(silent, len(listening))

    def _deadline(self, row: int) -> float:
        kind = self._kind[row]
        floor = self._floor[kind]
        return max(floor, self._heard[row] + self.kinds[kind].silence_sec) if self._state[row] else floor

    def _sign_of_life(self, row: int, at: float, now: float) -> Transition | None:
        terms = self.terms(row)
        old = self.state(row)
        if old is State.MISSED and terms.recover_beats > 1:
            beats, last = self._returning.get(row, (0, at))
            beats = beats + 1 if at - last <= terms.timeout_sec else 1
            if beats < terms.recover_beats:
                self._returning[row] = beats, at
                return None
        self._move(row, State.ALIVE)
        self._queue(row)
        return Transition(row, self.services[row], old, State.ALIVE, now - at, terms.timeout_sec)

    def _move(self, row: int, new: State) -> State:
        old = State(self._state[row])
        self._state[row] = new
        self._returning.pop(row, None)
        self.counts[old] -= 1
        self.counts[new] += 1
        return old

    def _queue(self, row: int, moment: float | None = None) -> None:
        if not self._queued[row]:
            self._queued[row] = True
            self._wheel.put(row, moment or self._deadline(row), self._grains_sec[self._kind[row]])
