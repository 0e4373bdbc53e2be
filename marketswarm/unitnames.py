"""What systemd and its journal know the swarm by: the only place where one of these names is spelled."""

import re
from typing import Final

from marketswarm import names

TARGET_UNIT: Final = "marketswarm.target"
BOOTSTRAP_UNIT: Final = "marketswarm-bootstrap.service"
ACL_UNIT: Final = "marketswarm-acl.service"
RESEED_UNIT: Final = "marketswarm-reseed.service"
SERVICES_SLICE: Final = "system-marketswarm.slice"
"""Where systemd puts every instance of ``marketswarm@.service``, since it is a template (systemd.unit(5), Slice=)."""
GROUP: Final = "marketswarm"
"""Whose members may open the buses' sockets; a user of the same name comes with it."""
MAX_UNIT_NAME: Final = 28
"""A service of a longer name can beat and be watched, but be no unit: Linux has users of 31 characters at most."""

# The journal. An id never changes: systemd/marketswarm.catalog explains the alert under it, and searches rely on it.
JOURNAL_PREFIX: Final = "MARKETSWARM_"
MESSAGE_IDS: Final = {
    names.HEARTBEAT_MISS: "0ac16f0892074454b08f32684fc05273",
    names.HEARTBEAT_OK: "1f354563353b4757850d9b306901b321",
    names.HEALER_MISS: "73388b07960e4a489efb3f4a663b5d1b",
    names.HEALER_OK: "f149e2c48baf49b0916e78759844b9ac",
    names.BUS_LOST: "ac3fcae5c97641d2a6645aa723ed0c16",
    names.BUS_OK: "7281382fcf5d4af883b77914c5866834",
    names.TRUTH_DRIFT: "d5e0c1731c224515a4492da4ab5215f0",
    names.UNIT_FAILED: "249b21e1e94f41358a13f7f7440bfaf8",
    names.MASS_MISS: "8dbb17f6ed774aca90d099e787e77b55",
    names.MASS_OK: "67613d249e214dc187d636ad5ab61763",
    names.FLAPPING: "2973ce660b434545bd238dc0923b6b59",
    names.STABLE: "91bc6a1ae8f447e0b793fcb8129964b3",
    names.SERVICE_RESTARTED: "bfe64296c3c040a2af9a63cbf6a13f49",
    names.DUPLICATE_INSTANCE: "1ef4fd5c7ac64512b987c96b43cf954c",
    names.PROBE_FAILED: "d651a863c031455a8efde3a8872368ba",
    names.PROBE_OK: "b7f06aa9709541e4880177be90b33bec",
}


def service_unit(service: str) -> str:
    """The unit that runs a service."""
    return f"marketswarm@{service}.service"


def service_of(unit: str) -> str:
    """The service that a unit runs; empty for a unit that runs none."""
    found = re.fullmatch(r"marketswarm@(.+)\.service", unit)
    return found[1] if found else ""


def journal_identifier(service: str) -> str:
    """What stands before a service's lines in the journal: SyslogIdentifier= of its unit."""
    return f"marketswarm@{service}"


def redis_unit(bus: str) -> str:
    """The unit that runs a bus of this host: ``system-redis`` is ``marketswarm-redis@system.service``."""
    return f"marketswarm-redis@{_redis_instance(bus)}.service"


def redis_conf(bus: str) -> str:
    """The configuration file of a bus of this host."""
    return f"/etc/marketswarm/redis/{_redis_instance(bus)}.conf"


def redis_acls() -> dict[str, str]:
    """By bus: the file from which its server on this host has its users, with the hashes of their passwords."""
    return {bus: f"/etc/marketswarm/acl/{_redis_instance(bus)}.acl" for bus in names.DEFAULT_BUS_URLS}


def redis_socket(bus: str) -> str:
    """The socket of a bus of this host."""
    return f"/run/marketswarm/{_redis_instance(bus)}/redis.sock"


def _redis_instance(bus: str) -> str:
    return bus.removesuffix("-redis")
