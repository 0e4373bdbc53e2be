"""When an entry was published, and how long a document wants to be kept: what feeds say, as far as it can be true."""

import calendar
import email.utils
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Before the web, a date is a default of somebody's database."""
MAX_AHEAD: Final = timedelta(days=7)
"""A clock may be wrong and a feed may announce; what lies further ahead would stand on top for good."""
MAX_TTL_SEC: Final = 7 * 86400.0
_MINUTE_SEC: Final = 60.0
_ZONES: Final = {
    "WET": 0,
    "BST": 1,
    "CET": 1,
    "WEST": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "HKT": 8,
    "SGT": 8,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
"""Zones' names that feedparser takes for UTC, in hours east of it. What means several (IST) is not among them."""
_NAMED_ZONE: Final = re.compile(r"(.{10,40}) ([A-Z]{3,4})", re.ASCII)
_SINCE_EPOCH: Final = re.compile(r"(\d{9,10})(?:\d{3})?", re.ASCII)
"""Seconds or milliseconds; feedparser takes the first four digits for a year."""
_HALF_DAY: Final = re.compile(r"\d\s*[ap]\.?m\b", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\s*\+?(\d{1,9})(?:\.\d*)?\s*", re.ASCII)


def moment(parsed: Any, text: Any, now: datetime) -> datetime | None:
    """Make a time in UTC of feedparser's date (nine numbers, UTC), or of the text that it could make nothing of.

    None for what is no date, and for what cannot be true.
    """
    if not isinstance(text, str):
        return None
    try:
        since_epoch = _SINCE_EPOCH.fullmatch(text)
        stamp = float(since_epoch[1]) if since_epoch else calendar.timegm(parsed) if parsed else _odd(text)
        when = datetime.fromtimestamp(stamp, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return when if EARLIEST <= when <= now + MAX_AHEAD else None


def _odd(text: str) -> float:
    """Read a date of mail with a mistake in it, which feedparser does not. Raises ValueError for what is none."""
    fields = None if _HALF_DAY.search(text) else email.utils.parsedate_tz(text)
    if fields is None:
        raise ValueError(text)
    return email.utils.mktime_tz(fields)


def in_named_zone(date: str) -> time.struct_time | None:
    """Read a date of RFC 822 whose zone is named and known here; None for all others. A handler for feedparser."""
    found = _NAMED_ZONE.fullmatch(date.strip())
    if not found or found[2] not in _ZONES:
        return None
    fields = email.utils.parsedate_tz(f"{found[1]} +{_ZONES[found[2]]:02d}00")
    return time.gmtime(email.utils.mktime_tz(fields)) if fields else None


def ttl_sec(ttl: Any) -> float | None:
    """How long to keep a document, in seconds, MAX_TTL_SEC at most, by RSS's ``ttl`` (minutes).

    None where it does not say, or nothing that makes sense. What ``sy:updatePeriod`` says counts for nothing: most have
    what WordPress writes unasked.
    """
    minutes = _number(ttl)
    return min(minutes * _MINUTE_SEC, MAX_TTL_SEC) if minutes else None


def _number(value: Any) -> int:
    """Read a whole number; 0 for what is none."""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else 0
