"""What rss_agg does with answers, from their bytes to the queue, with the fetching left out.

The real turns, parser and book on a live server; documents come from memory, so many at once as in production. First
each feed brings a document that is all new, then the same again. With --memory each feed brings new documents again and
again, made when they are asked for, and what is measured is memory.

    python benchmarks/feeds_path.py --port P --feeds N [--entries E] [--memory E1 E2]
"""

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import json

from benchmarks import procfs, stories
from benchmarks.meter import cpu_sec, rss_kib, say
from benchmarks.program import RunError

# ---- What knows rss_agg's insides begins here. ----
from marketswarm import names
from marketswarm.address import Address
from marketswarm.bus import Bus, client_name
from marketswarm.daemon import exact_loop
from marketswarm.feedbook import FeedBook
from marketswarm.feeds.item import Document
from marketswarm.feeds.outcome import Asked
from marketswarm.feeds.state import FeedState
from marketswarm.services.rss_agg.parsing.parser import Parser
from marketswarm.services.rss_agg.turn import Turns
from marketswarm.truth.feeds import Feed, Fetching
from marketswarm.web.fetching import Fetcher, Limits, Request, Response

INTERVAL_SEC = 300.0
AT_ONCE = Fetching().at_once
_HEADERS = {"content-type": "application/rss+xml; charset=utf-8", "etag": '"1"'}


class FromMemory(Fetcher):
    """Answers with what ``make`` makes for a feed's number."""

    def __init__(self, make: Callable[[int], bytes]) -> None:
        super().__init__("", Limits(1.0))
        self.make = make

    async def fetch(self, request: Request) -> Response:
        """Answer at once."""
        return Response(200, _HEADERS, self.make(int(request.url.rpartition("/")[2])), request.url)


class FeedsPath:
    """Feeds that take their turns."""

    def __init__(self, bus: Bus, parser: Parser, feeds: int, fetcher: FromMemory) -> None:
        async def parse(response: Response) -> Document:
            return await parser.parse(
                response.body,
                content_type=response.headers["content-type"],
                url=response.url,
                max_entries=names.DEFAULT_MAX_PER_FEED,
            )

        book = FeedBook(bus, names.QUEUE, names.DEFAULT_QUEUE_MAXLEN)
        self._turns = Turns(book, fetcher, parse)
        self._feeds = [Feed(url=f"https://news.example.com/{k}", name=f"feed-{k}") for k in range(feeds)]
        self._states = [FeedState(url=feed.url) for feed in self._feeds]

    @property
    def items(self) -> int:
        """How many items have come of all feeds."""
        return sum(state.items for state in self._states)

    async def sweep(self) -> None:
        """Have each feed take one turn, so many at once."""
        waiting = iter(range(len(self._feeds)))
        await asyncio.gather(*(self._lane(waiting) for _ in range(AT_ONCE)))

    async def _lane(self, waiting: Iterator[int]) -> None:
        for number in waiting:
            asked = Asked(time.time(), INTERVAL_SEC, 0.5)
            state = await self._turns.take(self._feeds[number], self._states[number], asked)
            if state.broken or state.error:
                raise RunError(f"{self._feeds[number].name}: {state.error}")
            self._states[number] = state


# ---- What knows rss_agg's insides ends here. ----


async def timed(path: FeedsPath, parser: Parser) -> dict[str, float]:
    """Sweep once; gives what that took."""
    child = parser.pid or 0
    cpu, child_cpu, began = cpu_sec(), procfs.cpu_sec(child), time.monotonic()
    await path.sweep()
    took, cpu, child_cpu = time.monotonic() - began, cpu_sec() - cpu, procfs.cpu_sec(child) - child_cpu
    return {"took_sec": took, "cpu_sec": cpu + child_cpu, "child_cpu_sec": child_cpu}


async def rate(path: FeedsPath, parser: Parser, fetcher: FromMemory, given: Namespace) -> None:
    """Sweep over new documents, and over the same again."""
    documents = [stories.document(number, given.entries) for number in range(given.feeds)]
    fetcher.make = documents.__getitem__
    new = await timed(path, parser)
    known = await timed(path, parser)
    if path.items != given.feeds * given.entries:
        raise RunError(f"{path.items} items came of {given.feeds * given.entries} entries")
    say(json.dumps({"new": new, "known": known}))


async def memory(path: FeedsPath, parser: Parser, fetcher: FromMemory, given: Namespace) -> None:
    """Sweep until so many entries have come; gives the memory of both processes then."""
    found: list[dict[str, int]] = []
    sweeps = 0
    fetcher.make = lambda number: stories.document(sweeps * given.feeds + number, given.entries)
    for entries in given.memory:
        while path.items < entries:
            await path.sweep()
            sweeps += 1
        child = round(procfs.memory_mib(parser.pid)[0] * 1024) if parser.pid else 0
        found.append({"entries": path.items, "own_kib": rss_kib(), "child_kib": child})
    say(json.dumps(found))


async def main(given: Namespace) -> None:
    """Warm up on a feed that does not count, then measure."""
    bus = Bus(names.MARKET_BUS, Address(host="127.0.0.1", port=given.port), client_name=client_name(names.RSS_AGG))
    await bus.ask([("FLUSHALL",)])
    fetcher = FromMemory(lambda _: stories.document(10**6, given.entries))
    async with Parser() as parser:
        await FeedsPath(bus, parser, 1, fetcher).sweep()
        await bus.ask([("FLUSHALL",)])
        measure = memory if given.memory else rate
        await measure(FeedsPath(bus, parser, given.feeds, fetcher), parser, fetcher, given)
        await bus.ask([("FLUSHALL",)])
    await bus.close()


def arguments(argv: Iterable[str] | None = None) -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="of a redis-server on 127.0.0.1, which is wiped")
    parser.add_argument("--feeds", type=int, required=True, help="how many there are")
    parser.add_argument("--entries", type=int, default=50, help="in each document (50)")
    parser.add_argument("--memory", type=int, nargs="+", help="look at the memory after so many entries")
    return parser.parse_args(None if argv is None else list(argv))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        runner.run(main(arguments()))
