"""What a worker has in hand."""

import asyncio
from collections.abc import Iterable


class Hand:
    """The entries that were given to this worker and are not settled: at most ``limit`` are taken in."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: set[str] = set()
        self._changed = asyncio.Event()

    def __contains__(self, entry: str) -> bool:
        return entry in self._held

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._held)

    @property
    def free(self) -> int:
        """How many more may be taken in; not below 0."""
        return max(0, self.limit - len(self._held))

    def take(self, entries: Iterable[str]) -> None:
        """Take entries in."""
        self._held.update(entries)

    def let_go(self, entries: Iterable[str]) -> None:
        """Take in that these are settled, or another's now."""
        self._held.difference_update(entries)
        self._changed.set()

    async def wait_free(self, count: int) -> None:
        """Wait until so many more may be taken in."""
        while self.free < count:
            self._changed.clear()
            await self._changed.wait()
