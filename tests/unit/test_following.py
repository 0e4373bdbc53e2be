"""The follower: what it runs on, and what it says, whatever the buses answer."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from marketswarm.bus import StoredTruth
from marketswarm.daemon.following import Follower
from marketswarm.errors import BadEnvironmentError, BadTruthError, BusRefusedError, BusUnreachableError
from marketswarm.truth import Loaded, Truth, digest

Answer = StoredTruth | Exception | None
GONE = BusUnreachableError("gone")
AT_ONCE_SEC = 2.0**-30
NEVER_SEC = 2.0**30


def stored(mark: str) -> StoredTruth:
    """A seeded document, told from others by its mark."""
    raw = json.dumps({"services": {"mesh": {}}, "version": mark}).encode()
    return StoredTruth(raw, digest(raw))


A, B = stored("a"), stored("b")
UNSEALED = StoredTruth(B.raw, A.sha256)
GARBAGE = StoredTruth(b"garbage", A.sha256)


def not_b(truth: Truth) -> None:
    """Refuse the truth of that mark, as an environment would."""
    if truth.version == "b":
        raise BadEnvironmentError("DEFAULT_TIMEOUT_SEC: must be > 60")


class FakeBus:
    """A bus that gives these answers in turn, and the last of them for ever."""

    loud = True
    address = "somewhere"

    def __init__(self, name: str, answers: Sequence[Answer]) -> None:
        self.name = name
        self._answers = list(answers)

    async def truth(self, key: str) -> StoredTruth | None:
        """Answer."""
        assert key == "truth:doc"
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeClock:
    """A second a look."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        self.now += 1
        return self.now

    def wall(self) -> float:
        """Seconds."""
        return self.now

    def suspended(self) -> float:
        """Never."""
        return 0.0


def follower(
    system: Sequence[Answer],
    market: Sequence[Answer],
    check: Callable[[Truth], None] = lambda _: None,
    poll_sec: float = AT_ONCE_SEC,
) -> Follower:
    """Make a follower that looks as fast as it can."""
    buses = cast("Any", [FakeBus("system-redis", system), FakeBus("market-redis", market)])
    return Follower(buses, "truth:doc", FakeClock(), check=check, poll_sec=poll_sec)


def follow(subject: Follower, looks: int = 50) -> list[str]:
    """Follow for some looks; returns the marks of the truths that were run on."""
    found: list[Loaded] = []

    async def run() -> None:
        found.append(await subject.find())
        following = asyncio.create_task(endless())
        for _ in range(looks * 5):
            await asyncio.sleep(0)
        following.cancel()

    async def endless() -> None:
        while True:
            if loaded := await subject.news():
                found.append(loaded)

    asyncio.run(run())
    return [str(loaded.truth.version) for loaded in found]


@pytest.mark.parametrize(
    ("system", "market", "marks"),
    [
        ([A], [A], "a"),
        ([A, B], [A, B], "ab"),
        ([A, B, B, B], [A, A, A, B], "ab"),
        ([A, B], [A], "a"),
        ([A], [A, B], "a"),
        ([A, None], [A, None], "a"),
        ([A, GARBAGE], [A, GARBAGE], "a"),
        ([A, UNSEALED], [A, UNSEALED], "a"),
        ([A, GARBAGE], [A, A, B], "ab"),
        ([A, GONE, GONE, A], [A, B, B, A], "a"),
        ([A, GONE], [GONE], "a"),
        ([A, B], [GONE], "ab"),
        ([A, BusRefusedError("no")], [A, B], "a"),
        ([A, B, B, A], [A, B, B, A], "aba"),
        ([None, None, A], [None], "a"),
        ([GONE, A], [None], "a"),
        ([GARBAGE], [A], "a"),
        ([UNSEALED], [A], "a"),
        ([UNSEALED], [None], "b"),
    ],
)
def test_the_last_good_truth_stays_until_a_new_one_is_whole(
    system: list[Answer], market: list[Answer], marks: str
) -> None:
    """Each list is what a bus answers, look by look."""
    assert "".join(follow(follower(system, market))) == marks


@pytest.mark.parametrize(
    ("system", "market", "settled"),
    [
        ([A], [A], True),
        ([A, None], [A], True),
        ([A, GARBAGE], [A], True),
        ([A, GONE], [A], True),
        ([A, B], [A], False),
        ([A, None], [A, None], False),
        ([A, GONE], [A, GONE], False),
        ([UNSEALED], [UNSEALED], False),
    ],
)
def test_what_one_runs_on_is_settled_where_no_bus_holds_another_truth(
    system: list[Answer], market: list[Answer], *, settled: bool
) -> None:
    """And one at least holds it, whole: else a service that runs on another may be right."""
    subject = follower(system, market)
    follow(subject)
    assert subject.settled is settled


def test_nothing_but_garbage_at_the_start_is_an_error() -> None:
    """All faults of all buses, a line each."""
    with pytest.raises(BadTruthError) as caught:
        follow(follower([GARBAGE], [GARBAGE]))
    assert [fault.split(":")[1] for fault in caught.value.faults] == ["doc on system-redis", "doc on market-redis"]


def test_a_bus_that_refuses_at_the_start_is_an_error() -> None:
    """Waiting would not help."""
    with pytest.raises(BusRefusedError):
        follow(follower([BusRefusedError("no")], [None]))


@pytest.mark.parametrize(
    ("system", "market", "lines"),
    [
        ([A], [A], []),
        ([A, GONE], [A, GONE], []),
        ([A, None, None, None, A], [A], ["system-redis holds no truth:doc", "system-redis holds the truth again"]),
        ([A, None], [A, None], ["system-redis holds no truth:doc", "market-redis holds no truth:doc"]),
        ([A, GARBAGE], [A], ["system-redis holds a truth:doc that is no truth"]),
        ([GARBAGE], [A], ["system-redis holds a truth:doc that is no truth"]),
        ([A, UNSEALED], [A], ["system-redis holds a truth:doc that marketswarm-seed did not write"]),
        ([A, B], [A], ["system-redis holds another truth"]),
        ([A, BusRefusedError("no"), BusRefusedError("no")], [A], ["cannot look at the truth: no"]),
    ],
)
def test_what_is_wrong_is_said_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, system: list[Answer], market: list[Answer], lines: list[str]
) -> None:
    """However often one looks."""
    with caplog.at_level(logging.INFO):
        follow(follower(system, market))
    assert len(caplog.messages) == len(lines), caplog.messages
    assert all(said.startswith(line) for said, line in zip(caplog.messages, lines, strict=True)), caplog.messages


def test_a_truth_that_the_service_cannot_run_on_is_refused_once(caplog: pytest.LogCaptureFixture) -> None:
    """It keeps the last good one rather than ending, until there is one that it can run on."""
    assert follow(follower([A, B, B, B, stored("c")], [A, B, B, B, stored("c")], not_b)) == ["a", "c"]
    assert sum("DEFAULT_TIMEOUT_SEC: must be > 60; the last good one stays" in line for line in caplog.messages) == 1


def test_a_document_and_its_hash_that_agree_are_no_truth_if_it_does_not_parse() -> None:
    """A seal proves who wrote it, not that it is good."""
    garbage = StoredTruth(b"[]", digest(b"[]"))
    assert follow(follower([A, garbage], [A, garbage])) == ["a"]


def answers(subject: Follower, asks: int = 1) -> list[str | None]:
    """Ask so often, one answer after the other, and give the mark of the truth that each brings, if any."""

    async def run() -> list[str | None]:
        await subject.find()
        marks: list[str | None] = []
        for _ in range(asks):
            subject.ask()
            loaded = await subject.news()
            marks.append(str(loaded.truth.version) if loaded else None)
        return marks

    return asyncio.run(run())


ON_A = f"stays on the truth {digest(A.raw)[:12]}: "


@pytest.mark.parametrize(
    ("system", "market", "line"),
    [
        ([A], [A], f"already on the truth {digest(A.raw)[:12]}"),
        ([A, None], [A], ON_A + "system-redis holds no truth:doc; run marketswarm-seed"),
        ([A, GARBAGE], [A, GARBAGE], ON_A + "system-redis holds a truth:doc that is no truth: "),
        ([A], [A, UNSEALED], ON_A + "market-redis holds a truth:doc that marketswarm-seed did not write"),
        ([A, B], [A], ON_A + f"system-redis holds another truth, {digest(B.raw)[:12]} instead of"),
        ([A, GONE], [A], ON_A + "gone"),
        ([A, GONE], [A, None], ON_A + "gone; market-redis holds no truth:doc; run marketswarm-seed"),
        ([A, BusRefusedError("no")], [A], ON_A + "cannot look at the truth: no"),
    ],
)
def test_who_asks_is_told_in_one_line_why_the_truth_stays(
    caplog: pytest.LogCaptureFixture, system: list[Answer], market: list[Answer], line: str
) -> None:
    """Long before the next look would come, and each time again."""
    caplog.set_level(logging.INFO)
    assert answers(follower(system, market, poll_sec=NEVER_SEC), asks=2) == [None, None]
    assert len(caplog.messages) == 2, caplog.messages
    assert all(said.startswith(line) for said in caplog.messages), caplog.messages


def test_who_asks_is_told_what_the_environment_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """It is one line then, whether or not a look by itself has found it before; and none repeats it afterwards."""
    refusal = f"cannot follow the truth {digest(B.raw)[:12]}: DEFAULT_TIMEOUT_SEC: must be > 60"
    subject = follower([A, B], [A, B], not_b)

    async def run() -> None:
        await subject.find()
        subject.ask()
        assert await subject.news() is None
        following = asyncio.create_task(subject.news())
        for _ in range(50):
            await asyncio.sleep(0)
        subject.ask()
        assert await following is None

    asyncio.run(run())
    assert [line for line in caplog.messages if "cannot follow" in line] == [ON_A + refusal] * 2


def test_who_asks_gets_a_new_truth_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """As a look by itself would have brought it, and whoever runs on it says so."""
    caplog.set_level(logging.INFO)
    assert answers(follower([A, B], [A, B], poll_sec=NEVER_SEC)) == ["b"]
    assert caplog.messages == []


class AskedMeanwhile(FakeBus):
    """A bus that holds the truth always; while it is looked at, somebody asks for a look, ``asks`` times in all."""

    def __init__(self, asks: int) -> None:
        super().__init__("system-redis", [A])
        self.asks = asks
        self.looks = 0
        self.ask: Callable[[], None] = lambda: None

    async def truth(self, key: str) -> StoredTruth | None:
        """Answer."""
        self.looks += 1
        if self.asks:
            self.asks -= 1
            self.ask()
        return await super().truth(key)


def test_asks_before_a_look_are_one_and_during_it_one_more() -> None:
    """What came after the bus was read may be about what is newer than that."""
    bus = AskedMeanwhile(asks=0)
    subject = Follower(cast("Any", [bus]), "truth:doc", FakeClock(), poll_sec=NEVER_SEC)
    bus.ask = subject.ask

    async def run() -> None:
        await subject.find()
        assert not subject.asked
        subject.ask()
        subject.ask()
        assert subject.asked
        bus.looks, bus.asks = 0, 1
        await subject.news()
        assert (bus.looks, subject.asked) == (1, True)
        await subject.news()
        assert (bus.looks, subject.asked) == (2, False)

    asyncio.run(run())


def test_who_asks_before_there_is_a_truth_is_told_what_it_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has to wait for the end of the pause, and the wait goes on."""

    async def run() -> None:
        subject = follower([None], [GONE])
        finding = asyncio.create_task(subject.find())
        for _ in range(20):
            await asyncio.sleep(0)
        subject.ask()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not finding.done()
        finding.cancel()

    asyncio.run(run())
    waiting, answer = caplog.messages
    assert waiting == "no truth:doc on system-redis (somewhere) yet; waiting for marketswarm-seed"
    assert answer == "no truth to begin with yet: system-redis holds no truth:doc; run marketswarm-seed; gone"
