"""The failure detector against a model that scans every service, and its memory."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from marketswarm.liveness import Detector, State, Terms, Transition
from marketswarm.liveness import detector as module
from marketswarm.liveness.wheel import Wheel
from marketswarm.messages import Heartbeat

SERVICES = "abcd"


class CountingWheel(Wheel):
    """A wheel that knows how many entries it has of each row."""

    made: "CountingWheel"
    """The latest one."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Counter[int]()
        CountingWheel.made = self

    def put(self, row: int, moment: float, grain_sec: float = 0.0) -> None:
        """Count it in."""
        self.held[row] += 1
        super().put(row, moment, grain_sec)

    def take(self, now: float, limit: int) -> list[int]:
        """Count them out."""
        taken = super().take(now, limit)
        self.held.subtract(taken)
        return taken


@dataclass(slots=True)
class Model:
    """All that is known of a service, for a reader who looks at all of them each time."""

    terms: Terms
    state: State
    heard: float
    floor: float
    """No deadline is earlier."""
    until: float = 0.0
    """To when its judgement was put off."""
    in_hand: bool = False
    """Named as a suspect and not decided on."""
    returning: int = 0
    returned_at: float = 0.0

    @property
    def deadline(self) -> float:
        """When it is missed, unless it is heard."""
        silence_sec = self.terms.timeout_sec * self.terms.misses
        return self.floor if self.state is State.UNSEEN else max(self.floor, self.heard + silence_sec)

    @property
    def comes_up_at(self) -> float:
        """When it is to be named."""
        return max(self.deadline, self.until)

    def grant_warmup(self, now: float) -> None:
        """Let it have as long as one that is new."""
        silence_sec = self.terms.timeout_sec * self.terms.misses
        warmup_sec = min(silence_sec, max(2 * self.terms.interval_sec, 0.75 * silence_sec))
        self.floor = max(self.floor, now + warmup_sec)


terms_of_all = st.lists(
    st.builds(
        Terms,
        interval_sec=st.integers(1, 40),
        timeout_sec=st.integers(1, 40),
        misses=st.integers(1, 3),
        recover_beats=st.integers(1, 3),
    ),
    min_size=len(SERVICES),
    max_size=len(SERVICES),
)
rows = st.integers(0, len(SERVICES) - 1)


class DetectorMachine(RuleBasedStateMachine):
    """Any sequence of calls, in whole seconds so that every boundary is met exactly."""

    verifications = Bundle("verifications")

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "Wheel", CountingWheel)
        self.now = 0.0
        self.frozen = False
        self.generation = 0
        self.count = 0

    def teardown(self) -> None:
        """Leave the module as it was."""
        self.patch.undo()

    @initialize(terms=terms_of_all, recalled=st.sets(rows))
    def watch(self, terms: list[Terms], recalled: set[int]) -> None:
        """Begin to watch; some were missed before a restart."""
        self.detector = Detector(zip(SERVICES, terms, strict=True), 0.0)
        self.models = [Model(each, State.UNSEEN, 0.0, 0.0) for each in terms]
        for row, model in enumerate(self.models):
            model.grant_warmup(0.0)
            if row in recalled:
                self.detector.recall_missed(row)
                model.state, model.heard = State.MISSED, float("-inf")

    @rule(step=st.integers(0, 40))
    def wait(self, step: int) -> None:
        """Let time pass."""
        self.now += step

    @rule(row=rows)
    def hear(self, row: int) -> None:
        """Read a beat that has just come."""
        found = self.detector.hear([(row, self.beat(row))], self.now)
        assert found == self.expected(row, self.now)

    @rule(row=rows, age=st.integers(0, 130))
    def evidence(self, row: int, age: int) -> None:
        """Hand in a beat of some age, as a lease tells of one."""
        model = self.models[row]
        at = self.now - age
        found = self.detector.evidence(row, self.beat(row), at, self.now)
        too_old = age >= model.terms.timeout_sec * model.terms.misses
        if too_old or (at <= model.heard and model.state is not State.UNSEEN):
            assert found is None
            if model.state is not State.UNSEEN:
                model.heard = max(model.heard, at)  # it brings nobody back, and was its last beat all the same
        else:
            assert ([found] if found else []) == self.expected(row, at)

    @rule(target=verifications)
    def due(self) -> object:
        """Ask who is due; each has to be verified."""
        named = self.detector.due(self.now)
        expected = [row for row, model in enumerate(self.models) if self.can_come_due(model)]
        assert sorted(named) == [row for row in expected if self.models[row].comes_up_at <= self.now]
        for row in named:
            self.models[row].in_hand = True
        return multiple(*((self.generation, row) for row in named))

    @rule(verification=consumes(verifications))
    def convict(self, verification: tuple[int, int]) -> None:
        """End a verification: the bus knows nothing newer."""
        generation, row = verification
        if generation != self.generation:
            return
        model = self.models[row]
        found = self.detector.convict(row, self.now)
        if model.state is State.MISSED:
            assert found is None
        elif self.frozen or model.deadline > self.now:
            assert found is None
            model.in_hand = False
        else:
            silence_sec = self.now - model.heard
            timeout_sec = model.terms.timeout_sec
            assert found == Transition(row, SERVICES[row], model.state, State.MISSED, silence_sec, timeout_sec)
            model.state = State.MISSED

    @rule(verification=consumes(verifications), delay=st.integers(0, 3))
    def postpone(self, verification: tuple[int, int], delay: int) -> None:
        """End a verification: the bus did not answer."""
        generation, row = verification
        model = self.models[row]
        if generation != self.generation or model.state is State.MISSED:
            return
        self.detector.postpone(row, self.now + delay)
        if model.in_hand:
            model.until = self.now + delay
            model.in_hand = False

    @rule()
    def freeze(self) -> None:
        """Lose the bus."""
        self.detector.freeze()
        self.frozen = True

    @rule(hears=st.booleans())
    def spare(self, *, hears: bool) -> None:
        """Hear it again, or find that this process stood still."""
        if hears:
            self.detector.thaw(self.now)
            self.frozen = False
        else:
            self.detector.spare(self.now)
        for model in self.models:
            model.grant_warmup(self.now)

    @rule(terms=terms_of_all, left_out=st.sets(rows))
    def change_truth(self, terms: list[Terms], left_out: set[int]) -> None:
        """Go on with another detector, which is not told of some services that are new to it."""
        known = {svc: kept for row, (svc, kept) in enumerate(self.detector.known().items()) if row not in left_out}
        self.detector = Detector(zip(SERVICES, terms, strict=True), self.now)
        self.detector.inherit(known)
        if self.frozen:
            self.detector.freeze()
        self.generation += 1
        for row, (model, new) in enumerate(zip(self.models, terms, strict=True)):
            state, heard = (State.UNSEEN, self.now) if row in left_out else (model.state, model.heard)
            self.models[row] = Model(new, state, heard, self.now)
            self.models[row].grant_warmup(self.now)

    def beat(self, row: int) -> Heartbeat:
        """Make a beat; its numbers do not matter here."""
        self.count += 1
        return Heartbeat(SERVICES[row], self.count, self.now)

    def expected(self, row: int, at: float) -> list[Transition]:
        """What a beat that is news makes of a service."""
        model = self.models[row]
        model.heard = at
        old = model.state
        if old is State.ALIVE:
            return []
        if old is State.MISSED:
            in_a_row = model.returning and at - model.returned_at <= model.terms.timeout_sec
            model.returning, model.returned_at = model.returning + 1 if in_a_row else 1, at
            if model.returning < model.terms.recover_beats:
                return []
        model.state, model.in_hand, model.returning = State.ALIVE, False, 0
        return [Transition(row, SERVICES[row], old, State.ALIVE, self.now - at, model.terms.timeout_sec)]

    def can_come_due(self, model: Model) -> bool:
        """Whether a service will be named when its time comes."""
        return not self.frozen and not model.in_hand and model.state is not State.MISSED

    @invariant()
    def the_states_are_those_of_the_model(self) -> None:
        """Every service is in one state, and counted there."""
        states = [model.state for model in self.models]
        assert [self.detector.state(row) for row in range(len(SERVICES))] == states
        assert self.detector.counts == {state: states.count(state) for state in State}

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """The next deadline never lies behind that of one who can come due."""
        waiting = [model.comes_up_at for model in self.models if self.can_come_due(model)]
        wake = self.detector.next_deadline()
        if self.frozen:
            assert wake is None
        elif waiting:
            assert wake is not None
            assert wake <= min(waiting)

    @invariant()
    def the_wheel_holds_one_entry_a_service(self) -> None:
        """It keeps a beat cheap and the memory bounded."""
        assert max(CountingWheel.made.held.values(), default=0) <= 1


TestDetectorMachine = DetectorMachine.TestCase
TestDetectorMachine.settings = settings(max_examples=200, stateful_step_count=40)


def churn(detector: Detector, now: float) -> None:
    """Beat, lose and hear the bus, postpone and convict."""
    detector.hear([(0, Heartbeat("a", 1, now))], now)
    detector.freeze()
    detector.thaw(now)
    for row in detector.due(now):
        detector.postpone(row, now + 1)
        detector.convict(row, now)


@pytest.mark.parametrize("act", [churn, lambda detector, now: detector.hear([(0, Heartbeat("a", 1, now))] * 10, now)])
def test_a_million_beats_leave_one_entry_in_the_wheel(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Detector, float], None]
) -> None:
    """Whatever happens to a service, and however often."""
    monkeypatch.setattr(module, "Wheel", CountingWheel)
    detector = Detector([("a", Terms(10, 30)), ("b", Terms(10, 30))], 0)
    for step in range(2000):
        act(detector, step * 7.0)
    assert max(CountingWheel.made.held.values()) <= 1
