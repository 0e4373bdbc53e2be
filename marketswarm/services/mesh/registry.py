"""The registry on system-redis: what has changed is stored, and told in the same step."""

import asyncio
import logging
import random
from collections.abc import Collection, Iterable, Iterator, Sequence

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import Clock, steady
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.liveness import Members
from marketswarm.messages import Change, Member, decode_member, encode
from marketswarm.pacing import Backoff

BATCH = 500
"""How many entries go in one transaction: it blocks the bus for a few milliseconds."""
_NAMED = 10
_log = logging.getLogger(__name__)


async def recall(bus: Bus) -> list[Member]:
    """Read what the registry holds, from before a restart of mesh; waits for the bus."""
    backoff = Backoff(random.random)
    while True:
        try:
            fields = await bus.fields(names.MESH_SERVICES)
        except BusUnreachableError:
            await asyncio.sleep(backoff.next_sec())
        else:
            found = ((service, decode_member(raw)) for service, raw in fields.items())
            return [member for service, member in found if member and member.svc == service]


class Registry:
    """Keeps ``mesh:services`` as the members are, and tells the changes on ``mesh:gossip``."""

    def __init__(self, bus: Bus, members: Members, clock: Clock, count: Iterator[int]) -> None:
        """``count`` numbers what is told."""
        self._bus = bus
        self._members = members
        self._clock = clock
        self._count = count
        self._refusal = ""

    async def look(self) -> bool:
        """See whether the bus answers, and still has what it had: one that was emptied is told all of it again."""
        try:
            (held,) = await self._bus.ask([("HLEN", names.MESH_SERVICES)])
        except (BusUnreachableError, BusRefusedError) as error:
            self._failed(error)
            return False
        if held < (stored := self._members.stored):
            _log.warning("%s has %d of its %d entries; all are stored again", names.MESH_SERVICES, held, stored)
            self._members.emptied()
        return True

    async def write(self, but: Collection[str] = ()) -> None:
        """Store what is out of date, and tell what of that is news; what fails is tried again in the next round.

        So is what is to be said of those of whom it is not known yet which process they are now.
        """
        gone = self._members.forget(steady(self._clock))
        stale = [member for member in self._members.stale() if member.svc not in but]
        told: list[Change] = []
        try:
            if gone:
                await self._bus.drop_fields(names.MESH_SERVICES, gone)
                self._members.keep((), gone)
            for start in range(0, len(stale), BATCH):
                told += await self._store(stale[start : start + BATCH])
        except (BusUnreachableError, BusRefusedError) as error:
            self._failed(error)
        else:
            self._refusal = ""
        _say(told)

    async def _store(self, members: Sequence[Member]) -> list[Change]:
        changes = list(self._changes(members))
        entries = (word for member in members for word in (member.svc, encode(member)))
        told = (("PUBLISH", names.MESH_GOSSIP, encode(change)) for change in changes)
        await self._bus.ask([("MULTI",), ("HSET", names.MESH_SERVICES, *entries), *told, ("EXEC",)])
        self._members.keep(members)
        return changes

    def _changes(self, members: Iterable[Member]) -> Iterator[Change]:
        ts = int(self._clock.wall())
        for member in members:
            old = self._members.news(member)
            if old is not None:
                yield Change(
                    svc=member.svc,
                    old=old,
                    new=member.state,
                    since=member.since,
                    ts=ts,
                    i=next(self._count),
                    host=member.host,
                    boot=member.boot,
                    reason=member.reason,
                )

    def _failed(self, error: BusUnreachableError | BusRefusedError) -> None:
        if isinstance(error, BusRefusedError) and str(error) != self._refusal:
            self._refusal = str(error)
            _log.error("the registry cannot be stored: %s", error)


def _say(changes: Sequence[Change]) -> None:
    for change in changes[:_NAMED]:
        why = f" ({change.reason})" if change.reason else ""
        _log.info("%s: %s%s", change.svc, change.new, why)
    if len(changes) > _NAMED:
        _log.info("and %d more changes", len(changes) - _NAMED)
