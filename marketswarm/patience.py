"""Waits for a bus, where giving up would lose something, or do it twice."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.pacing import Backoff

RETRY_CAP_SEC: Final = 2.0
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


async def until_taken(call: Callable[[], Awaitable[_T]]) -> _T:
    """Call until the bus does it, however long that is; a refusal is logged once. The call may be carried out twice."""
    backoff = Backoff(random.random, cap_sec=RETRY_CAP_SEC)
    refusal = ""
    while True:
        try:
            return await call()
        except BusUnreachableError:  # the bus itself says so
            await asyncio.sleep(backoff.next_sec())
        except BusRefusedError as error:
            if str(error) != refusal:
                refusal = str(error)
                _log.error("%s; it is tried again until it is taken", error)
            await asyncio.sleep(backoff.next_sec())


async def whole(step: Coroutine[Any, Any, None]) -> None:
    """Let a step that has begun come to its end also when this task is cancelled: half-known, it would be done twice.

    A bus bounds it by its timeout.
    """
    task = asyncio.create_task(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        task.exception()  # what has failed is still to be done; nobody is there to try it again now
        raise
