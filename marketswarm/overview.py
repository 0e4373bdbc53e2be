"""`marketswarm status`: what the buses tell of every service, and one exit code for all of it."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from marketswarm import names, ownership, pauses
from marketswarm.bus import Bus, Lease, connect
from marketswarm.daemon import own_position
from marketswarm.errors import BusUnreachableError
from marketswarm.inuse import truth_in_use
from marketswarm.messages import (
    MISSES,
    Alert,
    Heartbeat,
    Malformed,
    ServiceRecord,
    decode_alert,
    decode_heartbeat,
    decode_record,
)
from marketswarm.notices.silences import Pauses
from marketswarm.settings import Settings
from marketswarm.term import Paint, local_time
from marketswarm.text import printable
from marketswarm.truth import Position, Truth

CLIENT_NAME = "marketswarm:status"


class Verdict(StrEnum):
    """What a person wants to know of a service."""

    UP = "up"
    DOWN = "DOWN"
    RETURNING = "returning"
    """Reported dark, and beating again: the recovery is about to be reported."""
    STOPPED = "stopped"
    """It said goodbye; that is reported when its timeout is over."""
    UNSEEN = "unseen"
    """No beat since its watcher started, and no verdict yet."""
    UNKNOWN = "unknown"
    """Its bus does not answer, or nobody alive is watching."""


@dataclass(frozen=True, slots=True)
class Row:
    """One service. Seconds are since the last beat; ``since`` is the time of the last verdict, epoch seconds.

    ``reason`` is why it is down. ``lost_beats``, ``restarts`` and ``duplicates`` (of processes that beat in turn) are
    what its watcher has counted. ``silenced_until`` (epoch seconds) and ``acked_by`` say what keeps people from being
    told of it, and change nothing else. ``standbys`` are the hosts on which a process of a singleton waits to take
    over.
    """

    service: str
    state: Verdict
    beat_age_sec: float | None
    since: int | None
    host: str | None
    bus: str
    reason: str | None = None
    flapping: bool = False
    lost_beats: int = 0
    restarts: int = 0
    duplicates: int = 0
    silenced_until: float | None = None
    acked_by: str | None = None
    standbys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole swarm at one moment."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 all well, 1 a warning, 2 something is down (Nagios' plugin codes, as monitoring tools read them)."""
        states = {row.state for row in self.rows}
        if Verdict.DOWN in states:
            return 2
        return 0 if states <= {Verdict.UP} and not self.notes else 1

    def as_json(self) -> dict[str, Any]:
        """Shape for programs: ``{exit_code, services: [{service, state, …}], notes}``."""
        return {"exit_code": self.exit_code, "services": [asdict(row) for row in self.rows], "notes": self.notes}


async def look(settings: Settings) -> Overview:
    """Ask the buses.

    Raises BusUnreachableError where system-redis, which holds the verdicts, does not answer, or no bus has the truth;
    BadTruthError where what they have cannot be used.
    """
    truth = await truth_in_use(settings, client_name=CLIENT_NAME)
    urls = truth.bus_urls()
    buses = connect({bus: settings.address(bus, urls) for bus in urls}, client_name=CLIENT_NAME)
    try:
        return await _gather(truth, settings, buses)
    finally:
        for bus in buses.values():
            await bus.close()


async def _gather(truth: Truth, settings: Settings, buses: dict[str, Bus]) -> Overview:
    watched = {p.service: p for p in truth.watched(default_timeout_sec=settings.default_timeout_sec)}
    positions = {svc: own_position(svc, truth, settings) for svc in truth.services} | watched
    health = await buses[names.SYSTEM_BUS].health(positions)
    records = await buses[names.SYSTEM_BUS].records(positions)
    paused = await pauses.read(buses[names.SYSTEM_BUS])
    leases: dict[str, Lease] = {}
    silent: set[str] = set()
    for name, bus in buses.items():
        try:
            leases |= await bus.leases(p.service for p in positions.values() if p.bus == name)
        except BusUnreachableError:
            silent.add(name)
    standbys = await _standbys(truth, positions.values(), buses)
    watchers = {names.HEALER, names.SENTINEL} & positions.keys()
    rows = tuple(
        _row(
            position,
            leases.get(service),
            health.get(service),
            decode_record(records.get(service, b"")),
            paused,
            standbys=standbys.get(service, ()),
            trusted=position.bus not in silent and _watcher_of(service) in leases,
        )
        for service, position in sorted(positions.items())
    )
    notes = [f"{bus} at {buses[bus].address} does not answer: is its redis-server running?" for bus in sorted(silent)]
    notes += [
        f"{watcher} is not beating: what it last said of others may be old; start it"
        for watcher in sorted(watchers - leases.keys())
        if not _is_down(health.get(watcher))
    ]
    notes += [f"{row.service} goes and comes; no more is told of it until it is stable" for row in rows if row.flapping]
    return Overview(rows, tuple(notes))


async def _standbys(truth: Truth, positions: Iterable[Position], buses: dict[str, Bus]) -> dict[str, tuple[str, ...]]:
    """Name the hosts that stand by for each singleton; none where the bus does not say."""
    kept_on = {at.service: buses[tenancy.bus] for at in positions if (tenancy := truth.tenancy(at))}
    found = await asyncio.gather(*(ownership.standbys_if_told(bus, service) for service, bus in kept_on.items()))
    return {service: hosts or () for service, hosts in zip(kept_on, found, strict=True)}


def _watcher_of(service: str) -> str:
    return names.SENTINEL if service == names.HEALER else names.HEALER


def _is_down(health: bytes | None) -> bool:
    return health is not None and isinstance(decode_alert(health), MISSES)


def _row(
    at: Position,
    lease: Lease | None,
    health: bytes | None,
    record: ServiceRecord | None,
    paused: Pauses,
    *,
    standbys: tuple[str, ...],
    trusted: bool,
) -> Row:
    alert = decode_alert(health) if health else None
    # A key without a TTL is no lease: it would never run out.
    beat = decode_heartbeat(lease.raw, at.service) if lease and lease.ttl_ms >= 0 else None
    if isinstance(beat, Malformed):
        beat = None
    age_sec = max(0.0, at.timeout_sec - lease.ttl_ms / 1000) if lease and beat else _silence_sec(alert)
    kept = record or ServiceRecord("")
    return Row(
        service=at.service,
        state=_verdict(alert, beat, kept, trusted=trusted),
        beat_age_sec=None if age_sec is None else round(age_sec, 3),
        since=alert.ts if alert else None,
        host=(beat.host or None) if beat else None,
        bus=at.bus,
        reason=(alert.reason or None) if isinstance(alert, MISSES) else None,
        flapping=kept.flapping,
        lost_beats=kept.lost_beats,
        restarts=kept.restarts,
        duplicates=kept.duplicates,
        silenced_until=paused.silenced_until(at.service, time.time()),
        acked_by=paused.acked_by(at.service, alert.ts) if isinstance(alert, MISSES) else None,
        standbys=standbys,
    )


def _verdict(alert: Alert | None, beat: Heartbeat | None, record: ServiceRecord, *, trusted: bool) -> Verdict:
    """Say how a service stands, by what was told of it, its lease, and what its watcher keeps of it."""
    if isinstance(alert, MISSES):
        return Verdict.RETURNING if beat and not beat.bye else Verdict.DOWN
    if beat:
        return Verdict.STOPPED if beat.bye else Verdict.UP
    if not trusted:
        return Verdict.UNKNOWN
    if record.state == "missed":
        return Verdict.DOWN  # its alert is gone with what the bus held
    # A program that only publishes has no lease; its watcher knows.
    heard = record.state == "alive" if record.state else alert is not None
    return Verdict.UP if heard else Verdict.UNSEEN


def _silence_sec(alert: Alert | None) -> float | None:
    """How long a service that was missed has not beaten; None for one that was never heard, in less than a timeout."""
    if not isinstance(alert, MISSES) or alert.late_sec < alert.timeout_sec:
        return None
    return max(0.0, time.time() - alert.ts + alert.late_sec)


_STYLES = {Verdict.UP: "green", Verdict.DOWN: "bold red"}
_COLUMNS = ("service", "state", "last beat", "since", "host", "why")


def render(overview: Overview, paint: Paint) -> str:
    """Lay the overview out for people, a line a service."""
    table = [_cells(row) for row in overview.rows]
    widths = [max(len(cells[i]) for cells in [_COLUMNS, *table]) for i in range(len(_COLUMNS))]
    lines = [paint(_line(_COLUMNS, widths), "dim")]
    for row, cells in zip(overview.rows, table, strict=True):
        line = _line(cells, widths)
        state = cells[1]
        lines.append(line.replace(f" {state}", f" {paint(state, _STYLES.get(row.state, 'yellow'))}", 1))
    return "\n".join(lines + [paint(f"! {note}", "yellow") for note in overview.notes])


def _cells(row: Row) -> tuple[str, ...]:
    age = "-" if row.beat_age_sec is None else f"{row.beat_age_sec:.1f} s ago"
    why = [printable(row.reason)] if row.reason else []
    return (
        row.service,
        str(row.state),
        age,
        _since(row.since),
        _hosts(row),
        "; ".join(why + pauses.noted(row.silenced_until, row.acked_by, time.time())),
    )


def _hosts(row: Row) -> str:
    waiting = f" (standby: {printable(', '.join(row.standbys))})" if row.standbys else ""
    return printable(row.host or "-") + waiting


def _since(ts: int | None) -> str:
    if ts is None:
        return "-"
    return local_time(ts, time.time())


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
