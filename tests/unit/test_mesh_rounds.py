"""The rounds of mesh: that one which is wedged is no progress, and a bus that is away is none of them."""

import asyncio
from collections.abc import Collection

import pytest

from marketswarm.clock import SystemClock
from marketswarm.liveness import Members
from marketswarm.services.mesh.identities import Identities
from marketswarm.services.mesh.registry import Registry
from marketswarm.services.mesh.roll import Roll
from marketswarm.services.mesh.rounds import ROUND_SEC, Rounds
from marketswarm.services.mesh.waiting import Waiting


class Clock(SystemClock):
    """A clock that goes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        """Seconds since the begin of the test."""
        return self.now


class Store(Registry):
    """A registry on a bus that answers, is away, or never lets go."""

    def __init__(self, *, answers: bool = True, hangs: bool = False) -> None:
        self.answers = answers
        self.hangs = hangs
        self.written: list[Collection[str]] = []

    async def look(self) -> bool:
        """Say whether the bus answers, if ever."""
        if self.hangs:
            await asyncio.Event().wait()
        return self.answers

    async def write(self, but: Collection[str] = ()) -> None:
        """Note of whom nothing is to be said."""
        self.written.append(but)


class Bench:
    """The rounds of a swarm without members, on a clock of the test's own."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.marks = 0
        members = Members((), 0, 0)
        roll = Roll(members, self.clock, set(), set())
        self.rounds = Rounds(
            roll,
            members,
            store,
            Identities({}),
            Waiting({}),
            clock=self.clock,
            mark=self._mark,
        )

    def _mark(self) -> None:
        self.marks += 1

    def marked_at(self, now: float) -> bool:
        """Whether there is progress at this time."""
        before, self.clock.now = self.marks, now
        self.rounds.mark()
        return self.marks > before


def test_rounds_are_progress_from_the_start() -> None:
    """So that the part is known before the first of them is over."""
    assert Bench(Store()).marked_at(0)


@pytest.mark.parametrize(("now", "progress"), [(ROUND_SEC - 1, True), (ROUND_SEC, False), (ROUND_SEC + 1, False)])
def test_a_round_that_does_not_end_is_no_progress(now: float, *, progress: bool) -> None:
    """Nor is it at once that it takes long: a bus that hangs may hold it up for seconds."""
    bench = Bench(Store(hangs=True))

    async def run() -> bool:
        turn = asyncio.create_task(bench.rounds.turn())
        await asyncio.sleep(0)
        try:
            return bench.marked_at(now)
        finally:
            turn.cancel()

    assert asyncio.run(run()) is progress


@pytest.mark.parametrize(("answers", "written"), [(True, [set()]), (False, [])])
def test_a_round_that_ends_is_progress_whatever_the_bus_said(written: list[set[str]], *, answers: bool) -> None:
    """One that is away is written to later."""
    store = Store(answers=answers)
    bench = Bench(store)
    bench.clock.now = ROUND_SEC
    asyncio.run(bench.rounds.turn())
    assert store.written == written
    assert bench.marked_at(2 * ROUND_SEC - 1)
