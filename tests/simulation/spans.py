"""The spans in which healer could not judge as promised, and what they add to the promise."""

import math
from dataclasses import dataclass

from marketswarm.liveness import Terms

TICK_SEC = 0.25
"""How much later than its deadline a miss may be told."""
RETURN_SEC = 3.3
"""How soon after a bus's return healer hears it again, and what it brings is new: then the warm-up begins."""
SETTLE_SEC = 4.0
"""Trouble of a bus that is over for longer than this explains no loss of it."""
STOPS_SEC = 15.0
"""In so short a time, two stops of healer can hit the two tries of one question."""
DELAY_SEC = 3.0
"""How much a span delays a judgement that brings no fresh warm-up: an echo is waited for twice a second."""


@dataclass(slots=True)
class Span:
    """A time of trouble. ``frees``: a fresh warm-up follows it. ``of_bus``: it is the bus that is in trouble."""

    start: float
    end: float = math.inf
    frees: bool = True
    of_bus: bool = False

    def overlaps(self, start: float, end: float) -> bool:
        """Whether it has any part in that time."""
        return self.start <= end and self.end >= start


class Spans:
    """All of them, in the order in which they began."""

    def __init__(self) -> None:
        self.all: list[Span] = []
        self.steps_of_bus_clock: list[float] = []
        self.sleeps: list[tuple[float, float]] = []
        """When the whole machine slept, and for how long: time that leases know of and CLOCK_MONOTONIC does not."""

    def open(self, start: float, end: float = math.inf, *, frees: bool = True, of_bus: bool = False) -> Span:
        """Begin one."""
        self.all.append(Span(start, end, frees, of_bus))
        return self.all[-1]

    def bound(self, heard: float, terms: Terms) -> float:
        """When a service that fell silent after a beat that arrived at ``heard`` is missed, at the latest.

        Its timeouts and a tick; a span that began before that grants the warm-up after its end.
        """
        bound = heard + terms.silence_sec + TICK_SEC
        for span in self.all:
            if span.start <= bound:
                bound = max(bound, span.end + (RETURN_SEC + terms.warmup_sec if span.frees else DELAY_SEC) + TICK_SEC)
        if self.bus_clock_stepped(heard - terms.silence_sec, bound):
            bound += terms.silence_sec  # a lease then tells its age wrongly, and nobody can know
        return bound

    def bus_clock_stepped(self, start: float, end: float) -> bool:
        """Whether the bus' clock was stepped in that time."""
        return any(start <= step <= end for step in self.steps_of_bus_clock)

    def slept(self, since: float) -> float:
        """For how long the machine has slept since."""
        return sum(sec for at, sec in self.sleeps if at >= since)

    def quiet(self, start: float, end: float) -> bool:
        """Whether there was no trouble in that time."""
        return not any(span.overlaps(start, end) for span in self.all)

    def explain_loss(self, now: float) -> bool:
        """Whether the bus may be taken for lost: it was in trouble, or healer was stopped at both tries to hear."""
        of_bus = any(span.of_bus and span.overlaps(now - SETTLE_SEC, now) for span in self.all)
        return of_bus or sum(span.overlaps(now - STOPS_SEC, now) for span in self.all) > 1
