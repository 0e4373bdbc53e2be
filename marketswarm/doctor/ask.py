"""Asks the machine and the buses: each question has a deadline, and what came instead of an answer is returned."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from marketswarm import feedview, names, overview, ports, probeview, proving, queueing, seed, unitnames, units, users
from marketswarm import settings as environment
from marketswarm.bus import Lease
from marketswarm.doctor import truths
from marketswarm.doctor.buses import BusFound
from marketswarm.doctor.hosts import Shown, wanted_units
from marketswarm.doctor.reading import ReadingFound
from marketswarm.doctor.rights import Denied, RightsFound, read_log
from marketswarm.doctor.swarm import MESH_HEARS, Listeners
from marketswarm.doctor.telling import TellingFound
from marketswarm.doctor.truths import Document
from marketswarm.errors import (
    BadEnvironmentError,
    BusUnreachableError,
    MarketSwarmError,
    NoTruthFileError,
    ServiceManagerError,
)
from marketswarm.inspection import InspectedBus
from marketswarm.notices.letters import Answer, decode_state
from marketswarm.overview import Overview
from marketswarm.probeview import ProbesView
from marketswarm.settings import Settings
from marketswarm.truth import Endpoint, Position

DEADLINE_SEC = 2.0
_DENIED = 100
"""So many refusals are asked for."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SwarmFound:
    """What the buses tell of the services."""

    listeners: Listeners
    leases: Mapping[str, Lease]
    overview: Overview | MarketSwarmError
    last_alert: list[tuple[str, bytes]] | MarketSwarmError
    telling: TellingFound | MarketSwarmError
    reading: ReadingFound
    probes: ProbesView | MarketSwarmError


def ask_environment(user: str = users.OPERATOR) -> tuple[Settings, BadEnvironmentError | None]:
    """Read the variables; where some cannot be used, what is wrong, and the settings without them."""
    environ = environment.own()
    try:
        return environment.load(environ, user=user), None
    except BadEnvironmentError as error:
        wrong = {*truths.wrong_variables(error), names.ENV_CREDENTIALS_DIRECTORY}
        if wrong.intersection(names.TLS_ENV):
            wrong.update(names.TLS_ENV)  # one without the others would be a fault of its own
        left = {name: value for name, value in environ.items() if name not in wrong}
        return environment.load(left, user=user), error


def ask_file(path: Path) -> Document | NoTruthFileError:
    """Read a truth file."""
    try:
        return Document.of(seed.read_file(path))
    except NoTruthFileError as error:
        return error


def ask_ports() -> dict[str, int]:
    """Read on which ports this host's own buses listen; those of which nothing can be read are left out."""
    found = {}
    for bus in names.DEFAULT_BUS_URLS:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = Path(unitnames.redis_conf(bus)).read_text(encoding="utf-8")
            if ports := re.findall(r"^port (\d+)$", text, re.MULTILINE):
                found[bus] = int(ports[-1])
    return found


async def ask_systemd(services: Iterable[str]) -> Shown:
    """Ask systemd for the units of the swarm, where it runs."""
    if not units.systemd_runs():
        return None
    try:
        return await units.show(wanted_units(services))
    except ServiceManagerError as error:
        return error


async def ask_bus(bus: InspectedBus, truth_key: str) -> BusFound:
    """Ask one bus how it is, and for its truth. One question does not wait for another: INFO may come without PONG."""
    ping_sec, info, stored = await asyncio.gather(
        _answer(_timed_ping(bus)), _answer(bus.info()), _answer(bus.truth(truth_key))
    )
    at, lost = bus.address, isinstance(ping_sec, MarketSwarmError)
    listener = ports.listener(at.port) if lost and at.local and not at.path else None
    return BusFound(bus.name, at, ping_sec, info, stored, listener)


async def ask_rights(bus: InspectedBus) -> RightsFound:
    """Ask one bus who it takes this for, and whom it has refused what."""
    return RightsFound(bus.name, bus.address, await _answer(_asked_of_rights(bus)))


async def _asked_of_rights(bus: InspectedBus) -> tuple[str, list[Denied]]:
    who, denied = await bus.ask([("ACL", "WHOAMI"), ("ACL", "LOG", _DENIED)])
    return who.decode(errors="replace"), read_log(denied)


async def ask_swarm(
    settings: Settings, buses: Mapping[str, InspectedBus], positions: Mapping[str, Position], alerts: Endpoint
) -> SwarmFound:
    """Ask these buses for what healer, sentinel and every service have left there."""
    by_bus = {name: [at for at in positions.values() if at.bus == name] for name in buses}
    channels = {
        name: {at.channel for at in beating} | {MESH_HEARS} | ({alerts.key} if name == alerts.bus else set())
        for name, beating in by_bus.items()
    }
    listeners, leases, seen, last_alert, telling, (reading, probes) = await asyncio.gather(
        asyncio.gather(*(_answer(bus.listeners(channels[name])) for name, bus in buses.items())),
        asyncio.gather(*(_answer(bus.leases(at.service for at in by_bus[name])) for name, bus in buses.items())),
        _answer(overview.look(settings)),
        _answer(_last_alert(buses)),
        _answer(_telling(buses)),
        asyncio.gather(_reading(settings), _answer(probeview.look(settings))),
    )
    told = [found for found in leases if not isinstance(found, MarketSwarmError)]
    held = {service: lease for found in told for service, lease in found.items()}
    heard = dict(zip(buses, listeners, strict=True))
    return SwarmFound(heard, held, seen, last_alert, telling, reading, probes)


async def _timed_ping(bus: InspectedBus) -> float:
    """Seconds that a PING takes on a connection that stands."""
    await bus.ping()
    began = time.monotonic()
    await bus.ping()
    return time.monotonic() - began


async def _last_alert(buses: Mapping[str, InspectedBus]) -> list[tuple[str, bytes]]:
    if names.SYSTEM_BUS not in buses:
        raise BusUnreachableError(f"{names.SYSTEM_BUS} does not answer")
    return await buses[names.SYSTEM_BUS].last(names.ALERT_LOG, 1)


async def _telling(buses: Mapping[str, InspectedBus]) -> TellingFound:
    if names.SYSTEM_BUS not in buses:
        raise BusUnreachableError(f"{names.SYSTEM_BUS} does not answer")
    bus = buses[names.SYSTEM_BUS]
    states = {name: decode_state(raw) for name, raw in (await bus.fields(names.NOTIFY_STATE)).items()}
    holder, dead = await bus.ask([("GET", names.NOTIFY_LEASE), ("XLEN", names.DEAD_LETTERS)])
    known = {name: state for name, state in states.items() if state and len(name.split()) > 1}
    return TellingFound(known, (holder or b"").decode(errors="replace"), dead)


async def _reading(settings: Settings) -> ReadingFound:
    return ReadingFound(*await asyncio.gather(_answer(feedview.look(settings)), _answer(queueing.look(settings))))


async def ask_targets(settings: Settings) -> list[Answer] | MarketSwarmError:
    """Have a test sent to each target, and wait for what they answer."""
    try:
        return [answer async for answer in proving.test(settings)]
    except MarketSwarmError as error:
        return error


async def _answer(question: Awaitable[_T]) -> _T | MarketSwarmError:
    """Wait for an answer, or for what kept it: a server that sends a byte a second outlasts every other timeout."""
    try:
        async with asyncio.timeout(DEADLINE_SEC):
            return await question
    except TimeoutError:
        return BusUnreachableError("no answer in time")
    except MarketSwarmError as error:
        return error
