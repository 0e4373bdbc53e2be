"""What a document of valid parts can still get wrong: the parts against one another."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from marketswarm import names, users
from marketswarm.truth.kept import kept_for
from marketswarm.truth.models import Truth
from marketswarm.truth.positions import Position
from marketswarm.truth.wording import line, number, path, quoted, shown

_WRITERS = (users.SEED, *names.WATCHERS, names.MESH, names.RSS_AGG, names.VEXY_AI, names.MASSIVE)
"""To whom the contract gives keys and channels, whether or not a document has them."""


def conflicts(truth: Truth, left_out: Collection[str] = ()) -> Iterator[str]:
    """Find what makes a document unusable although each part is valid: one line each.

    ``left_out`` names services that the document has and ``truth`` has not: nothing is said of them.
    """
    yield from _taken_names(truth)
    yield from _shared_channels(truth)
    yield from _kept_channels(truth)
    yield from _cycles(truth)
    yield from _short_timeouts(truth, left_out)
    yield from _repeated_targets(truth)
    yield from _repeated_names(names.RSS_AGG, "feeds", [feed.name for feed in truth.section(names.RSS_AGG).feeds])
    yield from _repeated_names(names.MASSIVE, "probes", truth.probe_names())
    yield from _taken_probes(truth)
    yield from _far_insights(truth)


def timeout_line(truth: Truth, at: Position, relation: str) -> str:
    """Word what is wrong between a service's timeout and its interval, at the place that states the timeout.

    ``relation`` stands between them, as in "must be >".
    """
    own = ("services", at.service, "heartbeat")
    interval = number(at.interval_sec)
    if truth.section(at.service).heartbeat.timeout_sec is not None:
        return line((*own, "timeout_sec"), f"{relation} interval_sec ({interval}), is {number(at.timeout_sec)}")
    if _cadence(truth) is not None:
        return line(
            ("services", names.HEALER, "threshold", "heartbeat_cadence"),
            f"{relation} {path((*own, 'interval_sec'))} ({interval}), is {number(at.timeout_sec)}",
        )
    return line(own, f"timeout_sec {relation} interval_sec ({interval}), is {number(at.timeout_sec)} by default")


def _cadence(truth: Truth) -> float | None:
    return truth.section(names.HEALER).threshold.heartbeat_cadence


def _taken_names(truth: Truth) -> Iterator[str]:
    """A service has the user of its name on the buses, and one user there is nobody's in particular."""
    if users.DEFAULT in truth.services:
        yield line(("services", users.DEFAULT), "must have another name: Redis calls whoever gives no login so")


def _shared_channels(truth: Truth) -> Iterator[str]:
    owners: dict[tuple[str, str], str] = {}
    for at in truth.positions():
        owner = owners.setdefault((at.bus, at.channel), at.service)
        if owner != at.service:
            yield line(
                ("services", at.service, "heartbeat", "channel"),
                f"must differ from that of {owner} on {at.bus}, is {quoted(at.channel)}",
            )


def _kept_channels(truth: Truth) -> Iterator[str]:
    """Find beats where others alone write: who may send its beats there could forge what they say."""
    alerts = truth.alerts_to()
    known = {*truth.services, *_WRITERS}
    for at in truth.positions():
        # A channel that is called as another service's usually is may be free, and if it is not, that is told already.
        if truth.section(at.service).heartbeat.channel is None or at.channel.endswith(names.HEARTBEAT_SUFFIX):
            continue
        writers = [name for name in kept_for(at.channel, at.service) if name in known]
        if not writers and (at.bus, at.channel) == (alerts.bus, alerts.key):
            writers = [names.HEALER]
        if writers:
            loc = ("services", at.service, "heartbeat", "channel")
            who = " and ".join(writers)
            yield line(loc, f"must be one of its own, {who} alone writes there{shown(loc, at.channel)}")


def _short_timeouts(truth: Truth, left_out: Collection[str]) -> Iterator[str]:
    """Find services that would be missed between two good beats. Sentinel watches healer."""
    watched = {at.service: at for at in truth.watched()}
    if names.SENTINEL in truth.services and truth.section(names.HEALER).heartbeat.timeout_sec is not None:
        watched[names.HEALER] = truth.position(names.HEALER)
    for at in watched.values():
        stated = truth.section(at.service).heartbeat.timeout_sec or _cadence(truth)
        if at.service not in left_out and stated is not None and stated <= at.interval_sec:
            yield timeout_line(truth, at, "must be >")


def _repeated_targets(truth: Truth) -> Iterator[str]:
    seen: set[str] = set()
    for step, tier in enumerate(truth.section(names.HEALER).notify.escalation):
        for index, target in enumerate(tier.targets):
            loc = ("services", names.HEALER, "notify", "escalation", step, "targets", index)
            if target in seen:
                yield line(loc, f"must be in one step only{shown(loc, target)}")
            seen.add(target)


def _repeated_names(service: str, field: str, given: Iterable[str]) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, name in enumerate(given):
        if first.setdefault(name, index) != index:
            loc = ("services", service, field, index, "name")
            yield line(loc, f"must differ from that of {field}[{first[name]}], is {quoted(name)}")


def _taken_probes(truth: Truth) -> Iterator[str]:
    for index, name in enumerate(truth.probe_names()):
        if name in names.PROBES_OF_ENV:
            loc = ("services", names.MASSIVE, "probes", index, "name")
            yield line(loc, f"must not be one of those that variables make, is {quoted(name)}")


def _far_insights(truth: Truth) -> Iterator[str]:
    """An item is settled and its result stored in one step, which one bus can do and two cannot."""
    source, results = truth.items_from(), truth.insights_to()
    if names.VEXY_AI in truth.services and source.bus != results.bus:
        loc = ("services", names.VEXY_AI, "access_points", "publish_to")
        yield line(loc, f"{results.key} must be on {source.bus}, where {source.key} is, is on {results.bus}")


def _cycles(truth: Truth) -> Iterator[str]:
    needs = {name: section.dependencies for name, section in truth.services.items()}
    for cycle in _find_cycles(needs):
        yield line(
            ("services", cycle[0], "dependencies"),
            f"must not lead back to the service, is {' -> '.join([*cycle, cycle[0]])}",
        )


def _find_cycles(needs: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Walk depth first, without recursion, and give each cycle that shares no service with one given before."""
    done: set[str] = set()
    given: set[str] = set()
    for start in needs:
        if start in done:
            continue
        trail = {start: iter(needs[start])}
        while trail:
            here = next(reversed(trail))
            target = next(trail[here], None)
            if target is None:
                done.add(here)
                del trail[here]
            elif target in trail:
                on_trail = list(trail)
                cycle = on_trail[on_trail.index(target) :]
                if given.isdisjoint(cycle):
                    given.update(cycle)
                    yield cycle
            elif target in needs and target not in done:
                trail[target] = iter(needs[target])
