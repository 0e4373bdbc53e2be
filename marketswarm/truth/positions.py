"""Where a service stands by the document: its beats, and of a singleton the lease of its owner."""

from dataclasses import dataclass
from typing import Final

LEAST_LEASE_SEC: Final = 1.0
"""With a shorter lease its bus would be asked without a pause."""
HAND_OVER_SEC: Final = 1.0
"""How long after the end of its lease, at most, the owner of a singleton has a successor."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a service stands: the bus and channel of its beats, how often they come, and when they are overdue."""

    service: str
    bus: str
    channel: str
    interval_sec: float
    timeout_sec: float
    misses: int = 1
    recover_beats: int = 1
    flap_changes: int = 0
    flap_window_sec: float = 0.0
    alert_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Of a singleton: the bus that keeps the lease of its owner, and for how long that holds."""

    bus: str
    lease_sec: float


def longest_lease_sec(at: Position) -> float:
    """Say how long a lease may be for a hand-over to be no miss: the owner's last beat is up to an interval old."""
    return at.timeout_sec - at.interval_sec - HAND_OVER_SEC


def default_lease_sec(at: Position) -> float:
    """Half of the timeout, or less where a hand-over would be a miss with that and need not be."""
    half_sec, longest_sec = at.timeout_sec / 2, longest_lease_sec(at)
    return max(LEAST_LEASE_SEC, min(half_sec, longest_sec) if longest_sec >= LEAST_LEASE_SEC else half_sec)
