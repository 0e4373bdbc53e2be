"""Where the queue is: the stream that vexy_ai reads, and the bus that holds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from marketswarm import names
from marketswarm.bus import Bus, connect
from marketswarm.inuse import truth_in_use
from marketswarm.settings import Settings
from marketswarm.truth import Truth

CLIENT_NAME: Final = "marketswarm:queue"


@dataclass(frozen=True, slots=True)
class Place:
    """The queue, its bus, and the truth that names them."""

    bus: Bus
    stream: str
    truth: Truth

    @property
    def dead(self) -> str:
        """The stream of what nobody could work through."""
        return names.dead_items(self.stream)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Place]:
    """Find the queue as vexy_ai does: RSS_STREAM, else what the truth names. Raises as ``truth_in_use`` does."""
    truth = await truth_in_use(settings, client_name=CLIENT_NAME)
    source = truth.items_from()
    where = settings.address(source.bus, truth.bus_urls())
    (bus,) = connect({source.bus: where}, client_name=CLIENT_NAME).values()
    try:
        yield Place(bus, settings.working.stream or source.key, truth)
    finally:
        await bus.close()
