"""What comes of an item in a handler, whatever the handler does."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from marketswarm.clock import SystemClock
from marketswarm.feeds.item import Item, encode_item
from marketswarm.handlers import Handle, UnusableItemError
from marketswarm.services.vexy_ai.bench import CANCEL_SEC, MAX_REASON, Bench, Failure
from marketswarm.truth import Work

ITEM = Item(id="1", feed="f", title="T", fetched=datetime(2026, 11, 26, tzinfo=UTC))
RAW = encode_item(ITEM)


class Clock(SystemClock):
    """One whose time a test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


def attempt(handle: Handle, raw: bytes = RAW, *, timeout_sec: float = 5.0) -> bytes | Failure:
    """Have a handler work through one item."""

    async def one() -> bytes | Failure:
        return await Bench(handle, Work(timeout_sec=timeout_sec), SystemClock(), "w").attempt(raw)

    return asyncio.run(one())


def test_what_a_handler_finds_becomes_an_insight() -> None:
    """With what leads back to the item, and who worked through it."""

    async def handle(item: Item) -> Mapping[str, object]:
        return {"tickers": [item.title], "sentiment": 0.1}

    outcome = attempt(handle)
    assert isinstance(outcome, bytes)
    found = json.loads(outcome)
    assert (found["item_id"], found["tickers"], found["sentiment"], found["worker"]) == ("1", ["T"], 0.1, "w")


def test_what_is_no_item_goes_to_no_handler() -> None:
    """And no other try would help."""

    async def handle(_item: Item) -> Mapping[str, object]:
        raise AssertionError

    assert attempt(handle, b"rubbish") == Failure("is no item as rss_agg writes them", final=True)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ValueError("bad\nthing"), Failure("the handler failed: ValueError: bad thing")),
        (ConnectionRefusedError(), Failure("the handler failed: ConnectionRefusedError: connection refused")),
        (TimeoutError("own"), Failure("the handler failed: TimeoutError: no answer in time")),
        (KeyError(), Failure("the handler failed: KeyError: KeyError")),
        (UnusableItemError("is in Latin"), Failure("is in Latin", final=True)),
        (asyncio.CancelledError(), Failure("the handler cancelled itself")),
    ],
)
def test_what_a_handler_raises_is_a_failure_in_one_line(error: BaseException, failure: Failure) -> None:
    """Only an item that it calls unusable is not tried again."""

    async def handle(_item: Item) -> Mapping[str, object]:
        raise error

    assert attempt(handle) == failure


def test_a_long_reason_is_cut() -> None:
    """It goes to logs and streams."""

    async def handle(_item: Item) -> Mapping[str, object]:
        raise ValueError("x" * 5000)

    outcome = attempt(handle)
    assert isinstance(outcome, Failure)
    assert len(outcome.reason) == MAX_REASON


def test_a_handler_that_takes_too_long_is_ended() -> None:
    """Its place is free again."""
    ended = asyncio.Event()

    async def handle(_item: Item) -> Mapping[str, object]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    assert attempt(handle, timeout_sec=0.01) == Failure("the handler took longer than 0.01 s")
    assert ended.is_set()


def test_handlers_that_do_not_let_themselves_be_ended_are_seen() -> None:
    """The heartbeat stops when each place has one; one of them alone stops nobody."""
    clock = Clock()
    free = asyncio.Event()

    async def handle(_item: Item) -> Mapping[str, object]:
        await free.wait()
        return {}

    async def wedge() -> list[bool]:
        bench = Bench(handle, Work(at_once=2, timeout_sec=60), clock, "w")
        seen = [bench.wedged()]
        attempts = []
        for _ in range(2):
            attempts.append(asyncio.create_task(bench.attempt(RAW)))
            await asyncio.sleep(0)
            clock.now += 60 + CANCEL_SEC
            seen.append(bench.wedged())
            clock.now += 0.001
            seen.append(bench.wedged())
        free.set()
        await asyncio.gather(*attempts)
        return [*seen, bench.wedged()]

    assert asyncio.run(wedge()) == [False, False, False, False, True, False]


@pytest.mark.parametrize("found", [{"x": object()}, {"x": {1j: 2}}, {"x": float("nan")}])
def test_what_json_does_not_have_is_said_and_not_tried_again(found: dict[str, object]) -> None:
    """Each try would return it."""

    async def handle(_item: Item) -> Mapping[str, object]:
        return found

    outcome = attempt(handle)
    if isinstance(outcome, Failure):
        assert outcome.final
        assert outcome.reason.startswith("the handler returned what JSON does not have")
    else:
        assert json.loads(outcome)["x"] is None
