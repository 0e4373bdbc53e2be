"""What the truth says of probes."""

from typing import Any

import pytest
from documents import faults, read

from marketswarm.place import PHRASE
from marketswarm.truth import Endpoint, Probe, warnings

PROBE = {"name": "broker", "url": "tcp://broker.example:4001"}
PLACE = "services.massive.probes[0]"


def of(*probes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make a document in which massive probes these."""
    return {"services": {"massive": {"probes": list(probes)} | fields}}


def probe(**fields: Any) -> Probe:
    """Read one probe."""
    return read(of(PROBE | fields)).section("massive").probes[0]


def warned(**fields: Any) -> list[str]:
    """Tell the warnings about massive's section, but for that it is watched by nobody."""
    document = {"services": {"massive": fields}}
    return [line for line in warnings(read(document)) if "massive." in line and "is watched by nobody" not in line]


def test_a_probe_needs_a_name_and_an_address() -> None:
    """The rest has defaults."""
    found = probe()
    assert (found.name, found.url) == ("broker", "tcp://broker.example:4001")
    assert (found.interval_sec, found.timeout_sec, found.fails) == (30.0, None, 2)
    assert faults(of({})) == [f"{PLACE}.name: is missing", f"{PLACE}.url: is missing"]


@pytest.mark.parametrize(
    "url", ["dns://a.example", "tcp://[::1]:22", "tls://a.example:443", "https://a.example/health?x=1"]
)
def test_each_kind_of_address_is_taken(url: str) -> None:
    """A name, a host and port, TLS, and the web."""
    assert probe(url=url).url == url


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (
            "broker.example",
            PHRASE,
        ),
        (
            "udp://a.example:53",
            PHRASE,
        ),
        ("tcp://a.example", "must be tcp://host:port, and has no port"),
        ("dns://a.example:53", "must be dns://host without a port; services.massive.dns says whom to ask"),
        ("wss://a.example/x", "must be dns://, tcp://, tls:// or https://; of a websocket tls://host is probed"),
    ],
)
def test_what_cannot_be_probed_is_refused(url: str, fault: str) -> None:
    """With what it must be."""
    (found,) = faults(of(PROBE | {"url": url}))
    assert found.startswith(f"{PLACE}.url: {fault}")


def test_a_password_is_no_part_of_an_address() -> None:
    """Truth is for all to read."""
    found = faults(of(PROBE | {"url": "https://me:hunter2@a.example/"}))
    assert any("must not hold a password in a URL" in fault for fault in found)
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "é", "x" * 65])
def test_a_name_can_be_typed(name: str) -> None:
    """It stands in commands, as in ``marketswarm silence massive/broker``."""
    (found,) = faults(of(PROBE | {"name": name}))
    assert found.startswith(f"{PLACE}.name: must be a name of 1 to 64 letters, digits and _.-")


def test_two_probes_have_two_names() -> None:
    """Results are kept by them."""
    assert faults(of(PROBE, PROBE)) == [
        'services.massive.probes[1].name: must differ from that of probes[0], is "broker"',
    ]


@pytest.mark.parametrize("name", ["net-host", "net-url", "massive-api", "massive-ws"])
def test_names_that_variables_make_are_taken(name: str) -> None:
    """They would be kept under the same name."""
    (found,) = faults(of(PROBE | {"name": name}))
    assert found == f'{PLACE}.name: must not be one of those that variables make, is "{name}"'


@pytest.mark.parametrize("server", ["8.8.8.8", "127.0.0.1:5300", "::1", "[::1]:53", "2001:db8::1"])
def test_name_servers_are_addresses(server: str) -> None:
    """With a port, where it is not the usual one."""
    assert read(of(dns=[server])).section("massive").dns == (server,)


@pytest.mark.parametrize("server", ["dns.example", "8.8.8", "8.8.8.8:0", "8.8.8.8:65536", "[::1]", "[::1]:x", "::1:x"])
def test_what_is_no_address_is_no_name_server(server: str) -> None:
    """A name would need another to look it up."""
    (found,) = faults(of(dns=[server]))
    assert found.startswith("services.massive.dns[0]: must be an IP address, with a port where it is not 53")


def test_results_go_to_the_market_bus() -> None:
    """Unless truth names another key or bus."""
    assert read(of()).results_to() == Endpoint("market-redis", "massive:probes")
    points = [{"bus": "system-redis", "key": key} for key in ("massive:heartbeat", "ops:probes")]
    there = read(of(access_points={"publish_to": points}))
    assert there.results_to() == Endpoint("system-redis", "ops:probes")
    assert there.probe_names() == ()
    assert read(of(PROBE)).probe_names() == ("broker",)


def test_the_market_api_is_asked_once_a_minute() -> None:
    """Unless truth says otherwise."""
    api = read(of()).section("massive").api
    assert (api.interval_sec, api.fails) == (60.0, 2)


@pytest.mark.parametrize(("interval_sec", "warns"), [(59.9, True), (60, False), (61, False)])
def test_asking_the_market_api_too_often_is_warned_of(interval_sec: float, *, warns: bool) -> None:
    """The free tier would throttle whoever else has the key."""
    found = warned(api={"interval_sec": interval_sec})
    assert bool(found) is warns
    assert all("should be >= 60, the free tier allows five requests a minute" in line for line in found)


@pytest.mark.parametrize(("timeout_sec", "warns"), [(29.9, False), (30, False), (30.1, True)])
def test_a_timeout_over_the_interval_is_warned_of(timeout_sec: float, *, warns: bool) -> None:
    """A probe that hangs delays the one after it."""
    assert bool(warned(probes=[PROBE | {"timeout_sec": timeout_sec}])) is warns


@pytest.mark.parametrize("field", [{"probes": [PROBE]}, {"dns": ["8.8.8.8"]}, {"api": {"fails": 3}}])
def test_probes_of_another_service_are_warned_of(field: dict[str, Any]) -> None:
    """Massive alone reads them."""
    found = warnings(read({"services": {"mesh": field}}))
    assert f"services.mesh.{next(iter(field))}: is read in the section of massive only" in found
