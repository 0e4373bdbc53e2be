"""Why a service is silent, as far as its own host can know."""

from enum import Enum, StrEnum


class Cause(StrEnum):
    """The ``reason`` that a miss carries."""

    STOPPED = "stopped"
    """It said goodbye, and nobody starts it again: somebody stopped it."""
    CRASHED = "crashed"
    """Its process is gone, and nobody starts it again."""
    RESTARTING = "restarting"
    """Its process is gone, and systemd is at it."""
    WEDGED = "wedged"
    """It is connected to its bus, and does not beat."""
    UNKNOWN = "unknown"


class Process(Enum):
    """What this host knows of the process that beat last."""

    RUNS = "runs"
    GONE = "gone"
    UNKNOWN = "unknown"
    """It runs on another host, or did not say who it is."""


def cause(process: Process, *, goodbye: bool, connected: bool, unit_active: bool) -> Cause:
    """Say why, from its last words, its process, its connections to the bus, and its unit."""
    if process is Process.GONE and unit_active:
        return Cause.RESTARTING
    if goodbye:
        return Cause.STOPPED
    if process is Process.GONE:
        return Cause.CRASHED
    return Cause.WEDGED if connected else Cause.UNKNOWN
