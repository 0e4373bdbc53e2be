"""Stores results, and settles their entries in the same step."""

import asyncio
from functools import partial
from typing import Final

from marketswarm import names
from marketswarm.backlog import Backlog
from marketswarm.patience import until_taken
from marketswarm.services.vexy_ai.hand import Hand

MAX_BATCH: Final = 200


class Store:
    """Stores what is given to it, together with what came meanwhile, in the stream ``results``."""

    def __init__(self, backlog: Backlog, hand: Hand, results: str, maxlen: int) -> None:
        self.count = 0
        """How many results were stored since the start."""
        self._backlog = backlog
        self._hand = hand
        self._results = results
        self._maxlen = maxlen
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def put(self, entry: str, insight: bytes) -> None:
        """Have a result stored."""
        self._queue.put_nowait((entry, insight))

    async def run(self) -> None:
        """Store for ever; a bus that is away is waited for, and holds up who takes new items."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < MAX_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            self.count += await until_taken(partial(self._finish, batch))
            self._hand.let_go(entry for entry, _ in batch)

    async def _finish(self, batch: list[tuple[str, bytes]]) -> int:
        return await self._backlog.finish(self._results, names.INSIGHTS_FIELD, self._maxlen, batch)
