"""A worker's place in its group: the lease that says that it lives."""

import asyncio
import contextlib
import logging
import os
from typing import Final

from marketswarm import names
from marketswarm.backlog import Backlog
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.pacing import until_tick

AGAIN_SEC: Final = 0.5
_log = logging.getLogger(__name__)


class Membership:
    """Renews the lease: as long as it is there, nobody claims what this worker is slow with."""

    def __init__(self, backlog: Backlog, clock: Clock, ttl_sec: float) -> None:
        self.ttl_sec = ttl_sec
        self.renew_sec = ttl_sec / 3
        self._backlog = backlog
        self._clock = clock
        self._owner = os.urandom(8).hex()
        self._first = True
        self._warned = False

    async def renew(self) -> None:
        """Renew it once. Raises what a bus raises."""
        before = await self._backlog.renew(self._owner, round(self.ttl_sec * 1000))
        # At the first time it may be that of this worker's predecessor, which was killed.
        if before not in ("", self._owner) and not self._first and not self._warned:
            self._warned = True
            _log.error(
                "another worker of the group %s is called %s too: set %s of one of them, or they work in vain",
                self._backlog.group,
                self._backlog.consumer,
                names.ENV_RSS_CONSUMER,
            )
        self._first = False

    async def leave(self) -> None:
        """Give the lease up at the end: what this worker leaves behind is another's at once."""
        with contextlib.suppress(BusUnreachableError, BusRefusedError, TimeoutError):
            async with asyncio.timeout(AGAIN_SEC):
                await self._backlog.release()

    async def keep(self) -> None:
        """Renew it for ever."""
        while True:
            try:
                await self.renew()
                await asyncio.sleep(until_tick(self._clock.monotonic(), self.renew_sec))
            except (BusUnreachableError, BusRefusedError):
                await asyncio.sleep(min(AGAIN_SEC, self.renew_sec))
