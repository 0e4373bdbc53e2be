"""The coordinator: it knows who should be there (truth), who is (beats, leases), and on what (host, process, version).

It judges as healer does, by the same judges, and announces nobody: what it knows stands in ``mesh:services``, and what
changes is told on ``mesh:gossip``.
"""

import asyncio
import functools
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import steady
from marketswarm.daemon import Daemon, check_timeouts, members, watched_by
from marketswarm.liveness import Members
from marketswarm.messages import Presence
from marketswarm.services.mesh.identities import Identities
from marketswarm.services.mesh.registry import Registry, recall
from marketswarm.services.mesh.roll import Roll
from marketswarm.services.mesh.rounds import Rounds
from marketswarm.services.mesh.waiting import Waiting
from marketswarm.services.watching import Judge, Recalled, legacies, seat, settle_memory
from marketswarm.text import tally

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Past:
    """What mesh's life on one truth leaves to the next."""

    members: Members | None = None
    judges: dict[str, Judge] = field(default_factory=dict)
    anew: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    count: Iterator[int] = field(default_factory=lambda: itertools.count(1))


async def work(daemon: Daemon) -> None:
    """Know the members, for ever; counts as started when every bus was tried."""
    past = daemon.keep(_Past)
    targets = watched_by(daemon.name, daemon.truth, daemon.settings)
    check_timeouts(targets)
    system = daemon.bus(names.SYSTEM_BUS)
    if past.members is None:
        past.members = await _recalled(daemon, system)
        past.unheard = {member.svc for member in past.members.all()}
    known = past.members
    _enrol(daemon, known)
    past.anew &= {member.svc for member in known.all()}
    roll = Roll(known, daemon.clock, past.anew, past.unheard)
    dark = {member.svc: "" for member in known.all() if member.state in (Presence.FAILED, Presence.LEFT)}
    judges = past.judges = seat(daemon, targets, roll, Recalled(missed=dark), legacies(past.judges))
    roll.watch(judges.values())
    registry = Registry(system, known, daemon.clock, past.count)
    settle_memory()
    async with asyncio.TaskGroup() as group:
        for judge in judges.values():
            group.create_task(judge.run())
        for judge in judges.values():
            await judge.tried.wait()
        _log.info("listening to %d heartbeat(s) on %d bus(es)", len(targets), len(judges))
        identities, waiting = _identities(daemon, known), Waiting(_singletons(daemon))
        mark = functools.partial(daemon.progress.mark, "rounds")
        rounds = Rounds(roll, known, registry, identities, waiting, clock=daemon.clock, mark=mark)
        group.create_task(_go_round(daemon, rounds))
        rounds.mark()
        daemon.started()
        await _turn(daemon, known, rounds)


async def _recalled(daemon: Daemon, system: Bus) -> Members:
    """Take over what the process before this one knew."""
    return Members(await recall(system), steady(daemon.clock), daemon.clock.wall())


def _enrol(daemon: Daemon, known: Members) -> None:
    """Take in who is in the truth; of mesh itself it is known that it lives."""
    places = {at.service: (at.bus, at.channel) for at in members(daemon.truth, daemon.settings)}
    wall = daemon.clock.wall()
    known.enrol(places, steady(daemon.clock), wall)
    known.share(_singletons(daemon).keys())
    if daemon.name in places:
        known.turn(daemon.name, Presence.ALIVE, wall)


def _identities(daemon: Daemon, known: Members) -> Identities:
    beating: dict[Bus, set[str]] = {}
    for member in known.all():
        beating.setdefault(daemon.bus(member.bus), set()).add(member.svc)
    return Identities(beating)


def _singletons(daemon: Daemon) -> dict[str, Bus]:
    """Name the singletons, each with the bus that has its lease."""
    found = {at.service: daemon.truth.tenancy(at) for at in members(daemon.truth, daemon.settings)}
    return {service: daemon.bus(tenancy.bus) for service, tenancy in found.items() if tenancy}


async def _go_round(daemon: Daemon, rounds: Rounds) -> None:
    """Bring the registry up to date, again and again."""
    while True:
        await rounds.turn()
        await daemon.pause()


async def _turn(daemon: Daemon, known: Members, rounds: Rounds) -> None:
    """Keep the status line true; also the sign that this loop turns."""
    said = ""
    while True:
        line = tally((member.state for member in known.all()), Presence) or "nobody in the truth"
        if line != said:
            said = line
            daemon.status(line)
        daemon.progress.mark()
        rounds.mark()
        await daemon.pause()
