"""The rounds in which mesh brings its registry up to date."""

import asyncio
from collections.abc import Callable
from typing import Final

from marketswarm.clock import Clock
from marketswarm.liveness import Members
from marketswarm.services.mesh.identities import Identities
from marketswarm.services.mesh.registry import Registry
from marketswarm.services.mesh.roll import Roll
from marketswarm.services.mesh.waiting import Waiting

ROUND_SEC: Final = 20.0
"""No round takes so long, whichever bus is away, since every call is bounded: one that does is wedged."""


class Rounds:
    """Asks all of whom something may have changed, one round after the other."""

    def __init__(
        self,
        roll: Roll,
        known: Members,
        registry: Registry,
        identities: Identities,
        waiting: Waiting,
        *,
        clock: Clock,
        mark: Callable[[], None],
    ) -> None:
        """``mark`` marks a part of the progress that is the rounds' own."""
        self._roll = roll
        self._known = known
        self._registry = registry
        self._identities = identities
        self._waiting = waiting
        self._clock = clock
        self._mark = mark
        self._turned_at = clock.monotonic()

    async def turn(self) -> None:
        """Make one, as far as the buses answer."""
        anew = frozenset(self._roll.anew)
        found, standbys, answers, _ = await asyncio.gather(
            self._identities.read(anew), self._waiting.read(), self._registry.look(), self._roll.look()
        )
        self._roll.identify(found, anew)
        self._known.stand_by(standbys)
        if answers:
            await self._registry.write(but=self._roll.anew)
        self._turned_at = self._clock.monotonic()

    def mark(self) -> None:
        """Mark progress while the rounds go on; a bus that keeps one waiting holds up no beat."""
        if self._clock.monotonic() - self._turned_at < ROUND_SEC:
            self._mark()
