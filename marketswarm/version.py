"""Which MarketSwarm this is."""

import functools
import importlib.metadata


@functools.cache
def agent() -> str:
    """Name us and our version, as User-Agent has them (RFC 9110, section 10.1.5)."""
    try:
        return f"marketswarm/{importlib.metadata.version('marketswarm')}"
    except importlib.metadata.PackageNotFoundError:  # a checkout that is nowhere installed
        return "marketswarm"
