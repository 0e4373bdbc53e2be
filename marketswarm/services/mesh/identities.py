"""Which processes beat, by the leases: read in rounds, since what a beat says of its process hardly ever changes."""

import asyncio
import itertools
from collections.abc import Collection, Iterator, Mapping

from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import FullHeartbeat, decode_full

AT_A_TIME = 1000
"""Of so many on each bus a round asks; of more, they take turns."""


class Identities:
    """Reads the leases of the members."""

    def __init__(self, members: Mapping[Bus, Collection[str]]) -> None:
        """``members`` are the services that beat on each bus."""
        self._members = members
        self._turns: dict[Bus, Iterator[str]] = {bus: itertools.cycle(services) for bus, services in members.items()}

    async def read(self, at_once: Collection[str]) -> dict[str, FullHeartbeat | None]:
        """Read those whose turn it is, and those who cannot wait for it.

        None for whom there is no lease, or none that may be read; who beats on a bus that does not answer is left out.
        """
        found: dict[str, FullHeartbeat | None] = {}
        for part in await asyncio.gather(*(self._read(bus, at_once) for bus in self._members)):
            found |= part
        return found

    async def _read(self, bus: Bus, at_once: Collection[str]) -> dict[str, FullHeartbeat | None]:
        members = self._members[bus]
        wanted = set(itertools.islice(self._turns[bus], min(AT_A_TIME, len(members))))
        wanted |= {service for service in at_once if service in members}
        try:
            beats = await bus.beats(wanted)
        except BusUnreachableError:
            return {}
        except BusRefusedError:
            beats = {}
        return {svc: decode_full(beats[svc], svc) if svc in beats else None for svc in wanted}
