"""What is asked for, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from marketswarm.place import Step


class FailedError(Exception):
    """A step that failed. The text is the reason, with nothing of a path, a query or a header in it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a place is gone to: seconds for all of it, and whom to ask for names.

    ``resolvers`` are addresses, with a port if it is not 53: "8.8.8.8", "127.0.0.1:5300", "::1", "[::1]:5300". Without
    any, names are looked up as the host does it, from ``/etc/hosts`` too.
    """

    timeout_sec: float
    resolvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found on the way. ``step`` is the first that failed, None where none did; ``reason`` is then "".

    ``steps`` has the milliseconds of each step that was begun, by its name, and ``ms`` those of all; ``address`` is the
    IP address that was connected to, or the first one that a name has; ``headers`` have lower-case names, and of one
    that came several times the first; ``days`` is how many days the server's own certificate still holds.
    """

    step: Step | None
    reason: str
    steps: Mapping[str, float]
    ms: float
    address: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    days: float | None = None
