"""What was announced in a run of the machine, and what became of it."""

from dataclasses import dataclass, field

from ledgers import made

from marketswarm.messages import decode_alert, group_of, subject
from marketswarm.notices.incidents import Part, key, name, part


@dataclass(slots=True)
class Announced:
    """An alert, and what became of it."""

    place: int
    event: bytes
    about: str
    subject: str
    part: Part
    grouped: bool
    at: float
    opened: "Announced | None" = None
    """What it ends."""
    entry: str = ""
    ended: "Announced | None" = None
    freed_by: "Announced | None" = None
    """The end of its group."""
    excused: bool = False
    """There was a time when nobody wanted to hear of it."""
    told: int = 0
    repeats: int = 0
    """How often it may be told again."""
    known: bool = False
    """People were told, and no restart has made that uncertain."""
    said_at: float = 0.0
    """When they heard of it last."""

    @property
    def people_know(self) -> bool:
        """Whether its end has to be told."""
        return self.known or (self.freed_by is not None and self.freed_by.known)


@dataclass(slots=True)
class World:
    """Everything that was announced, and who is down."""

    announced: list[Announced] = field(default_factory=list)
    open: dict[str, Announced] = field(default_factory=dict)
    by_key: dict[str, Announced] = field(default_factory=dict)

    def announce(self, words: str, now: float) -> Announced:
        """Note an alert."""
        event = made(words, now)
        alert = decode_alert(event)
        assert alert
        about, does = name(alert), part(alert)
        grouped = bool(group_of(alert))
        one = Announced(len(self.announced), event, about, subject(alert), does, grouped, now)
        self.announced.append(one)
        self.by_key[key(event)] = one
        if does is Part.CLOSES:
            one.opened = self.open.pop(about)
            one.opened.ended = one
            if words.startswith("stable") and (down := self.open.get(f"service {one.subject}")):
                down.freed_by = down.freed_by or one if down.grouped else None
        elif does is Part.OPENS:
            self.open[about] = one
        else:
            before = (other for other in self.announced[:-1] if other.about == about)
            for other in before:
                other.ended = one  # the newer one says as much
        return one
