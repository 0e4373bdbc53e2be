"""Services that run on another truth than healer, as the beats in their leases say."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from marketswarm import unitnames
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.daemon import Follower
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import Heartbeat, Malformed, decode_heartbeat
from marketswarm.pacing import Grace, until_tick
from marketswarm.truth import short

GRACE_SEC = 60.0
"""A service follows a new truth within seconds; its work may take as long again to end and begin."""
LOOK_SEC = 16.0
"""How far apart two looks begin at least; a multiple of what the other loops sleep, so that all wake together."""
AT_A_TIME = 1000
CROWD_SEC = 2.0
"""Of a crowd so many are looked at in so many seconds."""


class Drifts:
    """Decides which service is told of: one that still names another truth in a beat of after its grace.

    The grace begins when that is first seen, and anew for everybody with each truth of healer's own. What counts is
    when a beat was sent, for between two beats a service cannot tell that it has followed.
    """

    def __init__(self, grace_sec: float = GRACE_SEC) -> None:
        self._grace_sec = grace_sec
        self._grace = Grace(grace_sec)
        self._mine = ""
        self._seen: dict[str, Heartbeat] = {}
        """The last beat of each that names another truth."""

    def compare_with(self, sha256: str) -> None:
        """Take in what healer runs on."""
        if sha256 != self._mine:
            self._mine = sha256
            self.nothing_known()

    def nothing_known(self) -> None:
        """Take in that nobody can be compared."""
        self._seen.clear()
        self._grace.all_unknown()

    def unknown(self, service: str) -> None:
        """Take in that this service does not say what it runs on."""
        self._seen.pop(service, None)
        self._grace.unknown(service)

    def right(self, service: str) -> bool:
        """Take in that it runs on healer's; whether to tell so, since the opposite was told."""
        self._seen.pop(service, None)
        return self._grace.right(service)

    def wrong(self, service: str, beat: Heartbeat, now: float, last_look: float) -> str:
        """Take in that its lease holds a beat that names another truth; returns what to tell of it now, if anything.

        A beat that was not in the lease at the ``last_look`` was sent after it.
        """
        seen, self._seen[service] = self._seen.get(service), beat
        if seen == beat:
            return ""
        sent_after = last_look if seen else now
        if not self._grace.wrong(service, f"{beat.truth} {self._mine}", sent_after):
            return ""
        unit = unitnames.service_unit(service)
        return (
            f"has run on the truth {short(beat.truth)} for over {self._grace_sec:g} s, healer runs on "
            f"{short(self._mine)}; see journalctl -u {unit}, then systemctl restart {unit}"
        )


class Comparer:
    """Looks at the leases of the watched services from time to time: far off the path of the beats."""

    def __init__(
        self,
        drifts: Drifts,
        follower: Follower,
        watched: Sequence[tuple[Bus, Sequence[str]]],
        clock: Clock,
        *,
        wrong: Callable[[str, str, str], None],
        right: Callable[[str], None],
        look_sec: float = LOOK_SEC,
    ) -> None:
        """``watched`` has the services by bus. ``wrong`` is told bus, reason and service, ``right`` the service."""
        self._drifts = drifts
        self._follower = follower
        self._chunks = [
            (bus, services, start) for bus, services in watched for start in range(0, len(services), AT_A_TIME)
        ]
        self._clock = clock
        self._wrong = wrong
        self._right = right
        self._look_sec = look_sec
        self._looked = [clock.monotonic()] * len(self._chunks)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(until_tick(self._clock.monotonic(), self._look_sec))
            for chunk, (bus, services, start) in enumerate(self._chunks):
                await self._look(chunk, bus, services[start : start + AT_A_TIME])
                if len(services) > AT_A_TIME:
                    await asyncio.sleep(until_tick(self._clock.monotonic(), CROWD_SEC))

    async def _look(self, chunk: int, bus: Bus, services: Sequence[str]) -> None:
        asked, compared_with = self._clock.monotonic(), self._follower.running_on
        self._drifts.compare_with(compared_with)
        if not self._follower.settled:  # who is wrong then, nobody can tell; of the bus that is, people are told
            self._drifts.nothing_known()
            return
        try:
            beats = await bus.beats(services)
        except (BusUnreachableError, BusRefusedError):
            beats = {}
        if self._follower.running_on == compared_with:
            self._compare(bus.name, services, beats, self._looked[chunk])
            self._looked[chunk] = asked

    def _compare(self, bus: str, services: Sequence[str], beats: Mapping[str, bytes], last_look: float) -> None:
        now = self._clock.monotonic()
        for service in services:
            beat = decode_heartbeat(beats.get(service, b""), service)
            if isinstance(beat, Malformed) or beat.bye or not beat.truth:
                self._drifts.unknown(service)
            elif beat.truth == self._follower.running_on:
                if self._drifts.right(service):
                    self._right(service)
            elif reason := self._drifts.wrong(service, beat, now, last_look):
                self._wrong(bus, reason, service)
