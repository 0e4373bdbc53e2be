"""Which MarketSwarm this is."""

import functools
import importlib.metadata


@functools.cache
def number() -> str:
    """Say which version is installed; "" for a checkout that is nowhere installed."""
    try:
        return importlib.metadata.version("marketswarm")
    except importlib.metadata.PackageNotFoundError:
        return ""


def agent() -> str:
    """Name us and our version, as User-Agent has them (RFC 9110, section 10.1.5)."""
    return f"marketswarm/{number()}" if number() else "marketswarm"
