"""What each service does on which bus: by its access points, and by the contract for those that have a duty of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from marketswarm import names
from marketswarm.rights.choices import Choices
from marketswarm.rights.grants import LISTEN, READ, READING, TAKE, WRITE, WRITING, Grant, reading, writing
from marketswarm.truth import Endpoint, Position, Truth
from marketswarm.truth.kept import kept_for
from marketswarm.truth.patterns import could_mean, pattern

SMALL_TALK: Final = ("ping", "client|setname", "select", "multi", "exec", "time")
"""What every connection of ours may begin with, and what names no key."""
_EVERY_BEAT: Final = "*" + names.HEARTBEAT_SUFFIX
"""One pattern for all channels and leases of beats: asked for ten thousand, a server compares ten thousand."""
_LEASE: Final = ("mget", "pttl")
_TENANCY: Final = ("eval", "get", "set", "del", "pttl", "pexpire", "hgetall", "hset", "hdel")
Given = Iterator[tuple[str, Grant]]
"""A bus, and what may be done there."""


class At:
    """A place on a bus, and the pattern that means it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.bus = endpoint.bus
        self.name = endpoint.key
        self.key = pattern(endpoint.key)


def items_from(truth: Truth, choices: Choices) -> Endpoint:
    """Say which stream vexy_ai reads, with its own variable over the truth."""
    found = truth.items_from()
    return replace(found, key=choices.stream or found.key)


def document(choices: Choices) -> tuple[str, str]:
    """The keys of the truth and of its hash."""
    return choices.truth_key, names.truth_hash_key(choices.truth_key)


class Duties:
    """What the services of one truth do."""

    def __init__(self, truth: Truth, choices: Choices) -> None:
        self.truth = truth
        self.choices = choices
        self.positions = {at.service: at for at in truth.positions()}
        where = truth.alerts_to(choices.alert_channel)
        self._beaten_on = {(at.bus, at.channel): at.service for at in self.positions.values()}
        self._kept = {(where.bus, where.key)} | {(bus, key) for bus in truth.bus_urls() for key in document(choices)}

    def of(self, service: str) -> Given:
        """Everything that a service may do, bus by bus, besides reading the truth."""
        at = self.positions.get(service) or self.truth.position(service)
        if service == names.HEALER and self.choices.healer_channel:
            at = replace(at, channel=self.choices.healer_channel)
        yield at.bus, Grant(("set",), writing(names.lease_key(service)))
        yield at.bus, Grant(("publish",), channels=(pattern(at.channel),))
        yield from self._owns(at)
        duty = _DUTIES.get(service)
        if duty:
            yield from _but_kept(service, duty(self, at), self.choices)
        else:
            yield from self._access(service)

    def _owns(self, at: Position) -> Given:
        """The lease of a singleton, and the token by which its owner writes."""
        tenancy = self.truth.tenancy(at)
        if tenancy:
            keys = (names.owner_key(at.service), names.token_key(at.service), names.standbys_key(at.service))
            yield tenancy.bus, Grant(_TENANCY, keys)
            yield at.bus, Grant(_LEASE, reading(names.lease_key(at.service)))

    def _access(self, service: str) -> Given:
        """What the access points of a service of one's own allow; where others alone write, it does not."""
        access = self.truth.section(service).access_points
        for point in access.publish_to:
            if point.key and self._is_free(point.bus, point.key, service):
                key = pattern(point.key)
                yield point.bus, Grant(WRITE, (key,))
                yield point.bus, Grant(("publish",), channels=(key,))
                yield point.bus, Grant(("eval",), (key, names.token_key(service)))
        for point in access.subscribe_to:
            if point.key:
                key = pattern(point.key)
                yield point.bus, Grant(READ, reading(key))
                yield point.bus, Grant(LISTEN, channels=(key,))
                if self._is_free(point.bus, point.key, service):
                    yield point.bus, Grant(TAKE, (key,))

    def _is_free(self, bus: str, key: str, service: str) -> bool:
        """Whether a key is no other's by the contract: not the truth's, nor where alerts go, nor another's beat.

        One that stands for several names is free where none of them is taken.
        """
        if kept_for(key, service):
            return False
        meant = pattern(key)
        if "?" not in meant:  # as usual: of ten thousand services none is looked at
            return (bus, key) not in self._kept and self._beaten_on.get((bus, key), service) == service
        others = (place for place, beats in self._beaten_on.items() if beats != service)
        return not any(bus == where and could_mean(meant, name) for where, name in (*self._kept, *others))


def _but_kept(service: str, given: Given, choices: Choices) -> Given:
    """Leave out what others alone write, where a truth names that as the stream or the hash of a service."""
    taken = document(choices)

    def is_free(key: str) -> bool:
        return not kept_for(key, service) and not any(could_mean(key, name) for name in taken)

    for bus, grant in given:
        keys = tuple(key for key in grant.keys if key.startswith(READING) or is_free(key.removeprefix(WRITING)))
        if keys or grant.channels:
            yield bus, replace(grant, keys=keys)


def _rss_agg(duties: Duties, at: Position) -> Given:
    queue = At(duties.truth.items_to())
    marks, feeds = "rss:seen:*", names.FEEDS
    yield queue.bus, Grant(("eval",), (queue.key, feeds, marks, names.token_key(at.service)))
    yield queue.bus, Grant(("xadd", "xtrim", "xlen", "xrange", "xinfo|groups", "xpending"), (queue.key,))
    hashes = ("hget", "hset", "hmget", "hdel", "hgetall", "expire")
    yield queue.bus, Grant((*hashes, "zadd", "zrem", "zrangebyscore"), (feeds, marks))


def _vexy_ai(duties: Duties, _: Position) -> Given:
    truth, choices = duties.truth, duties.choices
    queue, insights = At(items_from(truth, choices)), At(truth.insights_to())
    dead = pattern(names.dead_items(queue.name))
    takes = ("xgroup|create", "xreadgroup", "xack", "xclaim", "xpending", "xinfo|consumers", "xrange")
    yield queue.bus, Grant(takes, (queue.key,))
    yield queue.bus, Grant(("eval",), (queue.key, insights.key, dead))
    yield queue.bus, Grant(("xadd",), (insights.key, dead))
    leases = pattern(f"{queue.name}:{choices.group}:") + "*:lease"
    yield queue.bus, Grant(("set", "mget", "del"), (leases,))
    yield queue.bus, Grant(("set", "get"), (names.story_key("*"),))


def _massive(duties: Duties, _: Position) -> Given:
    results = At(duties.truth.results_to())
    yield results.bus, Grant(("hgetall", "hset", "hdel"), (results.key,))
    yield results.bus, Grant(("xadd",), (pattern(names.probes_log(results.name)),))
    yield names.SYSTEM_BUS, Grant(("hgetall", "hset", "hdel"), (names.PROBES_TOLD,))
    yield names.SYSTEM_BUS, Grant(("xadd",), (names.PROBE_ALERTS,))
    yield names.SYSTEM_BUS, Grant(("get", "set"), (names.PROBE_ALERTS_LAST,))


def _mesh(duties: Duties, at: Position) -> Given:
    yield from _hears(duties, at)
    yield names.SYSTEM_BUS, Grant(("hset", "hdel", "hlen", "hgetall"), (names.MESH_SERVICES,))
    yield names.SYSTEM_BUS, Grant(("publish",), channels=(names.MESH_GOSSIP,))


def _healer(duties: Duties, at: Position) -> Given:
    yield from _hears(duties, at)
    yield from _tells(duties)
    yield names.SYSTEM_BUS, Grant(("mget", "mset", "set"), (names.health_key("*"),))


def _sentinel(duties: Duties, at: Position) -> Given:
    yield from _hears(duties, at)
    yield from _tells(duties)
    yield names.SYSTEM_BUS, Grant(("mget",), reading(names.health_key("*")))
    yield names.SYSTEM_BUS, Grant(("mset", "set"), (names.health_key(names.HEALER),))


def _hears(duties: Duties, at: Position) -> Given:
    """What a watcher does on each bus: it hears the beats and its own canary there, and reads leases."""
    truth, choices = duties.truth, duties.choices
    beating = (*duties.positions.values(), *truth.watched())
    odd = {(other.bus, other.channel) for other in beating if not other.channel.endswith(names.HEARTBEAT_SUFFIX)}
    canary = names.canary_channel(at.service)
    for bus in truth.bus_urls():
        channels = {pattern(channel) for where, channel in odd if where == bus}
        if choices.healer_channel:
            channels.add(pattern(choices.healer_channel))
        yield bus, Grant(LISTEN, channels=(_EVERY_BEAT, canary, *sorted(channels)))
        yield bus, Grant(("publish",), channels=(canary,))
        yield bus, Grant(_LEASE, reading(_EVERY_BEAT))
        yield bus, Grant(("hvals",), reading(names.standbys_key("*")))


def _tells(duties: Duties) -> Given:
    """What those do who announce alerts and tell people."""
    where = duties.truth.alerts_to(duties.choices.alert_channel)
    yield where.bus, Grant(("publish",), channels=(pattern(where.key),))
    log = ("xadd", "xgroup|create", "xreadgroup", "xautoclaim", "xack", "xread", "xrange", "xrevrange", "xlen")
    yield names.SYSTEM_BUS, Grant(log, (names.ALERT_LOG,))
    yield names.SYSTEM_BUS, Grant(("xadd", "xrange", "xdel"), (names.DEAD_LETTERS,))
    hashes = ("hget", "hgetall", "hmget", "hset", "hdel")
    yield names.SYSTEM_BUS, Grant(hashes, (names.RECORDS, names.ACKS, names.notify_records("*")))
    yield names.SYSTEM_BUS, Grant(("hgetall",), reading(names.SILENCES))
    yield names.SYSTEM_BUS, Grant(("get", "set", "pexpire", "del"), (names.NOTIFY_LEASE,))
    rung_by = reading(names.NOTIFY_ASKED, names.ALERT_LOG, names.PROBE_ALERTS)
    yield names.SYSTEM_BUS, Grant(("xread", "xrange", "xrevrange"), rung_by)
    yield names.SYSTEM_BUS, Grant(("eval",), (names.PROBE_ALERTS, names.ALERT_LOG))
    yield names.SYSTEM_BUS, Grant(("xdel",), (names.PROBE_ALERTS,))
    yield names.SYSTEM_BUS, Grant(("rpush", "expire"), (names.notify_answers("*"),))


_DUTIES: Final = {
    names.RSS_AGG: _rss_agg,
    names.VEXY_AI: _vexy_ai,
    names.MASSIVE: _massive,
    names.MESH: _mesh,
    names.HEALER: _healer,
    names.SENTINEL: _sentinel,
}
