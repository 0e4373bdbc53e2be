"""The work of rss_agg."""

from marketswarm import names
from marketswarm.daemon import Daemon


async def work(daemon: Daemon) -> None:
    """Fetch the feeds of the truth; without any, be there and take no more than that."""
    if not daemon.truth.section(names.RSS_AGG).feeds:
        daemon.status("beating; truth names no feeds (services.rss_agg.feeds)")
        await daemon.idle()
    from marketswarm.services.rss_agg.reading import read_feeds

    await read_feeds(daemon)
