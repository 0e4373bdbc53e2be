"""What works but is hardly meant: one line a warning."""

import difflib
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from pydantic import BaseModel

from marketswarm import names, unitnames
from marketswarm.truth.access import AccessPoint
from marketswarm.truth.checks import timeout_line
from marketswarm.truth.credentials import Loc
from marketswarm.truth.kept import kept_for
from marketswarm.truth.models import Truth, implied_service
from marketswarm.truth.positions import HAND_OVER_SEC, LEAST_LEASE_SEC, longest_lease_sec
from marketswarm.truth.wording import line, number, quoted, shown

_NOTIFY: Loc = ("services", names.HEALER, "notify")
_FEEDS: Loc = ("services", names.RSS_AGG, "feeds")
_POLITE_SEC: Final = 60.0
_HASTY_SEC: Final = 1.0
_UNFENCED: Final = (names.HEALER, names.SENTINEL, names.MASSIVE, names.MESH, names.VEXY_AI)
"""Services of this package whose writes a bus takes from a former owner, too."""
_SUBSCRIBE_TO: Loc = ("services", names.HEALER, "access_points", "subscribe_to")
_READ_BY: Final = {
    "threshold": (names.HEALER,),
    "notify": (names.HEALER,),
    "feeds": (names.RSS_AGG,),
    "fetching": (names.RSS_AGG,),
    "stream": (names.RSS_AGG, names.VEXY_AI),
    "work": (names.VEXY_AI,),
    "probes": (names.MASSIVE,),
    "dns": (names.MASSIVE,),
    "api": (names.MASSIVE,),
}
"""Fields of a service's section, and in whose section they mean something."""
# Editors read it to find the schema.
_SCHEMA_LINK: Loc = ("$schema",)


def warnings(truth: Truth) -> tuple[str, ...]:
    """Find what a valid document probably gets wrong, as lines of the form ``path: phrase, is VALUE``."""
    return (
        *_unknown_fields(truth, ()),
        *_stray_fields(truth),
        *_unknown_dependencies(truth),
        *_close_timeouts(truth),
        *_idle_flaps(truth),
        *_odd_leases(truth),
        *_unfenced(truth),
        *_odd_watches(truth),
        *_unwatched(truth),
        *_long_names(truth),
        *_kept_keys(truth),
        *_early_steps(truth),
        *_unknown_maintenance(truth),
        *_hasty_feeds(truth),
        *_repeated_urls(truth),
        *_hasty_api(truth),
        *_slow_probes(truth),
        *_hasty_probes(truth),
    )


def _unknown_fields(value: object, loc: Loc) -> Iterator[str]:
    if isinstance(value, BaseModel):
        fields = {field.alias or name: name for name, field in type(value).model_fields.items()}
        for name in value.model_extra or ():
            if (*loc, name) != _SCHEMA_LINK:
                close = difflib.get_close_matches(name[:64], fields, n=1)
                yield line((*loc, name), f"is no known field{f', is {close[0]} meant?' if close else ''}")
        for name, attribute in fields.items():
            yield from _unknown_fields(getattr(value, attribute), (*loc, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _unknown_fields(item, (*loc, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _unknown_fields(item, (*loc, index))


def _stray_fields(truth: Truth) -> Iterator[str]:
    for name, section in truth.services.items():
        for field, readers in _READ_BY.items():
            if name not in readers and field in section.model_fields_set:
                where = (
                    f"the section of {readers[0]}" if len(readers) == 1 else f"the sections of {' and '.join(readers)}"
                )
                yield line(("services", name, field), f"is read in {where} only")


def _unknown_dependencies(truth: Truth) -> Iterator[str]:
    known = truth.services.keys() | truth.bus_urls().keys()
    for name, section in truth.services.items():
        for index, needed in enumerate(section.dependencies):
            loc = ("services", name, "dependencies", index)
            if needed not in known:
                yield line(loc, f"should be a service of this document{shown(loc, needed)}")


def _close_timeouts(truth: Truth) -> Iterator[str]:
    for at in truth.positions():
        if at.timeout_sec < 2 * at.interval_sec:
            yield timeout_line(truth, at, "should be at least twice")


def _idle_flaps(truth: Truth) -> Iterator[str]:
    """Find windows too short for their changes: between an end and the next miss lies what makes a miss."""
    for at in truth.positions():
        needed_sec = (at.flap_changes - 1) // 2 * at.misses * at.timeout_sec
        if at.flap_changes and at.flap_window_sec <= needed_sec:
            yield line(
                ("services", at.service, "heartbeat", "flap", "within_sec"),
                f"should be > {number(needed_sec)}, {at.flap_changes} changes take longer than that,"
                f" is {number(at.flap_window_sec)}",
            )


def _odd_leases(truth: Truth) -> Iterator[str]:
    """Find leases of no singleton, and singletons that are missed while they are handed over."""
    for at in truth.positions():
        loc = ("services", at.service, "lease_sec")
        tenancy, longest_sec = truth.tenancy(at), longest_lease_sec(at)
        if tenancy is None:
            if truth.section(at.service).lease_sec is not None:
                yield line(loc, "is read of a singleton only")
        elif longest_sec < LEAST_LEASE_SEC:
            least = number(LEAST_LEASE_SEC + HAND_OVER_SEC)
            relation = f"of a singleton should be, or a hand-over is a miss, >= {least} +"
            yield timeout_line(truth, at, relation)
        elif tenancy.lease_sec > longest_sec:
            yield line(
                loc,
                f"should be <= {number(longest_sec)} (timeout_sec - interval_sec - {number(HAND_OVER_SEC)}), or a"
                f" hand-over is a miss, is {number(tenancy.lease_sec)}",
            )


def _unfenced(truth: Truth) -> Iterator[str]:
    for name in _UNFENCED:
        if truth.section(name).singleton:
            yield line(
                ("services", name, "singleton"),
                "should be false: what a former owner still writes is not refused;"
                f" of this package only {names.RSS_AGG} writes by a fence",
            )


def _watches(truth: Truth) -> tuple[AccessPoint, ...]:
    return truth.section(names.HEALER).access_points.subscribe_to


def _odd_watches(truth: Truth) -> Iterator[str]:
    """Find what healer is told to watch though no service of the document beats there."""
    positions = truth.positions()
    beats = {(at.bus, at.channel) for at in positions}
    elsewhere = {at.channel: at for at in positions}
    for index, point in enumerate(_watches(truth)):
        loc = (*_SUBSCRIBE_TO, index)
        if point.key is None:
            yield line(loc, f'should name the heartbeat channel as key, is the bus "{point.bus}" alone')
        elif (point.bus, point.key) in beats:
            continue
        elif at := elsewhere.get(point.key):
            yield line((*loc, "bus"), f'should be "{at.bus}", where {at.service} beats{shown(loc, point.bus)}')
        elif implied_service(point.key):
            yield line((*loc, "key"), f"should be a channel that a service beats on{shown(loc, point.key)}")
        else:
            yield line((*loc, "key"), f"should be a heartbeat channel, is not watched{shown(loc, point.key)}")


def _unwatched(truth: Truth) -> Iterator[str]:
    if names.HEALER not in truth.services:
        yield line(("services", names.HEALER), "is missing, so nobody watches any heartbeat")
        return
    positions = truth.positions()
    beats = {(at.bus, at.channel) for at in positions}
    watches = {(point.bus, point.key) for point in _watches(truth)}
    on_wrong_bus = {channel for _, channel in watches - beats}
    for at in positions:
        if (at.bus, at.channel) in watches or at.channel in on_wrong_bus:
            continue
        loc = ("services", at.service, "heartbeat")
        if at.service != names.HEALER:
            yield line(loc, f"is watched by nobody, add {quoted(at.channel)} on {at.bus} to subscribe_to of healer")
        elif names.SENTINEL not in truth.services:
            yield line(loc, f"is watched by nobody, add a section for {names.SENTINEL}")


def _long_names(truth: Truth) -> Iterator[str]:
    for name in truth.services:
        if len(name) > unitnames.MAX_UNIT_NAME:
            yield line(
                ("services", name),
                f"should have at most {unitnames.MAX_UNIT_NAME} characters to be run by a unit, whose user is ms-NAME",
            )


def _kept_keys(truth: Truth) -> Iterator[str]:
    """Find access points that give no right: what they name is written by others alone."""
    for name, section in truth.services.items():
        for index, point in enumerate(section.access_points.publish_to):
            if point.key and (writers := kept_for(point.key, name)):
                loc = ("services", name, "access_points", "publish_to", index, "key")
                who = f"{' and '.join(writers)} alone {'writes' if len(writers) == 1 else 'write'} there"
                yield line(loc, f"gives no right, {who}{shown(loc, point.key)}")


def _early_steps(truth: Truth) -> Iterator[str]:
    steps = truth.section(names.HEALER).notify.escalation
    for index, (before, step) in enumerate(pairwise(steps), start=1):
        if step.after_sec <= before.after_sec:
            yield line(
                (*_NOTIFY, "escalation", index, "after_sec"),
                f"should be > that of the step before ({number(before.after_sec)}), is {number(step.after_sec)}",
            )


def _unknown_maintenance(truth: Truth) -> Iterator[str]:
    watched = {at.service for at in truth.watched()}
    known = truth.services.keys() | truth.bus_urls().keys() | watched | {*truth.probe_subjects(), names.EVERYTHING}
    for place, planned in enumerate(truth.section(names.HEALER).notify.maintenance):
        for index, subject in enumerate(planned.services):
            loc = (*_NOTIFY, "maintenance", place, "services", index)
            if subject not in known:
                yield line(loc, f'should be a service or probe of this document, a bus or "*"{shown(loc, subject)}')


def _hasty_feeds(truth: Truth) -> Iterator[str]:
    for index, feed in enumerate(truth.section(names.RSS_AGG).feeds):
        if feed.interval_sec is not None and feed.interval_sec < _POLITE_SEC and not feed.allow_private:
            yield line(
                (*_FEEDS, index, "interval_sec"),
                f"should be >= {number(_POLITE_SEC)}, or its publisher may bar you, is {number(feed.interval_sec)}",
            )


def _repeated_urls(truth: Truth) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, feed in enumerate(truth.section(names.RSS_AGG).feeds):
        if first.setdefault(feed.url, index) != index:
            yield line(
                (*_FEEDS, index, "url"), f"is that of feeds[{first[feed.url]}] too: each of its entries comes twice"
            )


def _hasty_api(truth: Truth) -> Iterator[str]:
    interval_sec = truth.section(names.MASSIVE).api.interval_sec
    if interval_sec < names.DEFAULT_API_INTERVAL_SEC:
        yield line(
            ("services", names.MASSIVE, "api", "interval_sec"),
            f"should be >= {number(names.DEFAULT_API_INTERVAL_SEC)}, the free tier allows five requests a minute,"
            f" is {number(interval_sec)}",
        )


def _slow_probes(truth: Truth) -> Iterator[str]:
    for index, probe in enumerate(truth.section(names.MASSIVE).probes):
        if probe.timeout_sec is not None and probe.timeout_sec > probe.interval_sec:
            yield line(
                ("services", names.MASSIVE, "probes", index, "timeout_sec"),
                f"should be <= interval_sec ({number(probe.interval_sec)}), a slow probe delays the next one,"
                f" is {number(probe.timeout_sec)}",
            )


def _hasty_probes(truth: Truth) -> Iterator[str]:
    for index, probe in enumerate(truth.section(names.MASSIVE).probes):
        if probe.interval_sec < _HASTY_SEC:
            yield line(
                ("services", names.MASSIVE, "probes", index, "interval_sec"),
                f"should be >= {number(_HASTY_SEC)}, the history would hold minutes, is {number(probe.interval_sec)}",
            )
