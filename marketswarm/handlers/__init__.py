"""What vexy_ai does with an item: handlers, found by their entry points, so that users bring their own.

A handler is named in the entry-point group ``marketswarm.handlers`` and chosen by truth's ``services.vexy_ai.handler``.
It is an async context manager around a coroutine function, so that it can hold what it needs, a client say::

    @asynccontextmanager
    async def handler(context: Context) -> AsyncIterator[Handle]:
        async def handle(item: Item) -> Mapping[str, object]:
            return {"tickers": [], "sentiment": 0.0}

        yield handle
"""

from marketswarm.handlers.interface import Context, Handle, Handler, Memory, UnusableItemError, open_handler

__all__ = ["Context", "Handle", "Handler", "Memory", "UnusableItemError", "open_handler"]
