"""The failure detector, against examples, boundaries and a model that scans every service."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from marketswarm.liveness import Detector, State, Transition, warmup_sec

INTERVAL_SEC = 10.0
TIMEOUT_SEC = 30.0
WARMUP_SEC = 22.5
HAIR_SEC = 2**-20


def watching(*services: str, interval_sec: float = INTERVAL_SEC, timeout_sec: float = TIMEOUT_SEC) -> Detector:
    """Make a detector that has watched these services since 0."""
    detector = Detector()
    for service in services or ("a",):
        detector.watch(service, interval_sec, timeout_sec, 0.0)
    return detector


def silent_since(at: float) -> Detector:
    """Make a detector that heard the service for the last time then."""
    detector = watching()
    detector.beat("a", at, at)
    return detector


def missed_at(now: float) -> Detector:
    """Make a detector that heard the service at 5 and called it missed then."""
    detector = silent_since(5)
    detector.due(now)
    assert detector.convict("a", now)
    return detector


def judged(detector: Detector, now: float) -> list[Transition]:
    """Judge everybody whose time has come, as a watcher does that hears well."""
    return [found for service in detector.due(now) if (found := detector.convict(service, now))]


@pytest.mark.parametrize(
    ("interval_sec", "timeout_sec", "expected_sec"),
    [
        (10, 30, 22.5),
        (11.25, 30, 22.5),
        (12, 30, 24),
        (15, 30, 30),
        (15.5, 30, 30),
        (30, 30, 30),
        (60, 30, 30),
        (1, 40, 30),
        (0.25, 1, 0.75),
    ],
)
def test_warmup(interval_sec: float, timeout_sec: float, expected_sec: float) -> None:
    """Two intervals or three quarters of the timeout, whichever is longer, and never more than the timeout."""
    assert warmup_sec(interval_sec, timeout_sec) == expected_sec


@pytest.mark.parametrize(("now", "named"), [(WARMUP_SEC - HAIR_SEC, []), (WARMUP_SEC, ["a"]), (WARMUP_SEC + 1, ["a"])])
def test_one_that_was_never_seen_is_due_when_its_warmup_ends(now: float, named: list[str]) -> None:
    """Not before, and from that very moment on."""
    assert watching().due(now) == named


@pytest.mark.parametrize(("now", "named"), [(35 - HAIR_SEC, []), (35, ["a"]), (35 + HAIR_SEC, ["a"])])
def test_one_that_was_heard_is_due_when_its_timeout_has_passed(now: float, named: list[str]) -> None:
    """Counted from the arrival of its last beat."""
    assert silent_since(5).due(now) == named


def test_a_beat_just_in_time_is_in_time() -> None:
    """A beat a hair before the deadline starts a whole timeout."""
    detector = silent_since(5)
    detector.beat("a", 35 - HAIR_SEC, 35 - HAIR_SEC)
    assert detector.due(35) == []
    assert detector.due(65 - 2 * HAIR_SEC) == []
    assert detector.due(65 - HAIR_SEC) == ["a"]


def test_the_first_beat_is_told_with_its_age() -> None:
    """From unseen to alive, once; the beats after it change nothing."""
    detector = watching()
    assert detector.beat("a", 3, 4) == Transition("a", State.UNSEEN, State.ALIVE, 1, TIMEOUT_SEC)
    assert detector.beat("a", 13, 13) is None


def test_an_outage_is_one_miss_and_one_recovery() -> None:
    """However long it lasts, and however often one looks and hears."""
    detector = silent_since(5)
    assert judged(detector, 36) == [Transition("a", State.ALIVE, State.MISSED, 31, TIMEOUT_SEC)]
    assert [judged(detector, now) for now in (37, 70, 1000)] == [[], [], []]
    assert detector.beat("a", 1001, 1001) == Transition("a", State.MISSED, State.ALIVE, 0, TIMEOUT_SEC)
    assert detector.beat("a", 1011, 1011) is None
    assert judged(detector, 1041) == [Transition("a", State.ALIVE, State.MISSED, 30, TIMEOUT_SEC)]


def test_lateness_of_one_never_seen_counts_from_the_start_of_watching() -> None:
    """Not from the end of its warm-up."""
    detector = Detector()
    detector.watch("a", INTERVAL_SEC, TIMEOUT_SEC, 100)
    (found,) = judged(detector, 124)
    assert (found.old, found.silence_sec) == (State.UNSEEN, 24)


def test_lateness_of_one_never_seen_includes_the_time_frozen() -> None:
    """A lost bus moves the judgement, not the start of the watching."""
    detector = watching()
    detector.freeze()
    detector.thaw(100)
    (found,) = judged(detector, 100 + WARMUP_SEC)
    assert found.silence_sec == 100 + WARMUP_SEC


@pytest.mark.parametrize("interval_sec", [15, 31, 45, 600])
def test_a_slow_beater_has_its_whole_timeout_to_be_heard_first(interval_sec: float) -> None:
    """An interval beyond the timeout never shortens the warm-up."""
    detector = watching(interval_sec=interval_sec)
    assert detector.due(TIMEOUT_SEC - HAIR_SEC) == []
    assert detector.due(TIMEOUT_SEC) == ["a"]


def test_a_miss_from_before_a_restart_is_not_repeated() -> None:
    """A recalled miss is known, so silence is no news."""
    detector = watching()
    detector.recall_missed("a")
    assert [judged(detector, now) for now in (WARMUP_SEC, TIMEOUT_SEC, 1000)] == [[], [], []]


@pytest.mark.parametrize(("at", "now"), [(40, 40), (2, 2), (0, 0), (-4, 1)])
def test_a_miss_from_before_a_restart_ends_with_the_next_sign_of_life(at: float, now: float) -> None:
    """The recovery is told, be it a beat or a lease from before the watching began."""
    detector = watching()
    detector.recall_missed("a")
    assert detector.beat("a", at, now) == Transition("a", State.MISSED, State.ALIVE, now - at, TIMEOUT_SEC)
    assert judged(detector, max(at + TIMEOUT_SEC, WARMUP_SEC))


def test_evidence_older_than_what_is_known_changes_nothing() -> None:
    """A lease with an old beat neither ends nor shortens the life of one that was heard since."""
    detector = silent_since(20)
    assert detector.beat("a", 10, 21) is None
    assert detector.due(50 - HAIR_SEC) == []
    assert judged(detector, 50) == [Transition("a", State.ALIVE, State.MISSED, 30, TIMEOUT_SEC)]


def test_evidence_older_than_what_is_known_does_not_raise_the_dead() -> None:
    """A beat that was sent before the last one heard is no sign that the outage is over."""
    assert missed_at(40).beat("a", 4, 41) is None


def test_evidence_between_due_and_convict_acquits() -> None:
    """A suspect of whom the bus knows a later beat is alive, and due again when that beat is too old."""
    detector = silent_since(5)
    assert detector.due(35) == ["a"]
    assert detector.beat("a", 20, 35.5) is None
    assert detector.convict("a", 35.5) is None
    assert detector.due(50 - HAIR_SEC) == []
    assert detector.due(50) == ["a"]


def test_a_first_beat_between_due_and_convict_acquits() -> None:
    """One never seen is heard while it is a suspect: it is alive, and not forgotten."""
    detector = watching()
    assert detector.due(WARMUP_SEC) == ["a"]
    assert detector.beat("a", 23, 23)
    assert detector.convict("a", 23) is None
    assert judged(detector, 53) == [Transition("a", State.ALIVE, State.MISSED, 30, TIMEOUT_SEC)]


def test_a_suspect_is_not_named_twice() -> None:
    """Until it is decided on, however long that takes."""
    detector = silent_since(5)
    assert [detector.due(now) for now in (35, 36, 100)] == [["a"], [], []]


def test_a_postponed_suspect_comes_up_again() -> None:
    """When it was put off to, and its lateness still counts from its last beat."""
    detector = silent_since(5)
    detector.due(35)
    detector.postpone("a", 35.25)
    assert detector.due(35.25 - HAIR_SEC) == []
    assert judged(detector, 35.25) == [Transition("a", State.ALIVE, State.MISSED, 30.25, TIMEOUT_SEC)]


def test_a_postponement_does_not_shorten_what_a_beat_granted() -> None:
    """A beat during the judgement counts for more than the judge's impatience."""
    detector = silent_since(5)
    detector.due(35)
    detector.beat("a", 35.125, 35.125)
    detector.postpone("a", 35.25)
    assert detector.due(65) == []
    assert detector.due(65.125) == ["a"]


def test_nobody_is_due_nor_convicted_while_frozen() -> None:
    """However long the bus is away."""
    detector = silent_since(5)
    detector.watch("b", INTERVAL_SEC, TIMEOUT_SEC, 5)
    detector.freeze()
    assert detector.due(1000) == []
    assert [detector.convict(service, 1000) for service in "ab"] == [None, None]


@pytest.mark.parametrize("seen", [True, False])
def test_each_has_a_fresh_warmup_after_a_freeze(*, seen: bool) -> None:
    """Counted from the thaw, whether it was heard before or never."""
    detector = silent_since(5) if seen else watching()
    detector.freeze()
    detector.due(500)
    detector.thaw(1000)
    assert detector.due(1000 + WARMUP_SEC - HAIR_SEC) == []
    assert detector.due(1000 + WARMUP_SEC) == ["a"]


def test_a_freeze_never_moves_a_deadline_back() -> None:
    """A short loss does not take away what a beat just before it granted."""
    detector = silent_since(5)
    detector.freeze()
    detector.thaw(6)
    assert detector.due(35 - HAIR_SEC) == []
    assert detector.due(35) == ["a"]


def test_an_old_lease_after_a_freeze_does_not_move_the_deadline_back() -> None:
    """The warm-up that was granted outlasts a beat from before it."""
    detector = watching()
    detector.freeze()
    detector.thaw(100)
    assert detector.beat("a", 90, 101) == Transition("a", State.UNSEEN, State.ALIVE, 11, TIMEOUT_SEC)
    assert detector.due(100 + WARMUP_SEC - HAIR_SEC) == []
    assert detector.due(100 + WARMUP_SEC) == ["a"]


@pytest.mark.parametrize("verdict_before_thaw", [True, False])
def test_a_freeze_saves_a_suspect(*, verdict_before_thaw: bool) -> None:
    """One whose verification is under way when the bus goes is not convicted, and not forgotten."""
    detector = silent_since(5)
    assert detector.due(35) == ["a"]
    detector.freeze()
    if verdict_before_thaw:
        assert detector.convict("a", 36) is None
    detector.thaw(37)
    if not verdict_before_thaw:
        assert detector.convict("a", 38) is None
    assert detector.due(37 + WARMUP_SEC - HAIR_SEC) == []
    assert detector.due(37 + WARMUP_SEC) == ["a"]


def test_a_missed_service_stays_missed_over_a_freeze() -> None:
    """No second miss after the thaw, and its recovery is told."""
    detector = missed_at(40)
    detector.freeze()
    detector.thaw(100)
    assert judged(detector, 1000) == []
    assert detector.beat("a", 1001, 1001) == Transition("a", State.MISSED, State.ALIVE, 0, TIMEOUT_SEC)


def test_a_recovery_is_told_while_frozen() -> None:
    """Silence proves nothing then, but a beat does; the service is judged again after the thaw."""
    detector = missed_at(40)
    detector.freeze()
    assert detector.beat("a", 50, 50) == Transition("a", State.MISSED, State.ALIVE, 0, TIMEOUT_SEC)
    assert detector.due(90) == []
    detector.thaw(100)
    assert detector.due(100 + WARMUP_SEC) == ["a"]


def test_the_next_deadline_is_the_nearest_one() -> None:
    """It is what a watcher sleeps to; nobody watched, nothing to wake for."""
    assert Detector().next_deadline() is None
    detector = Detector()
    detector.watch("slow", 10, 30, 0)
    assert detector.next_deadline() == WARMUP_SEC
    detector.watch("fast", 1, 4, 0)
    assert detector.next_deadline() == 3
    assert detector.due(3) == ["fast"]
    assert detector.next_deadline() == WARMUP_SEC


def test_services_are_judged_apart() -> None:
    """One's beats say nothing of another, and the counts follow."""
    detector = watching("a", "b", "c")
    detector.beat("a", 20, 20)
    detector.beat("b", 1, 1)
    assert detector.counts == {State.UNSEEN: 1, State.ALIVE: 2, State.MISSED: 0}
    assert {found.service for found in judged(detector, 31)} == {"b", "c"}
    assert detector.counts == {State.UNSEEN: 0, State.ALIVE: 1, State.MISSED: 2}


def heir(former: Detector, now: float, *services: str, timeout_sec: float = TIMEOUT_SEC) -> Detector:
    """Make the detector that goes on from another after a change of truth, on a subscription that stands again."""
    detector = Detector()
    detector.freeze()
    for service in services or ("a",):
        detector.watch(service, INTERVAL_SEC, timeout_sec, now)
    detector.inherit(former.known())
    detector.thaw(now)
    return detector


def test_a_service_that_is_watched_on_keeps_its_last_beat_and_gets_a_warmup() -> None:
    """Nobody is heard while the subscription changes, so nobody is judged before a warm-up; lateness counts through."""
    detector = heir(silent_since(5), 20)
    assert detector.counts[State.ALIVE] == 1
    assert detector.beat("a", 5, 21) is None, "no first beat again"
    assert judged(detector, 20 + WARMUP_SEC - HAIR_SEC) == []
    assert judged(detector, 20 + WARMUP_SEC) == [
        Transition("a", State.ALIVE, State.MISSED, 15 + WARMUP_SEC, TIMEOUT_SEC)
    ]


def test_a_beat_just_before_the_change_counts_for_a_whole_timeout() -> None:
    """The warm-up never shortens it."""
    detector = heir(silent_since(20), 20)
    assert judged(detector, 50 - HAIR_SEC) == []
    assert len(judged(detector, 50)) == 1


def test_a_new_timeout_counts_from_the_old_beat() -> None:
    """The change of truth says how long to wait, not since when."""
    detector = heir(silent_since(20), 20, timeout_sec=100)
    assert judged(detector, 120 - HAIR_SEC) == []
    assert judged(detector, 120)[0].timeout_sec == 100


def test_an_outage_over_a_change_of_truth_is_one_miss_and_one_recovery() -> None:
    """What was told before is not told again, and its end is."""
    detector = heir(missed_at(36), 40)
    assert [judged(detector, now) for now in (40, 70, 1000)] == [[], [], []]
    assert detector.beat("a", 1001, 1001) == Transition("a", State.MISSED, State.ALIVE, 0, TIMEOUT_SEC)


def test_who_comes_and_who_goes_with_a_new_truth() -> None:
    """A new service has its warm-up from then on; one that is gone is judged no more."""
    detector = heir(silent_since(5), 20, "b")
    assert detector.known() == {"b": (State.UNSEEN, 20)}
    assert [found.service for found in judged(detector, 1000)] == ["b"]


def test_one_never_seen_is_late_since_watching_began() -> None:
    """A change of truth does not make it younger."""
    detector = heir(watching(), 20)
    assert judged(detector, 20 + WARMUP_SEC)[0].silence_sec == 20 + WARMUP_SEC


@dataclass(slots=True)
class Model:
    """All that is known of a service, for a reader who looks at all of them each time."""

    interval_sec: float
    timeout_sec: float
    state: State
    heard: float
    deadline: float
    in_hand: bool = False
    """Named as a suspect and not decided on."""


class DetectorMachine(RuleBasedStateMachine):
    """Any sequence of calls, in whole seconds so that every boundary is met exactly."""

    verifications = Bundle("verifications")
    services = st.sampled_from("abcd")
    seconds = st.integers(1, 40)

    def __init__(self) -> None:
        super().__init__()
        self.detector = Detector()
        self.models: dict[str, Model] = {}
        self.now = 0.0
        self.frozen = False

    @rule(service=services, interval_sec=seconds, timeout_sec=seconds, recalled=st.booleans())
    def watch(self, service: str, interval_sec: int, timeout_sec: int, *, recalled: bool) -> None:
        """Begin to watch a service, as new or as missed before a restart."""
        if service in self.models:
            return
        self.detector.watch(service, interval_sec, timeout_sec, self.now)
        deadline = self.now + min(timeout_sec, max(2 * interval_sec, 0.75 * timeout_sec))
        self.models[service] = Model(interval_sec, timeout_sec, State.UNSEEN, self.now, deadline)
        if recalled:
            self.detector.recall_missed(service)
            self.models[service].state = State.MISSED

    @rule(step=st.integers(0, 40))
    def wait(self, step: int) -> None:
        """Let time pass."""
        self.now += step

    @precondition(lambda self: self.models)
    @rule(data=st.data(), age=st.integers(0, 40))
    def beat(self, data: st.DataObject, age: int) -> None:
        """Hand in a beat as old as a lease can be, younger than its timeout."""
        service = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[service]
        at = self.now - age % model.timeout_sec
        found = self.detector.beat(service, at, self.now)
        if model.state is State.ALIVE:
            assert found is None
            if at <= model.heard:
                return
        else:
            assert found == Transition(service, model.state, State.ALIVE, self.now - at, model.timeout_sec)
            model.in_hand = False
        model.state = State.ALIVE
        model.heard = at
        model.deadline = max(model.deadline, at + model.timeout_sec)

    @rule(target=verifications)
    def due(self) -> object:
        """Ask who is due; each has to be verified."""
        named = self.detector.due(self.now)
        expected = [service for service, model in self.models.items() if self.can_come_due(model)]
        expected = [service for service in expected if self.models[service].deadline <= self.now]
        assert sorted(named) == sorted(expected)
        for service in named:
            self.models[service].in_hand = True
        return multiple(*named)

    @rule(service=consumes(verifications))
    def convict(self, service: str) -> None:
        """End a verification: the bus knows nothing newer."""
        model = self.models[service]
        found = self.detector.convict(service, self.now)
        if self.frozen or model.state is State.MISSED:
            assert found is None
        elif model.deadline > self.now:
            assert found is None
            model.in_hand = False
        else:
            silence_sec = self.now - model.heard
            assert found == Transition(service, model.state, State.MISSED, silence_sec, model.timeout_sec)
            model.state = State.MISSED

    @rule(service=consumes(verifications), delay=st.integers(0, 3))
    def postpone(self, service: str, delay: int) -> None:
        """End a verification: the bus did not answer."""
        model = self.models[service]
        self.detector.postpone(service, self.now + delay)
        model.deadline = max(model.deadline, self.now + delay)
        model.in_hand = False

    @rule()
    def freeze(self) -> None:
        """Lose the bus."""
        self.detector.freeze()
        self.frozen = True

    @rule()
    def thaw(self) -> None:
        """Hear it again."""
        self.detector.thaw(self.now)
        self.frozen = False
        for model in self.models.values():
            model.deadline = max(model.deadline, self.now + warmup_sec(model.interval_sec, model.timeout_sec))
            model.in_hand = False

    def can_come_due(self, model: Model) -> bool:
        """Whether a service will be named when its deadline passes."""
        return not self.frozen and not model.in_hand and model.state is not State.MISSED

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        """Every service is in one state."""
        found = Counter(model.state for model in self.models.values())
        assert self.detector.counts == {state: found[state] for state in State}

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """The next deadline never lies behind that of one who can come due."""
        waiting = [model.deadline for model in self.models.values() if self.can_come_due(model)]
        if waiting:
            wake = self.detector.next_deadline()
            assert wake is not None
            assert wake <= min(waiting)

    @invariant()
    def the_heap_holds_one_entry_a_service(self) -> None:
        """What keeps a beat cheap and the memory bounded; no call shows it."""
        queued = [service for _, service in self.detector._heap]  # noqa: SLF001 memory stays bounded: nothing public shows it
        assert len(queued) == len(set(queued))


TestDetectorMachine = DetectorMachine.TestCase
TestDetectorMachine.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
