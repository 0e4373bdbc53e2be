"""Where things are: the buses of a document, and the channels, streams and keys on them that a section names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from marketswarm import names
from marketswarm.address import Address
from marketswarm.text import listed
from marketswarm.truth.fields import Section, Text

_NAMED_BUSES: Final = 8

Buses = Mapping[str, Address]
_DEFAULT_BUSES: Buses = {name: Address.parse(url) for name, url in names.DEFAULT_BUS_URLS.items()}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A channel, stream or key on a bus."""

    bus: str
    key: str


def bus_of(url: str, buses: Buses) -> str | None:
    """Name the bus that a URL leads to: the one that its host names, whatever the port, else one at its address.

    Raises ValueError with a phrase that fits behind "SETTING: " for what is no address.
    """
    address = Address.parse(url)
    if address.host in buses:
        return address.host
    return next((name for name, known in buses.items() if known.same_server(address)), None)


def known_buses(info: ValidationInfo) -> Buses:
    """Tell the buses of the document that is being validated, which the caller gives as context."""
    return info.context or _DEFAULT_BUSES


def naming(buses: Buses) -> str:
    """Word which buses there are, for a fault."""
    return f"a known bus ({listed(sorted(buses), _NAMED_BUSES)})"


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class AccessPoint(Section):
    """A channel, stream or key on a bus, or the bus as a whole."""

    bus: str = Field(description="The name of a bus.")
    key: Text | None = Field(default=None, description="A channel, stream or key on it.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object, info: ValidationInfo) -> object:
        """Read the bare text that older documents hold: a bus if it names one, else a key on system-redis."""
        if not isinstance(value, str):
            return value
        return {"bus": value} if value in known_buses(info) else {"bus": names.SYSTEM_BUS, "key": value}

    @field_validator("bus")
    @classmethod
    def _is_known(cls, bus: str, info: ValidationInfo) -> str:
        if bus not in known_buses(info):
            raise ValueError(f"must be {naming(known_buses(info))}")
        return bus


AccessPoints = Annotated[
    tuple[AccessPoint, ...],
    # Strict would take a tuple only, and JSON has none.
    Field(strict=False),
    BeforeValidator(_one_or_many, json_schema_input_type=str | list[str | AccessPoint]),
]


class Access(Section):
    """What a service writes to and reads from."""

    publish_to: AccessPoints = Field(default=(), description="Where it writes. Healer: its alerts and its beat.")
    subscribe_to: AccessPoints = Field(default=(), description="What it reads. Healer: the heartbeats it watches.")

    def writes(self) -> tuple[Endpoint, ...]:
        """Give the channels and streams that the service writes to, its heartbeats left out."""
        return _but_beats(self.publish_to)

    def reads(self) -> tuple[Endpoint, ...]:
        """Give the channels and streams that the service reads, heartbeats left out."""
        return _but_beats(self.subscribe_to)


def _but_beats(points: tuple[AccessPoint, ...]) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(point.bus, point.key)
        for point in points
        if point.key and not point.key.endswith(names.HEARTBEAT_SUFFIX)
    )
