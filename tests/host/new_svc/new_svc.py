"""A service of a user's own, in a package of its own."""

import asyncio

from marketswarm.daemon import Daemon


async def work(daemon: Daemon) -> None:
    """Turn for ever."""
    daemon.started()
    while True:
        daemon.progress.mark()
        await asyncio.sleep(daemon.pace_sec)
