"""`marketswarm mesh`: who should be in the swarm, who is, and on what, as mesh has left it on system-redis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from marketswarm import columns, names
from marketswarm.bus import Bus, connect
from marketswarm.daemon import members, own_position
from marketswarm.errors import BusRefusedError, BusUnreachableError, NotRedisError
from marketswarm.inuse import loaded_in_use
from marketswarm.messages import Member, Presence, decode_full, decode_member
from marketswarm.settings import Settings
from marketswarm.term import Paint
from marketswarm.text import counted, listed, printable, tally
from marketswarm.truth import short

CLIENT_NAME: Final = "marketswarm:mesh"
STOPPED: Final = "mesh does not beat, so nobody keeps this up: start it, by marketswarm run mesh or its unit"
EMPTY: Final = f"{names.SYSTEM_BUS} has no {names.MESH_SERVICES}: mesh, while it runs, puts it there within seconds"
CANNOT_TELL: Final = 3
_NAMED: Final = 10
_WIDEST: Final = 48
"""So many characters of a word from the bus; anyone may have written it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One member, or what is kept of one that is no longer in the truth."""

    member: Member
    in_truth: bool = True
    outdated: bool = False
    """It beats, and runs on another truth than the buses hold."""


@dataclass(frozen=True, slots=True)
class MeshView:
    """The members at one moment, in truth's order, and then the tombstones.

    ``kept``: whether mesh runs, so that this is true. ``silent`` are buses of members that do not answer.
    """

    rows: tuple[Row, ...] = ()
    kept: bool = True
    silent: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all alive, 1 somebody is not or runs on an older truth, 2 somebody has failed, 3 can't tell."""
        here = [row for row in self.rows if row.in_truth]
        if not (self.kept and here):
            return CANNOT_TELL
        states = {row.member.state for row in here}
        if Presence.FAILED in states:
            return 2
        return int(states != {Presence.ALIVE} or any(row.outdated for row in here) or bool(self.silent))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of all of them."""
        notes = [] if self.kept else [STOPPED]
        notes += [] if self.rows else [EMPTY]
        notes += [
            f"{bus} does not answer, so nobody there is judged: is its redis-server running?" for bus in self.silent
        ]
        if late := [row.member.svc for row in self.rows if row.outdated]:
            notes.append(f"on another truth than the buses hold: {listed(late, _NAMED)}")
        return tuple(notes)


async def look(settings: Settings) -> MeshView:
    """Ask system-redis for what mesh keeps there.

    Raises BusUnreachableError where it does not answer, or no bus has the truth; BusRefusedError; BadTruthError where
    what they have cannot be used.
    """
    loaded = await loaded_in_use(settings, client_name=CLIENT_NAME)
    truth, urls = loaded.truth, loaded.truth.bus_urls()
    places, own = members(truth, settings), own_position(names.MESH, truth, settings)
    wanted = {names.SYSTEM_BUS, own.bus, *(at.bus for at in places)}
    buses = connect({bus: settings.address(bus, urls) for bus in sorted(wanted)}, client_name=CLIENT_NAME)
    try:
        fields = await buses[names.SYSTEM_BUS].fields(names.MESH_SERVICES)
        silent = tuple([name for name, bus in buses.items() if not await _answers(bus)])
        kept = own.bus not in silent and await _beats(buses[own.bus])
    finally:
        for bus in buses.values():
            await bus.close()
    return view_of([at.service for at in places], fields, loaded.sha256, kept=kept, silent=silent)


async def _answers(bus: Bus) -> bool:
    try:
        await bus.ping()
    except (BusUnreachableError, NotRedisError):
        return False
    except BusRefusedError:
        return True  # on a full disk even PING is refused
    return True


async def _beats(bus: Bus) -> bool:
    """Whether mesh has a lease there, and has not said goodbye."""
    lease = (await bus.leases([names.MESH])).get(names.MESH)
    identity = decode_full(lease.raw, names.MESH) if lease and lease.ttl_ms >= 0 else None
    return identity is not None and not identity.bye


def view_of(
    services: Iterable[str], fields: Mapping[str, bytes], sha256: str, *, kept: bool, silent: tuple[str, ...] = ()
) -> MeshView:
    """Put together what truth, of this hash, and the bus say of members."""
    known = {service: member for service, raw in fields.items() if (member := decode_member(raw))}
    if not known:
        return MeshView(kept=kept, silent=silent)
    rows = [_row(known.pop(service, None), service, sha256) for service in services]
    gone = sorted(known.values(), key=lambda member: member.svc)
    return MeshView((*rows, *(Row(member, in_truth=False) for member in gone)), kept=kept, silent=silent)


def _row(member: Member | None, service: str, sha256: str) -> Row:
    if member is None or member.buried:  # it is in the truth since a moment ago
        return Row(Member(svc=service, state=Presence.UNSEEN, since=0))
    beats = member.state in (Presence.ALIVE, Presence.SUSPECTED)
    return Row(member, outdated=beats and member.truth not in ("", sha256))


_STYLES: Final = {Presence.ALIVE: "green", Presence.FAILED: "bold red"}
_COLUMNS: Final = ("service", columns.STATE, "since", "host", "pid", "version", "truth", "standbys", "why")


def render(view: MeshView, paint: Paint, now: float) -> str:
    """Lay the members out for people, a line each, and a sum. ``now`` in seconds since the epoch."""
    notes = [paint(f"! {note}", "yellow") for note in view.notes]
    if not view.rows:
        return "\n".join(notes)
    rows = [(_STYLES.get(row.member.state, "yellow") if row.in_truth else "dim", _cells(row, now)) for row in view.rows]
    lines = columns.table(_COLUMNS, rows, paint)
    return "\n".join([*([] if view.kept else [*notes, ""]), *lines, "", _sum(view), *(notes if view.kept else [])])


def _cells(row: Row, now: float) -> tuple[str, ...]:
    member = row.member
    return (
        member.svc,
        "FAILED" if member.state is Presence.FAILED else str(member.state),
        columns.ago(member.since, now),
        _word(member.host),
        str(member.pid or "-"),
        _word(member.version),
        _word(short(member.truth)) + (" old" if row.outdated else ""),
        _word(", ".join(member.standbys)),
        _word(member.reason),
    )


def _word(text: str) -> str:
    return printable(text)[:_WIDEST] or "-"


def _sum(view: MeshView) -> str:
    here = [row.member.state for row in view.rows if row.in_truth]
    gone = len(view.rows) - len(here)
    members = f"{counted(len(here), 'member')}: {tally(here, Presence)}"
    return f"{members}; {gone} left the truth within a day" if gone else members


def as_json(view: MeshView) -> dict[str, Any]:
    """Shape for programs: ``{exit_code, members: [{svc, state, …}], notes}``; times in seconds since the epoch."""
    return {"exit_code": view.exit_code, "members": [_row_json(row) for row in view.rows], "notes": list(view.notes)}


def _row_json(row: Row) -> dict[str, Any]:
    return msgspec.structs.asdict(row.member) | {"in_truth": row.in_truth, "outdated": row.outdated}
