"""Second tries: of what failed, and of what was left behind by a worker that died, this one's predecessor included.

One at a time: an item that kills its worker is then alone in it, and takes no other with it into the dead ones.
"""

import asyncio
import contextlib
import heapq
import logging
import random
from collections.abc import Iterable
from typing import Final

from marketswarm import names
from marketswarm.backlog import Backlog, Delivery, Pending
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.pacing import Backoff, until_tick
from marketswarm.patience import until_taken
from marketswarm.services.vexy_ai.bench import Bench, Failure
from marketswarm.services.vexy_ai.hand import Hand
from marketswarm.services.vexy_ai.store import Store

LOOK_SEC: Final = 5.0
"""How often it is looked for what was left behind, at most."""
LOST_MS: Final = 5000
"""An entry that is this worker's for as long, and not in its hand, was in an answer that never arrived."""
RETRY_BASE_SEC: Final = 1.0
RETRY_CAP_SEC: Final = 30.0
_LEFT_BEHIND: Final = "its worker ended or hung each time before it had a result"
_log = logging.getLogger(__name__)


class Recovery:
    """The entries that have to be tried again, and when."""

    def __init__(
        self,
        backlog: Backlog,
        bench: Bench,
        hand: Hand,
        store: Store,
        clock: Clock,
        *,
        max_deliveries: int,
        renew_sec: float,
    ) -> None:
        """``renew_sec``: how often workers renew their leases."""
        self.buried = 0
        """How many entries were put aside for good since the start."""
        self._backlog = backlog
        self._bench = bench
        self._hand = hand
        self._store = store
        self._clock = clock
        self._max_deliveries = max_deliveries
        self._idle_ms = round(renew_sec * 1000)
        self._look_sec = min(LOOK_SEC, renew_sec)
        self._due: list[tuple[float, str, int]] = []
        """When to try, which entry, and for how many milliseconds it must have been idle to be claimed."""
        self._reasons: dict[str, str] = {}
        """Why an entry has failed in this process."""
        self._suspects: set[str] = set()
        """Workers without a lease, when last looked."""
        self._news = asyncio.Event()

    async def begin(self) -> None:
        """Take up what this worker's predecessor left: to be called before anything new is taken. Raises as Bus."""
        self._plan(await self._backlog.pending(self._backlog.consumer), idle_ms=0)

    async def failed(self, delivery: Delivery, failure: Failure) -> None:
        """Try an entry that is in hand again later; after its last try, or where none would help, put it aside."""
        if failure.final or delivery.count >= self._max_deliveries:
            await self._bury(delivery, failure.reason)
            return
        self._reasons[delivery.id] = failure.reason
        delay_sec = _delay_sec(delivery.count)
        following = delivery.count + 1
        _log.warning("entry %s: %s; try %d follows in %.1f s", delivery.id, failure.reason, following, delay_sec)
        heapq.heappush(self._due, (self._clock.monotonic() + delay_sec, delivery.id, 0))
        self._news.set()

    async def run(self) -> None:
        """Try again what is due, and look for what was left behind, for ever."""
        look_at = self._next_look()
        while True:
            now = self._clock.monotonic()
            if now >= look_at:
                await self._look()
                look_at = self._next_look()
            elif self._due and self._due[0][0] <= now:
                _, entry, idle_ms = heapq.heappop(self._due)
                await self._again(entry, idle_ms)
            else:
                await self._wait(min(look_at, self._due[0][0] if self._due else look_at) - now)

    def _next_look(self) -> float:
        now = self._clock.monotonic()
        return now + until_tick(now, self._look_sec)

    async def _wait(self, sec: float) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(sec):
                await self._news.wait()

    async def _look(self) -> None:
        """Find what workers left behind whose lease is gone twice in a row: one that was cut off is just back."""
        try:
            gone = await self._backlog.abandoned()
            sure, self._suspects = sorted(gone & self._suspects), gone
            for consumer in sure:
                left = await self._backlog.pending(consumer, max(1, self._hand.free))
                if planned := self._plan(left, idle_ms=self._idle_ms):
                    _log.warning("takes over %d entries of %s, which is gone", planned, consumer)
            own = await self._backlog.pending(self._backlog.consumer)
            self._plan((entry for entry in own if entry.idle_ms >= LOST_MS), idle_ms=LOST_MS)
        except (BusUnreachableError, BusRefusedError):
            self._suspects.clear()

    def _plan(self, entries: Iterable[Pending], *, idle_ms: int) -> int:
        new = [entry.id for entry in entries if entry.id not in self._hand]
        self._hand.take(new)
        for entry in new:
            heapq.heappush(self._due, (self._clock.monotonic(), entry, idle_ms))
        return len(new)

    async def _again(self, entry: str, idle_ms: int) -> None:
        delivery = await until_taken(lambda: self._backlog.claim(entry, idle_ms=idle_ms))
        if delivery is None:  # another's by now, or settled
            self._reasons.pop(entry, None)
            self._hand.let_go([entry])
        elif delivery.count > self._max_deliveries:
            await self._bury(delivery, self._reasons.get(entry, _LEFT_BEHIND))
        else:
            outcome = await self._bench.attempt(delivery.raw)
            if isinstance(outcome, Failure):
                await self.failed(delivery, outcome)
            else:
                self._reasons.pop(entry, None)
                self._store.put(entry, outcome)

    async def _bury(self, delivery: Delivery, why: str) -> None:
        letter: dict[str, str | bytes | int] = {
            names.QUEUE_FIELD: delivery.raw,
            "reason": why,
            "entry": delivery.id,
            "deliveries": delivery.count,
            "worker": self._backlog.consumer,
            "ts": int(self._clock.wall()),  # rounded up, half of them would lie ahead of whoever reads them
        }
        if await until_taken(lambda: self._backlog.bury(delivery, letter)):
            self.buried += 1
            _log.error("entry %s is put aside: %s; see: marketswarm queue --dead", delivery.id, why)
        self._reasons.pop(delivery.id, None)
        self._hand.let_go([delivery.id])


def _delay_sec(count: int) -> float:
    """Seconds to wait after the failure of try ``count``: doubled each time, with jitter."""
    backoff = Backoff(random.random, RETRY_BASE_SEC * 2.0 ** min(count - 1, 30), RETRY_CAP_SEC)
    return backoff.next_sec()
