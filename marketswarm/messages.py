"""What goes over the buses: heartbeats in, alerts out. One place encodes and decodes them.

Shapes are those of the contract: a consumer ignores fields that it does not know, so decoding is strict about the
known ones only.
"""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Final

import msgspec

from marketswarm import names
from marketswarm.text import printable

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A service's sign of life.

    ``i`` counts from 1 in each process; ``ts`` is the sender's wall clock in seconds since the epoch and is information
    only. ``boot`` is a random id of the process, ``truth`` the SHA-256 of the document that it runs on.
    """

    svc: str
    i: Count
    ts: float
    boot: str = ""
    host: str = ""
    pid: int = 0
    truth: str = ""


class Malformed(Enum):
    """Why bytes on a heartbeat channel are no heartbeat. The value is a phrase for the log."""

    TOO_LONG = f"longer than {names.MAX_BEAT_BYTES} bytes"
    NOT_A_BEAT = "not a heartbeat in JSON"
    WRONG_SERVICE = "of another service"


class HeartbeatMiss(msgspec.Struct, frozen=True, tag=names.HEARTBEAT_MISS):
    """A service went dark: ``late_sec`` since its last beat, or since watching began where there was none."""

    svc: str
    late_sec: float
    timeout_sec: float
    ts: int


class HeartbeatOk(msgspec.Struct, frozen=True, tag=names.HEARTBEAT_OK):
    """A service beats: ``age_sec`` since the beat that says so."""

    svc: str
    age_sec: float
    ts: int


class HealerMiss(msgspec.Struct, frozen=True, tag=names.HEALER_MISS):
    """Healer went dark, says sentinel."""

    svc: str
    late_sec: float
    timeout_sec: float
    ts: int


class HealerOk(msgspec.Struct, frozen=True, tag=names.HEALER_OK):
    """Healer beats again, says sentinel."""

    svc: str
    ts: int


class BusLost(msgspec.Struct, frozen=True, tag=names.BUS_LOST):
    """Healer is cut off from a bus, so it judges nobody who beats there."""

    bus: str
    reason: str
    ts: int


class BusOk(msgspec.Struct, frozen=True, tag=names.BUS_OK):
    """Healer hears the bus again, after ``lost_sec``."""

    bus: str
    lost_sec: float
    ts: int


class TruthDrift(msgspec.Struct, frozen=True, tag=names.TRUTH_DRIFT):
    """A bus holds no truth, or another one than the swarm runs on; the services keep the last good one."""

    bus: str
    reason: str
    ts: int


class UnitFailed(msgspec.Struct, frozen=True, tag=names.UNIT_FAILED):
    """A systemd unit of the swarm failed, and systemd does not start it again."""

    unit: str
    reason: str
    ts: int


Alert = HeartbeatMiss | HeartbeatOk | HealerMiss | HealerOk | BusLost | BusOk | TruthDrift | UnitFailed
MISSES: Final = (HeartbeatMiss, HealerMiss)
TROUBLES: Final = (*MISSES, BusLost, TruthDrift, UnitFailed)
"""The alerts that call for somebody; the others say that it is over."""

encode: Final = msgspec.json.Encoder().encode
_decode_beat = msgspec.json.Decoder(Heartbeat).decode
_decode_alert: Callable[[bytes], Alert] = msgspec.json.Decoder(Alert).decode


def decode_heartbeat(raw: bytes, service: str) -> Heartbeat | Malformed:
    """Read bytes from ``service``'s channel; anything that is no heartbeat of that service is Malformed, never raised.

    The length is capped before the parser sees the bytes, which bounds numbers too. How deep a parser goes differs
    between Pythons, so nesting is capped here as well; what is shorter than the cap cannot be that deep.
    """
    if len(raw) > names.MAX_BEAT_BYTES:
        return Malformed.TOO_LONG
    if len(raw) > names.MAX_BEAT_NESTING and raw.count(b"[") + raw.count(b"{") > names.MAX_BEAT_NESTING:
        return Malformed.NOT_A_BEAT
    try:
        beat = _decode_beat(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Malformed.NOT_A_BEAT
    return beat if beat.svc == service else Malformed.WRONG_SERVICE


def decode_alert(raw: bytes) -> Alert | None:
    """Read an alert; None where it is of a type that this version does not know, or no alert at all."""
    try:
        return _decode_alert(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def subject(alert: Alert) -> str:
    """Whom the alert is about: a service, a bus, or a unit."""
    match alert:
        case BusLost() | BusOk() | TruthDrift():
            return alert.bus
        case UnitFailed():
            return alert.unit
        case _:
            return alert.svc


def service_of(alert: Alert) -> str | None:
    """The service that the alert is about, where it is about one: its ``health:<svc>`` then is this alert."""
    return getattr(alert, "svc", None)


def sentence(alert: Alert) -> str:
    """One printable line for the journal and the terminal: type, whom, seconds."""
    return printable(f"{kind(alert)} {subject(alert)}: {_says(alert)}")


def _says(alert: Alert) -> str:
    match alert:
        case HeartbeatMiss() | HealerMiss():
            # Only the warm-up is shorter than the timeout.
            unseen = alert.late_sec < alert.timeout_sec
            return (
                f"not heard in the {alert.late_sec:.1f} s since it is watched (warm-up)"
                if unseen
                else f"no beat for {alert.late_sec:.1f} s (timeout {alert.timeout_sec:g} s)"
            )
        case HeartbeatOk():
            return f"beating, last beat {alert.age_sec:.1f} s ago"
        case HealerOk():
            return "beating"
        case BusLost():
            return f"cannot be heard, so nobody there is judged: {alert.reason}"
        case BusOk():
            return f"heard again after {alert.lost_sec:.1f} s"
    return alert.reason


def kind(alert: Alert) -> str:
    """The alert's ``type`` field."""
    return str(alert.__struct_config__.tag)
