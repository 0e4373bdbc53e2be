"""The real judge, firehose, line and detector in a simulated world, against what is true in that world.

``SIMULATION_RUNS`` in the environment says how many seeds are run, spread over the chunks; ``SIMULATION_FIRST`` where
they begin. A seed that fails is reported with a plan that replays it: ``simulation.replay.replay(plan)``.
"""

import ast
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import settings
from simulation import drawing, machine, replay, year
from simulation.plan import Event, Plan
from simulation.senders import Member

from marketswarm.firehose import Firehose
from marketswarm.liveness import Detector, Transition
from marketswarm.messages import Heartbeat
from marketswarm.services.watching.judge import Judge

pytestmark = pytest.mark.timeout(300)  # what fails is made short first

CHUNKS = 10
RUNS = int(os.environ.get("SIMULATION_RUNS", "2500"))
DAYS = int(os.environ.get("SIMULATION_DAYS", "365"))
"""How long the year is: where it only has to be seen that the simulator works, a month will do."""
FIRST = int(os.environ.get("SIMULATION_FIRST", "0"))
FOUND = (400683, 500493, 501122, 607063)
"""Seeds that once found something that the first thousands do not."""
MUTANT_RUNS = 50
"""Within how many seeds a fault that is put in has to be found, from where it is known to be."""
STEADY = Member(interval_sec=2.0, timeout_sec=6.0)
ONLY_PUBLISHES = replace(STEADY, lease=False)
Fault = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of runs log what no test reads."""
    caplog.set_level("CRITICAL")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_seed_breaks_a_promise(chunk: int) -> None:
    """No false miss, every death found in time, misses and returns in turn, nothing twice."""
    size = -(-RUNS // CHUNKS)
    replay.check(range(FIRST + chunk * size, FIRST + (chunk + 1) * size))


@pytest.mark.parametrize("seed", FOUND)
def test_what_a_seed_has_found_stays_mended(seed: int) -> None:
    """A suspect spared by new evidence, a beat too old to count, a lease kept by a stepped clock, a slow question."""
    replay.check(range(seed, seed + 1))


TestMachine = machine.WorldMachine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=20)


def told(*events: Event, swarm: Sequence[Member] = (STEADY, STEADY, ONLY_PUBLISHES)) -> list[str]:
    """What healer tells after everybody was heard, without times."""
    lines = replay.replay(drawing.closed(Plan(1, tuple(swarm), events)))
    return [line.split(maxsplit=1)[1].strip() for line in lines if "UNSEEN -> ALIVE" not in line]


def test_a_world_without_trouble_is_told_of_in_first_beats_alone() -> None:
    """Nothing happens, and nothing is said."""
    assert told() == []


def test_a_death_is_told_after_its_timeout() -> None:
    """And the return with the next beat."""
    miss, back = told(Event(9.0, "restart", 0, 20.0))
    assert miss.startswith("svc_0 ALIVE -> MISSED 6.00")
    assert back == "svc_0 MISSED -> ALIVE 0.000"


def test_a_bus_that_hangs_is_lost_and_nobody_on_it() -> None:
    """Healer hears it within two seconds of its return."""
    lost, back = told(Event(9.0, "hang the bus", 0, 20.0))
    assert lost == "system-redis lost: nothing published comes back within 2 s"
    assert back.startswith("system-redis ok after 1")


@pytest.mark.parametrize("readings", range(25))
def test_healer_may_be_stopped_between_any_two_of_its_thoughts(readings: int) -> None:
    """Wherever it stands still for three timeouts, it misses nobody."""
    assert told(Event(9.9, "stop healer amid its work", 0, 18.0, readings)) == []


def test_a_run_is_the_same_each_time() -> None:
    """To the millisecond, so that a seed is worth noting."""
    runs = [[replay.replay(seed) for seed in (3, 7, 8)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert any(runs[0])


def test_a_plan_is_written_so_that_it_can_be_pasted() -> None:
    """What a failure prints is Python that makes the plan."""
    plan = drawing.draw(12)
    made = ast.parse(str(plan), mode="eval").body
    assert isinstance(made, ast.Call)
    assert ast.unparse(made.args[2]) == ast.unparse(ast.parse(repr(plan.events), mode="eval"))
    assert ast.unparse(made.args[1]) == ast.unparse(ast.parse(repr(plan.swarm), mode="eval"))
    assert {str(word.arg): ast.literal_eval(word.value) for word in made.keywords} == {
        "pace_sec": plan.pace_sec,
        "latency_sec": plan.latency_sec,
        "length_sec": plan.length_sec,
    }


def test_a_plan_is_made_short() -> None:
    """Only what a failure needs is left."""
    plan = Plan(1, (STEADY, STEADY), tuple(Event(float(at), "die", at % 2) for at in range(8)))
    short = replay.shrunk(plan, lambda tried: "fails" if any(event.at == 4.0 for event in tried.events) else "")
    assert (short.events, len(short.swarm)) == ((Event(4.0, "die", 0),), 1)


def does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge without a look at the leases."""

    async def told_nothing(*_: object) -> bool:
        return True

    monkeypatch.setattr(Judge, "_ask", told_nothing)


def trusts_its_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge without a canary."""

    async def surely(_: object) -> bool:
        return True

    monkeypatch.setattr(Firehose, "verify", surely)


def does_not_freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clocks of a lost bus run on."""
    monkeypatch.setattr(Detector, "freeze", lambda _: None)
    monkeypatch.setattr(Detector, "spare", lambda *_: None)


def grants_no_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on after trouble as if nothing had been."""
    monkeypatch.setattr(Detector, "spare", lambda *_: None)


def takes_late_beats_for_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count a backlog from when it is read."""
    hear, evidence = Detector.hear, Detector.evidence

    def hear_now(
        detector: Detector, beats: Sequence[tuple[int, Heartbeat]], now: float, **_: object
    ) -> list[Transition]:
        return hear(detector, beats, now)

    def evidence_now(detector: Detector, row: int, beat: Heartbeat, at: float, now: float, *_: object) -> object:
        return evidence(detector, row, beat, at, now)

    monkeypatch.setattr(Detector, "hear", hear_now)
    monkeypatch.setattr(Detector, "evidence", evidence_now)


def takes_late_beats_for_new_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weigh a lease as if it were new."""
    evidence = Detector.evidence

    def new(detector: Detector, row: int, beat: Heartbeat, _at: float, now: float, *_: object) -> object:
        return evidence(detector, row, beat, now, now)

    monkeypatch.setattr(Detector, "evidence", new)


def forgets_the_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know nothing of before a restart."""
    monkeypatch.setattr(Detector, "recall_missed", lambda *_: None)


def forgets_the_postponed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose whoever could not be judged at once."""
    monkeypatch.setattr(Detector, "postpone", lambda *_: None)


def does_not_notice_that_it_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge at once after a stop, by what it heard before."""
    monkeypatch.setattr(Judge, "_notice_stall", lambda *_: None)


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        (does_not_ask, 0),
        (trusts_its_ears, 200),
        (does_not_freeze, 0),
        (grants_no_warmup, 0),
        (takes_late_beats_for_new, 1400),
        (takes_late_beats_for_new_all_the_time, 75),
        (forgets_the_missed, 0),
        (forgets_the_postponed, 75),
        (does_not_notice_that_it_stood_still, 1400),
    ],
)
def test_a_fault_is_found(fault: Fault, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: what is known to be wrong breaks a promise within the seeds that are always run."""
    fault(monkeypatch)
    assert any(replay.failure(drawing.draw(seed)) for seed in range(first, first + MUTANT_RUNS))


def test_a_year_of_a_hundred_services_takes_seconds() -> None:
    """Hundreds of deaths and restarts, each death found at its timeout, nobody else missed."""
    lived = year.Year(1, length_sec=DAYS * year.DAY_SEC)
    lived.run()
    share = DAYS / 365
    assert lived.counted["beats"] > 10_000 * DAYS
    assert lived.counted["deaths"] > 300 * share
    assert lived.counted["restarts"] > 1000 * share
    assert lived.counted["losses of the bus"] > 20 * share
