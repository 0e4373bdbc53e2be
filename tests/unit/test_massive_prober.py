"""When massive probes what, and what it has people told; on an event loop of virtual time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from documents import read
from msgspec import structs
from simulation.healer import Clocks
from simulation.loop import VirtualLoop
from simulation.timeline import BEGIN_SEC, Timeline

from marketswarm.daemon import Daemon
from marketswarm.errors import BusUnreachableError, ProbesFailedError
from marketswarm.messages import Alert, ProbeFailed, ProbeOk
from marketswarm.probebook import ProbeBook
from marketswarm.probing.result import Result
from marketswarm.sd import Manager
from marketswarm.services.massive.methods import Methods
from marketswarm.services.massive.prober import API_PAUSE_SEC, AT_ONCE, Memory, Prober
from marketswarm.services.massive.targets import Kind, Target
from marketswarm.settings import Probing, Settings
from marketswarm.truth import Loaded

GOOD = Result(ok=True, step=None, reason="", ms=1.0, ts=0.0, steps={})
BAD = Result(ok=False, step="tcp", reason="connection refused", ms=1.0, ts=0.0, steps={})
BROKER = Target("broker", Kind.NETWORK, "tcp://broker.example:1", interval_sec=30, timeout_sec=5)
API = Target("massive-api", Kind.REST, "https://api.example/x", interval_sec=60, timeout_sec=5)


async def nowhere(*_: Any) -> None:
    """Connect to nothing."""
    raise AssertionError


class Book(ProbeBook):
    """What a bus would keep."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Result]] = []
        self.known: dict[str, Result] = {}
        self.targets: set[str] = set()

    async def latest(self) -> dict[str, Result]:
        """Say what was kept before."""
        return self.known

    async def keep(self, results: Sequence[tuple[str, Result]]) -> None:
        """Take results."""
        self.kept += results

    async def forget_but(self, targets: Iterable[str]) -> None:
        """Take who is probed."""
        self.targets = set(targets)


class Network(Methods):
    """Answers as a test says: the next of the results put in, the last of them for ever."""

    def __init__(self, clock: Clocks) -> None:
        self.asked: defaultdict[str, list[float]] = defaultdict(list)
        """When each target was probed, in seconds since the begin."""
        self.answers: defaultdict[str, list[Result]] = defaultdict(lambda: [GOOD])
        self.takes_sec: defaultdict[str, float] = defaultdict(float)
        self.under_way = 0
        self.most = 0
        self._now = clock

    async def probe(self, target: Target) -> Result:
        """Answer."""
        self.asked[target.name].append(round(self._now.monotonic() - BEGIN_SEC, 1))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        ts = self._now.wall()
        await asyncio.sleep(self.takes_sec[target.name])
        self.under_way -= 1
        answers = self.answers[target.name]
        return replace_ts(answers.pop(0) if len(answers) > 1 else answers[0], ts)


def replace_ts(result: Result, ts: float) -> Result:
    """Date a result."""
    return structs.replace(result, ts=ts)


class World:
    """massive's prober among what surrounds it."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.loop = VirtualLoop(self.timeline, nowhere)
        self.clock = Clocks(self.loop)
        self.network = Network(self.clock)
        self.book = Book()
        self.memory = Memory()
        self.alerts: list[Alert] = []
        self.use(Settings())

    def use(self, settings: Settings) -> None:
        """Have the environment say something else."""
        loaded = Loaded(read({"services": {"massive": {}}}), "0" * 64)
        self.daemon = Daemon("massive", settings, loaded, Manager(present=False), self.clock)

    def prober(self, *targets: Target) -> Prober:
        """Make one, with what those before it have left."""
        return Prober(
            self.daemon,
            targets,
            memory=self.memory,
            methods=self.network,
            book=self.book,
            announce=self.alerts.append,
        )

    def run(self, prober: Prober, sec: float, before: Callable[[], Awaitable[None]] | None = None) -> None:
        """Let it run for so long, and cancel it."""

        async def live() -> None:
            if before:
                await before()
            task = asyncio.create_task(prober.run())
            await asyncio.sleep(sec)
            assert not task.done() or task.exception() is None
            task.cancel()
            await asyncio.wait({task})

        self.loop.run_until_complete(live())

    def wall(self, sec: float) -> float:
        """What the clock on the wall shows so many seconds after the begin."""
        return self.clock.wall_offset_sec + BEGIN_SEC + sec


@pytest.fixture
def world() -> Iterator[World]:
    """One, at its begin."""
    made = World()
    yield made
    made.loop.close()


def test_every_target_is_probed_at_the_start_and_each_interval_from_then_on(world: World) -> None:
    """However long a probe takes, as long as that is less than the interval."""
    world.network.takes_sec["broker"] = 4.0
    world.run(world.prober(BROKER, API), 95)
    assert world.network.asked == {"broker": [0, 30, 60, 90], "massive-api": [0, 60]}
    assert world.book.targets == {"broker", "massive-api"}
    assert [name for name, _ in world.book.kept].count("broker") == 4


def test_a_probe_that_takes_longer_than_the_interval_is_followed_at_once(world: World) -> None:
    """And none is made up for."""
    world.network.takes_sec["broker"] = 40.0
    world.run(world.prober(BROKER), 125)
    assert world.network.asked["broker"] == [0, 40, 80, 120]


def test_each_in_its_turn_where_the_start_shall_not_probe_all(world: World) -> None:
    """Somewhere within the first interval."""
    world.use(Settings(probing=Probing(on_start=False)))
    targets = [replace(BROKER, name=f"t{number}") for number in range(20)]
    world.run(world.prober(*targets), 30.1)
    first = [asked[0] for asked in world.network.asked.values()]
    assert len(first) == 20
    assert len(set(first)) > 10


def test_no_more_are_under_way_than_there_are_places(world: World) -> None:
    """Those that wait are probed as places become free."""
    targets = [replace(BROKER, name=f"t{number}") for number in range(AT_ONCE + 8)]
    for target in targets:
        world.network.takes_sec[target.name] = 5.0
    world.run(world.prober(*targets), 11)
    assert world.network.most == AT_ONCE
    assert sorted(at for asked in world.network.asked.values() for at in asked) == [0.0] * AT_ONCE + [5.0] * 8


def test_so_many_failures_in_a_row_are_told_once_and_so_is_their_end(world: World) -> None:
    """With the step and the reason of the last."""
    world.network.answers["broker"] = [GOOD, BAD, BAD, BAD, GOOD]
    world.run(world.prober(BROKER), 149)
    began, found, ended = (int(world.wall(at)) for at in (30, 60, 120))
    failed, over = world.alerts
    assert isinstance(failed, ProbeFailed)
    assert failed == ProbeFailed("massive", "broker", "tcp", "connection refused", 2, found, failed.since)
    assert int(failed.since) == began
    assert isinstance(over, ProbeOk)
    assert (over.probe, round(over.failed_sec), over.ts, over.reason) == ("broker", 90, ended, "")
    states = [(result.fails, result.failed) for _, result in world.book.kept]
    assert states == [(0, False), (1, False), (2, True), (3, True), (0, False)]


def test_what_was_told_before_a_restart_is_not_told_again_and_its_end_is(world: World) -> None:
    """By what the process before left on the bus."""
    since = world.wall(-600)
    world.network.answers["broker"] = [BAD, BAD, BAD, GOOD]
    prober = world.prober(BROKER)
    prober.recall({"broker": ProbeFailed("massive", "broker", "tcp", "refused", 7, int(since), since)})
    world.run(prober, 89)
    assert world.alerts == []
    assert world.book.kept[-1][1].fails == 10
    world.run(world.prober(BROKER), 30)
    (over,) = world.alerts
    assert isinstance(over, ProbeOk)
    assert round(over.failed_sec) == 690


def test_a_target_that_leaves_the_truth_while_it_fails_is_said_to_be_dropped(world: World) -> None:
    """Nobody shall wait for its end."""
    world.network.answers["broker"] = [BAD]
    world.run(world.prober(BROKER, API), 59)
    world.run(world.prober(API), 5)
    failed, dropped = world.alerts
    assert isinstance(failed, ProbeFailed)
    assert isinstance(dropped, ProbeOk)
    assert (dropped.probe, dropped.reason) == ("broker", "dropped")
    assert world.book.targets == {"massive-api"}


def test_a_new_truth_leaves_the_turns_of_the_others_as_they_are(world: World) -> None:
    """What has changed about a target has it probed at once."""
    other = replace(BROKER, name="other")
    world.run(world.prober(BROKER, other), 10)
    world.run(world.prober(BROKER, replace(other, url="tcp://elsewhere.example:1")), 25)
    assert world.network.asked == {"broker": [0, 30], "other": [0, 10]}


def test_a_probe_that_a_new_truth_has_cut_off_is_made_again(world: World) -> None:
    """On the network; the market API is asked when it is its turn."""
    world.network.takes_sec.update({"broker": 5.0, "massive-api": 5.0})
    world.run(world.prober(BROKER, API), 2)
    world.run(world.prober(BROKER, API), 62)
    assert world.network.asked == {"broker": [0, 2, 30, 60], "massive-api": [0, 60]}


@pytest.mark.parametrize(
    ("asked_sec_ago", "again_in_sec", "first"),
    [
        (API_PAUSE_SEC + 1, 0, 0),
        (API_PAUSE_SEC - 5, 0, 5),
        (0, 0, API_PAUSE_SEC),
        (1, 40, 40),
        (1, 3600, None),
        (-9000, 0, API_PAUSE_SEC),
        (-9000, 9500, API_PAUSE_SEC),
    ],
)
def test_the_market_api_is_not_asked_too_soon_after_a_restart(
    world: World, asked_sec_ago: float, again_in_sec: float, first: float | None
) -> None:
    """Five a minute are allowed, and it may have said for how long it wants none; a clock set back holds nobody up."""
    again_at = world.wall(again_in_sec) if again_in_sec else 0.0
    kept = structs.replace(GOOD, ts=world.wall(-asked_sec_ago), again_at=again_at)
    world.book.known = {"massive-api": kept}
    world.run(world.prober(API), 50)
    assert [round(at) for at in world.network.asked["massive-api"][:1]] == ([] if first is None else [round(first)])


def test_retry_after_is_heeded(world: World) -> None:
    """Where it is longer than the interval."""
    world.network.answers["massive-api"] = [structs.replace(GOOD, again_at=world.wall(150)), GOOD]
    world.run(world.prober(API), 215)
    assert world.network.asked["massive-api"] == [0, 150, 210]


@pytest.mark.parametrize(("took_sec", "told"), [(5.9, 1), (6.1, 0)])
def test_a_process_that_stood_still_holds_no_target_for_failed(world: World, took_sec: float, told: int) -> None:
    """A probe has a deadline of 5 s; one that takes longer than that and a second was stopped."""
    world.network.answers["broker"] = [BAD]
    world.network.takes_sec["broker"] = took_sec
    world.run(world.prober(replace(BROKER, fails=1)), 20)
    assert len(world.alerts) == told
    (_, result), *_ = world.book.kept
    assert (result.ok is None) is (told == 0)


def test_a_good_probe_counts_however_late_it_was_looked_at(world: World) -> None:
    """It was answered in any case."""
    world.network.takes_sec["broker"] = 60.0
    world.run(world.prober(BROKER), 70)
    assert world.book.kept[0][1].ok


def test_that_it_was_asked_too_often_ends_no_failure_of_the_market_api(world: World) -> None:
    """It says nothing of a key that is not known; while all is well it is no failure either."""
    bad_key = structs.replace(BAD, step="api", outcome="bad_key")
    throttled = structs.replace(GOOD, outcome="throttled")
    world.network.answers["massive-api"] = [throttled, bad_key, bad_key, throttled, bad_key, GOOD]
    world.run(world.prober(API), 301)
    assert [type(alert) for alert in world.alerts] == [ProbeFailed, ProbeOk]
    assert [(result.fails, result.failed) for _, result in world.book.kept] == [
        (0, False),
        (1, False),
        (2, True),
        (2, True),
        (3, True),
        (0, False),
    ]


def test_how_long_it_failed_is_measured_on_a_clock_that_nobody_sets(world: World) -> None:
    """The one on the wall goes back by an hour meanwhile."""
    world.network.answers["broker"] = [BAD, BAD, GOOD]
    prober = world.prober(BROKER)
    world.timeline.after(45, lambda: setattr(world.clock, "wall_offset_sec", world.clock.wall_offset_sec - 3600))
    world.run(prober, 61)
    (over,) = world.alerts[1:]
    assert isinstance(over, ProbeOk)
    assert round(over.failed_sec) == 60


def test_a_clock_that_went_back_over_a_restart_makes_no_time_less_than_nothing(world: World) -> None:
    """What a process before has found is dated by the clock on the wall alone."""
    since = world.wall(3600)
    prober = world.prober(BROKER)
    prober.recall({"broker": ProbeFailed("massive", "broker", "tcp", "refused", 7, int(since), since)})
    world.run(prober, 5)
    (over,) = world.alerts
    assert isinstance(over, ProbeOk)
    assert over.failed_sec == 0


def test_a_failure_is_logged_once_and_again_where_it_changes(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """And so is its end, where nothing was announced."""
    caplog.set_level("INFO")
    reset = structs.replace(BAD, reason="the connection broke off")
    world.network.answers["broker"] = [BAD, BAD, reset, reset, GOOD, GOOD]
    world.run(world.prober(replace(BROKER, fails=9)), 170)
    assert [record.getMessage() for record in caplog.records] == [
        "broker: fails at tcp: connection refused",
        "broker: fails at tcp: the connection broke off",
        "broker: works again",
    ]


def test_a_bus_of_results_that_is_away_holds_the_market_api_up_for_no_longer_than_its_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it was asked before is not known then, but that it was longer ago."""

    async def away() -> dict[str, Result]:
        raise BusUnreachableError("away")

    monkeypatch.setattr(world.book, "latest", away)
    world.run(world.prober(API), 20)
    assert [round(at) for at in world.network.asked["massive-api"]] == [round(API_PAUSE_SEC)]


def test_without_targets_it_says_how_to_have_some(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And drops what it had."""
    said: list[str] = []
    monkeypatch.setattr(world.daemon, "status", said.append)
    world.network.answers["broker"] = [BAD]
    world.run(world.prober(replace(BROKER, fails=1)), 1)
    world.run(world.prober(), 1)
    assert [type(alert) for alert in world.alerts] == [ProbeFailed, ProbeOk]
    assert said[-1] == "beating; nothing to probe (services.massive.probes, NET_URL)"
    assert world.book.targets == set()


def test_a_strict_start_fails_with_every_target_that_does(world: World) -> None:
    """In one line; the market API is not asked for it."""
    world.network.answers["other"] = [BAD]
    prober = world.prober(BROKER, replace(BROKER, name="other"), API)
    with pytest.raises(ProbesFailedError) as caught:
        world.loop.run_until_complete(prober.insist())
    assert str(caught.value) == (
        "other fails at tcp: connection refused; NET_PROBE_STRICT is set, so massive does not start"
    )
    assert "massive-api" not in world.network.asked


def test_a_strict_start_that_went_well_counts_as_the_first_probe(world: World) -> None:
    """The next is an interval later."""
    prober = world.prober(BROKER)
    world.run(prober, 35, before=prober.insist)
    assert world.network.asked["broker"] == [0, 30]
    assert len(world.book.kept) == 2


def test_the_status_line_names_who_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first few."""
    targets = [replace(BROKER, name=f"t{number}", fails=1) for number in range(5)]
    prober = world.prober(*targets)
    said: list[str] = []
    monkeypatch.setattr(world.daemon, "status", said.append)
    for target in targets[1:]:
        world.network.answers[target.name] = [BAD]
    world.run(prober, 5)
    assert said[-1] == "5 target(s), 4 failed: t1, t2, t3, ..."
