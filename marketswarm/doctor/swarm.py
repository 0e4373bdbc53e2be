"""Whether the swarm does its work: watchers hear, services beat, alerts are kept, clocks agree."""

from collections.abc import Iterable, Iterator, Mapping

from marketswarm import names
from marketswarm.address import Address
from marketswarm.bus import Lease
from marketswarm.doctor.buses import why
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, fail, ok, skip, warn
from marketswarm.errors import BusRefusedError, MarketSwarmError
from marketswarm.messages import Malformed, decode_alert, decode_heartbeat, sentence
from marketswarm.overview import Overview, Row, Verdict
from marketswarm.term import local_time
from marketswarm.text import printable
from marketswarm.truth import Endpoint, Position

MAX_SKEW_SEC = 5.0
MESH_HEARS = names.canary_channel(names.MESH)
"""A bus on which mesh listens has a listener there."""
_SHOWN_SKEW_SEC = 10**9
Listeners = Mapping[str, Mapping[str, int] | MarketSwarmError]
"""How many connections listen to each channel, bus by bus."""


def judge_listening(watcher: str, positions: Iterable[Position], listeners: Listeners, remedies: Remedies) -> Check:
    """Judge whether somebody listens to each heartbeat that ``watcher`` has to hear (PUBSUB NUMSUB).

    mesh listens to all of them and is nobody who would tell people.
    """
    name, wanted = f"{watcher} listens", list(positions)
    if not wanted:
        return skip(name, f"the truth gives {watcher} nothing to hear")
    counts = {at: listeners.get(at.bus) for at in wanted}
    told = {at: _heard_by(count, at) for at, count in counts.items() if isinstance(count, Mapping)}
    deaf = [f"{at.channel} on {at.bus}" for at, count in told.items() if count <= 0]
    if deaf:
        return fail(name, f"nobody hears {', '.join(deaf)}", remedies.restart([watcher]))
    if not told:
        return skip(name, "no bus says who listens")
    silent = sorted({at.bus for at in counts.keys() - told.keys()})
    return ok(name, f"to {len(told)} heartbeat(s)" + (f"; not asked: {', '.join(silent)}" if silent else ""))


def _heard_by(count: Mapping[str, int], at: Position) -> int:
    """How many listen to a heartbeat besides mesh, which hears its own canary wherever it listens."""
    mesh = 0 if at.service == names.MESH else count.get(MESH_HEARS, 0)
    return count.get(at.channel, 0) - mesh


def judge_beats(
    found: Overview | MarketSwarmError,
    positions: Mapping[str, Position],
    addresses: Mapping[str, Address],
    installed: Iterable[str],
    remedies: Remedies,
) -> list[Check]:
    """Judge each service by what `marketswarm status` says of it."""
    if isinstance(found, MarketSwarmError):
        return [skip("heartbeats", "no bus tells: system-redis does not answer, or has no usable truth")]
    own, up = set(installed), [row.service for row in found.rows if row.state is Verdict.UP]
    checks = [ok("heartbeats", f"up: {', '.join(up)}")] if up else []
    for row in found.rows:
        if row.state is Verdict.UP:
            continue
        at = positions.get(row.service)
        if row.service in own or at is None or at.bus not in addresses:
            remedy = remedies.see_service(row.service) if row.state is Verdict.DOWN else remedies.start(row.service)
        else:
            remedy = remedies.hear(addresses[at.bus], at.channel)
        checks.append(_beat(row, remedy, remedies))
    return checks or [skip("heartbeats", "the truth has no services")]


def _beat(row: Row, remedy: str, remedies: Remedies) -> Check:
    name = f"heartbeat {row.service}"
    match row.state:
        case Verdict.DOWN:
            return fail(name, f"is down{f': {printable(row.reason)}' if row.reason else ''}", remedy)
        case Verdict.STOPPED:
            return warn(name, "said goodbye; its miss is announced when its timeout is over", remedy)
        case Verdict.RETURNING:
            return warn(name, "beats again; that is about to be announced", remedies.watch())
        case Verdict.UNSEEN:
            return warn(name, "no beat so far, and no verdict yet", remedy)
        case _:
            return warn(name, "nobody can tell: its bus does not answer, or its watcher does not beat", remedy)


def judge_alerts(
    last: list[tuple[str, bytes]] | MarketSwarmError,
    where: Endpoint,
    listeners: Listeners,
    *,
    system: Address,
    remedies: Remedies,
    now: float,
) -> Check:
    """Judge the alert log; how many listen to the channel, and what the last alert was, is for information."""
    name = "alerts"
    if isinstance(last, BusRefusedError):
        return fail(name, f"{names.ALERT_LOG} cannot be read: {why(last)}", remedies.move_alert_log(system))
    if isinstance(last, MarketSwarmError):
        return skip(name, f"{names.SYSTEM_BUS} does not answer")
    counts = listeners.get(where.bus)
    hearing = f"; {counts.get(where.key, 0)} listening to {where.key}" if isinstance(counts, Mapping) else ""
    return ok(name, _last_alert(last, now) + hearing)


def _last_alert(last: list[tuple[str, bytes]], now: float) -> str:
    if not last:
        return "none so far"
    entry_id, raw = last[-1]
    alert = decode_alert(raw)
    at = local_time(int(entry_id.partition("-")[0]) / 1000, now)
    return f"the last, {at}: {sentence(alert) if alert else 'of a type that this version does not know'}"


def judge_clocks(
    leases: Mapping[str, Lease], positions: Mapping[str, Position], remedies: Remedies, now: float
) -> Check:
    """Judge the senders' clocks by their beats: when each was sent by its own clock, and by what its lease has left.

    Nothing but printed times depends on it, so it is never more than a warning.
    """
    name = "clocks"
    skews = dict(_skews(leases, positions, now))
    if not skews:
        return skip(name, "no lease tells what its sender's clock says")
    off = [_skew(service, skew) for service, skew in sorted(skews.items()) if abs(skew) > MAX_SKEW_SEC]
    if off:
        return warn(name, f"{', '.join(off)}: printed times are wrong", remedies.set_clock())
    return ok(name, f"{len(skews)} sender(s) within {MAX_SKEW_SEC:g} s of this one")


def _skews(leases: Mapping[str, Lease], positions: Mapping[str, Position], now: float) -> Iterator[tuple[str, float]]:
    for service, lease in leases.items():
        beat = decode_heartbeat(lease.raw, service)
        # A lease that is longer than the timeout does not tell how old it is.
        age_sec = positions[service].timeout_sec - lease.ttl_ms / 1000 if service in positions else -1
        if not isinstance(beat, Malformed) and lease.ttl_ms >= 0 and age_sec >= 0:
            yield service, beat.ts - (now - age_sec)


def _skew(service: str, skew_sec: float) -> str:
    seconds = min(abs(skew_sec), _SHOWN_SKEW_SEC)
    return f"{service} is {seconds:.0f} s {'ahead' if skew_sec > 0 else 'behind'}"
