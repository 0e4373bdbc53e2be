"""The heartbeats of the simulated world, each with what is true of it."""

from dataclasses import dataclass, field

from marketswarm import names


@dataclass(slots=True, eq=False)
class Beat:
    """One beat on its way. Moments are of the timeline; ``raw`` is all that the bus and healer see of it."""

    service: int
    name: str
    raw: bytes
    sent: float
    lease_sec: float
    """For how long its lease stands; 0: its sender only publishes."""
    honest: bool
    """Whether its sender's clock was not stepped since the beat before it."""
    arrived: float = 0.0
    doubtful: bool = False
    """Whether healer may take it for older than it is: read in a time of trouble, by a clock that was stepped."""
    strange: bool = False
    """Whether healer has read no beat yet by which it could know its sender's clock."""
    read_by: set[int] = field(default_factory=set)
    """Which lives of healer have read it."""

    @property
    def channel(self) -> bytes:
        """Where it is published."""
        return f"{self.name}{names.HEARTBEAT_SUFFIX}".encode()

    @property
    def key(self) -> bytes:
        """Where its lease stands."""
        return names.lease_key(self.name).encode()
