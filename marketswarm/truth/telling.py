"""How people are told of alerts: the section ``notify`` of healer, and what the daemons make of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from string import Formatter
from typing import Annotated, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from marketswarm import names, unitnames
from marketswarm.truth.fields import MAX_TIMEOUT_SEC, Line, Section, Text
from marketswarm.truth.windows import Window

REMINDER: Final = "reminder"
"""The key of the text of a reminder, beside the types of alerts."""
TEXT_FIELDS: Final = ("svc", "type", "reason", "since", "ago", "lasted", "also", "first", "host")
"""What the texts may have in braces. All of it is text."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)
MAX_TEXT: Final = 1000
# ECMA and Rust read these alike: the schema and the validator share them.
WHEN: Final = r"^(?:2[0-9]{3}-[0-9]{2}-[0-9]{2}T)?(?:[01][0-9]|2[0-3]):[0-5][0-9]$"
TOLD_TYPE: Final = f"^(?:{'|'.join([*unitnames.MESSAGE_IDS, REMINDER])})$"
_Entry = TypeVar("_Entry")
_DAY: Final = timedelta(days=1)
_REACHING_IN: Final = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True)
class Telling:
    """How people are told. Two that are equal tell alike.

    ``remind_sec`` is None where nobody is reminded; ``delays`` holds the seconds that an outage has lasted before a
    target is told of it, and a target that is not there is told at once. ``texts`` are format strings over TEXT_FIELDS
    by the type of alert, or REMINDER; ``runbooks`` say what to do first, by service.
    """

    remind_sec: float | None = names.DEFAULT_REMIND_SEC
    delays: Mapping[str, float] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, str] = field(default_factory=dict)


def _moment(text: str) -> datetime | time:
    """Read a time that has the form of WHEN, with a date or without. Raises ValueError where there is no such day."""
    try:
        return datetime.fromisoformat(text) if "T" in text else time.fromisoformat(text)
    except ValueError:
        raise ValueError("must be on a day that there is") from None


def _is_on_a_day(text: str) -> str:
    _moment(text)
    return text


def _is_not_empty(entries: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    if not entries:
        raise ValueError("must not be empty")
    return entries


def _has_known_fields(text: str) -> str:
    """Let nothing into a text but the fields as they are. Raises ValueError with a phrase."""
    if not text.replace("\n", "").isprintable():
        raise ValueError("must be printable characters and newlines")
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise ValueError("must have braces in pairs, as in {svc}; write {{ and }} for braces") from None
    for _, name, spec, conversion in parts:
        bare = _REACHING_IN.split(name or "", maxsplit=1)[0]
        if name is None:
            continue
        if bare not in TEXT_FIELDS:
            known = ", ".join(f"{{{one}}}" for one in TEXT_FIELDS)
            raise ValueError(f"must have no field but {known}")
        if name != bare or spec or conversion:
            raise ValueError(f"must have {{{bare}}} without . [ ! and : in it")
    return text


# A min_length would also count the entries that have faults of their own, as none.
Some = Annotated[
    tuple[_Entry, ...], AfterValidator(_is_not_empty), Field(strict=False, json_schema_extra={"minItems": 1})
]
When = Annotated[str, Field(pattern=WHEN), AfterValidator(_is_on_a_day)]
ToldType = Annotated[str, Field(pattern=TOLD_TYPE)]
Format = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_has_known_fields)]


class Step(Section):
    """Who is told of an outage only when it lasts."""

    after_sec: Annotated[float, Field(ge=0, le=MAX_TIMEOUT_SEC)] = Field(
        description="Seconds that an outage lasts before these targets are told."
    )
    targets: Some[Text] = Field(description="Names of targets, as in webhook or email; each in one step only.")


class Maintenance(Section):
    """When work is planned: every week, or once."""

    services: Some[Text] = Field(description="Whom it is about: services, buses, probes as massive/NAME, or * for all.")
    from_: When = Field(alias="from", description="When it begins, as in 02:00, or 2026-12-01T02:00 for once.")
    to: When = Field(description="When it ends, as from. A time of day that is not after from is on the next day.")
    days: Some[Day] = Field(default=DAYS, description="On which days it begins. Default: each day.")
    utc: bool = Field(default=False, description="Whether the times are UTC. Default: local time of healer's host.")
    why: Line = Field(default="", description="What the work is.")

    @field_validator("to")
    @classmethod
    def _fits_from(cls, to: str, info: ValidationInfo) -> str:
        start = info.data.get("from_")
        if start is not None and len(to) != len(start):
            raise ValueError(f"must be a time {'with' if 'T' in start else 'without'} a date, as from is")
        if start is not None and "T" in start and to <= start:
            raise ValueError(f"must be after from ({start})")
        return to

    @field_validator("days")
    @classmethod
    def _are_of_a_week(cls, days: tuple[Day, ...], info: ValidationInfo) -> tuple[Day, ...]:
        if "T" in info.data.get("from_", ""):
            raise ValueError("must be left out where from has a date")
        return days

    def window(self) -> Window:
        """Make it one that can be asked when it is open."""
        start, end = _moment(self.from_), _moment(self.to)
        if isinstance(start, datetime) and isinstance(end, datetime):
            return Window(self.services, start.time(), end - start, on=start.date(), utc=self.utc, why=self.why)
        length = _since_midnight(end) - _since_midnight(start)
        return Window(
            self.services,
            time(start.hour, start.minute),
            length if length > timedelta() else length + _DAY,
            days=frozenset(DAYS.index(day) for day in self.days),
            utc=self.utc,
            why=self.why,
        )


class Notify(Section):
    """How people are told of alerts. healer and sentinel both read it, in the section of healer."""

    remind_sec: Annotated[float, Field(ge=1, le=MAX_TIMEOUT_SEC)] | None = Field(
        default=names.DEFAULT_REMIND_SEC,
        description="Seconds after which people are reminded of what still lasts; null: never.",
    )
    escalation: tuple[Step, ...] = Field(
        default=(), strict=False, max_length=32, description="Who is told later; any other target is told at once."
    )
    maintenance: tuple[Maintenance, ...] = Field(
        default=(), strict=False, max_length=256, description="Planned work, of which nobody is told."
    )
    text: dict[ToldType, Format] = Field(
        default={}, description="A text of your own for a type of alert, or for reminder, as in {svc} is down."
    )

    def telling(self, runbooks: Mapping[str, str]) -> Telling:
        """Give the daemons what they need of it, with the runbooks of the services."""
        return Telling(
            remind_sec=self.remind_sec,
            delays={target: step.after_sec for step in self.escalation for target in step.targets},
            windows=tuple(planned.window() for planned in self.maintenance),
            texts=dict(self.text),
            runbooks=runbooks,
        )


def _since_midnight(moment: datetime | time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute)
