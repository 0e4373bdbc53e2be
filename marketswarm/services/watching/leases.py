"""Beats that were not heard, as the bus still holds them."""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import NamedTuple

from marketswarm.bus import Bus, Lease
from marketswarm.liveness import Detector
from marketswarm.messages import Heartbeat, Malformed, decode_heartbeat

AT_A_TIME = 1000
"""How many are asked for in one go."""


class Unheard(NamedTuple):
    """A beat of the service in that row, ``age_sec`` ago by the lease that it renewed.

    ``dated``: whether that can be. Where more time is left than there ever was, the clock of the bus went back, and
    only the sender's tells an age.
    """

    row: int
    beat: Heartbeat
    age_sec: float
    dated: bool


class Leases:
    """The leases of the services on one bus."""

    def __init__(self, bus: Bus, detector: Detector) -> None:
        self._bus = bus
        self._detector = detector

    async def unheard(self, rows: Iterable[int]) -> AsyncIterator[list[Unheard]]:
        """Ask for the leases of these services; yields what came of each round trip.

        Raises BusUnreachableError or BusRefusedError where the bus does not tell.
        """
        asked = iter(rows)
        while wanted := {self._detector.services[row]: row for row in itertools.islice(asked, AT_A_TIME)}:
            yield list(self._weigh(wanted, await self._bus.leases(wanted)))

    def _weigh(self, wanted: Mapping[str, int], leases: Mapping[str, Lease]) -> Iterator[Unheard]:
        for service, lease in leases.items():
            row = wanted[service]
            beat = decode_heartbeat(lease.raw, service)
            if not isinstance(beat, Malformed) and lease.ttl_ms >= 0 and not self._detector.knows(row, beat):
                left_sec, timeout_sec = lease.ttl_ms / 1000, self._detector.terms(row).timeout_sec
                yield Unheard(row, beat, max(timeout_sec - left_sec, 0.0), left_sec <= timeout_sec)
