"""What is held of a service, and what changes of it."""

from dataclasses import dataclass
from enum import IntEnum

from marketswarm.liveness.sequence import Numbers


class State(IntEnum):
    """What the detector holds of a service."""

    UNSEEN = 0
    """Watched, and no beat yet."""
    ALIVE = 1
    MISSED = 2


@dataclass(frozen=True, slots=True)
class Transition:
    """A service changed its state.

    ``silence_sec`` is the age of its last beat, or of the watching where there is none.
    """

    row: int
    service: str
    old: State
    new: State
    silence_sec: float
    timeout_sec: float


@dataclass(frozen=True, slots=True)
class Known:
    """All that is kept of one service."""

    state: State
    heard: float
    sent: float
    numbers: Numbers
