"""What is on a host: its units, and a truth for tests with second-scale timing."""

from typing import Any

from host.machine import Machine
from testkit import SERVICES, truth

INTERVAL_SEC = 1
TIMEOUT_SEC = 6
BUSES = ("marketswarm-redis@system.service", "marketswarm-redis@market.service")
BOOTSTRAP = "marketswarm-bootstrap.service"
TARGET = "marketswarm.target"


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


def pids(host: Machine) -> dict[str, int]:
    """The main process of each service."""
    return {name: host.pid(unit(name)) for name in SERVICES}
