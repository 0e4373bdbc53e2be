"""Where items are worked through: the handler, with a deadline, so many at a time."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from marketswarm.clock import Clock
from marketswarm.errors import reason
from marketswarm.feeds.insight import encode_insight
from marketswarm.feeds.item import Item, decode_item
from marketswarm.handlers import Handle, UnusableItemError
from marketswarm.truth import Work

CANCEL_SEC: Final = 5.0
"""How long a handler may take to end after its time is over, before it counts as wedged."""
MAX_REASON: Final = 300
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no result; ``final`` where another try would have none either."""

    reason: str
    final: bool = False


class Bench:
    """Has a handler work through items, in the name of ``worker``."""

    def __init__(self, handle: Handle, work: Work, clock: Clock, worker: str) -> None:
        self.places = work.at_once
        """How many items may be in the handler at a time."""
        self._handle = handle
        self._timeout_sec = work.timeout_sec
        self._clock = clock
        self._worker = worker
        self._begun: dict[int, float] = {}
        """When each attempt that is under way began, on the monotonic clock."""
        self._attempts = 0

    def wedged(self) -> bool:
        """Whether every place is held by a handler that does not end though its time is long over."""
        late = self._clock.monotonic() - self._timeout_sec - CANCEL_SEC
        return sum(begun < late for begun in self._begun.values()) >= self.places

    async def attempt(self, raw: bytes) -> bytes | Failure:
        """Work through an item, and return its insight. What the handler raises, whatever it is, is a Failure."""
        item = decode_item(raw)
        if item is None:
            return Failure("is no item as rss_agg writes them", final=True)
        self._attempts += 1
        number = self._attempts
        self._begun[number] = self._clock.monotonic()
        try:
            found = await self._found(item)
        finally:
            del self._begun[number]
        return found if isinstance(found, Failure) else self._insight(item, found)

    async def _found(self, item: Item) -> Mapping[str, object] | Failure:
        timer = asyncio.timeout(self._timeout_sec)
        try:
            async with timer:
                return await self._handle(item)
        except UnusableItemError as error:
            return Failure(_short(str(error)), final=True)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            return Failure("the handler cancelled itself")
        except Exception as error:
            if timer.expired():
                return Failure(f"the handler took longer than {self._timeout_sec:g} s")
            _logger.debug("item %s: the handler failed", item.id, exc_info=True)
            return Failure(_short(f"the handler failed: {type(error).__name__}: {reason(error)}"))

    def _insight(self, item: Item, found: Mapping[str, object]) -> bytes | Failure:
        if not isinstance(found, Mapping):
            return Failure(f"the handler returned {type(found).__name__}, and not a mapping", final=True)
        try:
            return encode_insight(item, found, worker=self._worker, ts=round(self._clock.wall(), 3))
        except (TypeError, ValueError, RecursionError) as broken:
            return Failure(_short(f"the handler returned what JSON does not have: {broken}"), final=True)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 3]}..."
