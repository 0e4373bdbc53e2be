"""What the doctor makes of the filters of units: name servers that are closed, buses that cannot be reached."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from marketswarm.address import Address
from marketswarm.doctor.network import judge_network
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Verdict
from marketswarm.units import Unit, parse

TARGET = "marketswarm.target"
SLICE = "system-marketswarm.slice"
RSS_AGG, MESH = "marketswarm@rss_agg.service", "marketswarm@mesh.service"
EGRESS = Unit(RSS_AGG, "loaded", "active", deny=("127.0.0.0/8", "10.0.0.0/8"))
CLOSED = Unit(MESH, "loaded", "active", private_network=True, deny=("0.0.0.0/0", "::/0"))
HERE = {"system-redis": Address("127.0.0.1", 6379)}


def judge(
    *units: Unit, servers: tuple[str, ...] = (), buses: dict[str, Address] | None = None, allow: tuple[str, ...] = ()
) -> list[Check]:
    """Judge a host with these two services, or others in their place; ``allow`` is what the slice opens."""
    shown = {TARGET: Unit(TARGET, "loaded", "active"), SLICE: Unit(SLICE, "loaded", "active", allow=allow)}
    shown |= {unit.name: unit for unit in (EGRESS, CLOSED, *units)}
    addresses = map(ip_address, servers)
    return list(judge_network(shown, ["rss_agg", "mesh"], addresses, buses or HERE, Remedies(managed=True)))


def test_name_servers_that_are_open_take_one_line() -> None:
    """Those on the internet, and those that the slice opens; who has no network needs none."""
    (check,) = judge(servers=("9.9.9.9", "10.0.0.1"), allow=("10.0.0.1/32",))
    assert (check.verdict, check.found) == (Verdict.OK, "9.9.9.9, 10.0.0.1: open to all services with egress")


def test_a_name_server_that_is_closed_is_named_with_whom_it_is_closed_to() -> None:
    """One that came after the installation; the remedy opens it."""
    (check,) = judge(servers=("9.9.9.9", "10.0.0.2"), allow=("10.0.0.1/32",))
    assert (check.name, check.verdict) == ("name servers", Verdict.WARN)
    assert check.found == f"10.0.0.2 of /etc/resolv.conf is closed to {RSS_AGG}"
    assert "marketswarm install --start" in (check.remedy or "")


def test_a_drop_in_of_its_own_opens_it_for_one_service() -> None:
    """Then only the other is named."""
    other = replace(EGRESS, name=MESH, allow=("10.0.0.0/8",))
    (check,) = judge(other, servers=("10.0.0.2",))
    assert check.found.endswith(f"is closed to {RSS_AGG}")


def test_where_nobody_has_a_network_or_nothing_is_asked_there_is_nothing_to_say() -> None:
    """Nor of a unit that is not loaded, nor where our units are not installed."""
    assert judge(replace(CLOSED, name=RSS_AGG), servers=("10.0.0.2",)) == []
    assert judge(replace(EGRESS, load="masked"), servers=("10.0.0.2",)) == []
    assert judge() == []
    assert list(judge_network(None, ["mesh"], [], HERE, Remedies(managed=False))) == []


@pytest.mark.parametrize(
    ("host", "cut"),
    [
        ("10.0.0.9", f"{RSS_AGG}, {MESH}"),
        ("203.0.113.9", MESH),
        ("redis.example", MESH),
    ],
)
def test_a_bus_on_another_host_that_units_cannot_reach_is_told(host: str, cut: str) -> None:
    """By what each of them may; of a name only that who has no network does not get there."""
    (check,) = judge(buses={"system-redis": Address(host, 6379)})
    assert (check.name, check.verdict) == ("system-redis reach", Verdict.WARN)
    assert check.found == f"it is at {host}:6379, which {cut} may not reach"
    assert f"IPAddressAllow={host}" in (check.remedy or "")


def test_a_bus_on_another_host_that_was_opened_is_no_matter() -> None:
    """By a drop-in for all services, say."""
    units = [replace(unit, private_network=False, allow=("10.0.0.9/32",)) for unit in (EGRESS, CLOSED)]
    assert judge(*units, buses={"system-redis": Address("10.0.0.9", 6379)}) == []


def test_of_many_only_the_first_are_named() -> None:
    """The line stays one."""
    services = [f"s{number}" for number in range(4)]
    shown = {f"marketswarm@{name}.service": replace(CLOSED, name=f"marketswarm@{name}.service") for name in services}
    shown[TARGET] = Unit(TARGET, "loaded", "active")
    buses = {"system-redis": Address("10.0.0.9", 6379)}
    (check,) = judge_network(shown, services, [], buses, Remedies(managed=True))
    assert "marketswarm@s0.service, marketswarm@s1.service and 2 more" in check.found


def test_filters_are_read_as_systemctl_prints_them() -> None:
    """Lists in any order; what an older systemd does not know is as if it were not set."""
    text = f"Id={MESH}\nLoadState=loaded\nActiveState=active\nPrivateNetwork=yes\n"
    text += "IPAddressAllow=10.0.0.1/32\nIPAddressDeny=::/0 0.0.0.0/0\n"
    unit = parse(text)[MESH]
    assert (unit.private_network, unit.allow, unit.deny) == (True, ("10.0.0.1/32",), ("::/0", "0.0.0.0/0"))
    assert parse(f"Id={MESH}\n")[MESH] == Unit(MESH, "", "")
