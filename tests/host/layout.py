"""What is on a host: its units, and a truth for tests with second-scale timing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host.machine import Machine
from testkit import SERVICES, truth

INTERVAL_SEC = 1
TIMEOUT_SEC = 6
BUSES = ("marketswarm-redis@system.service", "marketswarm-redis@market.service")
BOOTSTRAP = "marketswarm-bootstrap.service"
TARGET = "marketswarm.target"
DROP_INS = "etc/systemd/system"
NAME_SERVER = "192.168.7.1"
"""Which resolv.conf names while the installer runs: it lies in a range that is closed to services."""


def unit(service: str) -> str:
    """The unit of a service."""
    return f"marketswarm@{service}.service"


UNITS = (TARGET, *BUSES, BOOTSTRAP, *map(unit, SERVICES))


def document(**sections: Any) -> dict[str, Any]:
    """A truth for hosts: the six services with beats each second, and a timeout that a busy machine keeps."""
    made = truth(**sections)
    for section in made["services"].values():
        section["heartbeat"] = {"interval_sec": INTERVAL_SEC} | {
            key: value for key, value in section["heartbeat"].items() if key != "interval_sec"
        }
    made["services"]["healer"]["threshold"] = {"heartbeat_cadence": TIMEOUT_SEC}
    made["services"]["healer"]["heartbeat"]["timeout_sec"] = TIMEOUT_SEC
    return made


def drop_in(root: Path, unit_name: str, *lines: str) -> None:
    """Write what `systemctl edit` would, below a host's root."""
    folder = root / DROP_INS / f"{unit_name}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "override.conf").write_text("\n".join(("[Service]", *lines, "")), encoding="ascii")


def open_to(root: Path, networks: Mapping[str, str]) -> None:
    """Open a network of a service's own choice to it, as an operator does."""
    for service, network in networks.items():
        drop_in(root, unit(service), f"IPAddressAllow={network}")


def pids(host: Machine) -> dict[str, int]:
    """The main process of each service."""
    return {name: host.pid(unit(name)) for name in SERVICES}
