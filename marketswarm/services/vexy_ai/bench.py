"""Where items are worked through: the handler, with a deadline, so many at a time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from marketswarm.clock import Clock
from marketswarm.errors import reason
from marketswarm.feeds.insight import encode_insight
from marketswarm.feeds.item import Item, decode_item
from marketswarm.handlers import Handle, UnusableItemError
from marketswarm.truth import Work

CANCEL_SEC: Final = 1.0
"""How long a handler has to end when its time is over; one that does not is left to itself."""
MAX_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no result; ``final`` where another try would have none either."""

    reason: str
    final: bool = False


class Bench:
    """Has a handler work through items, in the name of ``worker``."""

    def __init__(self, handle: Handle, work: Work, clock: Clock, worker: str) -> None:
        self._handle = handle
        self._timeout_sec = work.timeout_sec
        self._slots = asyncio.Semaphore(work.at_once)
        self._clock = clock
        self._worker = worker

    async def attempt(self, raw: bytes) -> bytes | Failure:
        """Work through an item, and return its insight. What the handler raises, whatever it is, is a Failure."""
        item = decode_item(raw)
        if item is None:
            return Failure("is no item as rss_agg writes them", final=True)
        async with self._slots:
            task = asyncio.ensure_future(self._handle(item))
            try:
                await asyncio.wait({task}, timeout=self._timeout_sec)
            finally:
                late = not task.done()
                task.cancel()
            if late:
                await asyncio.wait({task}, timeout=CANCEL_SEC)
                return Failure(f"the handler took longer than {self._timeout_sec:g} s")
        return self._outcome(item, task)

    def _outcome(self, item: Item, task: "asyncio.Future[Mapping[str, object]]") -> bytes | Failure:
        if task.cancelled():
            return Failure("the handler cancelled itself")
        if error := task.exception():
            if isinstance(error, UnusableItemError):
                return Failure(_short(str(error)), final=True)
            return Failure(_short(f"the handler failed: {type(error).__name__}: {reason(error)}"))
        found = task.result()
        if not isinstance(found, Mapping):
            return Failure(f"the handler returned {type(found).__name__}, and not a mapping", final=True)
        try:
            return encode_insight(item, found, worker=self._worker, ts=round(self._clock.wall(), 3))
        except (TypeError, ValueError, RecursionError) as broken:
            return Failure(_short(f"the handler returned what JSON does not have: {broken}"), final=True)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 3]}..."
