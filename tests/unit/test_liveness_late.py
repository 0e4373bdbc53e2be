"""Beats that may have waited to be read: they are as old as their senders say, so a backlog brings nobody back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.liveness import Detector, State, Terms, Transition
from marketswarm.messages import Heartbeat

TIMEOUT_SEC = 30.0
TERMS = Terms(10.0, TIMEOUT_SEC)
GRAIN_SEC = 2.0**-10
A = 0
SKEWS = [0.0, 1_762_433_458.0, -1_000_000.0, 0.25]
"""What a sender's clock shows when the watcher's shows 0."""

every_skew = pytest.mark.parametrize("skew_sec", SKEWS)


class Sender:
    """A service, and the clock of its host."""

    def __init__(self, skew_sec: float = 0.0, boot: str = "b0") -> None:
        self.skew_sec = skew_sec
        self._boot = boot
        self._count = 0

    def beat(self, at: float) -> tuple[int, Heartbeat]:
        """Send a beat at a moment of the watcher's clock."""
        self._count += 1
        return A, Heartbeat("a", self._count, at + self.skew_sec, boot=self._boot)


def heard(sender: Sender, at: float = 10.0, terms: Terms = TERMS) -> Detector:
    """Make a detector that watches since 0 and heard the service then."""
    detector = Detector([("a", terms)], 0)
    assert detector.hear([sender.beat(at)], at)
    return detector


def missed(sender: Sender, terms: Terms = TERMS) -> Detector:
    """Make a detector that heard the service at 10 and called it missed at 40."""
    detector = heard(sender, terms=terms)
    assert [detector.convict(row, 40) for row in detector.due(40)]
    return detector


def due_at(detector: Detector, moment: float) -> bool:
    """Whether the service is due then, and not before."""
    before = detector.due(moment - GRAIN_SEC)
    return not before and detector.due(moment + GRAIN_SEC) == [A]


def back(age_sec: float) -> Transition:
    """What is told of a recovery."""
    return Transition(A, "a", State.MISSED, State.ALIVE, age_sec, TIMEOUT_SEC)


@every_skew
def test_a_backlog_brings_nobody_back_who_is_dead(skew_sec: float) -> None:
    """Its last beats lay in a socket while it died: read at last, they are no sign of life."""
    sender = Sender(skew_sec)
    detector = missed(sender)
    backlog = [sender.beat(at) for at in (11, 20, 30)]
    assert detector.hear(backlog, 60, late_since=10) == []
    assert detector.state(A) is State.MISSED


@every_skew
def test_a_backlog_does_not_lengthen_the_life_of_one_that_died(skew_sec: float) -> None:
    """It is due a timeout after it sent its last beat, whenever that was read."""
    sender = Sender(skew_sec)
    detector = heard(sender)
    detector.hear([sender.beat(18)], 39, late_since=12)
    assert due_at(detector, 48)


@every_skew
def test_one_that_still_beats_comes_back_by_its_backlog(skew_sec: float) -> None:
    """With the age of the beat that shows it, by the sender's clock."""
    sender = Sender(skew_sec)
    detector = missed(sender)
    backlog = [sender.beat(at) for at in (20, 30, 40, 50)]
    (found,) = detector.hear(backlog, 60, late_since=10)
    assert (found.old, found.new) == (State.MISSED, State.ALIVE)
    assert found.silence_sec == pytest.approx(20), "of the first that is young enough"
    assert due_at(detector, 80)


@pytest.mark.parametrize(("at", "alive"), [(30.0, False), (30 + GRAIN_SEC, True)])
def test_a_late_beat_as_old_as_a_timeout_is_no_sign_of_life(at: float, *, alive: bool) -> None:
    """Its sender may have died right after it, and be missed by now."""
    sender = Sender()
    detector = missed(sender)
    assert bool(detector.hear([sender.beat(at)], 60, late_since=10)) is alive


def test_a_clock_that_was_set_forward_makes_a_beat_no_younger_than_its_arrival() -> None:
    """It cannot have been sent after it was read."""
    sender = Sender()
    detector = heard(sender)
    sender.skew_sec += 3600
    detector.hear([sender.beat(20)], 39, late_since=12)
    assert due_at(detector, 39 + TIMEOUT_SEC)


def test_a_clock_that_was_set_back_makes_a_beat_no_older_than_the_wait() -> None:
    """It was not read before the wait began, so it came after that."""
    sender = Sender()
    detector = heard(sender)
    sender.skew_sec -= 3600
    detector.hear([sender.beat(20)], 39, late_since=20)
    assert due_at(detector, 20 + TIMEOUT_SEC)


@pytest.mark.parametrize("step_sec", [3600, -3600])
def test_after_the_step_the_new_clock_counts(step_sec: float) -> None:
    """From the first beat that was heard by it."""
    sender = Sender()
    detector = heard(sender)
    sender.skew_sec += step_sec
    detector.hear([sender.beat(20)], 20)
    detector.hear([sender.beat(30)], 45, late_since=22)
    assert due_at(detector, 30 + TIMEOUT_SEC)


def test_a_clock_that_was_set_back_brings_nobody_back_who_is_dead() -> None:
    """A wait that began a timeout ago is too old."""
    sender = Sender()
    detector = missed(sender)
    sender.skew_sec -= 3600
    assert detector.hear([sender.beat(50)], 60, late_since=30) == []
    assert detector.hear([sender.beat(55)], 61, late_since=60) == [back(1)]


@every_skew
def test_the_first_beat_of_all_counts_from_its_arrival(skew_sec: float) -> None:
    """There is nothing to measure its sender's clock by."""
    detector = Detector([("a", TERMS)], 0)
    (found,) = detector.hear([Sender(skew_sec).beat(2)], 20, late_since=1)
    assert (found.old, found.silence_sec) == (State.UNSEEN, 0)
    assert due_at(detector, 20 + TIMEOUT_SEC)


def test_once_nothing_is_late_a_beat_counts_from_its_arrival() -> None:
    """Whatever its sender's clock shows: nobody's clock is asked then."""
    sender = Sender()
    detector = heard(sender)
    sender.skew_sec -= 3600
    detector.hear([sender.beat(15)], 20)
    assert due_at(detector, 20 + TIMEOUT_SEC)


@every_skew
def test_a_late_beat_that_is_older_than_what_is_known_changes_nothing(skew_sec: float) -> None:
    """The order in which they are read does not matter."""
    sender = Sender(skew_sec)
    detector = heard(sender)
    beats = [sender.beat(at) for at in (12, 20)]
    detector.hear(beats[::-1], 39, late_since=11)
    assert due_at(detector, 50)


def test_a_backlog_of_several_beats_may_bring_one_back_that_needs_several() -> None:
    """Those that are young enough, each a timeout at most after the one before."""
    terms = Terms(10, TIMEOUT_SEC, recover_beats=3)
    sender = Sender()
    detector = missed(sender, terms)
    assert detector.hear([sender.beat(at) for at in (20, 29, 31, 41)], 60, late_since=10) == []
    assert detector.hear([sender.beat(51)], 60, late_since=10) == [back(9)]


def test_a_new_process_with_another_clock_is_no_older_than_the_wait() -> None:
    """It may run on another host: what its clock says of the last beat is nothing, and it lives."""
    detector = heard(Sender())
    successor = Sender(-1e6, boot="b1")
    detector.hear([successor.beat(30)], 39, late_since=28)
    assert due_at(detector, 28 + TIMEOUT_SEC)


def test_late_beats_are_counted_like_any_others() -> None:
    """What was lost between them was lost, and who was replaced was."""
    sender = Sender()
    detector = heard(sender)
    sender.beat(20)
    detector.hear([sender.beat(25), Sender(boot="b1").beat(30)], 39, late_since=11)
    tally = detector.numbers.tally(A)
    assert (tally.lost_beats, tally.restarts) == (1, 1)


@given(
    skew_sec=st.integers(-(10**6), 10**6),
    sent=st.lists(st.integers(11, 90), min_size=1, max_size=6, unique=True).map(sorted),
    wait_sec=st.integers(0, 40),
    misses=st.integers(1, 3),
    was_missed=st.booleans(),
)
def test_with_a_steady_clock_a_backlog_is_as_old_as_it_is(
    sent: list[int], skew_sec: int, wait_sec: int, misses: int, *, was_missed: bool
) -> None:
    """The last beat counts from when it was sent, exactly; and one that is dead by now stays dead."""
    terms = Terms(10, TIMEOUT_SEC, misses=misses)
    sender = Sender(skew_sec)
    detector = heard(sender, terms=terms)
    silence_sec = terms.silence_sec
    now = float(sent[-1] + wait_sec)
    if was_missed:
        detector.inherit({"a": replace(detector.known()["a"], state=State.MISSED)})
    found = detector.hear([sender.beat(at) for at in sent], now, late_since=10)
    lives = now - sent[-1] < silence_sec
    if was_missed:
        assert (detector.state(A) is State.ALIVE) is bool(found) is lives
    if lives:
        assert detector.known()["a"].heard == sent[-1]
        assert due_at(detector, max(sent[-1] + silence_sec, terms.warmup_sec))
