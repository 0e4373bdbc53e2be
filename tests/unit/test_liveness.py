"""The failure detector: deadlines, outages and recoveries, by examples and boundaries."""

import math
from collections.abc import Iterable

import pytest

from marketswarm.liveness import Detector, State, Terms, Transition
from marketswarm.liveness import detector as module
from marketswarm.liveness.detector import SLICE
from marketswarm.messages import Heartbeat

INTERVAL_SEC = 10.0
TIMEOUT_SEC = 30.0
WARMUP_SEC = 22.5
GRAIN_SEC = 2.0**-10
TERMS = Terms(INTERVAL_SEC, TIMEOUT_SEC)
A = 0


def watching(*services: str, terms: Terms = TERMS, now: float = 0.0) -> Detector:
    """Make a detector that watches these services since ``now``; the first is A."""
    return Detector([(service, terms) for service in services or ("a",)], now)


def beat(at: float) -> Heartbeat:
    """Make a beat that was sent then, by a clock that is right."""
    return Heartbeat("a", 1 + int(at), at, boot="b0")


def hear(detector: Detector, *moments: float, row: int = A) -> list[Transition]:
    """Let a service be heard at these moments."""
    return [turn for at in moments for turn in detector.hear([(row, beat(at))], at)]


def silent_since(at: float, terms: Terms = TERMS) -> Detector:
    """Make a detector that heard A for the last time then."""
    detector = watching(terms=terms)
    hear(detector, at)
    return detector


def missed_at(now: float, terms: Terms = TERMS) -> Detector:
    """Make a detector that heard A at 5 and called it missed then."""
    detector = silent_since(5, terms)
    assert judged(detector, now)
    return detector


def judged(detector: Detector, now: float) -> list[Transition]:
    """Judge everybody whose time has come, as a watcher does that hears well."""
    return [found for row in detector.due(now) if (found := detector.convict(row, now))]


def miss(silence_sec: float, old: State = State.ALIVE) -> Transition:
    """What is told of A when it goes dark."""
    return Transition(A, "a", old, State.MISSED, silence_sec, TIMEOUT_SEC)


def back(age_sec: float, old: State = State.MISSED) -> Transition:
    """What is told of A when it beats."""
    return Transition(A, "a", old, State.ALIVE, age_sec, TIMEOUT_SEC)


@pytest.mark.parametrize(
    ("now", "named"), [(WARMUP_SEC - GRAIN_SEC, []), (WARMUP_SEC, [A]), (WARMUP_SEC + GRAIN_SEC, [A])]
)
def test_one_that_was_never_seen_is_due_when_its_warmup_ends(now: float, named: list[int]) -> None:
    """Not before, and from that very moment on."""
    assert watching().due(now) == named


@pytest.mark.parametrize(("now", "named"), [(35 - GRAIN_SEC, []), (35, [A]), (35 + GRAIN_SEC, [A])])
def test_one_that_was_heard_is_due_when_its_timeout_has_passed(now: float, named: list[int]) -> None:
    """Counted from the arrival of its last beat."""
    assert silent_since(5).due(now) == named


@pytest.mark.parametrize("at", [5 + GRAIN_SEC / 3, math.nextafter(5, 6), math.nextafter(5, 4), 4.999])
def test_nobody_is_due_early_or_late(at: float) -> None:
    """Whether or not one looks before, when the wheel says so."""
    deadline = at + TIMEOUT_SEC
    assert silent_since(at).due(math.nextafter(deadline, 0)) == []
    assert silent_since(at).due(deadline) == [A]
    detector = silent_since(at)
    while (wake := detector.next_deadline() or 0) < deadline:
        assert detector.due(wake) == []
    assert (wake, detector.due(wake)) == (deadline, [A])


def test_a_beat_just_in_time_is_in_time() -> None:
    """A beat a hair before the deadline starts a whole timeout."""
    detector = silent_since(5)
    hear(detector, 35 - GRAIN_SEC)
    assert detector.due(35) == []
    assert detector.due(65 - 2 * GRAIN_SEC) == []
    assert detector.due(65 - GRAIN_SEC) == [A]


def test_the_first_beat_is_told_with_its_age() -> None:
    """From unseen to alive, once; the beats after it change nothing."""
    detector = watching()
    assert detector.evidence(A, beat(3), 3, 4) == back(1, State.UNSEEN)
    assert hear(detector, 13, 23) == []


def test_the_first_of_two_beats_that_are_read_together_is_the_first() -> None:
    """One word however many come at once."""
    detector = watching("a", "b")
    found = detector.hear([(0, beat(1)), (1, beat(1)), (0, beat(2))], 3)
    assert [(turn.service, turn.silence_sec) for turn in found] == [("a", 0), ("b", 0)]


def test_an_outage_is_one_miss_and_one_recovery() -> None:
    """However long it lasts, and however often one looks and hears."""
    detector = silent_since(5)
    assert judged(detector, 36) == [miss(31)]
    assert [judged(detector, now) for now in (37, 70, 1000)] == [[], [], []]
    assert hear(detector, 1001) == [back(0)]
    assert hear(detector, 1011) == []
    assert judged(detector, 1041) == [miss(30)]


def test_a_goodbye_is_a_sign_of_life_too() -> None:
    """It says how it goes, not when: who is started again in time is never missed."""
    detector = silent_since(5)
    assert detector.hear([(A, Heartbeat("a", 7, 15, boot="b0", bye=True))], 15) == []
    assert judged(detector, 45 - GRAIN_SEC) == []
    assert judged(detector, 45) == [miss(30)]


def test_lateness_of_one_never_seen_counts_from_the_start_of_watching() -> None:
    """Not from the end of its warm-up."""
    assert judged(watching(now=100), 124) == [miss(24, State.UNSEEN)]


def test_lateness_of_one_never_seen_includes_the_time_frozen() -> None:
    """A lost bus moves the judgement, not the start of the watching."""
    detector = watching()
    detector.freeze()
    detector.thaw(100)
    assert judged(detector, 100 + WARMUP_SEC) == [miss(100 + WARMUP_SEC, State.UNSEEN)]


@pytest.mark.parametrize("interval_sec", [15, 31, 45, 600])
def test_a_slow_beater_has_its_whole_timeout_to_be_heard_first(interval_sec: float) -> None:
    """An interval beyond the timeout never shortens the warm-up."""
    detector = watching(terms=Terms(interval_sec, TIMEOUT_SEC))
    assert detector.due(TIMEOUT_SEC - GRAIN_SEC) == []
    assert detector.due(TIMEOUT_SEC) == [A]


def test_with_more_misses_a_service_may_be_silent_for_longer() -> None:
    """So many timeouts in a row, from its last beat; the timeout that is told is the one of truth."""
    detector = silent_since(5, Terms(INTERVAL_SEC, TIMEOUT_SEC, misses=3))
    assert detector.due(95 - GRAIN_SEC) == []
    assert judged(detector, 95) == [miss(90)]


def test_with_more_misses_a_beat_in_between_counts_for_all_of_them() -> None:
    """It is timeouts in a row."""
    detector = silent_since(5, Terms(INTERVAL_SEC, TIMEOUT_SEC, misses=3))
    hear(detector, 95 - GRAIN_SEC)
    assert detector.due(185 - 2 * GRAIN_SEC) == []
    assert detector.due(185 - GRAIN_SEC) == [A]


THREE = Terms(INTERVAL_SEC, TIMEOUT_SEC, recover_beats=3)


def test_one_may_have_to_beat_several_times_to_be_back() -> None:
    """So many in a row, and then once."""
    detector = missed_at(36, THREE)
    assert hear(detector, 40, 50) == []
    assert detector.state(A) is State.MISSED
    assert hear(detector, 60, 70) == [back(0)]
    assert judged(detector, 100) == [miss(30)]


@pytest.mark.parametrize(("third", "found"), [(80, [back(0)]), (80 + GRAIN_SEC, [])])
def test_beats_in_a_row_are_none_later_than_the_timeout(third: float, found: list[Transition]) -> None:
    """One that is later begins a row of its own."""
    detector = missed_at(36, THREE)
    assert hear(detector, 40, 50, third) == found
    if not found:
        assert hear(detector, third + 10) == []
        assert hear(detector, third + 20) == [back(0)]


def test_one_that_is_coming_back_and_goes_again_is_still_in_its_outage() -> None:
    """No second miss; it has to begin anew."""
    detector = missed_at(36, THREE)
    hear(detector, 40, 50)
    assert [judged(detector, now) for now in (80, 90, 500)] == [[], [], []]
    assert hear(detector, 501, 511) == []
    assert hear(detector, 521) == [back(0)]


def test_the_first_beat_of_all_is_enough_to_be_alive() -> None:
    """There is no outage to be over."""
    detector = watching(terms=THREE)
    assert hear(detector, 5) == [back(0, State.UNSEEN)]


def test_a_miss_from_before_a_restart_needs_as_many_beats() -> None:
    """The outage is the same."""
    detector = watching(terms=THREE)
    detector.recall_missed(A)
    assert hear(detector, 5, 15) == []
    assert hear(detector, 25) == [back(0)]


def test_the_same_evidence_twice_is_one_beat() -> None:
    """A lease that is asked again and again does not bring a service back."""
    detector = missed_at(36, THREE)
    assert [detector.evidence(A, beat(40), 40, now) for now in (41, 42, 43, 44)] == [None] * 4


def test_each_outage_counts_its_beats_anew() -> None:
    """What came in the one before is past."""
    detector = missed_at(36, THREE)
    hear(detector, 40, 50, 60)
    assert judged(detector, 90)
    assert hear(detector, 91, 92) == []
    assert hear(detector, 93) == [back(0)]


def test_a_miss_from_before_a_restart_is_not_repeated() -> None:
    """A recalled miss is known, so silence is no news."""
    detector = watching()
    detector.recall_missed(A)
    assert [judged(detector, now) for now in (WARMUP_SEC, TIMEOUT_SEC, 1000)] == [[], [], []]


@pytest.mark.parametrize(("at", "now"), [(40, 40), (2, 2), (0, 0), (-4, 1)])
def test_a_miss_from_before_a_restart_ends_with_the_next_sign_of_life(at: float, now: float) -> None:
    """The recovery is told, be it a beat or a lease from before the watching began."""
    detector = watching()
    detector.recall_missed(A)
    assert detector.evidence(A, beat(40), at, now) == back(now - at)
    assert judged(detector, max(at + TIMEOUT_SEC, WARMUP_SEC))


def test_evidence_older_than_what_is_known_changes_nothing() -> None:
    """A lease with an old beat neither ends nor shortens the life of one that was heard since."""
    detector = silent_since(20)
    assert detector.evidence(A, beat(10), 10, 21) is None
    assert detector.due(50 - GRAIN_SEC) == []
    assert judged(detector, 50) == [miss(30)]


@pytest.mark.parametrize("at", [4, 5])
def test_evidence_no_newer_than_what_is_known_does_not_raise_the_dead(at: float) -> None:
    """A beat that was sent before the last one heard is no sign that the outage is over."""
    assert missed_at(40).evidence(A, beat(at), at, 41) is None


@pytest.mark.parametrize(("at", "alive"), [(11, False), (11 + GRAIN_SEC, True)])
def test_evidence_as_old_as_a_timeout_is_of_one_that_died_since(at: float, *, alive: bool) -> None:
    """It was alive then, and is not now."""
    found = missed_at(40).evidence(A, beat(at), at, 41)
    assert (found is not None) is alive


def test_evidence_as_old_as_a_timeout_is_no_first_beat() -> None:
    """Nobody is told to be alive, only to be told dark at once."""
    detector = watching()
    assert detector.evidence(A, beat(1), -30, 0) is None
    assert detector.state(A) is State.UNSEEN
    assert detector.evidence(A, beat(1), -29, 0) == back(29, State.UNSEEN)


def test_evidence_between_due_and_convict_acquits() -> None:
    """A suspect of whom the bus knows a later beat is alive, and due again when that beat is too old."""
    detector = silent_since(5)
    assert detector.due(35) == [A]
    assert detector.evidence(A, beat(20), 20, 35.5) is None
    assert detector.convict(A, 35.5) is None
    assert detector.due(50 - GRAIN_SEC) == []
    assert detector.due(50) == [A]


def test_a_first_beat_between_due_and_convict_acquits() -> None:
    """One never seen is heard while it is a suspect: it is alive, and not forgotten."""
    detector = watching()
    assert detector.due(WARMUP_SEC) == [A]
    assert hear(detector, 23)
    assert detector.convict(A, 23) is None
    assert judged(detector, 53) == [miss(30)]


def test_a_suspect_is_not_named_twice() -> None:
    """Until it is decided on, however long that takes."""
    detector = silent_since(5)
    assert [detector.due(now) for now in (35, 36, 100)] == [[A], [], []]


def test_one_that_is_judged_twice_is_missed_once() -> None:
    """Two verifications may be under way."""
    detector = silent_since(5)
    detector.due(35)
    assert [detector.convict(A, now) for now in (35, 35, 36)] == [miss(30), None, None]


def test_a_postponed_suspect_comes_up_again() -> None:
    """When it was put off to, and its lateness still counts from its last beat."""
    detector = silent_since(5)
    detector.due(35)
    detector.postpone(A, 35.25)
    assert detector.due(35.25 - GRAIN_SEC) == []
    assert judged(detector, 35.25) == [miss(30.25)]


def test_a_postponement_does_not_shorten_what_a_beat_granted() -> None:
    """A beat during the judgement counts for more than the judge's impatience."""
    detector = silent_since(5)
    detector.due(35)
    hear(detector, 35.125)
    detector.postpone(A, 35.25)
    assert detector.due(65) == []
    assert detector.due(65.125) == [A]


def test_a_postponement_of_one_that_was_convicted_meanwhile_loses_nobody() -> None:
    """When it comes back it is due as ever."""
    detector = missed_at(40)
    detector.postpone(A, 40.25)
    assert judged(detector, 41) == []
    hear(detector, 42)
    detector.postpone(A, 50)
    assert judged(detector, 72 - GRAIN_SEC) == []
    assert judged(detector, 72) == [miss(30)]


def test_nobody_is_due_nor_convicted_while_frozen() -> None:
    """However long the bus is away, and there is nothing to wake for."""
    detector = watching("a", "b")
    hear(detector, 5)
    detector.freeze()
    assert detector.due(1000) == []
    assert detector.next_deadline() is None
    assert [detector.convict(row, 1000) for row in (0, 1)] == [None, None]


@pytest.mark.parametrize("seen", [True, False])
def test_each_has_a_fresh_warmup_after_a_freeze(*, seen: bool) -> None:
    """Counted from the thaw, whether it was heard before or never."""
    detector = silent_since(5) if seen else watching()
    detector.freeze()
    detector.due(500)
    detector.thaw(1000)
    assert detector.due(1000 + WARMUP_SEC - GRAIN_SEC) == []
    assert detector.due(1000 + WARMUP_SEC) == [A]


def test_each_has_a_warmup_of_its_own_after_a_freeze() -> None:
    """By its own terms."""
    detector = Detector([("a", TERMS), ("b", Terms(1, 4)), ("c", Terms(10, 30, misses=2))], 0)
    detector.freeze()
    detector.thaw(100)
    assert [detector.due(now) for now in (103 - GRAIN_SEC, 103, 122.5, 145)] == [[], [1], [0], [2]]


def test_a_freeze_never_moves_a_deadline_back() -> None:
    """A short loss does not take away what a beat just before it granted."""
    detector = silent_since(5)
    detector.freeze()
    detector.thaw(6)
    assert detector.due(35 - GRAIN_SEC) == []
    assert detector.due(35) == [A]


def test_an_old_lease_after_a_freeze_does_not_move_the_deadline_back() -> None:
    """The warm-up that was granted outlasts a beat from before it."""
    detector = watching()
    detector.freeze()
    detector.thaw(100)
    assert detector.evidence(A, beat(90), 90, 101) == back(11, State.UNSEEN)
    assert detector.due(100 + WARMUP_SEC - GRAIN_SEC) == []
    assert detector.due(100 + WARMUP_SEC) == [A]


@pytest.mark.parametrize("verdict_before_thaw", [True, False])
def test_a_freeze_saves_a_suspect(*, verdict_before_thaw: bool) -> None:
    """One whose verification is under way when the bus goes is not convicted, and not forgotten."""
    detector = silent_since(5)
    assert detector.due(35) == [A]
    detector.freeze()
    if verdict_before_thaw:
        assert detector.convict(A, 36) is None
    detector.thaw(37)
    if not verdict_before_thaw:
        assert detector.convict(A, 38) is None
    assert detector.due(37 + WARMUP_SEC - GRAIN_SEC) == []
    assert detector.due(37 + WARMUP_SEC) == [A]


def test_a_missed_service_stays_missed_over_a_freeze() -> None:
    """No second miss after the thaw, and its recovery is told."""
    detector = missed_at(40)
    detector.freeze()
    detector.thaw(100)
    assert judged(detector, 1000) == []
    assert hear(detector, 1001) == [back(0)]


def test_a_recovery_is_told_while_frozen() -> None:
    """Silence proves nothing then, but a beat does; the service is judged again after the thaw."""
    detector = missed_at(40)
    detector.freeze()
    assert hear(detector, 50) == [back(0)]
    assert detector.due(90) == []
    detector.thaw(100)
    assert detector.due(100 + WARMUP_SEC) == [A]


def test_to_spare_everybody_is_to_grant_a_warmup() -> None:
    """After this process stood still: a suspect in hand is acquitted, and its lateness counts through."""
    detector = silent_since(5)
    assert detector.due(35) == [A]
    detector.spare(36)
    assert detector.convict(A, 36) is None
    assert judged(detector, 36 + WARMUP_SEC - GRAIN_SEC) == []
    assert judged(detector, 36 + WARMUP_SEC) == [miss(31 + WARMUP_SEC)]


def test_the_next_deadline_is_the_nearest_one() -> None:
    """It is what a watcher sleeps to; nobody watched, nothing to wake for."""
    assert Detector([], 0).next_deadline() is None
    detector = Detector([("slow", TERMS), ("fast", Terms(1, 4))], 0)
    assert detector.next_deadline() == 3
    assert detector.due(3) == [1]
    assert detector.next_deadline() == WARMUP_SEC


def test_services_are_judged_apart() -> None:
    """One's beats say nothing of another, and the counts follow."""
    detector = watching("a", "b", "c")
    hear(detector, 20, row=0)
    hear(detector, 1, row=1)
    assert detector.counts == {State.UNSEEN: 1, State.ALIVE: 2, State.MISSED: 0}
    assert {found.service for found in judged(detector, 31)} == {"b", "c"}
    assert detector.counts == {State.UNSEEN: 0, State.ALIVE: 1, State.MISSED: 2}
    assert [detector.state(row) for row in range(3)] == [State.ALIVE, State.MISSED, State.MISSED]


def test_who_beats_is_told_with_the_age_of_the_last_beat() -> None:
    """Nobody else."""
    detector = watching("a", "b", "c")
    hear(detector, 20, row=0)
    hear(detector, 5, row=1)
    judged(detector, 36)
    assert detector.alive(40) == [("a", 20)]


def test_services_with_the_same_terms_share_them() -> None:
    """A million of them have a few."""
    detector = Detector([("a", TERMS), ("b", Terms(1, 4)), ("c", Terms(10, 30))], 0)
    assert detector.kinds == (TERMS, Terms(1, 4))
    assert [detector.terms(row) for row in range(3)] == [TERMS, Terms(1, 4), TERMS]


def heir(former: Detector, now: float, *services: str, terms: Terms = TERMS) -> Detector:
    """Make the detector that goes on from another after a change of truth, on a subscription that stands again."""
    detector = watching(*services, terms=terms, now=now)
    detector.freeze()
    detector.inherit(former.known())
    detector.thaw(now)
    return detector


def test_a_service_that_is_watched_on_keeps_its_last_beat_and_gets_a_warmup() -> None:
    """Nobody is heard while the subscription changes, so nobody is judged before a warm-up; lateness counts through."""
    detector = heir(silent_since(5), 20)
    assert detector.counts[State.ALIVE] == 1
    assert detector.evidence(A, beat(5), 5, 21) is None, "no first beat again"
    assert judged(detector, 20 + WARMUP_SEC - GRAIN_SEC) == []
    assert judged(detector, 20 + WARMUP_SEC) == [miss(15 + WARMUP_SEC)]


def test_a_beat_just_before_the_change_counts_for_a_whole_timeout() -> None:
    """The warm-up never shortens it."""
    detector = heir(silent_since(20), 20)
    assert judged(detector, 50 - GRAIN_SEC) == []
    assert len(judged(detector, 50)) == 1


def test_a_new_timeout_counts_from_the_old_beat() -> None:
    """The change of truth says how long to wait, not since when."""
    detector = heir(silent_since(20), 20, terms=Terms(INTERVAL_SEC, 100))
    assert judged(detector, 120 - GRAIN_SEC) == []
    assert judged(detector, 120)[0].timeout_sec == 100


def test_an_outage_over_a_change_of_truth_is_one_miss_and_one_recovery() -> None:
    """What was told before is not told again, and its end is."""
    detector = heir(missed_at(36), 40)
    assert [judged(detector, now) for now in (40, 70, 1000)] == [[], [], []]
    assert hear(detector, 1001) == [back(0)]


def test_who_comes_and_who_goes_with_a_new_truth() -> None:
    """A new service has its warm-up from then on; one that is gone is judged no more."""
    detector = heir(silent_since(5), 20, "b")
    assert [(service, kept.state, kept.heard) for service, kept in detector.known().items()] == [
        ("b", State.UNSEEN, 20)
    ]
    assert [found.service for found in judged(detector, 1000)] == ["b"]


def test_services_are_known_by_their_names_over_a_change_of_truth() -> None:
    """Their rows may be others."""
    former = watching("a", "b")
    hear(former, 5, row=0)
    detector = heir(former, 20, "b", "c", "a")
    assert [detector.state(row) for row in range(3)] == [State.UNSEEN, State.UNSEEN, State.ALIVE]
    assert detector.counts == {State.UNSEEN: 2, State.ALIVE: 1, State.MISSED: 0}


def test_one_never_seen_is_late_since_watching_began() -> None:
    """A change of truth does not make it younger."""
    detector = heir(watching(), 20)
    assert judged(detector, 20 + WARMUP_SEC)[0].silence_sec == 20 + WARMUP_SEC


def test_what_its_numbers_tell_goes_on_over_a_change_of_truth() -> None:
    """The next beat in turn is the next one, and what was counted stays."""
    former = watching()
    for i in (1, 2, 5):
        former.hear([(A, Heartbeat("a", i, i, boot="b0"))], i)
    detector = heir(former, 20)
    detector.hear([(A, Heartbeat("a", 6, 25, boot="b0"))], 25)
    detector.hear([(A, Heartbeat("a", 1, 26, boot="b1"))], 26)
    tally = detector.numbers.tally(A)
    assert (tally.lost_beats, tally.restarts) == (2, 1)


@pytest.fixture
def small_slice(monkeypatch: pytest.MonkeyPatch) -> int:
    """So few rows are looked at in one go."""
    monkeypatch.setattr(module, "SLICE", 4)
    return 4


def test_a_crowd_comes_up_a_slice_at_a_time(small_slice: int) -> None:
    """Where more are waiting, the next deadline has passed; nobody is lost or named twice."""
    detector = watching(*(f"s{row}" for row in range(10)))
    named: list[int] = []
    while (wake := detector.next_deadline()) is not None and wake <= WARMUP_SEC:
        found = detector.due(WARMUP_SEC)
        assert 0 < len(found) <= small_slice
        named += found
    assert sorted(named) == list(range(10))


def test_those_who_beat_are_looked_at_a_slice_at_a_time_too(small_slice: int) -> None:
    """They are not named, and come up again when they are due."""
    detector = watching(*(f"s{row}" for row in range(10)))
    detector.hear([(row, beat(1)) for row in range(10)], 1)
    rounds = 0
    while (wake := detector.next_deadline()) is not None and wake <= WARMUP_SEC:
        assert detector.due(WARMUP_SEC) == []
        rounds += 1
    assert rounds == -(-10 // small_slice)
    assert detector.next_deadline() == 31


def test_a_slice_is_a_bounded_part_of_a_crowd() -> None:
    """Of a million that come up at once, so many at a time."""
    detector = watching(*(f"s{row}" for row in range(SLICE + 1)))
    assert [len(detector.due(WARMUP_SEC)) for _ in range(3)] == [SLICE, 1, 0]


def silent(detector: Detector, now: float) -> tuple[int, ...] | None:
    """The rows that are silent together."""
    found = detector.silence(now)
    return found.rows if found else None


def crowd(size: int, beating: Iterable[int], now: float) -> Detector:
    """Make a detector of so many services that were all heard at 0, and these of them at ``now``."""
    detector = watching(*(f"s{row}" for row in range(size)))
    detector.hear([(row, beat(0)) for row in range(size)], 0)
    detector.hear([(row, beat(now)) for row in beating], now)
    return detector


@pytest.mark.parametrize(
    ("size", "beating", "most"),
    [(2, 0, False), (3, 0, True), (4, 1, True), (5, 2, True), (6, 3, False), (10, 4, True), (10, 5, False)],
)
def test_most_are_silent_when_it_is_three_and_more_than_half(size: int, beating: int, *, most: bool) -> None:
    """Two services share a cause too often; half of them may be one of two hosts."""
    detector = crowd(size, range(beating), 20)
    assert silent(detector, 20) == (tuple(range(beating, size)) if most else None)
    if most:
        found = detector.silence(20)
        assert found
        assert found.watched == size


@pytest.mark.parametrize(("now", "most"), [(15, False), (15 + GRAIN_SEC, True)])
def test_silent_is_who_is_overdue(now: float, *, most: bool) -> None:
    """For longer than a healthy service ever is, though not yet a miss."""
    assert (silent(crowd(3, [], 0), now) is not None) is most


def test_those_who_were_missed_before_are_not_counted() -> None:
    """Of ten, seven that are long down and three that go now are all three of three."""
    detector = crowd(10, range(7, 10), 29)
    assert len(judged(detector, 30)) == 7
    found = detector.silence(45)
    assert found
    assert (found.rows, found.watched) == ((7, 8, 9), 3)
    detector.hear([(7, beat(45))], 45)
    assert detector.silence(45) is None


def test_those_who_were_never_heard_are_silent_since_the_watching_began() -> None:
    """A swarm that does not come up at all is one thing, too."""
    assert silent(watching("a", "b", "c"), 15) is None
    assert silent(watching("a", "b", "c"), 15 + GRAIN_SEC) == (0, 1, 2)


def test_nobody_is_silent_where_nobody_is_watched_or_all_are_missed() -> None:
    """There is nobody to go dark."""
    assert Detector([], 0).silence(100) is None
    detector = crowd(3, [], 0)
    judged(detector, 30)
    assert detector.silence(100) is None


def test_that_most_are_well_is_seen_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge asks at each miss; to look at a million each time would hold up the beats."""
    detector = crowd(20_000, range(20_000), 20)
    looked_at = 0

    def overdue(_: Terms, silence_sec: float) -> bool:
        nonlocal looked_at
        looked_at += 1
        return silence_sec > 15

    monkeypatch.setattr(Terms, "overdue", overdue)
    assert detector.silence(20) is None
    assert looked_at <= 2 * module.SAMPLE


def test_of_a_crowd_all_are_named_that_are_silent() -> None:
    """Not just those of the sample."""
    detector = crowd(1000, range(700, 1000), 20)
    assert silent(detector, 20) == tuple(range(700))


@pytest.mark.parametrize("hosts", [3, 4, 5, 10])
@pytest.mark.parametrize("survivor", [0, 1])
def test_a_crowd_may_be_spread_over_hosts_in_any_order(hosts: int, survivor: int) -> None:
    """That all hosts but one are dark is seen, whichever that is: services in turn on each are no even sample."""
    size = 100 * hosts
    alive = range(survivor, size, hosts)
    detector = crowd(size, alive, 20)
    assert silent(detector, 20) == tuple(row for row in range(size) if row not in alive)


@pytest.mark.parametrize(("now", "named"), [(25 - GRAIN_SEC, []), (25, []), (25 + GRAIN_SEC, [A])])
def test_one_is_quiet_after_two_intervals(now: float, named: list[int]) -> None:
    """Counted from the arrival of its last beat; whoever else watches is not."""
    detector = watching("a", "unseen")
    hear(detector, 5)
    assert detector.quiet(now) == named
    assert detector.age_sec(A, now) == now - 5


def test_who_is_missed_is_no_longer_quiet() -> None:
    """More than that is known of it; with a beat it begins anew."""
    detector = missed_at(35)
    assert detector.quiet(36) == []
    hear(detector, 40)
    assert (detector.quiet(60), detector.quiet(61)) == ([], [A])


@pytest.mark.parametrize(("now", "named"), [(120, []), (120 + GRAIN_SEC, [A])])
def test_nobody_is_quiet_while_that_proves_nothing(now: float, named: list[int]) -> None:
    """While the bus cannot be heard, and until each had the time to be heard since."""
    detector = silent_since(5)
    detector.freeze()
    assert detector.quiet(99) == []
    detector.thaw(100)
    assert detector.quiet(now) == named
    assert detector.age_sec(A, now) == now - 5


def test_each_is_quiet_by_its_own_terms() -> None:
    """One that beats rarely is not, where one that beats often is."""
    detector = Detector([("often", Terms(1, 30)), ("rarely", Terms(10, 30))], 0)
    hear(detector, 1, row=0)
    hear(detector, 1, row=1)
    assert detector.quiet(4) == [0]
    assert detector.quiet(22) == [0, 1]
