"""Services that go and come all the time: one word when it begins, one when it is over."""

from collections import deque
from enum import Enum

from marketswarm.liveness.terms import Terms


class Flap(Enum):
    """What a change of state means for one that may flap."""

    BEGINS = "begins"
    GOES_ON = "goes on"


class Flaps:
    """Who flaps: who changed its state so often within so long as its terms say."""

    def __init__(self) -> None:
        self._changes: dict[int, deque[float]] = {}
        self._flapping: dict[int, float] = {}
        """Until when each of them has to be quiet to count as stable."""

    def recall(self, row: int, terms: Terms, now: float) -> None:
        """Take over, from before a restart, that it was said to flap."""
        if terms.flap_changes:
            self._flapping[row] = now + terms.flap_window_sec

    def changed(self, row: int, terms: Terms, now: float) -> Flap | None:
        """Take in that it went dark or came back; None for one that does not flap."""
        if not terms.flap_changes:
            return None
        if row in self._flapping:
            self._flapping[row] = now + terms.flap_window_sec
            return Flap.GOES_ON
        changes = self._changes.setdefault(row, deque(maxlen=terms.flap_changes))
        changes.append(now)
        if len(changes) < terms.flap_changes or now - changes[0] > terms.flap_window_sec:
            return None
        del self._changes[row]
        self._flapping[row] = now + terms.flap_window_sec
        return Flap.BEGINS

    def settled(self, now: float) -> list[int]:
        """Name those that have stopped flapping; each once."""
        settled = [row for row, until in self._flapping.items() if until <= now]
        for row in settled:
            del self._flapping[row]
        return settled

    def flapping(self, row: int) -> bool:
        """Whether it was said to flap, and not yet to be stable."""
        return row in self._flapping
