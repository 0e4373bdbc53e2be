"""When massive probes what, and what it has people told; on an event loop of virtual time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from documents import read
from simulation.healer import Clocks
from simulation.loop import VirtualLoop
from simulation.timeline import BEGIN_SEC, Timeline

from marketswarm.daemon import Daemon
from marketswarm.errors import ProbesFailedError
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
    fields = {name: getattr(result, name) for name in result.__struct_fields__}
    return Result(**(fields | {"ts": ts}))


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
    world.run(world.prober(*targets), 29.9)
    first = [asked[0] for asked in world.network.asked.values()]
    assert all(0 <= at <= 30 for at in first)
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
    kept = replace_ts(GOOD, world.wall(-asked_sec_ago))
    fields = {name: getattr(kept, name) for name in kept.__struct_fields__}
    world.book.known = {"massive-api": Result(**(fields | {"again_at": again_at}))}
    world.run(world.prober(API), 50)
    assert [round(at) for at in world.network.asked["massive-api"][:1]] == ([] if first is None else [round(first)])


def test_retry_after_is_heeded(world: World) -> None:
    """Where it is longer than the interval."""
    fields = {name: getattr(GOOD, name) for name in GOOD.__struct_fields__}
    world.network.answers["massive-api"] = [Result(**(fields | {"again_at": world.wall(150)})), GOOD]
    world.run(world.prober(API), 215)
    assert world.network.asked["massive-api"] == [0, 150, 210]


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
