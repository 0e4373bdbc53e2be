"""Whether the services may go where they have to: to name servers of this host, and to buses of other hosts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address

from marketswarm import nameservers, unitnames
from marketswarm.address import Address
from marketswarm.doctor.hosts import Shown, is_managed
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, ok, warn
from marketswarm.units import Unit

_FEW = 2


def judge_network(
    shown: Shown,
    services: Iterable[str],
    servers: Iterable[nameservers.Address],
    buses: Mapping[str, Address],
    remedies: Remedies,
) -> Iterator[Check]:
    """Judge the units of these services by what their filters let through.

    ``servers`` are those that the host asks for names, ``buses`` where the services look for each bus.
    """
    if not isinstance(shown, Mapping) or not is_managed(shown):
        return
    slice_ = shown.get(unitnames.SERVICES_SLICE)
    found = (shown.get(unitnames.service_unit(service)) for service in services)
    units = [_with(slice_, unit) for unit in found if unit is not None and unit.load == "loaded"]
    yield from _names(units, list(servers), remedies)
    for bus, address in buses.items():
        if not address.local and (cut := [unit.name for unit in units if not _reaches(unit, address)]):
            where = f"it is at {address}, which {_some(cut)} may not reach"
            yield warn(f"{bus} reach", where, remedies.open_bus(address))


def _names(units: Iterable[Unit], servers: list[nameservers.Address], remedies: Remedies) -> Iterator[Check]:
    """Judge whether those with a network may ask the name servers."""
    outgoing = [unit for unit in units if not unit.private_network]
    if not outgoing or not servers:
        return
    shut = {
        str(server): cut
        for server in servers
        if (cut := [one.name for one in outgoing if nameservers.closed(server, deny=one.deny, allow=one.allow)])
    }
    for server, cut in shut.items():
        found = f"{server} of {nameservers.RESOLV_CONF} is closed to {_some(cut)}"
        yield warn("name servers", found, remedies.open_name_servers())
    if not shut:
        yield ok("name servers", f"{', '.join(map(str, servers))}: open to all services with egress")


def _reaches(unit: Unit, address: Address) -> bool:
    """Whether its filters let it through to an address; of a name only whether it has a network at all."""
    if unit.private_network:
        return False
    try:
        host = ip_address(address.host)
    except ValueError:
        return True
    return not nameservers.closed(host, deny=unit.deny, allow=unit.allow)


def _with(slice_: Unit | None, unit: Unit) -> Unit:
    """A unit with the filters of its slice, which count for it as its own do."""
    return unit if slice_ is None else replace(unit, allow=unit.allow + slice_.allow, deny=unit.deny + slice_.deny)


def _some(units: list[str]) -> str:
    """Name them, or how many they are."""
    return ", ".join(units) if len(units) <= _FEW else f"{', '.join(units[:_FEW])} and {len(units) - _FEW} more"
