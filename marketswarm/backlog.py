"""A worker's side of the queue: a consumer group whose entries are worked through once each, whoever dies meanwhile."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, NoGroupError

_MANY: Final = 1000
_log = logging.getLogger(__name__)
# Who acknowledges an entry first stores its result, and in the same step: an entry that was claimed from a worker that
# lives all the same, and a call that is carried out twice since its answer was lost, have one result.
_FINISH: Final = """
local queue, results = KEYS[1], KEYS[2]
local group, field, maxlen = ARGV[1], ARGV[2], ARGV[3]
local stored = 0
for i = 4, #ARGV, 2 do
  if redis.call('XACK', queue, group, ARGV[i]) == 1 then
    redis.call('XADD', results, 'MAXLEN', '~', maxlen, '*', field, ARGV[i + 1])
    stored = stored + 1
  end
end
return stored
"""
_BURY: Final = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return 1
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An entry of the queue that was delivered to this worker; ``count`` is how often it has been delivered to any."""

    id: str
    raw: bytes
    count: int = 1


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that was delivered and not settled."""

    id: str
    consumer: str
    idle_ms: int
    count: int


class Backlog:
    """One consumer of a group. Every method raises what Bus raises."""

    def __init__(self, bus: Bus, queue: str, group: str, consumer: str) -> None:
        self.queue = queue
        self.group = group
        self.consumer = consumer
        self._bus = bus

    async def open(self) -> None:
        """Make sure that there is a group. A new one begins with the oldest entry: nothing is skipped."""
        try:
            await self._bus.ask([("XGROUP", "CREATE", self.queue, self.group, "0", "MKSTREAM")])
        except BusRefusedError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def take(self, bus: Bus, count: int, block_ms: int) -> list[Delivery]:
        """Take entries that nobody has been given yet; waits ``block_ms`` for the first.

        On ``bus``, a connection of its own with the patience for that. Raises NoGroupError where the group is gone.
        """
        options = ("COUNT", count, "BLOCK", block_ms, "STREAMS", self.queue, ">")
        (answer,) = await bus.ask([("XREADGROUP", "GROUP", self.group, self.consumer, *options)])
        return _deliveries(answer[0][1]) if answer else []

    async def renew(self, owner: str, ttl_ms: int) -> str:
        """Keep this worker's lease for ``ttl_ms``, as ``owner``; returns who held it until now, "" for nobody."""
        lease = names.worker_lease(self.queue, self.group, self.consumer)
        (before,) = await self._bus.ask([("SET", lease, owner, "PX", ttl_ms, "GET")])
        return before.decode(errors="replace") if before else ""

    async def release(self) -> None:
        """Give the lease up: what this worker has not settled may be claimed at once."""
        await self._bus.ask([("DEL", names.worker_lease(self.queue, self.group, self.consumer))])

    async def abandoned(self) -> set[str]:
        """Name the consumers that hold entries and whose lease is gone; this one is never among them."""
        try:
            (listed,) = await self._bus.ask([("XINFO", "CONSUMERS", self.queue, self.group)])
        except NoGroupError:
            return set()
        holding = [
            found[b"name"].decode()
            for found in map(fields, listed)
            if found[b"pending"] and found[b"name"].decode() != self.consumer
        ]
        if not holding:
            return set()
        (leases,) = await self._bus.ask(
            [("MGET", *(names.worker_lease(self.queue, self.group, one) for one in holding))]
        )
        return {one for one, lease in zip(holding, leases, strict=True) if lease is None}

    async def pending(self, consumer: str, count: int = _MANY) -> list[Pending]:
        """List what a consumer was given and has not settled, the oldest first."""
        (listed,) = await self._bus.ask([("XPENDING", self.queue, self.group, "-", "+", count, consumer)])
        return [Pending(entry.decode(), owner.decode(), idle, times) for entry, owner, idle, times in listed]

    async def claim(self, entry: str, *, idle_ms: int) -> Delivery | None:
        """Take over an entry that has been idle so long; counts as one more delivery.

        None where somebody else has it now, or has settled it, or where the queue has dropped it.
        """
        claim = ("XCLAIM", self.queue, self.group, self.consumer, idle_ms, entry)
        counted = ("XPENDING", self.queue, self.group, entry, entry, 1)
        claimed, listed, kept = await self._bus.ask([claim, counted, ("XRANGE", self.queue, entry, entry)])
        found = _deliveries(claimed)
        if found:
            return replace(found[0], count=listed[0][3] if listed else 1)
        if not kept:
            _log.error("%s: dropped its entry %s before that was worked through: who trims it?", self.queue, entry)
            await self._bus.ask([("XACK", self.queue, self.group, entry)])
        return None

    async def finish(self, results: str, field: str, maxlen: int, done: Sequence[tuple[str, bytes]]) -> int:
        """Store results and settle their entries at once; returns how many were not settled by somebody else before."""
        words = [word for pair in done for word in pair]
        keys = (self.queue, results)
        (stored,) = await self._bus.ask([("EVAL", _FINISH, len(keys), *keys, self.group, field, maxlen, *words)])
        return int(stored)

    async def bury(self, delivery: Delivery, fields: Mapping[str, str | bytes | int]) -> bool:
        """Put an entry aside for good, with what is to be known of it; False where somebody else has settled it."""
        dead = names.dead_items(self.queue)
        words = [word for pair in fields.items() for word in pair]
        what = (self.group, delivery.id, names.DEAD_ITEMS_MAXLEN, *words)
        (buried,) = await self._bus.ask([("EVAL", _BURY, 2, self.queue, dead, *what)])
        return bool(buried)


def fields(words: Sequence[Any]) -> dict[bytes, Any]:
    """Make a mapping of an answer in which names and values take turns."""
    return dict(zip(words[::2], words[1::2], strict=True))


def _deliveries(answer: Iterable[tuple[bytes, Sequence[bytes] | None] | None]) -> list[Delivery]:
    """Read entries as the wire has them; of one that was dropped meanwhile nothing is left to read."""
    return [
        Delivery(entry[0].decode(), fields(entry[1]).get(names.QUEUE_FIELD.encode(), b""))
        for entry in answer
        if entry and entry[1]
    ]
