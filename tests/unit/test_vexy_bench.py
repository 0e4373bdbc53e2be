"""What comes of an item in a handler, whatever the handler does."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from marketswarm.clock import SystemClock
from marketswarm.feeds.item import Item, encode_item
from marketswarm.handlers import Handle, UnusableItemError
from marketswarm.services.vexy_ai.bench import MAX_REASON, Bench, Failure
from marketswarm.truth import Work

ITEM = Item(id="1", feed="f", title="T", fetched=datetime(2026, 11, 26, tzinfo=UTC))
RAW = encode_item(ITEM)


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


def test_a_handler_that_does_not_let_itself_be_ended_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left to itself."""
    monkeypatch.setattr("marketswarm.services.vexy_ai.bench.CANCEL_SEC", 0.01)
    free = asyncio.Event()

    async def handle(_item: Item) -> Mapping[str, object]:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        return {}

    async def one() -> bytes | Failure:
        outcome = await Bench(handle, Work(timeout_sec=0.01), SystemClock(), "w").attempt(RAW)
        free.set()
        await asyncio.sleep(0)
        return outcome

    assert asyncio.run(one()) == Failure("the handler took longer than 0.01 s")


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


def test_so_many_items_are_in_the_handler_at_a_time() -> None:
    """As truth says."""
    inside, most = 0, 0

    async def handle(_item: Item) -> Mapping[str, object]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return {}

    async def all_of_them() -> None:
        bench = Bench(handle, Work(at_once=3), SystemClock(), "w")
        await asyncio.gather(*(bench.attempt(RAW) for _ in range(20)))

    asyncio.run(all_of_them())
    assert most == 3
