"""Carries messages to people, each in a process of its own.

So nothing that a server or a library does out there (hang, drip, a gigabyte, a leak) is felt by who watches.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketswarm.notifier.delivery import deliver

__all__ = ["deliver"]


def __getattr__(name: str) -> Any:
    """Import what the parent needs when it asks: the child comes through here too, and has no use for asyncio."""
    if name != "deliver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from marketswarm.notifier.delivery import deliver

    return deliver
