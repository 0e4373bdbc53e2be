"""`marketswarm alerts`: what was announced, and what is being announced now."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from datetime import datetime

from marketswarm import names
from marketswarm.durations import LIKE, in_seconds
from marketswarm.errors import BusUnreachableError
from marketswarm.inspection import InspectedBus
from marketswarm.messages import TROUBLES, decode_alert, group_of, sentence
from marketswarm.pacing import Backoff
from marketswarm.settings import Settings
from marketswarm.term import Paint, local_time

BLOCK_MS = 500
SHOWN = 50
Entry = tuple[str, bytes]


def parse_since(text: str, now: float) -> float:
    """Read ``90s``, ``15m``, ``2h``, ``3d`` (ago) or a local ISO 8601 time; returns epoch seconds.

    Raises ValueError with a phrase for the user.
    """
    if (ago_sec := in_seconds(text)) is not None:
        return now - ago_sec
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is neither like {LIKE} nor a time like 2026-01-31T09:30") from None


async def entries(settings: Settings, *, since: float | None, follow: bool) -> AsyncIterator[Entry]:
    """Yield alerts from the log stream, oldest first; with ``follow``, then for ever as they come.

    While following, a bus that goes away is waited for, and nothing is left out when it is back.
    """
    bus = InspectedBus(
        names.SYSTEM_BUS, settings.address(names.SYSTEM_BUS), client_name="marketswarm:alerts", loud=follow
    )
    backoff = Backoff(random.random)
    after = _just_before(since or 0)
    try:
        if since is None:
            for entry in await bus.last(names.ALERT_LOG, SHOWN):
                after = entry[0]
                yield entry
        while True:
            try:
                found = await bus.tail(names.ALERT_LOG, after, block_ms=BLOCK_MS if follow else 0)
            except BusUnreachableError:
                if not follow:
                    raise
                await asyncio.sleep(backoff.next_sec())
                continue
            for entry in found:
                after = entry[0]
                yield entry
            if not found and not follow:
                return
    finally:
        await bus.close()


def _just_before(since: float) -> str:
    """The last entry id that is older than a time; "0" where nothing can be."""
    ms = int(since * 1000)
    return f"{ms - 1}-{2**64 - 1}" if ms > 0 else "0"


def in_a_group(entry: Entry) -> bool:
    """Whether people are told of its group instead."""
    alert = decode_alert(entry[1])
    return alert is not None and bool(group_of(alert))


def render(entry: Entry, paint: Paint) -> str:
    """Put one alert in a line: when it was recorded (local time), and what it says."""
    entry_id, raw = entry
    alert = decode_alert(raw)
    stamp = paint(local_time(int(entry_id.split("-")[0]) / 1000, time.time()), "dim")
    if alert is None:
        return f"{stamp}  {_unknown(raw)}"
    return f"{stamp}  {paint(sentence(alert), 'bold red' if isinstance(alert, TROUBLES) else 'green')}"


def _unknown(raw: bytes) -> str:
    """Show an alert of a type that this version does not know: as JSON on one line, control characters escaped."""
    try:
        return json.dumps(json.loads(raw), ensure_ascii=True)[:500]
    except (ValueError, RecursionError):
        return "an entry that is no alert"
