"""One thing to tell a target, and what is kept of it on the bus."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from marketswarm.messages import Alert, group_of
from marketswarm.notices.incidents import Incident, Part, name, part


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

    @property
    def group(self) -> str:
        """The group of its alert; empty where there is none."""
        return group_of(self.alert)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the bus should hold: entries that are done, incidents to keep and to forget, by their names."""

    done: list[str] = field(default_factory=list)
    keep: dict[str, Incident] = field(default_factory=dict)
    forget: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.done or self.keep or self.forget)


def note_told(incident: Incident, item: Item, now: float) -> None:
    """Note in an incident that something of it was told, be it of one before it."""
    if item.kind is Kind.REMINDER:
        incident.reminded, incident.reminders = now, incident.reminders + 1
    elif item.kind is Kind.ALERT:
        incident.last = now
        if incident.event.encode() == item.event and not incident.over:
            incident.told = now
            incident.over = part(item.alert) is Part.STANDS


def once_more(queued: Sequence[Item], first: Collection[str]) -> Sequence[Item]:
    """Give what has a key in ``first``, and what comes before it of the same incidents; all, where there is none."""
    places = [place for place, item in enumerate(queued) if item.key in first]
    if not places:
        return queued
    about = {queued[place].about for place in places}
    return [item for item in queued[: places[-1] + 1] if item.about in about]
