"""Results on their way to the bus: kept in memory until it has them, so that probing waits for nobody."""

import asyncio
import functools
from collections import deque
from collections.abc import Sequence
from typing import Final

from marketswarm.patience import until_taken
from marketswarm.probebook import ProbeBook
from marketswarm.probing.result import Result

KEPT: Final = 10_000
"""So many results wait for a bus that is away; of more, the oldest are given up, as its history would drop them."""
AT_ONCE: Final = 500


class Diary:
    """Takes results at once, and writes them as fast as the bus allows."""

    def __init__(self, book: ProbeBook) -> None:
        self._book = book
        self._waiting: deque[tuple[str, Result]] = deque(maxlen=KEPT)
        self._news = asyncio.Event()

    def write(self, target: str, result: Result) -> None:
        """Take in a result."""
        self._waiting.append((target, result))
        self._news.set()

    async def run(self, targets: Sequence[str]) -> None:
        """Drop what the bus has of other targets than these, and write, for ever."""
        await until_taken(lambda: self._book.forget_but(targets))
        while True:
            self._news.clear()
            while batch := [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]:
                await until_taken(functools.partial(self._book.keep, batch))
            await self._news.wait()
