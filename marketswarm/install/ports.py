"""A bus on another port than its usual one, where somebody else holds that."""

import re
import stat
from pathlib import Path, PurePosixPath

from marketswarm import names
from marketswarm.files import write
from marketswarm.install.plan import CONFIG

_PORT = re.compile(rb"^port .*$", re.MULTILINE)


def move_bus(root: Path, bus: str, port: int) -> PurePosixPath:
    """Edit the config files so that a bus listens on ``port`` and everybody finds it there; returns the bus's own."""
    relative = CONFIG / "redis" / f"{bus.removesuffix('-redis')}.conf"
    conf = root / relative
    _edit(conf, _PORT.sub(b"port %d" % port, conf.read_bytes()))
    environment = root / names.ENV_FILE.lstrip("/")
    variable = names.bus_env(bus)
    setting = f"{variable}=redis://127.0.0.1:{port}".encode()
    lines = [line for line in environment.read_bytes().splitlines() if not line.startswith(f"{variable}=".encode())]
    _edit(environment, b"\n".join([*lines, setting]) + b"\n")
    return relative


def _edit(path: Path, content: bytes) -> None:
    write(path, content, stat.S_IMODE(path.stat().st_mode))
