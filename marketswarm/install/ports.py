"""A bus on another port than its usual one, where somebody else holds that."""

import re
from pathlib import Path

from marketswarm import names
from marketswarm.install.manifest import write
from marketswarm.install.plan import CONFIG

_PORT = re.compile(rb"^port .*$", re.MULTILINE)


def move_bus(root: Path, bus: str, port: int) -> None:
    """Edit the config files so that a bus listens on ``port`` and everybody finds it there."""
    conf = root / CONFIG / "redis" / f"{bus.removesuffix('-redis')}.conf"
    write(conf, _PORT.sub(b"port %d" % port, conf.read_bytes()), 0o644)
    environment = root / names.ENV_FILE.lstrip("/")
    variable = names.bus_env(bus)
    setting = f"{variable}=redis://127.0.0.1:{port}".encode()
    lines = [line for line in environment.read_bytes().splitlines() if not line.startswith(f"{variable}=".encode())]
    write(environment, b"\n".join([*lines, setting]) + b"\n", 0o644)
