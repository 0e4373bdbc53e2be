"""One thing to tell a target, and what is kept of it on the bus."""

from dataclasses import dataclass, field
from enum import StrEnum

from marketswarm.messages import Alert
from marketswarm.notices.incidents import Incident, name


class Kind(StrEnum):
    """What an item tells."""

    ALERT = "alert"
    RECOVERY = "recovery"
    REMINDER = "reminder"


@dataclass(slots=True)
class Item:
    """One thing to tell. ``opened`` is the alert that a recovery belongs to, ``entry`` where the log has it, if it has.

    ``key`` is the same whenever the same thing is told again.
    """

    kind: Kind
    key: str
    event: bytes
    alert: Alert
    entry: str = ""
    opened: Alert | None = None

    @property
    def about(self) -> str:
        """The name of its incident."""
        return name(self.alert)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the bus should hold: entries that are done, incidents to keep and to forget, by their names."""

    done: list[str] = field(default_factory=list)
    keep: dict[str, Incident] = field(default_factory=dict)
    forget: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.done or self.keep or self.forget)
