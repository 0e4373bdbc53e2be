"""The handler ``lexicon``: word lists, no network. Which companies, how good or bad, and whether it was told before."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from marketswarm import names
from marketswarm.feeds.item import Item
from marketswarm.handlers.companies import tickers
from marketswarm.handlers.interface import Context, Handle, Memory
from marketswarm.handlers.sentiment import sentiment
from marketswarm.handlers.stories import marks

STORY_TTL_SEC: Final = 72 * 3600.0
"""For so long a story is known again: over a weekend."""
_BEGINNING: Final = 200
"""Characters of a summary that speak where a title says neither good nor bad: what follows is background."""
_LONGEST: Final = 2000
"""Characters of a summary in which companies are looked for."""


@asynccontextmanager
async def handler(context: Context) -> AsyncIterator[Handle]:
    """Open the handler. What it finds has ``tickers``, ``sentiment``, ``story``, ``duplicate`` and ``handler``."""

    async def handle(item: Item) -> Mapping[str, object]:
        return {**judge(item), **await tell(item, context.memory), "handler": names.DEFAULT_HANDLER}

    yield handle


def judge(item: Item) -> dict[str, object]:
    """Say which companies an item names, in the order in which it does, and how good (1) or bad (-1) its news is."""
    found = tickers(f"{item.title} . {item.summary[:_LONGEST]}")
    return {"tickers": list(found), "sentiment": sentiment(item.title) or sentiment(item.summary[:_BEGINNING])}


async def tell(item: Item, memory: Memory) -> dict[str, object]:
    """Say which item told an item's story first, and whether that was another. Raises what a Bus raises."""
    keys = [names.story_key(mark) for mark in marks(item)]
    kept = await memory.first(keys, item.id, STORY_TTL_SEC) if keys else []
    story = first_teller(kept, item.id)
    return {"story": story, "duplicate": story != item.id}


def first_teller(kept: Sequence[str], own: str) -> str:
    """Choose, among the items that were the first under each mark, the one that is named most often, else ``own``.

    Of several that are, the one whose mark comes first: it is the surest. An item that comes again, edited or after a
    crash, finds itself under its marks, and what it found then beside itself.
    """
    others = Counter(teller for teller in kept if teller != own)
    return others.most_common(1)[0][0] if others else own
