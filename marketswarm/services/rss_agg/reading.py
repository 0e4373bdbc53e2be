"""What reading feeds takes, put together."""

from typing import Final

from marketswarm import version
from marketswarm.daemon import Daemon
from marketswarm.feeds.item import Document
from marketswarm.services.rss_agg.aggregator import Aggregator
from marketswarm.services.rss_agg.parsing.parser import Parser
from marketswarm.web.fetching import Fetcher, Limits, Response

MAX_BYTES: Final = 8 << 20


async def read_feeds(daemon: Daemon) -> None:
    """Read the feeds of the truth, for ever."""
    settings = daemon.settings.fetching
    limits = Limits(settings.timeout_sec, MAX_BYTES)
    async with Fetcher(settings.user_agent or version.agent(), limits) as fetcher, Parser() as parser:

        async def parse(response: Response) -> Document:
            return await parser.parse(
                response.body,
                content_type=response.headers.get("content-type", ""),
                url=response.url,
                max_entries=settings.max_per_feed,
            )

        await Aggregator(daemon, fetcher, parse).run()
