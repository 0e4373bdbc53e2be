"""Which targets people were told of: announced, remembered, and put back where a bus has lost it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import Alert, ProbeFailed, encode
from marketswarm.pacing import until_tick

LOOK_SEC: Final = 16.0
"""How often it is looked whether system-redis still has what was told; what is on its way to it takes less."""


class Told:
    """The alerts that have no end yet, by target. The bus has them in ``massive:told``."""

    def __init__(self) -> None:
        self._alerts: dict[str, ProbeFailed] = {}
        self._missing: frozenset[str] = frozenset()

    def recall(self, alerts: Mapping[str, ProbeFailed]) -> None:
        """Take over what the process before this one has told."""
        self._alerts |= alerts

    def failed(self, alert: ProbeFailed, announce: Callable[[Alert], None]) -> None:
        """Announce that a target fails."""
        self._alerts[alert.probe] = alert
        announce(alert)

    def ended(self, end: Alert, target: str, announce: Callable[[Alert], None]) -> None:
        """Announce its end."""
        self._alerts.pop(target, None)
        announce(end)

    async def keep(self, bus: Bus, clock: Clock) -> None:
        """Put back what a bus has lost, that came back empty, for ever: ``ack`` and the next process go by it.

        What is missing once may be on its way: it is put back where the next look misses it too.
        """
        while True:
            await asyncio.sleep(until_tick(clock.monotonic(), LOOK_SEC))
            if self._alerts:
                await self._look(bus)

    async def _look(self, bus: Bus) -> None:
        try:
            held = await bus.fields(names.PROBES_TOLD)
            missing = frozenset(self._alerts.keys() - held.keys())
            lost = {name: encode(self._alerts[name]) for name in missing & self._missing}
            await bus.set_fields(names.PROBES_TOLD, lost)
            self._missing = missing
        except (BusUnreachableError, BusRefusedError):
            self._missing = frozenset()
