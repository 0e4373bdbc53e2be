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


def stored(mark: str) -> StoredTruth:
    """A seeded document, told from others by its mark."""
    raw = json.dumps({"services": {"mesh": {}}, "version": mark}).encode()
    return StoredTruth(raw, digest(raw))


A, B = stored("a"), stored("b")
UNSEALED = StoredTruth(B.raw, A.sha256)
GARBAGE = StoredTruth(b"garbage", A.sha256)


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
    system: Sequence[Answer], market: Sequence[Answer], check: Callable[[Truth], None] = lambda _: None
) -> Follower:
    """Make a follower that looks as fast as it can."""
    buses = cast("Any", [FakeBus("system-redis", system), FakeBus("market-redis", market)])
    return Follower(buses, "truth:doc", FakeClock(), check=check, poll_sec=AT_ONCE_SEC)


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
            found.append(await subject.news())

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

    def check(truth: Truth) -> None:
        if truth.version == "b":
            raise BadEnvironmentError("DEFAULT_TIMEOUT_SEC: must be > 60")

    assert follow(follower([A, B, B, B, stored("c")], [A, B, B, B, stored("c")], check)) == ["a", "c"]
    assert sum("DEFAULT_TIMEOUT_SEC: must be > 60; the last good one stays" in line for line in caplog.messages) == 1


def test_a_document_and_its_hash_that_agree_are_no_truth_if_it_does_not_parse() -> None:
    """A seal proves who wrote it, not that it is good."""
    garbage = StoredTruth(b"[]", digest(b"[]"))
    assert follow(follower([A, garbage], [A, garbage])) == ["a"]
