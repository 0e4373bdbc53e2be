"""Says when there is something new on a stream, without a question each second."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.line import Refusal
from marketswarm.pacing import Backoff

BLOCK_SEC: Final = 10.0
"""How long the bus holds an answer back while there is nothing new."""
PATIENCE_SEC: Final = BLOCK_SEC + 2.0
"""How long an answer of this bus may take: the connection needs more patience than others."""
_SETTLE_SEC: Final = 0.05
_RETRY_CAP_SEC: Final = 5.0


async def ring(bus: Bus, streams: Sequence[str], news: Callable[[], None]) -> None:
    """Call ``news`` whenever one of the streams has grown, for ever; and once whenever the bus is there again.

    Of a burst it tells once: whoever is called reads all there is. What is no stream, whoever has put that there, rings
    no bell and keeps the others from none; it is looked at again from time to time.
    """
    backoff = Backoff(random.random, cap_sec=_RETRY_CAP_SEC)
    while True:
        try:
            last = await _newest(bus, streams)
            news()
            backoff.reset()
            while True:
                block_ms = round(BLOCK_SEC * 1000)
                wanted = (*last.keys(), *last.values())
                (answer,) = await bus.ask([("XREAD", "COUNT", 1, "BLOCK", block_ms, "STREAMS", *wanted)])
                if answer or len(last) < len(streams):
                    await asyncio.sleep(_SETTLE_SEC)
                    last = await _newest(bus, streams)
                    news()
        except (BusUnreachableError, BusRefusedError):
            await asyncio.sleep(backoff.next_sec())


async def _newest(bus: Bus, streams: Sequence[str]) -> dict[str, str]:
    """The id of the last entry of each, as far as they are streams."""
    answers = await bus.ask([("XREVRANGE", stream, "+", "-", "COUNT", 1) for stream in streams], refusals=True)
    return {
        stream: entries[0][0].decode() if entries else "0-0"
        for stream, entries in zip(streams, answers, strict=True)
        if not isinstance(entries, Refusal)
    }


RUNG_BY: Final = (names.ALERT_LOG, names.NOTIFY_ASKED, names.PROBE_ALERTS)
