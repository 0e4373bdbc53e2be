"""The checks in their order, from the ground up: this machine, the buses, the truth, the swarm."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from marketswarm import names, nameservers, services, users
from marketswarm.address import Address
from marketswarm.daemon import own_position
from marketswarm.daemon.following import sources
from marketswarm.doctor import hosts, network, probing, reading, swarm, telling, truths
from marketswarm.doctor.ask import ask_bus, ask_file, ask_ports, ask_rights, ask_swarm, ask_systemd, ask_targets
from marketswarm.doctor.buses import BusFound, judge_bus
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Report, skip
from marketswarm.doctor.rights import judge_rights
from marketswarm.doctor.truths import Document
from marketswarm.errors import BadEnvironmentError
from marketswarm.inspection import InspectedBus, inspect
from marketswarm.settings import Settings
from marketswarm.truth import Truth

CLIENT_NAME = "marketswarm:doctor"


async def examine(
    file: Path | None, settings: Settings, wrong: BadEnvironmentError | None, *, prove: bool = False
) -> Report:
    """Make every check. Takes a few seconds at the worst, whoever does not answer.

    ``file`` is the truth file where it is not the host's; ``wrong`` is what ``settings`` had to leave out. ``prove``
    has a test sent to each target, too, which takes as long as that takes.
    """
    path = file or Path(names.TRUTH_FILE)
    in_file = ask_file(path)
    document = in_file if isinstance(in_file, Document) else None
    installed = list(services.installed())
    found, shown = await asyncio.gather(_ask_buses(settings, document), ask_systemd(installed))
    held = truths.stored_documents(found)
    in_use = truths.usable([*held.values(), document])
    known = in_use[1].services if in_use else installed
    here = [name for name in installed if name in known]
    at = {each.bus: each.address for each in found}
    logins = {bus: address for bus, address in at.items() if address.username == users.OPERATOR}
    remedies = Remedies(hosts.is_managed(shown), path if document else None, ask_ports(), logins)
    checks = [
        truths.judge_environment(wrong, remedies),
        truths.judge_file(path, in_file, remedies, named=file is not None),
        *hosts.judge_units(shown, here, remedies),
        *network.judge_network(shown, here, nameservers.of_host(), at, remedies),
        *(check for each in found for check in judge_bus(each, remedies)),
        *(truths.judge_stored(each, settings.truth_key, remedies) for each in found),
        truths.judge_agreement(held, path, document, remedies),
    ]
    if in_use is None:
        return Report([*checks, skip("swarm", "without a truth that can be used, nobody knows who belongs to it")])
    addresses = {each.bus: each.address for each in found if each.answers}
    checks += await _examine_swarm(*in_use, settings, addresses=addresses, installed=installed, remedies=remedies)
    if prove:
        checks += telling.judge_answers(await ask_targets(settings), remedies)
    return Report(checks)


async def _ask_buses(settings: Settings, document: Document | None) -> list[BusFound]:
    """Ask the buses where every service looks for its truth, then those that only the truth knows."""
    first = sources(settings) | {bus: settings.address(bus) for bus in names.DEFAULT_BUS_URLS}
    found = await _ask_each(first, settings)
    in_use = truths.usable([*truths.stored_documents(found.values()).values(), document])
    urls = in_use[1].bus_urls() if in_use else {}
    others = {bus: at for bus in urls if (at := settings.address(bus, urls)) != first.get(bus)}
    return list((found | await _ask_each(others, settings)).values())


async def _ask_each(addresses: Mapping[str, Address], settings: Settings) -> dict[str, BusFound]:
    async with _connected(addresses) as buses:
        found = await asyncio.gather(*(ask_bus(bus, settings.truth_key) for bus in buses.values()))
    return {each.bus: each for each in found}


async def _examine_swarm(
    document: Document,
    truth: Truth,
    settings: Settings,
    *,
    addresses: Mapping[str, Address],
    installed: list[str],
    remedies: Remedies,
) -> list[Check]:
    """Check what healer, sentinel and the services do, as far as the buses at ``addresses`` tell."""
    watched = truth.watched(default_timeout_sec=settings.default_timeout_sec)
    positions = {name: own_position(name, truth, settings) for name in truth.services}
    positions |= {at.service: at for at in watched}
    healer = [positions[names.HEALER]] if {names.HEALER, names.SENTINEL} <= truth.services.keys() else []
    alerts = truth.alerts_to(settings.alert_channel)
    async with _connected(addresses) as buses:
        rights = await asyncio.gather(*(ask_rights(bus) for bus in buses.values()))
        found = await ask_swarm(settings, buses, positions, alerts)
    now = time.time()
    system = settings.address(names.SYSTEM_BUS, truth.bus_urls())
    return [
        *(check for each in rights for check in judge_rights(each, remedies)),
        swarm.judge_listening(names.HEALER, watched, found.listeners, remedies),
        swarm.judge_listening(names.SENTINEL, healer, found.listeners, remedies),
        *swarm.judge_beats(found.overview, positions, addresses, installed, remedies),
        truths.judge_followers(found.leases, document.sha256, remedies),
        swarm.judge_alerts(found.last_alert, alerts, found.listeners, system=system, remedies=remedies, now=now),
        *telling.judge_telling(found.telling, remedies, now),
        *probing.judge_probes(found.probes, remedies),
        *reading.judge_reading(found.reading, truth, remedies),
        swarm.judge_clocks(found.leases, positions, remedies, now),
    ]


@asynccontextmanager
async def _connected(addresses: Mapping[str, Address]) -> AsyncIterator[dict[str, InspectedBus]]:
    buses = inspect(addresses, client_name=CLIENT_NAME)
    try:
        yield buses
    finally:
        for bus in buses.values():
            await bus.close()
