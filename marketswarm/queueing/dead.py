"""Dead items, which no worker could work through: listed, sent back to the queue, or thrown away."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from marketswarm import names
from marketswarm.backlog import fields
from marketswarm.feeds.item import decode_item
from marketswarm.queueing.place import Place, opened
from marketswarm.settings import Settings

_CHUNK: Final = 100
# Who finds an entry still there sends it, and takes it away in the same step: two that do it at once send it once. The
# write that a full bus refuses comes first, so that what is taken away has been sent.
_REVIVE: Final = """
local queue, dead = KEYS[1], KEYS[2]
local sent = 0
for _, id in ipairs(ARGV) do
  local found = redis.call('XRANGE', dead, id, id)[1]
  local words = found and found[2] or {}
  for i = 1, #words, 2 do
    if words[i] == 'item' then
      redis.call('XADD', queue, '*', 'item', words[i + 1])
      redis.call('XDEL', dead, id)
      sent = sent + 1
      break
    end
  end
end
return sent
""".replace("'item'", f"'{names.QUEUE_FIELD}'")


@dataclass(frozen=True, slots=True)
class DeadItem:
    """What nobody could work through: why, after how many deliveries, when (seconds since the epoch), who tried last.

    ``id`` is that among the dead, ``entry`` that which it had on the queue. ``feed`` and ``title`` are those of the
    item; empty where it is none.
    """

    id: str
    entry: str
    reason: str
    deliveries: int
    ts: float
    worker: str
    feed: str
    title: str


@dataclass(frozen=True, slots=True)
class Dead:
    """How many are dead in all, and the last of them, the oldest first."""

    total: int
    items: tuple[DeadItem, ...]


async def dead(settings: Settings, count: int | None = None) -> Dead:
    """List the last ``count`` dead items, or all of them. Raises as ``look`` does."""
    async with opened(settings) as place:
        (total,) = await place.bus.ask([("XLEN", place.dead)])
        found: list[DeadItem] = []
        end = "+"
        while wanted := _CHUNK if count is None else min(_CHUNK, count - len(found)):
            (page,) = await place.bus.ask([("XREVRANGE", place.dead, end, "-", "COUNT", wanted)])
            if not page:
                break
            found += [_dead_item(entry.decode(), fields(words)) for entry, words in page]
            end = f"({found[-1].id}"
    return Dead(total, tuple(reversed(found)))


def _dead_item(entry_id: str, kept: Mapping[bytes, bytes]) -> DeadItem:
    text = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in kept.items()}
    item = decode_item(kept.get(names.QUEUE_FIELD.encode(), b""))
    return DeadItem(
        id=entry_id,
        entry=text.get("entry", ""),
        reason=text.get("reason", ""),
        deliveries=_count(text.get("deliveries", "")) or 0,
        ts=_count(text.get("ts", "")) or int(entry_id.partition("-")[0]) / 1000,
        worker=text.get("worker", ""),
        feed=item.feed if item else "",
        title=item.title if item else "",
    )


def _count(text: str) -> int | None:
    """Read a number that anyone may have written."""
    return int(text) if len(text) <= len(str(2**64)) and text.isascii() and text.isdigit() else None


async def revive(settings: Settings, ids: Iterable[str] | None = None) -> int:
    """Send dead items back to the queue, these or all that there are now; returns how many were sent by this call.

    Each is a new entry there, with all its tries before it. Raises as ``look`` does, and may have sent some by then.
    """
    sent = 0
    async with opened(settings) as place:
        async for chunk in _all(place) if ids is None else _given(ids):
            (count,) = await place.bus.ask([("EVAL", _REVIVE, 2, place.stream, place.dead, *chunk)])
            sent += count
    return sent


async def drop(settings: Settings, ids: Iterable[str]) -> int:
    """Throw dead items away for good; returns how many there were. Raises as ``look`` does."""
    dropped = 0
    async with opened(settings) as place:
        for chunk in _chunks(ids):
            (count,) = await place.bus.ask([("XDEL", place.dead, *chunk)])
            dropped += count
    return dropped


async def _all(place: Place) -> AsyncIterator[list[str]]:
    """Name all dead items up to the last one that there is now: what dies again meanwhile is left alone."""
    (newest,) = await place.bus.ask([("XREVRANGE", place.dead, "+", "-", "COUNT", 1)])
    start = "-"
    while newest:
        (page,) = await place.bus.ask([("XRANGE", place.dead, start, newest[0][0], "COUNT", _CHUNK)])
        if not page:
            return
        chunk = [entry.decode() for entry, _ in page]
        start = f"({chunk[-1]}"
        yield chunk


async def _given(ids: Iterable[str]) -> AsyncIterator[list[str]]:
    for chunk in _chunks(ids):
        yield chunk


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Take ids in portions, each of them once."""
    left = iter(dict.fromkeys(ids))
    while chunk := list(islice(left, _CHUNK)):
        yield chunk
