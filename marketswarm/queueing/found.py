"""What the bus tells of the queue: how long it is, what waits for each group, and which workers live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from marketswarm import names
from marketswarm.backlog import fields
from marketswarm.bus import Bus
from marketswarm.queueing.place import Place, opened
from marketswarm.settings import Settings

NEARLY_FULL: Final = 0.9
"""From this part of its ``maxlen`` on, a queue of entries that wait is called nearly full."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A worker of a group. It lives as long as its lease is there."""

    name: str
    pending: int
    idle_sec: float
    alive: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group. ``lag``: entries that it was not given yet; None where there are some and Redis lost count.

    ``oldest_sec``: for how long the oldest pending entry has been on the queue.
    """

    name: str
    lag: int | None
    pending: int
    oldest_sec: float | None
    consumers: tuple[Consumer, ...]

    @property
    def behind(self) -> bool:
        """Whether anything waits for it."""
        return self.lag is None or self.lag > 0 or self.pending > 0

    @property
    def stranded(self) -> bool:
        """Whether something waits, and nobody who lives will take it."""
        return self.behind and not any(consumer.alive for consumer in self.consumers)


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue at one moment. ``maxlen``: about how many entries rss_agg lets it have; None where that is another's.

    ``own``: the group of vexy_ai, where the truth has that service.
    """

    bus: str
    stream: str
    exists: bool = True
    length: int = 0
    maxlen: int | None = None
    dead: int = 0
    groups: tuple[Group, ...] = ()
    own: str | None = None

    @property
    def stranded(self) -> list[str]:
        """Name the groups for which something waits, and nobody who lives will take it; vexy_ai's may not be there."""
        found = [group.name for group in self.groups if group.stranded]
        return [self.own] if self.own and self.length and not self.groups else found

    @property
    def waiting(self) -> int:
        """How many entries the slowest group has still to settle, as far as that is known."""
        return max(((group.lag or 0) + group.pending for group in self.groups), default=0)

    @property
    def nearly_full(self) -> bool:
        """Whether so much waits that rss_agg will soon fetch nothing.

        Not by the length: what every group has settled stays until there are ``maxlen`` entries, which is no fault.
        """
        return self.maxlen is not None and self.waiting > NEARLY_FULL * self.maxlen

    @property
    def exit_code(self) -> int:
        """0 nothing waits too long, 1 somebody has to look."""
        return int(bool(self.dead or self.stranded or self.nearly_full))


async def look(settings: Settings) -> QueueView:
    """Ask the bus of the queue.

    Raises BusUnreachableError where it does not answer, or no bus has the truth; BusRefusedError; BadTruthError where
    what they have cannot be used.
    """
    async with opened(settings) as place:
        truth, stream = place.truth, place.stream
        # The server's clock: ids of entries are times of it.
        exists, length, dead, (now_sec, now_us) = await place.bus.ask(
            [("EXISTS", stream), ("XLEN", stream), ("XLEN", place.dead), ("TIME",)]
        )
        written = truth.items_to()
        is_written = (written.bus, written.key) == (place.bus.name, stream)
        return QueueView(
            bus=place.bus.name,
            stream=stream,
            exists=bool(exists),
            length=length,
            maxlen=truth.section(names.RSS_AGG).stream.maxlen if is_written else None,
            dead=dead,
            groups=await _groups(place, int(now_sec) + int(now_us) / 1e6) if exists else (),
            own=settings.working.group if names.VEXY_AI in truth.services else None,
        )


async def _groups(place: Place, now_sec: float) -> tuple[Group, ...]:
    bus, stream = place.bus, place.stream
    about, listed = await bus.ask([("XINFO", "STREAM", stream), ("XINFO", "GROUPS", stream)])
    newest = fields(about)[b"last-generated-id"]
    groups = [fields(words) for words in listed]
    summaries = await bus.ask([("XPENDING", stream, group[b"name"]) for group in groups])
    consumers = await bus.ask([("XINFO", "CONSUMERS", stream, group[b"name"]) for group in groups])
    found = []
    for group, (pending, oldest, *_), words in zip(groups, summaries, consumers, strict=True):
        name = _text(group[b"name"])
        members = await _consumers(bus, stream, name, [fields(member) for member in words])
        age_sec = round(max(0.0, now_sec - int(oldest.partition(b"-")[0]) / 1000), 3) if oldest else None
        found.append(Group(name, _lag(group, newest), pending, age_sec, members))
    return tuple(found)


def _lag(group: Mapping[bytes, Any], newest: bytes) -> int | None:
    """Count what a group was not given yet. Redis before 7 does not tell, nor does one that lost count."""
    lag: int | None = group.get(b"lag")
    return 0 if lag is None and group[b"last-delivered-id"] == newest else lag


async def _consumers(bus: Bus, stream: str, group: str, listed: list[dict[bytes, Any]]) -> tuple[Consumer, ...]:
    called = [_text(member[b"name"]) for member in listed]
    leases = await bus.ask([("EXISTS", names.worker_lease(stream, group, name)) for name in called])
    return tuple(
        Consumer(name, member[b"pending"], max(0, member[b"idle"]) / 1000, bool(lease))
        for name, member, lease in zip(called, listed, leases, strict=True)
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
