"""What a handler is given, what it returns, and how it is found."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, cast

from marketswarm import names
from marketswarm.errors import BadEnvironmentError
from marketswarm.feeds.item import Item
from marketswarm.settings import Settings

Handle = Callable[[Item], Awaitable[Mapping[str, object]]]
"""Works through one item and returns what it found, as values that JSON has; they go into the insight.

What it raises counts as a failure: the item is tried again later, and after some times put aside with the reason. It
may be called for the same item again, after a crash, and has a deadline: it must not block the event loop.
"""


class UnusableItemError(Exception):
    """An item that no later try would work through; its text is the reason with which it is put aside."""


class Memory(Protocol):
    """What the workers of a group remember together, on the queue's bus."""

    async def first(self, keys: Sequence[str], value: str, ttl_sec: float) -> list[str]:
        """Say under each of these keys whose value was there first: the one that is kept, or ``value``, kept from now.

        Keys go ``ttl_sec`` after they were first kept. Raises what a Bus raises.
        """


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is given when it is opened."""

    settings: Settings
    memory: Memory
    timeout_sec: float = 60.0
    """How long the handler may take over an item."""


Handler = Callable[[Context], AbstractAsyncContextManager[Handle]]


def open_handler(name: str, context: Context) -> AbstractAsyncContextManager[Handle]:
    """Open the handler of this name. Raises BadEnvironmentError where none is installed under it."""
    found = {entry.name: entry for entry in entry_points(group=names.HANDLERS_GROUP)}
    if name not in found:
        raise BadEnvironmentError(
            f"no handler named {name!r} is installed; there are: {', '.join(sorted(found))} "
            f"(a package adds one by an entry point in the group {names.HANDLERS_GROUP})"
        )
    return cast("Handler", found[name].load())(context)
