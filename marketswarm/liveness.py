"""The failure detector: who is alive, who has gone dark. Pure: `now` is an argument, edges act on what it returns.

Deadlines run on the watcher's own monotonic clock, from the arrival of a beat. A beat costs O(1): it stores a number.
A heap holds at most one entry a service, which is looked at again only when it comes up.
"""

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What the detector holds of a service."""

    UNSEEN = "unseen"
    """Watched, and no beat yet."""
    ALIVE = "alive"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Transition:
    """A service changed its state.

    ``silence_sec`` is the age of its last beat, or of the watching where there is none.
    """

    service: str
    old: State
    new: State
    silence_sec: float
    timeout_sec: float


@dataclass(slots=True)
class _Watched:
    interval_sec: float
    timeout_sec: float
    state: State
    heard: float  # arrival of the last beat; start of the watching where there is none
    deadline: float
    queued: bool = False


def warmup_sec(interval_sec: float, timeout_sec: float) -> float:
    """How long a service that was never heard is waited for, from the start of watching."""
    return min(timeout_sec, max(2 * interval_sec, 0.75 * timeout_sec))


class Detector:
    """Judges the services of one bus.

    The order of a judgement: ``due`` names suspects, the caller verifies that it is not deaf itself and hands in later
    evidence with ``beat``, then ``convict`` decides. While frozen, nobody becomes due and nobody is convicted.
    """

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._heap: list[tuple[float, str]] = []
        self._frozen = False
        self.counts = dict.fromkeys(State, 0)
        """How many services are in each state."""

    def watch(self, service: str, interval_sec: float, timeout_sec: float, now: float) -> None:
        """Begin to watch; the warm-up starts now."""
        deadline = now + warmup_sec(interval_sec, timeout_sec)
        watched = _Watched(interval_sec, timeout_sec, State.UNSEEN, heard=now, deadline=deadline)
        self._watched[service] = watched
        self.counts[State.UNSEEN] += 1
        self._queue(service, watched)

    def recall_missed(self, service: str) -> None:
        """Take over, from before a restart, that this service's miss is already reported; its next beat ends it."""
        watched = self._watched[service]
        watched.heard = -math.inf  # its last beat was heard by another process: any lease may be a later one
        self._move(watched, State.MISSED)

    def known(self) -> dict[str, tuple[State, float]]:
        """The state of each service, and when it was last heard: what another detector can go on with."""
        return {service: (watched.state, watched.heard) for service, watched in self._watched.items()}

    def inherit(self, known: Mapping[str, tuple[State, float]]) -> None:
        """Take over, from before a change of what is watched, what was known of the services that still are.

        Their last beat counts on; nobody's deadline comes earlier than the warm-up that began with ``watch``.
        """
        for service in known.keys() & self._watched.keys():
            watched = self._watched[service]
            state, watched.heard = known[service]
            if state is State.ALIVE:
                watched.deadline = max(watched.deadline, watched.heard + watched.timeout_sec)
            self._move(watched, state)

    def beat(self, service: str, at: float, now: float) -> Transition | None:
        """Take in a sign of life that arrived at ``at``; older than what is known, it changes nothing."""
        watched = self._watched[service]
        if at <= watched.heard and watched.state is not State.UNSEEN:
            return None
        watched.heard = at
        # A deadline never moves back: a warm-up that was granted outlasts a beat from before it.
        watched.deadline = max(watched.deadline, at + watched.timeout_sec)
        if watched.state is State.ALIVE:
            return None
        old = self._move(watched, State.ALIVE)
        self._queue(service, watched)
        return Transition(service, old, State.ALIVE, now - at, watched.timeout_sec)

    def next_deadline(self) -> float | None:
        """When to call ``due`` next, at the earliest; None where nobody waits for a deadline."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[str]:
        """The services whose deadline has passed. Each waits for ``convict`` or ``postpone`` and is not named twice."""
        suspects = []
        while self._heap and self._heap[0][0] <= now:
            _, service = heapq.heappop(self._heap)
            watched = self._watched[service]
            watched.queued = False
            if watched.state is State.MISSED or self._frozen:
                continue
            if watched.deadline > now:
                self._queue(service, watched)
            else:
                suspects.append(service)
        return suspects

    def convict(self, service: str, now: float) -> Transition | None:
        """Decide on a suspect; None where evidence or a freeze has come in between."""
        watched = self._watched[service]
        if self._frozen or watched.state is State.MISSED:
            return None
        if watched.deadline > now:
            self._queue(service, watched)
            return None
        old = self._move(watched, State.MISSED)
        return Transition(service, old, State.MISSED, now - watched.heard, watched.timeout_sec)

    def postpone(self, service: str, until: float) -> None:
        """Put off a judgement that could not be made."""
        watched = self._watched[service]
        watched.deadline = max(watched.deadline, until)
        self._queue(service, watched)

    def freeze(self) -> None:
        """Stop all clocks: the bus cannot be heard."""
        self._frozen = True

    def thaw(self, now: float) -> None:
        """Start the clocks again, with a fresh warm-up for each service."""
        self._frozen = False
        for service, watched in self._watched.items():
            grace = warmup_sec(watched.interval_sec, watched.timeout_sec)
            watched.deadline = max(watched.deadline, now + grace)
            if watched.state is not State.MISSED:
                self._queue(service, watched)

    def _move(self, watched: _Watched, new: State) -> State:
        old, watched.state = watched.state, new
        self.counts[old] -= 1
        self.counts[new] += 1
        return old

    def _queue(self, service: str, watched: _Watched) -> None:
        if not watched.queued:
            watched.queued = True
            heapq.heappush(self._heap, (watched.deadline, service))
