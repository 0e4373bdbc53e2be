"""The stream's worker: in its place in the swarm, it holds its position and beats."""

from marketswarm.daemon import Daemon


async def work(daemon: Daemon) -> None:
    """Be there."""
    daemon.status("beating; has no work of its own yet")
    await daemon.idle()
