"""Why suspects are silent: asked while they are judged, so that an alert does not wait for its reason."""

from collections.abc import Sequence

from marketswarm import host, unitnames
from marketswarm.bus import Bus, client_name
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.liveness import Cause, Detector, Process, cause

CROWD = 100
"""Of more suspects than this the bus is not asked who is connected: its answer would hold up what is urgent."""


class Causes:
    """Knows, of the services of one bus, what its host and the bus can tell."""

    def __init__(self, bus: Bus, detector: Detector) -> None:
        self._bus = bus
        self._detector = detector

    async def look(self, suspects: Sequence[int]) -> set[str]:
        """Ask the bus who is connected; nobody, where it does not tell."""
        if len(suspects) > CROWD:
            return set()
        try:
            return await self._bus.connected()
        except (BusUnreachableError, BusRefusedError):
            return set()

    def of(self, row: int, connected: set[str]) -> Cause:
        """Say why this one is silent."""
        service = self._detector.services[row]
        pid = self._detector.numbers.pid(row)
        process = Process.UNKNOWN
        if pid:
            process = Process.RUNS if host.runs(pid) else Process.GONE
        return cause(
            process,
            goodbye=row in self._detector.numbers.goodbyes,
            connected=client_name(service) in connected,
            unit_active=process is Process.GONE and host.unit_active(unitnames.service_unit(service)),
        )
