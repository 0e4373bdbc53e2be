"""Things to tell people, as the tests of the words make them."""

from datetime import UTC, datetime

from marketswarm.messages import Alert, HeartbeatMiss, HeartbeatOk, encode
from marketswarm.notices.incidents import key
from marketswarm.notices.items import Item, Kind

TS = 1_762_433_458  # 2025-11-06 12:50:58 UTC
NOW = TS + 7385.0
MISS = HeartbeatMiss("mesh", 31.4, 30.0, TS)
OK = HeartbeatOk("mesh", 0.1, TS + 7385)


def in_utc(ts: float) -> datetime:
    """Local time is UTC."""
    return datetime.fromtimestamp(ts, UTC)


def item(alert: Alert, what: Kind = Kind.ALERT, opened: Alert | None = None) -> Item:
    """Make something to tell."""
    event = encode(alert)
    return Item(what, key(event), event, alert, opened=opened)
