"""Fetches feeds on their schedules, and puts what is new on the queue."""

import asyncio
import contextlib
import logging
import random
from typing import Final
from urllib.parse import urlsplit

from marketswarm import names
from marketswarm.daemon import Daemon
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.feedbook import FeedBook
from marketswarm.feeds import politeness
from marketswarm.feeds.outcome import Asked, planned_at
from marketswarm.feeds.state import FeedState
from marketswarm.feeds.timetable import Timetable
from marketswarm.pacing import Backoff
from marketswarm.services.rss_agg.turn import Parse, Turns
from marketswarm.truth import Feed
from marketswarm.web.fetching import Fetcher

AGAIN_SEC: Final = 2.0
"""How often a queue that is full, or whose bus is away, is looked at."""
SPREAD_SEC: Final = 5.0
"""Over how long the first fetches are spread, at most, where feeds are due at the start."""
_log = logging.getLogger(__name__)


class Aggregator:
    """The feeds of one truth, each taking its turns."""

    def __init__(self, daemon: Daemon, fetcher: Fetcher, parse: Parse) -> None:
        section = daemon.truth.section(names.RSS_AGG)
        queue = daemon.truth.items_to()
        self._daemon = daemon
        self._clock = daemon.clock
        self._chance = random.random
        self._queue = queue.key
        self._book = FeedBook(daemon.bus(queue.bus), queue.key, section.stream.maxlen, daemon.fence)
        self._turns = Turns(self._book, fetcher, parse)
        self._feeds = {feed.name: feed for feed in section.feeds}
        hosts = {name: urlsplit(feed.url).hostname or "" for name, feed in self._feeds.items()}
        self._timetable = Timetable(hosts, section.fetching.at_once)
        self._states: dict[str, FeedState] = {}
        self._items = 0
        self._closed_until = 0.0
        """Until when nothing is fetched, on the monotonic clock: what came of it could not be stored."""
        self._is_full = False
        self._ended = asyncio.Event()
        """Set when a turn has ended: its place, and its host, are free."""

    async def run(self) -> None:
        """Work until cancelled."""
        await self._begin()
        self._daemon.started()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._daemon.report(self._says))
            while True:
                self._daemon.progress.mark()
                now = self._clock.monotonic()
                for name in self._timetable.begin(now) if now >= self._closed_until else ():
                    group.create_task(self._turn(self._feeds[name]))
                await self._wait()

    async def _begin(self) -> None:
        """Plan each feed for when it was planned before a restart; those that are due by now a little apart."""
        urls = {name: feed.url for name, feed in self._feeds.items()}
        backoff = Backoff(random.random, cap_sec=1.0)
        while True:
            try:
                self._states = await self._book.states(urls)
                await self._book.forget_but(urls)
                break
            except (BusUnreachableError, BusRefusedError) as error:
                self._daemon.status(f"waiting: {error}")
                await asyncio.sleep(backoff.next_sec())
        now, wall = self._clock.monotonic(), self._clock.wall()
        spread_sec = min(SPREAD_SEC, 0.1 * len(urls))
        for name, state in self._states.items():
            interval_sec = self._interval_sec(self._feeds[name])
            wait_sec = politeness.clamp_wait(planned_at(state, interval_sec), wall, interval_sec)
            self._timetable.plan(name, now + (wait_sec or spread_sec * self._chance()))

    async def _wait(self) -> None:
        """Sleep until a feed is due or a turn has ended, for a pace at most."""
        self._ended.clear()
        now = self._clock.monotonic()
        due = self._timetable.next_at()
        wait_sec = (
            self._daemon.pace_sec if due is None else min(max(due, self._closed_until) - now, self._daemon.pace_sec)
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, wait_sec)):
                await self._ended.wait()

    async def _turn(self, feed: Feed) -> None:
        asked = Asked(self._clock.wall(), self._interval_sec(feed), self._chance())
        next_sec = AGAIN_SEC
        try:
            if await self._may_fetch():
                # Read each time: a bus that was wiped knows of no entry, and so is told of all there are.
                before = await self._book.state(feed.name, feed.url)
                after = await self._turns.take(feed, before, asked)
                next_sec = after.next_at - asked.at
                self._states[feed.name] = after
                self._tell(feed.name, before, after)
        except (BusUnreachableError, BusRefusedError):  # the bus has said so
            self._closed_until = self._clock.monotonic() + AGAIN_SEC
        self._timetable.end(feed.name, self._clock.monotonic() + next_sec)
        self._ended.set()

    async def _may_fetch(self) -> bool:
        """Look whether there is room in the queue. While there is none nothing is fetched: feeds keep their entries."""
        full = await self._book.room() < 1
        if full:
            self._closed_until = self._clock.monotonic() + AGAIN_SEC
        if full is not self._is_full:
            self._is_full = full
            if full:
                _log.error(
                    "%s is full of items that wait for a worker: nothing is fetched until there is room; "
                    "see: marketswarm queue",
                    self._queue,
                )
            else:
                _log.info("%s has room again", self._queue)
        return not full

    def _tell(self, name: str, before: FeedState, after: FeedState) -> None:
        """Log what has changed about a feed."""
        if after.broken and before.error != after.error:
            _log.warning("%s: %s; it is tried again until it works", name, after.error)
        elif before.broken and not after.broken:
            _log.info("%s: works again after %d failed fetch(es)", name, before.failures)
        elif not after.broken and after.error and after.error != before.error:
            _log.warning("%s: %s; what could be read has come through", name, after.error)
        if after.moved_to and after.moved_to != before.moved_to:
            _log.warning("%s: has moved for good; put its new address into the truth: %s", name, after.moved_to)
        if new := after.items - before.items:
            self._items += new
            _log.info("%s: %d new item(s)", name, new)

    def _interval_sec(self, feed: Feed) -> float:
        return feed.interval_sec or self._daemon.settings.fetching.schedule_sec

    def _says(self) -> str:
        broken = sum(state.broken for state in self._states.values())
        full = f"; waits, since {self._queue} is full" if self._is_full else ""
        return f"{len(self._feeds)} feed(s), {broken} broken; {self._items} item(s) since the start{full}"
