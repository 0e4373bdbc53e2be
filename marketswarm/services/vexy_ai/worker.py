"""Takes new items from the queue, as fast as their results are stored."""

import asyncio
import logging
import random
from collections.abc import Awaitable
from typing import Final, TypeVar

from marketswarm.backlog import Backlog, Delivery
from marketswarm.bus import Bus
from marketswarm.daemon import Daemon
from marketswarm.errors import BusRefusedError, BusUnreachableError, NoGroupError
from marketswarm.pacing import Backoff, until_tick
from marketswarm.patience import until_taken
from marketswarm.services.vexy_ai.bench import Bench, Failure
from marketswarm.services.vexy_ai.hand import Hand
from marketswarm.services.vexy_ai.recovery import Recovery
from marketswarm.services.vexy_ai.store import Store

RETRY_CAP_SEC: Final = 1.0
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Worker:
    """Gives each new item its first try. ``reader`` is a connection of its own, with the patience to wait for items."""

    def __init__(
        self,
        *,
        daemon: Daemon,
        backlog: Backlog,
        reader: Bus,
        bench: Bench,
        hand: Hand,
        store: Store,
        recovery: Recovery,
    ) -> None:
        self._daemon = daemon
        self._backlog = backlog
        self._reader = reader
        self._bench = bench
        self._hand = hand
        self._store = store
        self._recovery = recovery
        self._taken: asyncio.Queue[Delivery] = asyncio.Queue()
        self._backoff = Backoff(random.random, cap_sec=RETRY_CAP_SEC)

    async def run(self) -> None:
        """Take and work for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._daemon.report(self._says))
            for _ in range(self._bench.places):
                group.create_task(self._lane())
            self._daemon.started()
            self._daemon.progress.mark()  # the first beat does not wait until the queue was asked
            while True:
                # Half a hand at least: fewer reads, and larger ones.
                await self._marking(self._hand.wait_free((self._hand.limit + 1) // 2))
                taken = await self._marking(self._take(self._hand.free))
                self._hand.take(delivery.id for delivery in taken)
                for delivery in taken:
                    self._taken.put_nowait(delivery)

    async def _take(self, count: int) -> list[Delivery]:
        try:
            taken = await self._backlog.take(self._reader, count, self._daemon.settings.working.block_ms)
        except NoGroupError:
            _log.warning("%s has lost its group %s, which begins anew", self._backlog.queue, self._backlog.group)
            await until_taken(self._backlog.open)
            return []
        except (BusUnreachableError, BusRefusedError):
            await asyncio.sleep(self._backoff.next_sec())
            return []
        self._backoff.reset()
        return taken

    async def _lane(self) -> None:
        """Work through what was taken, one after another, for ever."""
        while True:
            delivery = await self._taken.get()
            outcome = await self._bench.attempt(delivery.raw)
            if isinstance(outcome, Failure):
                await self._recovery.failed(delivery, outcome)
            else:
                self._store.put(delivery.id, outcome)

    async def _marking(self, awaitable: Awaitable[_T]) -> _T:
        """Wait for what may take its time, and mark progress meanwhile: the heartbeat waits for no item.

        It does stop where handlers wedge that do not end when they are told to.
        """
        task = asyncio.ensure_future(awaitable)
        try:
            while not task.done():
                if not self._bench.wedged():
                    self._daemon.progress.mark()
                clock, pace_sec = self._daemon.clock, self._daemon.pace_sec
                await asyncio.wait({task}, timeout=until_tick(clock.monotonic(), pace_sec))
        finally:
            task.cancel()
        return task.result()

    def _says(self) -> str:
        aside = f", {self._recovery.buried} put aside" if self._recovery.buried else ""
        return f"{self._store.count} item(s) worked through{aside} since the start; {self._hand.count} in hand"
