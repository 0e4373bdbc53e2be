"""What the swarm tells: alerts for people and programs, and the verdicts that ``health:<svc>`` holds."""

from collections.abc import Callable
from typing import Final

import msgspec

from marketswarm import names
from marketswarm.messages.probes import ProbeFailed, ProbeOk
from marketswarm.messages.wire import UNREADABLE
from marketswarm.text import printable


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


class TruthDrift(msgspec.Struct, frozen=True, omit_defaults=True, tag=names.TRUTH_DRIFT):
    """A bus holds no truth, or another one than the swarm runs on; the services keep the last good one.

    With a ``svc`` it is about that service, which beats on the bus and runs on another truth than healer.
    """

    bus: str
    reason: str
    ts: int
    svc: str = ""

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
    | ProbeFailed
    | ProbeOk
)
MISSES: Final = (HeartbeatMiss, HealerMiss)
TROUBLES: Final = (
    *MISSES,
    MassMiss,
    Flapping,
    ServiceRestarted,
    DuplicateInstance,
    BusLost,
    TruthDrift,
    UnitFailed,
    ProbeFailed,
)
"""The alerts that call for somebody; the others say that it is over."""

_decode_alert: Callable[[bytes], Alert] = msgspec.json.Decoder(Alert).decode


def decode_alert(raw: bytes) -> Alert | None:
    """Read an alert; None where it is of a type that this version does not know, or no alert at all."""
    try:
        return _decode_alert(raw)
    except UNREADABLE:
        return None


def subject(alert: Alert) -> str:
    """Whom the alert is about: a service, a bus, a unit, or a probe."""
    match alert:
        case TruthDrift():
            return alert.svc or alert.bus
        case BusLost() | BusOk() | MassMiss() | MassOk():
            return alert.bus
        case UnitFailed():
            return alert.unit
        case ProbeFailed() | ProbeOk():
            return names.probe_subject(alert.svc, alert.probe)
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
