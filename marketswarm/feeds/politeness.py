"""When a feed may be asked again: its own wishes, within bounds, and backoff for one that is broken."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

WISH_CAP_SEC: Final = 6 * 3600.0
"""No feed has itself asked less often than that by its headers or its ttl."""
BUSY_CAP_SEC: Final = 24 * 3600.0
"""The longest Retry-After that is heeded."""
BACKOFF_CAP_SEC: Final = 3600.0
"""A broken feed is asked so often at least: it is never given up."""
GONE_SEC: Final = 24 * 3600.0
"""How often one is asked that says it is gone for good (410), for it may be wrong."""
JITTER: Final = 0.1
GONE: Final = 410
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NEVER_KEPT: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)\b", re.IGNORECASE)


def fresh_sec(headers: Mapping[str, str], now: datetime) -> float:
    """For how many seconds an answer says that it stays fresh; 0 where it does not say (RFC 9111, section 4.2)."""
    caching = headers.get("cache-control", "")
    if _NEVER_KEPT.search(caching):
        return 0.0
    if match := _MAX_AGE.search(caching):
        return max(0.0, int(match[1]) - _number(headers.get("age", "")))
    expires = _date(headers.get("expires", ""))
    if expires is None:
        return 0.0
    return max(0.0, (expires - (_date(headers.get("date", "")) or now)).total_seconds())


def retry_after_sec(headers: Mapping[str, str], now: datetime) -> float:
    """How many seconds a server wants to be left alone; 0 where it does not say (RFC 9110, section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    until = _date(text)
    return max(0.0, (until - now).total_seconds() if until else _number(text))


def after_success(interval_sec: float, wishes_sec: float, chance: float) -> float:
    """Seconds to the next fetch of a feed that answered: its interval, or longer if it wishes so.

    ``chance``, from 0 to 1, spreads feeds of one interval: up to a tenth of it is added.
    """
    wanted = max(interval_sec, min(wishes_sec, WISH_CAP_SEC))
    return wanted + interval_sec * JITTER * chance


def after_failure(interval_sec: float, failures: int, status: int, retry_sec: float, chance: float) -> float:
    """Seconds to the next fetch of a feed that failed ``failures`` times in a row: doubling, with equal jitter.

    At most an hour, or the interval where that is longer; what a server asks for, up to a day, is heeded.
    """
    ceiling = max(interval_sec, BACKOFF_CAP_SEC)
    doubled = min(ceiling, interval_sec * 2.0 ** min(failures - 1, 30))
    delay = doubled / 2 + doubled / 2 * chance
    if status == GONE:
        delay = max(delay, GONE_SEC)
    return max(delay, min(retry_sec, BUSY_CAP_SEC))


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) <= len("999999999") else 0.0


def _date(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110, section 5.6.7), which is always in GMT."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def clamp_wait(next_at: float, now: float, interval_sec: float) -> float:
    """Seconds to wait for a fetch that was planned before a restart: a clock that has jumped keeps no feed waiting."""
    longest = max(interval_sec * (1 + JITTER), BUSY_CAP_SEC)
    wait = next_at - now
    return min(max(wait, 0.0), longest) if math.isfinite(wait) else 0.0
