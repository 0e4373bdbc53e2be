"""The work of massive."""

from marketswarm import names
from marketswarm.daemon import Daemon


async def work(daemon: Daemon) -> None:
    """Probe what the truth and the environment name; without any of it, be there and take no more than that."""
    from marketswarm.services.massive.targets import targets_of

    targets = targets_of(daemon.truth, daemon.settings)
    if not targets:
        daemon.status(f"beating; nothing to probe (services.massive.probes, {names.ENV_NET_URL})")
        await daemon.idle()
    from marketswarm.services.massive.probing import probe

    await probe(daemon, targets)
