"""What an alert is of: trouble that opens an incident, the end that closes it, or something that has no end."""

import hashlib
from enum import Enum, auto

import msgspec

from marketswarm import unitnames
from marketswarm.messages import (
    UNREADABLE,
    Alert,
    BusLost,
    BusOk,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    Stable,
    decode_alert,
    kind,
    subject,
)

SERVICE = "service"
_KEY_CHARS = 32


class Part(Enum):
    """What an alert does to its incident."""

    OPENS = auto()
    CLOSES = auto()
    STANDS = auto()
    """There is no alert for its end, so it is told once."""


def part(alert: Alert) -> Part:
    """Say what an alert does."""
    match alert:
        case HeartbeatMiss() | HealerMiss() | MassMiss() | Flapping() | BusLost() | ProbeFailed():
            return Part.OPENS
        case HeartbeatOk() | HealerOk() | MassOk() | Stable() | BusOk() | ProbeOk():
            return Part.CLOSES
        case _:
            return Part.STANDS


def name(alert: Alert) -> str:
    """Name the incident of an alert: that of a miss is that of its recovery."""
    match alert:
        case HeartbeatMiss() | HeartbeatOk() | HealerMiss() | HealerOk():
            return of_service(alert.svc)
        case MassMiss() | MassOk():
            return f"storm {alert.group}"
        case Flapping() | Stable():
            return f"flapping {alert.svc}"
        case BusLost() | BusOk():
            return f"bus {alert.bus}"
        case ProbeFailed() | ProbeOk():
            return f"probe {subject(alert)}"
        case _:
            return f"{kind(alert)} {subject(alert)}"


def of_service(service: str) -> str:
    """Name the incident of a service that is down."""
    return f"{SERVICE} {service}"


def paced_by(alert: Alert) -> str:
    """Name the subject whose silences, acknowledgements and maintenance hold for an alert: of a unit its service."""
    about = subject(alert)
    instance = about.partition("@")[2].removesuffix(".service")
    return instance if about == unitnames.service_unit(instance) else about


def key(event: bytes) -> str:
    """Give an alert the key by which a receiver knows it again: of its bytes, so it is the same wherever it is read."""
    return hashlib.sha256(event).hexdigest()[:_KEY_CHARS]


def read(event: bytes) -> Alert | None:
    """Read an alert that can be kept and told of: in text, and of a time that can be reckoned with."""
    alert = decode_alert(event)
    try:
        event.decode()
        float(alert.ts if alert else 0)
    except (UnicodeDecodeError, OverflowError):
        return None
    return alert


def began(alert: Alert) -> float:
    """When the trouble began that an alert tells of, epoch seconds: at the last beat, at the first bad probe."""
    match alert:
        case HeartbeatMiss() | HealerMiss():
            return round(alert.ts - alert.late_sec, 3)
        case BusOk():
            return round(alert.ts - alert.lost_sec, 3)
        case ProbeFailed():
            return alert.since
        case ProbeOk():
            return round(alert.ts - alert.failed_sec, 3)
        case _:
            return float(alert.ts)


class Incident(msgspec.Struct):
    """What one target knows, or has to be told, of one incident. Times are epoch seconds, 0 where there is none."""

    event: str
    """The alert that opened it, as it was published."""
    entry: str = ""
    """Where that stands in the log of alerts; empty where it came from memory."""
    told: float = 0.0
    """When the target was told of it."""
    last: float = 0.0
    """When it was last told of this one or one before it, for the rate limit."""
    reminded: float = 0.0
    reminders: int = 0
    over: bool = False
    """Its end was told; it is kept for the rate limit."""
    group: str = ""
    """People are told of this group instead."""

    @property
    def alert(self) -> Alert | None:
        """The alert that opened it."""
        return decode_alert(self.event.encode())

    @property
    def key(self) -> str:
        """The key of that alert."""
        return key(self.event.encode())


_decode = msgspec.json.Decoder(Incident).decode


def decode_incident(raw: bytes) -> Incident | None:
    """Read an incident as a bus keeps it; None where it is none, or of an alert that this version does not know."""
    try:
        found = _decode(raw)
    except UNREADABLE:
        return None
    return found if read(found.event.encode()) else None
