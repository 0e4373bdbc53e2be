"""What the numbers of the beats tell: which were lost, whether a process was replaced, whether two share a name."""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from marketswarm.messages import Heartbeat

_TURNS = 3
"""The last words of a process that was replaced may come late; only two that go on take turns so often."""

_RIVALS = 8
"""How many processes of one name are kept apart."""
_NONE = -2
_CLOSE = -3
"""No beat's number is one more than these."""
_MAX_PID = 1 << 22
"""proc_pid_max(5)"""


class Event(Enum):
    """Something that a person may want to know of."""

    RESTARTED = "restarted"
    """Another process beats, and the service was never missed."""
    DUPLICATED = "duplicated"
    """Two processes beat in turn."""


@dataclass(slots=True)
class Tally:
    """What was counted of a service since it is watched."""

    lost_beats: int = 0
    restarts: int = 0
    duplicates: int = 0

    def __bool__(self) -> bool:
        return bool(self.lost_beats or self.restarts or self.duplicates)


_NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that is kept of the numbers of one service."""

    count: int
    boot: int
    pid: int
    goodbye: bool
    tally: Tally


@dataclass(slots=True)
class _Rival:
    """A process that beat before the present one did; what it still sends is out of turn."""

    count: int
    at: float
    turns: int = 0
    """How often it and others have relieved each other."""


def _are_duplicates(rivals: Mapping[int, _Rival]) -> bool:
    return any(rival.turns >= _TURNS for rival in rivals.values())


class Sequence:
    """The last number of each service's beats, and what was odd about them.

    A beat whose number is one more than the last needs no second look: ``counts`` is all that it touches. Another
    process begins at 1 again; should its numbers fit all the same, as those of two that were started together do, some
    come twice, and then every beat of that service is looked at.
    """

    def __init__(self, size: int, host: str) -> None:
        """Have ``size`` rows; ``host`` is the watcher's own."""
        self.counts = array("q", [_NONE]) * size
        """The number of the last beat, by row; _NONE where there was none, _CLOSE where each is looked at."""
        self.news: list[tuple[int, Event]] = []
        """What happened since somebody looked, by row."""
        self._tallies: dict[int, Tally] = {}
        self.changed: set[int] = set()
        """The rows whose tally has changed since somebody looked."""
        self.goodbyes: set[int] = set()
        """Who has said that it stops."""
        self._host = host
        self._boots = array("q", [0]) * size
        self._pids = array("i", [0]) * size
        self._rivals: dict[int, dict[int, _Rival]] = {}
        """By row and boot."""
        self._close: dict[int, int] = {}
        """The number of the last beat of those of whom each is looked at."""

    def counted(self, row: int) -> bool:
        """Whether a beat of this service was ever numbered."""
        return self.counts[row] != _NONE

    def last_of(self, row: int, beat: Heartbeat) -> int | None:
        """The last number of the process that sent this beat; None where it is another's, or does not say whose."""
        return self.last(row) if beat.boot and hash(beat.boot) == self._boots[row] else None

    def odd(self, row: int, beat: Heartbeat, now: float, *, alive: bool, older: bool = False) -> None:
        """Take in a beat that is not simply the next one; ``older`` than the last by its sender's clock."""
        boot = hash(beat.boot)
        known, count = self._boots[row], self.last(row)
        first = not self.counted(row)
        self._note(row, beat)
        if not first and boot == known and beat.i <= count and (beat.boot or beat.i > 1):
            if beat.boot:
                self._close[row], self.counts[row] = count, _CLOSE  # it came late, or twice, or another's fitted
            return
        self._boots[row] = boot
        if row in self._close:
            self._close[row] = beat.i
        else:
            self.counts[row] = beat.i
        if first:
            return
        if boot != known or (beat.i == 1 < count and not older):
            self._another(row, _Rival(count, at=now), known, boot, beat.i, alive=alive)
        elif beat.i > count + 1:
            self._count(row).lost_beats += beat.i - count - 1

    def calm(self, now: float, patience_sec: Callable[[int], float]) -> list[int]:
        """Name the rows under which two processes beat, and only one does by now; from now on that is over.

        ``patience_sec`` says for how long the other one has to be silent.
        """
        last = {row: max(rival.at for rival in rivals.values()) for row, rivals in self._rivals.items()}
        calm = [row for row, at in last.items() if now - at > patience_sec(row)]
        over = [row for row in calm if _are_duplicates(self._rivals.pop(row))]
        for row in self._close.keys() - self._rivals.keys():
            self.counts[row] = self._close.pop(row)
        return over

    def pid(self, row: int) -> int | None:
        """The process that beats, where it runs on the watcher's host and says so."""
        return self._pids[row] or None

    def tally(self, row: int) -> Tally:
        """What was counted of a service."""
        return self._tallies.get(row, _NOTHING)

    def last(self, row: int) -> int:
        """The number of the last beat; less than any where there was none."""
        return self._close.get(row, self.counts[row])

    def recall(self, row: int, tally: Tally) -> None:
        """Count on from what was counted before."""
        if tally:
            self._tallies[row] = tally

    def known(self, row: int) -> "Numbers":
        """What another one can go on with."""
        return Numbers(self.last(row), self._boots[row], self._pids[row], row in self.goodbyes, self.tally(row))

    def inherit(self, row: int, known: "Numbers") -> None:
        """Go on with what was known."""
        self.counts[row], self._boots[row], self._pids[row] = known.count, known.boot, known.pid
        if known.goodbye:
            self.goodbyes.add(row)
        self.recall(row, known.tally)

    def _another(self, row: int, former: "_Rival", known: int, boot: int, count: int, *, alive: bool) -> None:
        """Another process than before: the next one, or one of several that take turns."""
        rivals = self._rivals.setdefault(row, {})
        told = _are_duplicates(rivals)
        rival = rivals.pop(boot, None)
        if rival and boot and count > rival.count:
            former.turns = rival.turns + 1
            if former.turns >= _TURNS and not told:
                tally = self._count(row)
                tally.restarts -= 1
                tally.duplicates += 1
                self.news.append((row, Event.DUPLICATED))
        elif rival is None or not boot:
            self._count(row).restarts += 1
            if alive:
                self.news.append((row, Event.RESTARTED))
        rivals[known] = former
        if len(rivals) > _RIVALS:
            del rivals[next(iter(rivals))]

    def _count(self, row: int) -> Tally:
        self.changed.add(row)
        return self._tallies.setdefault(row, Tally())

    def _note(self, row: int, beat: Heartbeat) -> None:
        """Keep what helps to say why it went dark, should it do so."""
        if beat.bye:
            self.goodbyes.add(row)
        else:
            self.goodbyes.discard(row)
        self._pids[row] = beat.pid if beat.host == self._host and 0 < beat.pid <= _MAX_PID else 0
