"""The heartbeats of one process, from its first to its last, whatever truth it runs on meanwhile."""

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Awaitable, Callable

from marketswarm import host, version
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import FullHeartbeat, encode
from marketswarm.pacing import Backoff
from marketswarm.truth import Position

_log = logging.getLogger(__name__)


class Pulse:
    """Sends one service's beats; keeps trying while the bus is away.

    ``truth`` is the hash that the beats carry, ``token`` that of the owner of a singleton. To who hears them, a process
    that was given another token is another one: they could not tell two that relieve each other from two that work at
    once.
    """

    def __init__(self, service: str, truth_sha256: str, clock: Clock) -> None:
        self.truth = truth_sha256
        self.token = 0
        self.process = _random_id()
        """A random id of this process."""
        self.boot = self.process
        """What the beats have for it: another one with each token."""
        self.host = host.name()
        self.heard = False
        """Whether a bus has taken a beat."""
        self._service = service
        self._clock = clock
        self._count = 0
        self._version = version.number()
        self._refusal = ""

    def own(self, token: int) -> None:
        """Beat from now on as the owner by this token; 0 for a service that is no singleton."""
        if token not in (0, self.token):
            self.boot, self._count = _random_id(), 0
        self.token = token

    async def send(self, bus: Bus, at: Position, permitted: Callable[[], Awaitable[None]]) -> None:
        """Send the next beat, however long it takes. ``permitted`` is waited for before another try."""
        # Counted before it is sent: a beat that is cut off half-way may have arrived, and no number comes twice.
        self._count += 1
        backoff = Backoff(random.random)
        while True:
            try:
                await bus.beat(at.service, at.channel, self.payload(), _lease_ms(at))
            except (BusUnreachableError, BusRefusedError) as error:
                if isinstance(error, BusRefusedError) and str(error) != self._refusal:
                    self._refusal = str(error)
                    _log.error("%s", error)
                await asyncio.sleep(backoff.next_sec())
                await permitted()
            else:
                self._refusal = ""
                self.heard = True
                return

    async def goodbye(self, bus: Bus, at: Position, *, within_sec: float) -> None:
        """Send the last beat, which says that the process stops as it should; a bus that does not take it is let be."""
        self._count += 1
        with contextlib.suppress(BusUnreachableError, BusRefusedError, TimeoutError):
            async with asyncio.timeout(within_sec):
                await bus.beat(at.service, at.channel, self.payload(bye=True), _lease_ms(at))

    def payload(self, *, bye: bool = False) -> bytes:
        """Encode what there is to say now."""
        beat = FullHeartbeat(
            svc=self._service,
            i=self._count,
            ts=round(self._clock.wall(), 3),
            boot=self.boot,
            host=self.host,
            pid=os.getpid(),
            truth=self.truth,
            bye=bye,
            version=self._version,
            token=self.token,
        )
        return encode(beat)


def _random_id() -> str:
    return os.urandom(8).hex()


def _lease_ms(at: Position) -> int:
    return max(1, round(at.timeout_sec * 1000))
