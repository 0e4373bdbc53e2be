"""Every remedy of `marketswarm doctor` names commands and units that exist."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import unknown_word

from marketswarm import names, services
from marketswarm.address import Address, TlsFiles
from marketswarm.doctor.hosts import wanted_units
from marketswarm.doctor.remedies import Remedies, redis_cli

HERE = Address("127.0.0.1", 6379)
EXAMPLES = {
    "wrong": ["LOG_LEVEL"],
    "path": Path("/etc/marketswarm/truth.json"),
    "bus": "system-redis",
    "address": HERE,
    "command": "BGSAVE",
    "limit_bytes": 1024,
    "option": "appendonly",
    "value": "yes",
    "unit": "marketswarm@mesh.service",
    "load": "masked",
    "service": "mesh",
    "services": ["mesh", "healer"],
    "channel": "mesh:heartbeat",
    "why": "its certificate is not valid (expired)",
}
COMMAND = re.compile(r"(?:^|(?<=[\s(]))(marketswarm(?:-seed)?)((?: [^\s|;,()`]+)*)")
UNIT = re.compile(r"marketswarm(?:-[a-z]+)?@[a-z_]+(?:\.service)?|marketswarm[a-z-]*\.(?:service|target)")
KINDS = [
    pytest.param(Remedies(managed, file), id=f"{'managed' if managed else 'by hand'}, {file}")
    for managed in (True, False)
    for file in (None, Path(names.TRUTH_FILE), Path("my truth.json"))
]


def every_remedy(remedies: Remedies) -> Iterator[tuple[str, str]]:
    """Each remedy there is, on two kinds of address."""
    for name, function in vars(Remedies).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            method = getattr(remedies, name)
            wanted = inspect.signature(method).parameters
            for address in (HERE, Address("10.0.0.5", 7000), Address(path="/run/redis.sock")):
                yield name, method(**{word: (EXAMPLES | {"address": address})[word] for word in wanted})


@pytest.mark.parametrize("remedies", KINDS)
def test_every_command_exists(remedies: Remedies) -> None:
    """Each `marketswarm ...` in a remedy is a command with such options."""
    said = [found for _, remedy in every_remedy(remedies) for found in COMMAND.findall(remedy)]
    assert said
    assert [(name, words) for name, words in said if unknown_word(name, words.split())] == []


@pytest.mark.parametrize("remedies", KINDS)
def test_every_unit_exists(remedies: Remedies) -> None:
    """Each unit in a remedy is one that the checks look at."""
    known = set(wanted_units(services.installed()))
    said = {found for _, remedy in every_remedy(remedies) for found in UNIT.findall(remedy)}
    assert said
    assert said - known == set()


@pytest.mark.parametrize("remedies", KINDS)
def test_a_remedy_is_one_line(remedies: Remedies) -> None:
    """Nothing else fits under a check."""
    assert [name for name, remedy in every_remedy(remedies) if not remedy or "\n" in remedy] == []


def test_off_systemd_nothing_speaks_of_units() -> None:
    """Where no unit is installed, only what concerns a unit itself names systemctl."""
    of_units = {"systemd", "unit_log", "start_unit", "load_unit", "disable_debian_redis"}
    said = {name for name, remedy in every_remedy(Remedies(managed=False)) if "systemctl" in remedy}
    assert said <= of_units


@pytest.mark.parametrize(
    ("address", "managed", "expected"),
    [
        (HERE, True, "systemctl start marketswarm-redis@system.service"),
        (HERE, False, "redis-server --port 6379 --appendonly yes --maxmemory-policy noeviction"),
        (Address("127.0.0.1", 7000), True, "redis-server --port 7000 --appendonly yes --maxmemory-policy noeviction"),
        (
            Address("10.0.0.5", 6379),
            True,
            "start the Redis server at 10.0.0.5:6379, or say where it is: export SYSTEM_REDIS_URL=redis://HOST:PORT",
        ),
    ],
)
def test_a_bus_is_the_host_s_own_only_at_its_own_address(address: Address, expected: str, *, managed: bool) -> None:
    """The unit is the remedy for the address that the unit serves, and for no other."""
    assert Remedies(managed).start_bus("system-redis", address) == expected


@pytest.mark.parametrize(
    ("remedies", "expected"),
    [
        (Remedies(managed=True), "marketswarm-seed"),
        (Remedies(managed=True, file=Path(names.TRUTH_FILE)), "marketswarm-seed"),
        (Remedies(managed=True, file=Path("my.json")), "marketswarm-seed --truth my.json"),
        (Remedies(managed=False), "marketswarm-seed --truth FILE"),
        (Remedies(managed=False, file=Path("my truth.json")), "marketswarm-seed --truth 'my truth.json'"),
    ],
)
def test_seeding_is_the_bootstrap_s_where_it_seeds_that_file(remedies: Remedies, expected: str) -> None:
    """The bootstrap unit seeds the host's file; any other is seeded by hand."""
    assert remedies.seed() == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (HERE, "redis-cli -p 6379"),
        (Address.parse("redis://:secret@10.0.0.5:7000"), "redis-cli -h 10.0.0.5 -p 7000"),
        (Address("redis.example", 6380, tls=True), "redis-cli -h redis.example -p 6380 --tls"),
        (
            Address("10.0.0.5", 6380, tls=True, tls_files=TlsFiles(ca="/etc/my ca.pem")),
            "redis-cli -h 10.0.0.5 -p 6380 --tls --cacert '/etc/my ca.pem'",
        ),
        (
            Address("10.0.0.5", 6380, tls=True, tls_files=TlsFiles("/a.pem", "/c.pem", "/k.pem")),
            "redis-cli -h 10.0.0.5 -p 6380 --tls --cacert /a.pem --cert /c.pem --key /k.pem",
        ),
        (Address(path="/run/my redis.sock"), "redis-cli -s '/run/my redis.sock'"),
    ],
)
def test_redis_cli_is_spelled_without_the_password(address: Address, expected: str) -> None:
    """It can be typed as it stands, and shown to anybody."""
    assert redis_cli(address) == expected


def test_a_bus_that_was_moved_is_still_a_unit() -> None:
    """On the port that its .conf says; whoever has the port that it left is somebody else's."""
    moved = Remedies(managed=True, moved={"system-redis": 6479})
    assert "marketswarm-redis@system" in moved.start_bus("system-redis", Address("127.0.0.1", 6479))
    assert "marketswarm-redis" not in moved.start_bus("system-redis", HERE)
    assert "marketswarm-redis@market" in moved.start_bus("market-redis", Address("127.0.0.1", 6380))
