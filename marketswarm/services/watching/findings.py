"""What a judge is given, what it finds, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from marketswarm.liveness import Event, Known, State, Tally, Terms, Transition


class Target(NamedTuple):
    """Whom to watch: the service, the channel that it beats on, and how long it may be silent there."""

    service: str
    channel: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Finding:
    """A service changed its state. ``reason`` is why it is silent, ``group`` what people are told of instead."""

    transition: Transition
    reason: str = ""
    group: str = ""


class Verdicts(Protocol):
    """Who is told what the judge finds."""

    def turned(self, finding: Finding) -> None:
        """Take in that a service went dark, or is heard."""

    def storm(self, bus: str, group: str, silent: list[str], watched: int) -> None:
        """Take in that most of a bus's services, these of so many, go dark at once; each is told of as well."""

    def storm_over(self, bus: str, group: str, returned: int, still: list[str]) -> None:
        """Take in that those of them who come back are back."""

    def flapping(self, service: str, terms: Terms) -> None:
        """Take in that a service goes and comes."""

    def stable(self, service: str, state: State) -> None:
        """Take in that it no longer does."""

    def happened(self, service: str, event: Event, tally: Tally) -> None:
        """Take in what the numbers of a service's beats tell."""

    def bus_again(self, bus: str) -> None:
        """Take in that the subscription to a bus was made anew: it may have come back empty."""

    def bus_lost(self, bus: str, reason: str) -> None:
        """Take in that a bus cannot be heard."""

    def bus_ok(self, bus: str, lost_sec: float) -> None:
        """Take in that it can be heard again."""


class Reports(Protocol):
    """Who keeps how each service stands."""

    def record(self, service: str, state: State, tally: Tally, *, flapping: bool) -> None:
        """Take in how a service stands, and what was counted of it."""


@dataclass(frozen=True, slots=True)
class Legacy:
    """What a judge knows of its bus when the truth changes, for the one after it."""

    known: Mapping[str, Known]
    flapping: frozenset[str]
    lost_at: float | None


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known from before a restart: who was reported dark in which group, who flapped, what was counted.

    ``lost`` are the buses that were reported lost and not heard again, and when: epoch seconds.
    """

    missed: Mapping[str, str] = field(default_factory=dict)
    flapping: frozenset[str] = frozenset()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
