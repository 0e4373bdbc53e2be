"""What a bus holds of feeds: the queue of items, which entries have been published, how each feed is doing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from marketswarm import names
from marketswarm.backlog import fields
from marketswarm.bus import Bus
from marketswarm.feeds.item import Item, encode_item
from marketswarm.feeds.novelty import News
from marketswarm.feeds.state import FeedState, decode_state, encode_state
from marketswarm.line import Command
from marketswarm.ownership import FENCE, Fence

KEPT_SEC: Final = 30 * 86_400
"""How long an entry is known after it was last in its feed, as far as that has been read since."""
ABANDONED_SEC: Final = 180 * 86_400
"""How long the entries of a feed are known after its last fetch."""
_CHUNK: Final = 100
_FIELDS: Final = 500
_PRUNED: Final = 1000
_NEWEST: Final = b"18446744073709551615-0"
_NODE: Final = 100
"""So many entries a stream drops at once (Redis: stream-node-max-entries)."""
# An entry is published only where its mark is what it was when it was judged, and both happen at once. So whatever is
# killed meanwhile, and however often the same call is carried out, an entry comes once. A bus without memory or disk
# refuses the first write of a script, and so all of it. An item of a singleton carries its token: the stream itself
# shows who wrote.
_PUBLISH: Final = (
    FENCE
    + """
local queue, seen, times, feeds, newest = unpack(KEYS)
local feed, state, now, oldest, abandoned, token, news = unpack(ARGV, 1, 7)
local no = newest and refusal(newest, token)
if no then return no end
local published, at = 0, 8
for _ = 1, news do
  local field, before, after, alias, item = unpack(ARGV, at, at + 4)
  at = at + 5
  if (redis.call('HGET', seen, field) or '') == before then
    if newest then
      redis.call('XADD', queue, '*', 'item', item, 'token', token)
    else
      redis.call('XADD', queue, '*', 'item', item)
    end
    redis.call('HSET', seen, field, after, alias, '')
    published = published + 1
  end
  redis.call('ZADD', times, now, field, now, alias)
end
for i = at, #ARGV do redis.call('ZADD', times, now, ARGV[i]) end
for _, field in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', oldest, 'LIMIT', 0, PRUNED)) do
  redis.call('HDEL', seen, field)
  redis.call('ZREM', times, field)
end
redis.call('EXPIRE', seen, abandoned)
redis.call('EXPIRE', times, abandoned)
if state ~= '' then redis.call('HSET', feeds, feed, state) end
return published
""".replace("'item'", f"'{names.QUEUE_FIELD}'")
    .replace("'token'", f"'{names.TOKEN_FIELD}'")
    .replace("PRUNED", str(_PRUNED))
)


class FeedBook:
    """The books of rss_agg on the bus of its queue. Every method raises what Bus raises.

    Where rss_agg is a singleton, its ``fence`` is before every write.
    """

    def __init__(self, bus: Bus, queue: str, maxlen: int, fence: Fence | None = None) -> None:
        self._bus = bus
        self._queue = queue
        self._maxlen = maxlen
        self._fence = fence

    async def states(self, urls: Mapping[str, str]) -> dict[str, FeedState]:
        """Read how feeds are doing; ``urls`` gives the address of each in truth."""
        kept = await self._bus.fields(names.FEEDS)
        return {feed: decode_state(kept.get(feed), url) for feed, url in urls.items()}

    async def state(self, feed: str, url: str) -> FeedState:
        """Read how one feed is doing."""
        (raw,) = await self._bus.ask([("HGET", names.FEEDS, feed)])
        return decode_state(raw, url)

    async def keep(self, feed: str, state: FeedState) -> None:
        """Store how a feed is doing that has nothing new; its entries stay known for as long as it is fetched."""
        marks = (names.seen_key(feed), names.seen_times_key(feed))
        expiries = [("EXPIRE", key, ABANDONED_SEC) for key in marks]
        await self._write([("HSET", names.FEEDS, feed, encode_state(state)), *expiries])

    async def forget_but(self, feeds: Iterable[str]) -> None:
        """Drop how feeds were doing that are in truth no more; their entries stay known for a while."""
        if gone := (await self._bus.fields(names.FEEDS)).keys() - set(feeds):
            await self._write([("HDEL", names.FEEDS, *gone)])

    async def marks(self, feed: str, fields: Sequence[str]) -> dict[str, str]:
        """Read what is kept of these fields of a feed; those that are unknown are left out."""
        chunks = [fields[start : start + _FIELDS] for start in range(0, len(fields), _FIELDS)]
        answers = await self._bus.ask([("HMGET", names.seen_key(feed), *chunk) for chunk in chunks])
        pairs = (
            pair for chunk, values in zip(chunks, answers, strict=True) for pair in zip(chunk, values, strict=True)
        )
        return {field: value.decode(errors="replace") for field, value in pairs if value is not None}

    async def publish(
        self, feed: str, news: Sequence[tuple[News, Item]], known: Sequence[str], state: FeedState, now: float
    ) -> int:
        """Put items on the queue, mark their entries, and store the feed's state: at once, chunk by chunk.

        The state comes with the last chunk, so that validators are not kept before what they stand for. ``known`` are
        the marks that are still in use. Returns how many items were published: what another process published
        meanwhile, or an earlier try of this call, is left out.
        """
        chunks = [news[start : start + _CHUNK] for start in range(0, len(news), _CHUNK)] or [()]
        published = 0
        for number, chunk in enumerate(chunks, 1):
            last = number == len(chunks)
            call = self._call(feed, chunk, known if last else (), encode_state(state) if last else b"", now)
            (count,) = await self._bus.ask([call])
            published += count
        return published

    async def room(self) -> int:
        """Trim the queue to about its ``maxlen``, and say how many more entries it may take; below 1 it is full.

        Only what every group has settled is dropped, so one that does not keep up fills the queue and loses nothing.
        """
        surplus = await self._surplus()
        if surplus < _NODE:
            return _NODE - surplus
        (listed,) = await self._bus.ask([("XINFO", "GROUPS", self._queue)])
        groups = [fields(group) for group in listed]
        summaries = await self._bus.ask([("XPENDING", self._queue, group[b"name"]) for group in groups])
        # The oldest entry that is pending; where none is, the last one that was delivered.
        reached: list[bytes] = [
            summary[1] or group[b"last-delivered-id"] for group, summary in zip(groups, summaries, strict=True)
        ]
        oldest = min(reached, key=_order, default=_NEWEST)
        await self._write([("XTRIM", self._queue, "MINID", "~", oldest, "LIMIT", surplus)])
        return _NODE - await self._surplus()

    async def _write(self, commands: Sequence[Command]) -> None:
        await self._bus.ask([self._fence.around(commands)] if self._fence else commands)

    async def _surplus(self) -> int:
        (length,) = await self._bus.ask([("XLEN", self._queue)])
        return int(length) - self._maxlen

    def _call(
        self, feed: str, news: Sequence[tuple[News, Item]], known: Sequence[str], state: bytes, now: float
    ) -> Command:
        token = self._fence.token if self._fence else ""
        newest = (self._fence.key,) if self._fence else ()
        keys = (self._queue, names.seen_key(feed), names.seen_times_key(feed), names.FEEDS, *newest)
        entries = (
            word
            for found, item in news
            for word in (found.field, found.before, found.after, found.alias, encode_item(item))
        )
        fixed = (feed, state, round(now), round(now) - KEPT_SEC, ABANDONED_SEC, token, len(news))
        return ("EVAL", _PUBLISH, len(keys), *keys, *fixed, *entries, *known)


def _order(entry: bytes) -> tuple[int, int]:
    """Order ids of entries by their two numbers."""
    milliseconds, _, number = entry.partition(b"-")
    return int(milliseconds), int(number or 0)
