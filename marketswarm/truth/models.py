"""The truth document as types, and what the daemons ask of it. Unknown fields are kept."""

import re
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from marketswarm import names
from marketswarm.address import Address
from marketswarm.truth.access import Access, Buses, Endpoint, bus_of, known_buses, naming
from marketswarm.truth.feeds import Feed, Fetching, Stream, Work
from marketswarm.truth.fields import (
    MAX_TIMEOUT_SEC,
    BusName,
    Count,
    IntervalSec,
    Line,
    Section,
    ServiceName,
    Text,
    TimeoutSec,
)
from marketswarm.truth.positions import LEAST_LEASE_SEC, Position, Tenancy, default_lease_sec
from marketswarm.truth.probes import Api, NameServer, Probe
from marketswarm.truth.telling import Notify, Telling

MAX_BUSES: Final = 64
MAX_FEEDS: Final = 5000
MAX_PROBES: Final = 1000
MAX_NAME_SERVERS: Final = 8


def _text_or_integer(value: object) -> object:
    if value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("must be text or an integer")


class Bus(Section):
    """A Redis server that carries beats, alerts and truth."""

    url: Text = Field(description="Its address without a password, as in redis://127.0.0.1:6379.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        Address.parse(url)
        return url


class Flap(Section):
    """When a service that goes and comes counts as flapping."""

    changes: Annotated[int, Field(ge=3, le=100)] = Field(
        description="How many misses and recoveries within within_sec are flapping."
    )
    within_sec: TimeoutSec = Field(description="Seconds; without a change for as long it is stable again.")


class Heartbeat(Section):
    """How a service shows that it is alive."""

    channel: Text | None = Field(default=None, description="Default: the service's name and :heartbeat.")
    interval_sec: IntervalSec = Field(default=names.DEFAULT_INTERVAL_SEC, description="Seconds between two beats.")
    redis_url: Text | None = Field(
        default=None,
        description="The bus it beats on, named by the host, as in redis://system-redis:6379. Default: system-redis.",
    )
    timeout_sec: TimeoutSec | None = Field(
        default=None,
        description="Seconds without a beat after which it is missed. Default: threshold.heartbeat_cadence of healer.",
    )
    misses: Count = Field(default=1, description="How many timeouts in a row without a beat make a miss.")
    recover_beats: Count = Field(
        default=1, description="How many beats in a row, none later than the timeout, end a miss."
    )
    flap: Flap | None = Field(default=None, description="When it counts as flapping. Default: never.")
    alert_on: tuple[Literal["service_restarted", "duplicate_instance"], ...] = Field(
        default=(), strict=False, description="What else is announced of it; without it that is only counted."
    )

    @field_validator("redis_url")
    @classmethod
    def _leads_to_a_bus(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and bus_of(url, known_buses(info)) is None:
            raise ValueError(f"must lead to {naming(known_buses(info))}")
        return url


class Threshold(Section):
    """When healer calls a service missed."""

    heartbeat_cadence: TimeoutSec | None = Field(
        default=None, description="Seconds without a beat, for services that state no timeout_sec of their own."
    )


class Service(Section):
    """One service: a daemon that beats."""

    heartbeat: Heartbeat = Field(default=Heartbeat(), description="Its sign of life.")
    access_points: Access = Field(default=Access(), description="What it writes to and reads from.")
    dependencies: tuple[Text, ...] = Field(default=(), strict=False, description="The services it needs.")
    threshold: Threshold = Field(default=Threshold(), description="Read in the section of healer only.")
    notify: Notify = Field(default=Notify(), description="How people are told. Read in the section of healer only.")
    feeds: Annotated[tuple[Feed, ...], Field(max_length=MAX_FEEDS)] = Field(
        default=(), strict=False, description="What is fetched. Read in the section of rss_agg only."
    )
    fetching: Fetching = Field(
        default=Fetching(), description="How feeds are fetched. Read in the section of rss_agg only."
    )
    stream: Stream = Field(
        default=Stream(), description="The stream that it writes to. Read in the sections of rss_agg and vexy_ai only."
    )
    work: Work = Field(default=Work(), description="How items are worked through. Read in that of vexy_ai only.")
    probes: Annotated[tuple[Probe, ...], Field(max_length=MAX_PROBES)] = Field(
        default=(), strict=False, description="What is probed. Read in the section of massive only."
    )
    dns: Annotated[tuple[NameServer, ...], Field(max_length=MAX_NAME_SERVERS)] = Field(
        default=(),
        strict=False,
        description="Name servers to ask instead of those of the host. Read in the section of massive only.",
    )
    api: Api = Field(default=Api(), description="How the market API is probed. Read in that of massive only.")
    singleton: bool = Field(
        default=False, description="Whether one process works and the others that are started stand by."
    )
    lease_sec: Annotated[float, Field(ge=LEAST_LEASE_SEC, le=MAX_TIMEOUT_SEC)] | None = Field(
        default=None,
        description="Of a singleton: seconds after which one that stands by takes over. Default: half of the timeout,"
        " or less where healer would miss it meanwhile.",
    )
    runbook: Line | None = Field(
        default=None, description="What to do first when it is down; people are told it with the alert."
    )


class Truth(Section):
    """The one document from which every service learns where it stands."""

    model_config = ConfigDict(title="MarketSwarm truth")

    services: dict[ServiceName, Service] = Field(description="A section for each service, by its name.")
    buses: dict[BusName, Bus] = Field(default={}, max_length=MAX_BUSES, description="The addresses of buses, by name.")
    version: Annotated[str | int | None, BeforeValidator(_text_or_integer)] = Field(
        default=None, description="The author's own mark for this version."
    )

    def bus_urls(self) -> dict[str, str]:
        """Give the address of every bus: the defaults, overlaid with the document's."""
        return names.DEFAULT_BUS_URLS | {name: bus.url for name, bus in self.buses.items()}

    def position(self, service: str, *, default_timeout_sec: float = names.DEFAULT_TIMEOUT_SEC) -> Position:
        """Say where a service stands; one that the document does not know stands where the defaults put it.

        The timeout is the service's own, else healer's ``threshold.heartbeat_cadence``, else the argument.
        """
        return self._position(service, self._addresses(), default_timeout_sec)

    def positions(self, *, default_timeout_sec: float = names.DEFAULT_TIMEOUT_SEC) -> tuple[Position, ...]:
        """Say where each service of the document stands, in the document's order."""
        buses = self._addresses()
        return tuple(self._position(service, buses, default_timeout_sec) for service in self.services)

    def watched(self, *, default_timeout_sec: float = names.DEFAULT_TIMEOUT_SEC) -> tuple[Position, ...]:
        """Say what healer watches: its ``subscribe_to`` in order, each service once.

        A channel that no service of the document beats on, but is named as a heartbeat channel, stands for a service
        of that name; anything else is left out.
        """
        buses = self._addresses()
        beats = {(at.bus, at.channel): at for at in self.positions(default_timeout_sec=default_timeout_sec)}
        found: dict[str, Position] = {}
        for point in self.section(names.HEALER).access_points.subscribe_to:
            at = beats.get((point.bus, point.key or ""))
            if at:
                found[at.service] = at
            elif name := implied_service(point.key):
                implied = self._position(name, buses, default_timeout_sec)
                found.setdefault(name, replace(implied, bus=point.bus, channel=names.heartbeat_channel(name)))
        return tuple(found.values())

    def alerts_to(self, default_channel: str = names.ALERT_CHANNEL) -> Endpoint:
        """Say where healer's alerts go: what its ``publish_to`` names beside its beat, best the usual channel."""
        own_beat = self.position(names.HEALER).channel
        named = [point for point in self.section(names.HEALER).access_points.writes() if point.key != own_beat]
        usual = [endpoint for endpoint in named if endpoint.key == names.ALERT_CHANNEL]
        return next(iter(usual + named), Endpoint(names.SYSTEM_BUS, default_channel))

    def items_to(self) -> Endpoint:
        """Say which stream rss_agg writes to: the first that its ``publish_to`` names beside its beat."""
        return self._stream(names.RSS_AGG, self.section(names.RSS_AGG).access_points.writes(), names.QUEUE)

    def items_from(self) -> Endpoint:
        """Say which stream vexy_ai reads: the first that its ``subscribe_to`` names."""
        return self._stream(names.VEXY_AI, self.section(names.VEXY_AI).access_points.reads(), names.QUEUE)

    def insights_to(self) -> Endpoint:
        """Say which stream vexy_ai writes to: the first that its ``publish_to`` names beside its beat."""
        return self._stream(names.VEXY_AI, self.section(names.VEXY_AI).access_points.writes(), names.INSIGHTS)

    def results_to(self) -> Endpoint:
        """Say which hash massive keeps its results in: the first key that its ``publish_to`` names beside its beat."""
        return self._stream(names.MASSIVE, self.section(names.MASSIVE).access_points.writes(), names.PROBES)

    def probe_names(self) -> tuple[str, ...]:
        """Name the targets that massive probes by this document."""
        return tuple(probe.name for probe in self.section(names.MASSIVE).probes)

    def tenancy(self, at: Position) -> Tenancy | None:
        """Say where the lease of a singleton is kept, None for a service that is none.

        For rss_agg it is on the bus of its queue, since only there a write can be refused. For any other it is on the
        bus of its beats: a service of one's own that writes there does so by ``Daemon.fence``.
        """
        section = self.section(at.service)
        if not section.singleton:
            return None
        bus = self.items_to().bus if at.service == names.RSS_AGG else at.bus
        return Tenancy(bus, section.lease_sec or default_lease_sec(at))

    def telling(self) -> Telling:
        """Say how people are told: what stands under ``notify`` of healer, and the runbooks of all services."""
        runbooks = {name: section.runbook for name, section in self.services.items() if section.runbook}
        return self.section(names.HEALER).notify.telling(runbooks)

    def probe_subjects(self) -> tuple[str, ...]:
        """Name all that massive may probe, as people call it: the targets, and those of its environment."""
        return tuple(names.probe_subject(names.MASSIVE, probe) for probe in (*self.probe_names(), *names.PROBES_OF_ENV))

    def section(self, service: str) -> Service:
        """Give a service's section, or an empty one."""
        return self.services.get(service, _NO_SECTION)

    def _stream(self, service: str, named: tuple[Endpoint, ...], default: str) -> Endpoint:
        own_beat = self.position(service).channel
        return next((point for point in named if point.key != own_beat), Endpoint(names.MARKET_BUS, default))

    def _addresses(self) -> Buses:
        return {name: Address.parse(url) for name, url in self.bus_urls().items()}

    def _position(self, service: str, buses: Buses, default_timeout_sec: float) -> Position:
        beat = self.section(service).heartbeat
        cadence = self.section(names.HEALER).threshold.heartbeat_cadence
        return Position(
            service=service,
            bus=(beat.redis_url and bus_of(beat.redis_url, buses)) or names.SYSTEM_BUS,
            channel=beat.channel or names.heartbeat_channel(service),
            interval_sec=beat.interval_sec,
            timeout_sec=beat.timeout_sec or cadence or default_timeout_sec,
            misses=beat.misses,
            recover_beats=beat.recover_beats,
            flap_changes=beat.flap.changes if beat.flap else 0,
            flap_window_sec=beat.flap.within_sec if beat.flap else 0.0,
            alert_on=tuple(beat.alert_on),
        )


_NO_SECTION = Service()
_IMPLIED = re.compile(f"({names.SERVICE_NAME}){names.HEARTBEAT_SUFFIX}")


def implied_service(key: str | None) -> str | None:
    """Name the service whose default heartbeat channel this would be, or None."""
    match = _IMPLIED.fullmatch(key or "")
    return match[1] if match else None


def schema() -> dict[str, Any]:
    """Describe the document as JSON Schema, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Truth.model_json_schema()}
