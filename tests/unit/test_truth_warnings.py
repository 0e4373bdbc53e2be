"""What is valid but hardly meant is pointed out, and the document that ships is free of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from marketswarm import names, unitnames
from marketswarm.truth import parse, warnings

SHIPPED = Path(__file__).parents[2] / names.TRUTH_FILE_IN_CHECKOUT
WATCHES = "services.healer.access_points.subscribe_to"


def warned(document: object) -> list[str]:
    """Parse a valid document and give its warnings."""
    return list(warnings(parse(json.dumps(document).encode())))


def swarm(watches: list[object], **services: object) -> dict[str, Any]:
    """Make a document with healer, sentinel and some more; healer watches sentinel and what else is said."""
    healer = {"access_points": {"subscribe_to": ["sentinel:heartbeat", *watches]}}
    return {"services": {"healer": healer, "sentinel": {}, **services}}


def test_the_shipped_document_has_no_warnings() -> None:
    """etc/truth.json is the example that others start from."""
    assert warnings(parse(SHIPPED.read_bytes())) == ()


def test_the_shipped_document_is_written_as_json_tools_write_it() -> None:
    """Two spaces, and a newline at its end."""
    text = SHIPPED.read_text()
    assert text == json.dumps(json.loads(text), indent=2) + "\n"


@pytest.mark.parametrize(
    ("heartbeat", "expected"),
    [
        ({"interval_sec": 15}, []),
        (
            {"interval_sec": 15.5},
            ["services.a.heartbeat: timeout_sec should be at least twice interval_sec (15.5), is 30 by default"],
        ),
        ({"timeout_sec": 20}, []),
        (
            {"timeout_sec": 19.5},
            ["services.a.heartbeat.timeout_sec: should be at least twice interval_sec (10), is 19.5"],
        ),
    ],
)
def test_warns_of_a_timeout_that_a_single_lost_beat_exceeds(heartbeat: object, expected: list[str]) -> None:
    """The timeout should be two intervals or more."""
    assert warned(swarm(["a:heartbeat"], a={"heartbeat": heartbeat})) == expected


@pytest.mark.parametrize(
    ("heartbeat", "needed"),
    [
        ({"flap": {"changes": 4, "within_sec": 31}}, None),
        ({"flap": {"changes": 4, "within_sec": 30}}, "> 30, 4 changes take longer than that, is 30"),
        ({"flap": {"changes": 5, "within_sec": 31}}, "> 60, 5 changes take longer than that, is 31"),
        ({"misses": 3, "flap": {"changes": 3, "within_sec": 60}}, "> 90, 3 changes take longer than that, is 60"),
        ({"misses": 3}, None),
    ],
)
def test_warns_of_a_flap_that_cannot_be(heartbeat: object, needed: str | None) -> None:
    """Miss and end may follow at once, but each end is a timeout (or several) away from the next miss."""
    expected = [f"services.a.heartbeat.flap.within_sec: should be {needed}"] if needed else []
    assert warned(swarm(["a:heartbeat"], a={"heartbeat": heartbeat})) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"singleton": True}, None),
        ({"singleton": True, "lease_sec": 19}, None),
        (
            {"singleton": True, "lease_sec": 19.5},
            "should be <= 19 (timeout_sec - interval_sec - 1), or a hand-over is a miss, is 19.5",
        ),
        ({"lease_sec": 5}, "is read of a singleton only"),
        ({"singleton": False, "lease_sec": 5}, "is read of a singleton only"),
    ],
)
def test_warns_of_a_lease_that_is_no_singletons_or_too_long(fields: dict[str, Any], expected: str | None) -> None:
    """The owner's last beat is up to an interval old, and a successor beats a second after its lease at the latest."""
    lines = [f"services.a.lease_sec: {expected}"] if expected else []
    assert warned(swarm(["a:heartbeat"], a=fields)) == lines


@pytest.mark.parametrize(("timeout_sec", "warns"), [(2.4, True), (2.5, False), (2.6, False)])
@pytest.mark.parametrize("lease_sec", [None, 1])
def test_warns_of_a_singleton_that_cannot_be_handed_over_without_a_miss(
    timeout_sec: float, lease_sec: float | None, *, warns: bool
) -> None:
    """However short its lease is, stated or by default."""
    stated = {} if lease_sec is None else {"lease_sec": lease_sec}
    beat = {"interval_sec": 0.5, "timeout_sec": timeout_sec}
    phrase = "of a singleton should be, or a hand-over is a miss, >= 2 + interval_sec (0.5), is"
    lines = [f"services.a.heartbeat.timeout_sec: {phrase} {timeout_sec:g}"] if warns else []
    assert warned(swarm(["a:heartbeat"], a={"singleton": True, "heartbeat": beat, **stated})) == lines


@pytest.mark.parametrize("name", ["healer", "sentinel", "massive", "mesh", "vexy_ai", "rss_agg", "a"])
@pytest.mark.parametrize("singleton", [False, True])
def test_warns_of_a_singleton_whose_writes_are_not_fenced(name: str, *, singleton: bool) -> None:
    """Those of rss_agg are, and what a service of one's own does is not known."""
    document = swarm(["a:heartbeat"])
    document["services"].setdefault(name, {})["singleton"] = singleton
    found = [told for told in warned(document) if told.startswith(f"services.{name}.singleton: should be false")]
    assert len(found) == (singleton and name not in ("rss_agg", "a"))


def test_warns_where_the_timeout_is_stated() -> None:
    """A short timeout that healer's section sets is changed there."""
    document = swarm(["a:heartbeat"], a={"heartbeat": {"interval_sec": 20}})
    document["services"]["healer"]["threshold"] = {"heartbeat_cadence": 30}
    phrase = "should be at least twice services.a.heartbeat.interval_sec (20), is 30"
    assert warned(document) == [f"services.healer.threshold.heartbeat_cadence: {phrase}"]


def test_warns_of_a_heartbeat_that_nobody_watches() -> None:
    """It says what to add; healer itself is sentinel's to watch."""
    assert warned(swarm([], a={})) == [
        'services.a.heartbeat: is watched by nobody, add "a:heartbeat" on system-redis to subscribe_to of healer'
    ]


def test_warns_of_a_healer_without_sentinel() -> None:
    """Who watches the watcher is not left open."""
    assert warned({"services": {"healer": {}}}) == [
        "services.healer.heartbeat: is watched by nobody, add a section for sentinel"
    ]


def test_warns_once_where_healer_is_missing() -> None:
    """Without healer nobody watches anything: one line, not one for each service."""
    assert warned({"services": {"a": {}, "b": {}}}) == ["services.healer: is missing, so nobody watches any heartbeat"]


@pytest.mark.parametrize(
    ("watch", "expected"),
    [
        ("x:heartbeat", f'{WATCHES}[2].key: should be a channel that a service beats on, is "x:heartbeat"'),
        ("rss:queue", f'{WATCHES}[2].key: should be a heartbeat channel, is not watched, is "rss:queue"'),
        ("A-b:heartbeat", f'{WATCHES}[2].key: should be a heartbeat channel, is not watched, is "A-b:heartbeat"'),
        (
            "market-redis",
            f'{WATCHES}[2]: should name the heartbeat channel as key, is the bus "market-redis" alone',
        ),
    ],
)
def test_warns_of_watching_what_is_no_heartbeat(watch: str, expected: str) -> None:
    """What healer watches should be the beat of a service of the document."""
    assert warned(swarm(["a:heartbeat", watch], a={})) == [expected]


def test_warns_of_watching_on_the_wrong_bus() -> None:
    """A service that beats on the other bus has a phrase of its own, and only that."""
    document = swarm(["a:heartbeat"], a={"heartbeat": {"redis_url": "redis://market-redis"}})
    assert warned(document) == [f'{WATCHES}[1].bus: should be "market-redis", where a beats, is "system-redis"']


def test_the_same_channel_watched_on_one_bus_covers_no_other() -> None:
    """Two services may share a channel's name on two buses: each must be watched."""
    other = {"heartbeat": {"channel": "a:heartbeat", "redis_url": "redis://market-redis"}}
    assert warned(swarm(["a:heartbeat"], a={}, b=other)) == [
        'services.b.heartbeat: is watched by nobody, add "a:heartbeat" on market-redis to subscribe_to of healer'
    ]


def test_warns_of_unknown_fields_wherever_they_are() -> None:
    """Each unknown field is named with its place, and with what was probably meant."""
    document = swarm(
        [{"bus": "system-redis", "key": "a:heartbeat", "note": 1}],
        a={"heartbeat": {"intervall_sec": 10}, "colours": [], "access_points": {"publish": []}},
    )
    document |= {"extra": {}, "buses": {"b": {"url": "redis://h", "zone": 1}}, "$schema": "truth.schema.json"}
    assert warned(document) == [
        "extra: is no known field",
        f"{WATCHES}[1].note: is no known field",
        "services.a.colours: is no known field",
        "services.a.heartbeat.intervall_sec: is no known field, is interval_sec meant?",
        "services.a.access_points.publish: is no known field, is publish_to meant?",
        "buses.b.zone: is no known field",
    ]


def test_warns_of_unknown_fields_of_flap_too() -> None:
    """Wherever they stand, with what may be meant."""
    flap = {"changes": 4, "within_sec": 600, "within_secs": 60}
    assert warned(swarm(["a:heartbeat"], a={"heartbeat": {"flap": flap}})) == [
        "services.a.heartbeat.flap.within_secs: is no known field, is within_sec meant?"
    ]


def test_warns_of_a_threshold_that_nobody_reads() -> None:
    """Only healer has one."""
    assert warned(swarm(["a:heartbeat"], a={"threshold": {"heartbeat_cadence": 5}})) == [
        "services.a.threshold: is read in the section of healer only"
    ]


def test_warns_of_a_dependency_on_a_stranger() -> None:
    """A service may need services of the document, and buses."""
    assert warned(swarm(["a:heartbeat"], a={"dependencies": ["healer", "market-redis", "b"]})) == [
        'services.a.dependencies[2]: should be a service of this document, is "b"'
    ]


@pytest.mark.parametrize(("length", "count"), [(unitnames.MAX_UNIT_NAME, 0), (unitnames.MAX_UNIT_NAME + 1, 1)])
def test_warns_of_a_name_that_no_unit_can_have(length: int, count: int) -> None:
    """It may beat from elsewhere, so it is no fault."""
    name = "a" * length
    found = warned(swarm([f"{name}:heartbeat"], **{name: {}}))
    assert [line.partition(": ")[0] for line in found] == [f"services.{name}"] * count


POINT = "services.a.access_points.publish_to[0].key"


@pytest.mark.parametrize(
    ("key", "writers"),
    [
        ("truth:doc", "marketswarm-seed"),
        ("health:a", "healer and sentinel"),
        ("healer:silences", "healer and sentinel"),
        ("massive:told", "massive"),
        ("mesh:services", "mesh"),
        ("rss:feeds", "rss_agg"),
        ("rss:seen:x", "rss_agg"),
        ("vexy:story:x", "vexy_ai"),
        ("b:heartbeat", "b"),
        ("b:owner", "b"),
        ("b:token", "b"),
        ("b:standbys", "b"),
        ("b?token", "b"),
        ("truth*doc", "marketswarm-seed"),
    ],
)
def test_warns_of_an_access_point_that_gives_no_right(key: str, writers: str) -> None:
    """It says who writes there; one that only reads there has its right."""
    verb = "write" if " and " in writers else "writes"
    phrase = f'gives no right, {writers} alone {verb} there, is "{key}"'
    assert warned(swarm(["a:heartbeat"], a={"access_points": {"publish_to": [key]}})) == [f"{POINT}: {phrase}"]
    assert warned(swarm(["a:heartbeat"], a={"access_points": {"subscribe_to": [key]}})) == []


@pytest.mark.parametrize("key", ["a:heartbeat", "a:token", "truthful", "rss:queue", "b:heartbeats", "odd*", "a:b:c"])
def test_says_nothing_of_an_access_point_that_gives_its_right(key: str) -> None:
    """Its own beat among them, which the older documents name."""
    assert warned(swarm(["a:heartbeat"], a={"access_points": {"publish_to": [key]}})) == []


def test_says_nothing_of_what_the_contract_gives_a_service() -> None:
    """Each of ours writes where it does."""
    own = {
        "rss_agg": ["rss:feeds", "rss:seen:x"],
        "vexy_ai": [{"bus": "market-redis", "key": "vexy:story:x"}],
        "massive": ["massive:told"],
        "mesh": ["mesh:services"],
        "sentinel": ["healer:alerts", "health:healer"],
    }
    services: dict[str, object] = {name: {"access_points": {"publish_to": keys}} for name, keys in own.items()}
    document = swarm([f"{name}:heartbeat" for name in own], **services)
    assert not [line for line in warned(document) if "gives no right" in line]
