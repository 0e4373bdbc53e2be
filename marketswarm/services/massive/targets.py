"""What massive probes: the targets of the truth, those that variables make, and the market API."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from marketswarm import names
from marketswarm.probing.market import STATUS_PATH
from marketswarm.settings import Settings
from marketswarm.truth import Truth


class Kind(Enum):
    """How a target is probed."""

    NETWORK = auto()
    REST = auto()
    WEBSOCKET = auto()


@dataclass(frozen=True, slots=True)
class Target:
    """A target. ``fails`` in a row are announced; ``resolvers`` are name servers to ask, none: as the host does."""

    name: str
    kind: Kind
    url: str
    interval_sec: float
    timeout_sec: float
    fails: int = names.DEFAULT_PROBE_FAILS
    resolvers: tuple[str, ...] = ()


def targets_of(truth: Truth, settings: Settings) -> tuple[Target, ...]:
    """Gather the targets: those of the truth in its order, then those of the environment."""
    return (*_of_truth(truth, settings), *_of_network(truth, settings), *_of_market(truth, settings))


def _of_truth(truth: Truth, settings: Settings) -> Iterator[Target]:
    section = truth.section(names.MASSIVE)
    for probe in section.probes:
        timeout_sec = probe.timeout_sec or settings.probing.timeout_sec
        yield Target(
            probe.name, Kind.NETWORK, probe.url, probe.interval_sec, timeout_sec, probe.fails, tuple(section.dns)
        )


def _of_network(truth: Truth, settings: Settings) -> Iterator[Target]:
    probing, resolvers = settings.probing, tuple(truth.section(names.MASSIVE).dns)
    for name, url in ((names.NET_HOST_PROBE, probing.host), (names.NET_URL_PROBE, probing.url)):
        if url:
            yield Target(
                name,
                Kind.NETWORK,
                url,
                names.DEFAULT_PROBE_INTERVAL_SEC,
                probing.timeout_sec,
                resolvers=resolvers,
            )


def _of_market(truth: Truth, settings: Settings) -> Iterator[Target]:
    market, section = settings.market, truth.section(names.MASSIVE)
    for wanted, name, kind, url in (
        (market.rest, names.API_PROBE, Kind.REST, market.base_url + STATUS_PATH),
        (market.websocket, names.WS_PROBE, Kind.WEBSOCKET, market.ws_url),
    ):
        if wanted:
            yield Target(
                name, kind, url, section.api.interval_sec, market.timeout_sec, section.api.fails, tuple(section.dns)
            )
