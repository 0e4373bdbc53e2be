"""A bus on another port than its usual one, where somebody else holds that."""

import re
import stat
from pathlib import Path, PurePosixPath

from marketswarm import names, settings, unitnames
from marketswarm.address import Address
from marketswarm.files import write
from marketswarm.install.plan import CONFIG

_PORT = re.compile(rb"^port .*$", re.MULTILINE)
_NUMBER = re.compile(rb"^port ([1-9][0-9]*)$", re.MULTILINE)
"""Of a bus that listens on no port at all, services still know the socket by the usual one."""


def move_bus(root: Path, bus: str, port: int) -> PurePosixPath:
    """Edit the config files so that a bus listens on ``port`` and everybody finds it there; returns the bus's own."""
    relative = _conf(bus)
    conf = root / relative
    _edit(conf, _PORT.sub(b"port %d" % port, conf.read_bytes()))
    _set(root, names.bus_env(bus), f"redis://127.0.0.1:{port}")
    if _said(root):
        _set(root, names.ENV_REDIS_SOCKETS, _sockets(root))
    return relative


def keep_sockets(root: Path) -> None:
    """Tell the services the socket of a bus that was moved: their units know it by its usual port.

    What stands there already is the operator's, or was right after the last move.
    """
    if _said(root) is None and _ports(root) != _usual():
        _set(root, names.ENV_REDIS_SOCKETS, _sockets(root))


def _usual() -> dict[str, str]:
    return {bus: str(Address.parse(url).port) for bus, url in names.DEFAULT_BUS_URLS.items()}


def _ports(root: Path) -> dict[str, str]:
    """The port of each bus of this host, as its file has it."""
    found = {bus: _NUMBER.findall((root / _conf(bus)).read_bytes()) for bus in names.DEFAULT_BUS_URLS}
    return _usual() | {bus: ports[-1].decode() for bus, ports in found.items() if ports}


def _sockets(root: Path) -> str:
    pairs = (f"{port}={unitnames.redis_socket(bus)}" for bus, port in _ports(root).items())
    return f'"{" ".join(pairs)}"'


def _conf(bus: str) -> PurePosixPath:
    return CONFIG / "redis" / f"{bus.removesuffix('-redis')}.conf"


def _said(root: Path) -> str | None:
    """What marketswarm.env says of sockets; empty where an operator wants none to be used."""
    return settings.read_env_file(_environment(root)).get(names.ENV_REDIS_SOCKETS)


def _set(root: Path, variable: str, value: str) -> None:
    """Have marketswarm.env set a variable, once."""
    path = _environment(root)
    lines = [line for line in path.read_bytes().splitlines() if not line.startswith(f"{variable}=".encode())]
    _edit(path, b"\n".join([*lines, f"{variable}={value}".encode()]) + b"\n")


def _environment(root: Path) -> Path:
    return root / names.ENV_FILE.lstrip("/")


def _edit(path: Path, content: bytes) -> None:
    write(path, content, stat.S_IMODE(path.stat().st_mode))
