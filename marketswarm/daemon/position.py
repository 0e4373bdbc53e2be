"""Where a service stands by the truth, and what of the truth its work depends on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from marketswarm import names
from marketswarm.address import Address
from marketswarm.errors import BadEnvironmentError
from marketswarm.settings import Settings
from marketswarm.truth import Endpoint, Position, Service, Telling, Truth


@dataclass(frozen=True, slots=True)
class Concern:
    """What of a truth concerns a service: where two truths agree in it, the work goes on over the change.

    For every service its position, its section and the buses; for the watchers also whom they watch, where alerts go,
    and how people are told; for mesh where everybody stands.
    """

    position: Position
    section: Service | None
    buses: Mapping[str, Address]
    watched: tuple[Position, ...] = ()
    alerts_to: Endpoint | None = None
    telling: Telling | None = None


def own_position(name: str, truth: Truth, settings: Settings) -> Position:
    """Where a service beats: truth, with healer's own variables over it."""
    position = truth.position(name, default_timeout_sec=settings.default_timeout_sec)
    if name != names.HEALER:
        return position
    interval_sec = settings.healer_interval_sec or position.interval_sec
    stated = truth.services[name].heartbeat.timeout_sec if name in truth.services else None
    return replace(
        position,
        channel=settings.healer_channel or position.channel,
        interval_sec=interval_sec,
        timeout_sec=settings.sentinel_timeout_sec or stated or 3 * interval_sec,
    )


def watched_by(name: str, truth: Truth, settings: Settings) -> tuple[Position, ...]:
    """Whom a service watches: healer whom truth tells it to, sentinel healer, mesh all others, any other nobody."""
    if name == names.HEALER:
        return truth.watched(default_timeout_sec=settings.default_timeout_sec)
    if name == names.SENTINEL:
        return (own_position(names.HEALER, truth, settings),)
    if name == names.MESH:
        return tuple(_patient(at) for at in members(truth, settings) if at.service != names.MESH)
    return ()


def members(truth: Truth, settings: Settings) -> tuple[Position, ...]:
    """Who should be in the swarm, in truth's order: its services, and then whoever healer watches besides."""
    timeout_sec = settings.default_timeout_sec
    every = (*truth.positions(default_timeout_sec=timeout_sec), *truth.watched(default_timeout_sec=timeout_sec))
    found = {at.service: at for at in every}
    if names.HEALER in found:
        found[names.HEALER] = own_position(names.HEALER, truth, settings)
    return tuple(found.values())


def _patient(at: Position) -> Position:
    """Allow a service that nobody was to watch three of its intervals, where it has no timeout that it can keep."""
    return at if at.timeout_sec > at.interval_sec else replace(at, timeout_sec=3 * at.interval_sec)


def check_timeouts(targets: Iterable[Position]) -> None:
    """Refuse what would alarm at a healthy service; a timeout that truth states was refused with the truth.

    Raises BadEnvironmentError.
    """
    for target in targets:
        if target.timeout_sec <= target.interval_sec:
            variable = (
                names.ENV_SENTINEL_TIMEOUT_SEC if target.service == names.HEALER else names.ENV_DEFAULT_TIMEOUT_SEC
            )
            raise BadEnvironmentError(
                f"{variable}: must be > {target.interval_sec:g}, the interval_sec of {target.service}, "
                f"is {target.timeout_sec:g}"
            )


def concern(name: str, truth: Truth, settings: Settings) -> Concern:
    """Say what of a truth concerns a service, be it in the truth or not."""
    urls = truth.bus_urls()
    watcher = name in names.WATCHERS
    return Concern(
        position=own_position(name, truth, settings),
        section=truth.services.get(name),
        buses={bus: settings.address(bus, urls) for bus in urls},
        watched=tuple(sorted(watched_by(name, truth, settings), key=lambda at: at.service)),  # no matter in which order
        alerts_to=truth.alerts_to(settings.alert_channel) if watcher else None,
        telling=truth.telling() if watcher else None,
    )
