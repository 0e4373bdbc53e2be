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
    only. ``boot`` is a random id of the process, ``truth`` the SHA-256 of the document that it runs on. ``bye`` marks
    the last beat of a process that stops as it should.
    """

    svc: str
    i: Count
    ts: float
    boot: str = ""
    host: str = ""
    pid: int = 0
    truth: str = ""
    bye: bool = False


class Malformed(Enum):
    """Why bytes on a heartbeat channel are no heartbeat. The value is a phrase for the log."""

    TOO_LONG = f"longer than {names.MAX_BEAT_BYTES} bytes"
    NOT_A_BEAT = "not a heartbeat in JSON"
    WRONG_SERVICE = "of another service"


class HeartbeatMiss(msgspec.Struct, frozen=True, omit_defaults=True, tag=names.HEARTBEAT_MISS):
    """A service went dark: ``late_sec`` since its last beat, or since watching began where there was none.

    ``reason`` says why, as far as the watcher's host knows. With a ``group`` the alert is one of many, or of a service
    that flaps: it stands in the log for programs, and people are told of the group.
    """

    svc: str
    late_sec: float
    timeout_sec: float
    ts: int
    reason: str = ""
    group: str = ""

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return _missed(self)


class HeartbeatOk(msgspec.Struct, frozen=True, omit_defaults=True, tag=names.HEARTBEAT_OK):
    """A service beats: ``age_sec`` since the beat that says so. ``group`` as in a miss."""

    svc: str
    age_sec: float
    ts: int
    group: str = ""

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"beating, last beat {self.age_sec:.1f} s ago"


class HealerMiss(msgspec.Struct, frozen=True, omit_defaults=True, tag=names.HEALER_MISS):
    """Healer went dark, says sentinel."""

    svc: str
    late_sec: float
    timeout_sec: float
    ts: int
    reason: str = ""
    group: str = ""

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return _missed(self)


class HealerOk(msgspec.Struct, frozen=True, omit_defaults=True, tag=names.HEALER_OK):
    """Healer beats again, says sentinel."""

    svc: str
    ts: int
    group: str = ""

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return "beating"


class MassMiss(msgspec.Struct, frozen=True, tag=names.MASS_MISS):
    """Most of a bus's services went dark at once: ``silent`` of ``watched``, the first few of them by name.

    The bus itself is heard. Each of them has a heartbeat_miss of its own with the same ``group``.
    """

    bus: str
    silent: int
    watched: int
    services: tuple[str, ...]
    group: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"{self.silent} of {self.watched} services are silent: {_list(self.services, self.silent)}"


class MassOk(msgspec.Struct, frozen=True, tag=names.MASS_OK):
    """Of those that went dark at once so many are back; ``services`` are the first of the ``still_missed``."""

    bus: str
    returned: int
    still_missed: int
    services: tuple[str, ...]
    group: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        still = f"; {self.still_missed} still silent: {_list(self.services, self.still_missed)}"
        return f"{self.returned} services beat again{still if self.still_missed else ''}"


class Flapping(msgspec.Struct, frozen=True, tag=names.FLAPPING):
    """A service goes and comes: ``changes`` times within ``within_sec``. Until it is stable nothing more is told."""

    svc: str
    changes: int
    within_sec: float
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"went and came {self.changes} times in {self.within_sec:g} s; no more of it until it is stable"


class Stable(msgspec.Struct, frozen=True, tag=names.STABLE):
    """A service that flapped is quiet again, and is ``up`` or ``down``."""

    svc: str
    state: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"no change for a while; it is {self.state}"


class ServiceRestarted(msgspec.Struct, frozen=True, tag=names.SERVICE_RESTARTED):
    """Another process of the service beats, and it was never missed; the ``restarts``-th since healer watches it."""

    svc: str
    restarts: int
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"another process beats, and it was never missed (restart {self.restarts})"


class DuplicateInstance(msgspec.Struct, frozen=True, tag=names.DUPLICATE_INSTANCE):
    """Two processes beat under one name."""

    svc: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return "two processes beat under this name; stop one of them"


class BusLost(msgspec.Struct, frozen=True, tag=names.BUS_LOST):
    """Healer is cut off from a bus, so it judges nobody who beats there."""

    bus: str
    reason: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"cannot be heard, so nobody there is judged: {self.reason}"


class BusOk(msgspec.Struct, frozen=True, tag=names.BUS_OK):
    """Healer hears the bus again, after ``lost_sec``."""

    bus: str
    lost_sec: float
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"heard again after {self.lost_sec:.1f} s"


class TruthDrift(msgspec.Struct, frozen=True, tag=names.TRUTH_DRIFT):
    """A bus holds no truth, or another one than the swarm runs on; the services keep the last good one."""

    bus: str
    reason: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return self.reason


class UnitFailed(msgspec.Struct, frozen=True, tag=names.UNIT_FAILED):
    """A systemd unit of the swarm failed, and systemd does not start it again."""

    unit: str
    reason: str
    ts: int

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return self.reason


class ServiceRecord(msgspec.Struct, frozen=True):
    """What its watcher knows of a service: no alert, but what ``healer:records`` holds.

    ``state`` is ``unseen``, ``alive`` or ``missed``; the counts are since the service is watched, over restarts of the
    watcher.
    """

    state: str
    lost_beats: int = 0
    restarts: int = 0
    duplicates: int = 0
    flapping: bool = False

    @property
    def says_more(self) -> bool:
        """Whether it says more than that a service beats, or that it was not heard yet."""
        return self.state == "missed" or self.flapping or bool(self.lost_beats or self.restarts or self.duplicates)


Verdict = HeartbeatMiss | HeartbeatOk | HealerMiss | HealerOk
"""What is said of whether a service lives: ``health:<svc>`` is the latest."""
Alert = (
    Verdict
    | MassMiss
    | MassOk
    | Flapping
    | Stable
    | ServiceRestarted
    | DuplicateInstance
    | BusLost
    | BusOk
    | TruthDrift
    | UnitFailed
)
MISSES: Final = (HeartbeatMiss, HealerMiss)
TROUBLES: Final = (*MISSES, MassMiss, Flapping, ServiceRestarted, DuplicateInstance, BusLost, TruthDrift, UnitFailed)
"""The alerts that call for somebody; the others say that it is over."""

encode: Final = msgspec.json.Encoder().encode
decode_plain: Final = msgspec.json.Decoder(Heartbeat).decode
"""Reads a heartbeat of at most MAX_BEAT_NESTING bytes; raises one of NOT_A_BEAT, and leaves the service to check."""
NOT_A_BEAT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_record = msgspec.json.Decoder(ServiceRecord).decode
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
        beat = decode_plain(raw)
    except NOT_A_BEAT:
        return Malformed.NOT_A_BEAT
    return beat if beat.svc == service else Malformed.WRONG_SERVICE


def decode_alert(raw: bytes) -> Alert | None:
    """Read an alert; None where it is of a type that this version does not know, or no alert at all."""
    try:
        return _decode_alert(raw)
    except NOT_A_BEAT:
        return None


def decode_record(raw: bytes) -> ServiceRecord | None:
    """Read a record of ``healer:records``; None where it is none."""
    try:
        return _decode_record(raw)
    except NOT_A_BEAT:
        return None


def subject(alert: Alert) -> str:
    """Whom the alert is about: a service, a bus, or a unit."""
    match alert:
        case BusLost() | BusOk() | TruthDrift() | MassMiss() | MassOk():
            return alert.bus
        case UnitFailed():
            return alert.unit
        case _:
            return alert.svc


def service_of(alert: Alert) -> str | None:
    """The service whose ``health:<svc>`` this alert is, where it is one's."""
    return alert.svc if isinstance(alert, Verdict) else None


def group_of(alert: Alert) -> str:
    """The group that people are told of instead of this alert; empty where there is none."""
    return alert.group if isinstance(alert, Verdict) else ""


def sentence(alert: Alert) -> str:
    """One printable line for the journal and the terminal: type, whom, seconds."""
    return printable(f"{kind(alert)} {subject(alert)}: {alert.says()}")


def _missed(alert: HeartbeatMiss | HealerMiss) -> str:
    # Only the warm-up is shorter than the timeout.
    if alert.late_sec < alert.timeout_sec:
        return f"not heard in the {alert.late_sec:.1f} s since it is watched (warm-up)"
    why = f": {alert.reason}" if alert.reason not in ("", "unknown") else ""
    return f"no beat for {alert.late_sec:.1f} s (timeout {alert.timeout_sec:g} s){why}"


def _list(services: tuple[str, ...], count: int) -> str:
    return ", ".join(services) + (", ..." if count > len(services) else "")


def kind(alert: Alert) -> str:
    """The alert's ``type`` field."""
    return str(alert.__struct_config__.tag)
