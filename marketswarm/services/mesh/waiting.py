"""Who stands by to own each singleton, by what its bus has noted."""

import asyncio
from collections.abc import Mapping

from marketswarm import ownership
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError


class Waiting:
    """Reads it in rounds."""

    def __init__(self, singletons: Mapping[str, Bus]) -> None:
        """``singletons`` gives the bus that has the lease of each."""
        self._singletons = singletons

    async def read(self) -> dict[str, tuple[str, ...]]:
        """Name the hosts on which others stand by; a singleton whose bus does not say is left out."""
        found = await asyncio.gather(*(self._read(service, bus) for service, bus in self._singletons.items()))
        return {service: hosts for service, hosts in zip(self._singletons, found, strict=True) if hosts is not None}

    async def _read(self, service: str, bus: Bus) -> tuple[str, ...] | None:
        try:
            return await ownership.standbys(bus, service)
        except (BusUnreachableError, BusRefusedError):
            return None
