"""A truth document is taken whole or refused with every fault, each in one line that says where and what."""

from typing import Any

import pytest
from documents import faults, read
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.truth import Truth, parse, schema
from marketswarm.truth.credentials import names_secret

KNOWN = "a known bus (market-redis, system-redis)"
NO_SECRETS = "must not be in truth, give it as a variable or a systemd credential of the service"

SEED_SERVICE = """{"services": {"rss_agg": {"heartbeat": {
    "channel": "rss_agg:heartbeat", "interval_sec": 10, "redis_url": "redis://system-redis:6379"}}}}"""
SEED_EXTEND = SEED_SERVICE.replace("rss_agg", "new_svc")
SEED_HEALER = """{"services": {"healer": {
    "access_points": {
        "subscribe_to": [
            {"bus":"system-redis","key":"rss_agg:heartbeat"},
            {"bus":"system-redis","key":"massive:heartbeat"},
            {"bus":"system-redis","key":"mesh:heartbeat"},
            {"bus":"system-redis","key":"vexy_ai:heartbeat"}],
        "publish_to": [
            {"bus":"system-redis","key":"healer:alerts"},
            {"bus":"system-redis","key":"healer:heartbeat"}]},
    "threshold": {"heartbeat_cadence": 30}}}}"""


def service(**section: object) -> dict[str, Any]:
    """Make a document of one service, ``a``."""
    return {"services": {"a": section}}


def beat(**heartbeat: object) -> dict[str, Any]:
    """Make a document of one service that has only a heartbeat."""
    return service(heartbeat=heartbeat)


def healer(cadence: object = 30, **others: object) -> dict[str, Any]:
    """Make a document in which healer watches ``a``."""
    section = {"threshold": {"heartbeat_cadence": cadence}, "access_points": {"subscribe_to": ["a:heartbeat"]}}
    return {"services": {"healer": section, **others}}


@pytest.mark.parametrize("fragment", [SEED_SERVICE, SEED_EXTEND, SEED_HEALER])
def test_takes_the_fragments_of_the_design_each_alone(fragment: str) -> None:
    """A document may say as little as the design's examples do."""
    assert parse(fragment.encode()).services


def test_takes_components_as_the_older_name_of_services() -> None:
    """Older documents stay valid; faults use the one name."""
    assert read({"components": {"a": {}}}).services.keys() == {"a"}
    assert faults({"components": {"a": 1}}) == ["services.a: must be an object, is 1"]
    assert faults({"components": {}, "services": {}}) == [
        "components: must not stand beside services, of which it is an older name"
    ]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([], "truth: must be an object, is []"),
        (None, "truth: must be an object, is null"),
        ({}, "services: is missing"),
        ({"services": []}, "services: must be an object, is []"),
        ({"services": {"a": None}}, "services.a: must be an object, is null"),
        ({"services": {"A b": {}}}, 'services["A b"]: must be a name of 1 to 64 letters a-z, digits and _, is "A b"'),
        (
            {"services": {"default": {}}},
            "services.default: must have another name: Redis calls whoever gives no login so",
        ),
        ({"services": {"": {}}}, 'services[""]: must be a name of 1 to 64 letters a-z, digits and _, is ""'),
        ({"services": {}, "version": True}, "version: must be text or an integer, is true"),
        ({"services": {}, "version": 1.5}, "version: must be text or an integer, is 1.5"),
        (healer(-3), "services.healer.threshold.heartbeat_cadence: must be > 0, is -3"),
        (healer(0), "services.healer.threshold.heartbeat_cadence: must be > 0, is 0"),
        (healer("30"), 'services.healer.threshold.heartbeat_cadence: must be a number, is "30"'),
        (healer(2_592_001), "services.healer.threshold.heartbeat_cadence: must be <= 2592000, is 2592001"),
        (service(heartbeat=[]), "services.a.heartbeat: must be an object, is []"),
        (beat(interval_sec="10"), 'services.a.heartbeat.interval_sec: must be a number, is "10"'),
        (beat(interval_sec=True), "services.a.heartbeat.interval_sec: must be a number, is true"),
        (beat(interval_sec=None), "services.a.heartbeat.interval_sec: must be a number, is null"),
        (beat(interval_sec=-0.5), "services.a.heartbeat.interval_sec: must be > 0, is -0.5"),
        (beat(interval_sec=86_401), "services.a.heartbeat.interval_sec: must be <= 86400, is 86401"),
        (service(singleton=1), "services.a.singleton: must be a valid boolean, is 1"),
        (service(singleton=True, lease_sec=0.99), "services.a.lease_sec: must be >= 1, is 0.99"),
        (service(singleton=True, lease_sec=2_592_001), "services.a.lease_sec: must be <= 2592000, is 2592001"),
        (beat(timeout_sec=0), "services.a.heartbeat.timeout_sec: must be > 0, is 0"),
        (beat(timeout_sec=2_592_000.5), "services.a.heartbeat.timeout_sec: must be <= 2592000, is 2592000.5"),
        (beat(misses=101), "services.a.heartbeat.misses: must be <= 100, is 101"),
        (beat(recover_beats=101), "services.a.heartbeat.recover_beats: must be <= 100, is 101"),
        (beat(flap=4), "services.a.heartbeat.flap: must be an object, is 4"),
        (beat(flap={"changes": 3}), "services.a.heartbeat.flap.within_sec: is missing"),
        (beat(flap={"within_sec": 60}), "services.a.heartbeat.flap.changes: is missing"),
        (
            beat(flap={"changes": 101, "within_sec": 60}),
            "services.a.heartbeat.flap.changes: must be <= 100, is 101",
        ),
        (beat(flap={"changes": 3, "within_sec": 0}), "services.a.heartbeat.flap.within_sec: must be > 0, is 0"),
        (
            beat(alert_on="service_restarted"),
            'services.a.heartbeat.alert_on: must be a list, is "service_restarted"',
        ),
        (
            beat(alert_on=["service_restarted", "mass_miss"]),
            "services.a.heartbeat.alert_on[1]: must be 'service_restarted' or 'duplicate_instance', is \"mass_miss\"",
        ),
        (beat(channel=""), 'services.a.heartbeat.channel: must not be empty, is ""'),
        (beat(channel=7), "services.a.heartbeat.channel: must be text, is 7"),
        (
            beat(channel="a b"),
            'services.a.heartbeat.channel: must be text without spaces and control characters, is "a b"',
        ),
        (
            beat(channel="a\x1b"),
            'services.a.heartbeat.channel: must be text without spaces and control characters, is "a\\u001b"',
        ),
        (
            beat(channel="c" * 257),
            f'services.a.heartbeat.channel: must be at most 256 characters long, is "{"c" * 56}...',
        ),
        (beat(redis_url="redis://other"), f'services.a.heartbeat.redis_url: must lead to {KNOWN}, is "redis://other"'),
        (
            beat(redis_url="http://h"),
            'services.a.heartbeat.redis_url: must be a URL that starts with redis://, rediss:// or unix://, is "http://h"',
        ),
        (
            beat(redis_url="redis://["),
            'services.a.heartbeat.redis_url: must be a URL as in redis://127.0.0.1:6379, is "redis://["',
        ),
        (service(dependencies="b"), 'services.a.dependencies: must be a list, is "b"'),
        (service(dependencies=["b", 1]), "services.a.dependencies[1]: must be text, is 1"),
        (service(access_points=[]), "services.a.access_points: must be an object, is []"),
        (service(access_points={"publish_to": 5}), "services.a.access_points.publish_to: must be a list, is 5"),
        (service(access_points={"publish_to": [5]}), "services.a.access_points.publish_to[0]: must be an object, is 5"),
        (service(access_points={"subscribe_to": [{}]}), "services.a.access_points.subscribe_to[0].bus: is missing"),
        (
            service(access_points={"publish_to": [{"bus": "b", "key": "k"}]}),
            f'services.a.access_points.publish_to[0].bus: must be {KNOWN}, is "b"',
        ),
        (
            service(access_points={"publish_to": [{"bus": "system-redis", "key": ""}]}),
            'services.a.access_points.publish_to[0].key: must not be empty, is ""',
        ),
        ({"services": {}, "buses": {"b": {}}}, "buses.b.url: is missing"),
        (
            {"services": {}, "buses": {"b": {"url": "redis://h:0"}}},
            'buses.b.url: has a port that is not a number from 1 to 65535, is "redis://h:0"',
        ),
        (
            {"services": {}, "buses": {"-b": {"url": "redis://h"}}},
            'buses.-b: must be a name of 1 to 63 letters a-z, digits and -, not - in front, is "-b"',
        ),
    ],
)
def test_refuses_a_bad_part(document: object, fault: str) -> None:
    """One wrong thing makes one line, which says where, what is expected and what stands there."""
    assert faults(document) == [fault]


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (beat(misses=0), "misses"),
        (beat(misses=1.5), "misses"),
        (beat(misses=True), "misses"),
        (beat(misses="3"), "misses"),
        (beat(misses=None), "misses"),
        (beat(recover_beats=0), "recover_beats"),
        (beat(recover_beats=-1), "recover_beats"),
        (beat(flap={"changes": 2, "within_sec": 60}), "flap.changes"),
        (beat(flap={"changes": 3.5, "within_sec": 60}), "flap.changes"),
    ],
)
def test_counts_are_whole_numbers_from_their_least(document: object, where: str) -> None:
    """One miss, one beat, and for flapping at least a miss, a recovery and a miss."""
    (fault,) = faults(document)
    assert fault.startswith(f"services.a.heartbeat.{where}: must be ")


@pytest.mark.parametrize(
    "document",
    [
        {"services": {}},
        {"services": {"a" * 64: {}, "_": {}, "9": {}}},
        {"services": {}, "version": "2024-05", "buses": {}},
        {"services": {}, "buses": {"0" + "b" * 62: {"url": "unix:///run/redis.sock"}}},
        healer(0.001, a={"heartbeat": {"timeout_sec": 11}}),
        healer(2_592_000),
        beat(interval_sec=86_400),
        beat(interval_sec=1e-9, timeout_sec=2_592_000, channel="c" * 256),
        beat(channel=None, redis_url=None, timeout_sec=None),
        beat(channel="überwachung:heartbeat"),
        beat(misses=1, recover_beats=1, flap=None, alert_on=[]),
        beat(misses=100, recover_beats=100, flap={"changes": 3, "within_sec": 1e-9}),
        beat(flap={"changes": 100, "within_sec": 2_592_000}, alert_on=["service_restarted", "duplicate_instance"]),
    ],
)
def test_takes_what_is_just_within_the_limits(document: object) -> None:
    """The limits themselves are valid."""
    assert isinstance(read(document), Truth)


def test_tells_all_faults_at_once() -> None:
    """Faults of the parts, secrets, and faults between the sound parts come together."""
    document = {
        "services": {
            "healer": {"threshold": {"heartbeat_cadence": -3}},
            "x": {"dependencies": ["y"], "api_key": "abc"},
            "y": {"dependencies": ["x"], "heartbeat": {"channel": "x:heartbeat"}},
        },
        "version": [],
    }
    assert faults(document) == [
        f"services.x.api_key: {NO_SECRETS}",
        "services.healer.threshold.heartbeat_cadence: must be > 0, is -3",
        "version: must be text or an integer, is []",
    ]
    assert faults({**document, "version": 1}) == [
        f"services.x.api_key: {NO_SECRETS}",
        "services.healer.threshold.heartbeat_cadence: must be > 0, is -3",
        'services.y.heartbeat.channel: must differ from that of x on system-redis, is "x:heartbeat"',
        "services.x.dependencies: must not lead back to the service, is x -> y -> x",
    ]


def test_says_nothing_of_what_only_follows_from_another_fault() -> None:
    """A faulty bus is known all the same, and a faulty interval is compared with nothing."""
    assert faults({**beat(redis_url="redis://b"), "buses": {"b": {"url": 1}}}) == ["buses.b.url: must be text, is 1"]
    assert faults(healer(5, a={"heartbeat": {"interval_sec": "1"}})) == [
        'services.a.heartbeat.interval_sec: must be a number, is "1"'
    ]


@pytest.mark.parametrize(
    ("url", "bus"),
    [
        ("redis://system-redis:6379", "system-redis"),
        ("redis://market-redis:6379", "market-redis"),
        ("redis://MARKET-redis", "market-redis"),
        ("redis://127.0.0.1:6380", "market-redis"),
        ("redis://localhost", "system-redis"),
        ("redis://10.0.0.9:7000/3", "far"),
    ],
)
def test_a_redis_url_means_the_bus_that_its_host_names_or_that_is_at_its_address(url: str, bus: str) -> None:
    """A bus's name wins whatever the port says; an address must be that of a bus."""
    truth = read({**beat(redis_url=url), "buses": {"far": {"url": "redis://10.0.0.9:7000"}}})
    assert truth.position("a").bus == bus


def test_one_channel_may_serve_two_services_on_two_buses() -> None:
    """Only the same channel of the same bus confuses two services."""
    other = {"channel": "a:heartbeat", "redis_url": "redis://market-redis"}
    assert read({"services": {"a": {}, "b": {"heartbeat": other}}})
    del other["redis_url"]
    assert faults({"services": {"a": {}, "b": {"heartbeat": other}}}) == [
        'services.b.heartbeat.channel: must differ from that of a on system-redis, is "a:heartbeat"'
    ]


@pytest.mark.parametrize(
    ("needs", "cycles"),
    [
        ({"a": ["a"]}, ["a: a -> a"]),
        ({"a": ["b"], "b": ["a"]}, ["a: a -> b -> a"]),
        ({"s": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, ["a: a -> b -> c -> a"]),
        ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}, ["a: a -> b -> a", "c: c -> d -> c"]),
        ({"a": ["b", "a"], "b": ["a"]}, ["a: a -> b -> a"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
        ({"a": ["stranger"]}, []),
    ],
)
def test_a_cycle_of_dependencies_is_shown(needs: dict[str, list[str]], cycles: list[str]) -> None:
    """No service may need itself, not even through others; each service is shown once, and a diamond is no cycle."""
    document = {"services": {name: {"dependencies": targets} for name, targets in needs.items()}}
    expected = [
        f"services.{start}.dependencies: must not lead back to the service, is {trail}"
        for start, trail in (cycle.split(": ") for cycle in cycles)
    ]
    assert faults(document) == expected


def test_a_long_chain_of_dependencies_is_walked_without_recursion() -> None:
    """Ten thousand services in a row are no trouble."""
    chain = {f"s{i}": {"dependencies": [f"s{i + 1}"]} for i in range(10_000)}
    assert len(read({"services": chain}).services) == 10_000


OWN = "services.a.heartbeat.timeout_sec: must be > interval_sec (10), is "
CADENCE = "services.healer.threshold.heartbeat_cadence: must be > services.a.heartbeat.interval_sec (10), is "


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (healer(30, a={"heartbeat": {"timeout_sec": 9.999}}), [OWN + "9.999"]),
        (healer(30, a={"heartbeat": {"timeout_sec": 10}}), [OWN + "10"]),
        (healer(30, a={"heartbeat": {"timeout_sec": 10.001}}), []),
        (healer(10, a={}), [CADENCE + "10"]),
        (healer(10), [CADENCE + "10"]),
        (healer(10.001, a={}), []),
        (healer(10, a={"heartbeat": {"timeout_sec": 11}}), []),
        (healer(None, a={"heartbeat": {"interval_sec": 40}}), []),
        (healer(30, b={"heartbeat": {"timeout_sec": 1}}), []),
        (
            {"services": {"sentinel": {}, "healer": {"heartbeat": {"timeout_sec": 5}}}},
            ["services.healer.heartbeat.timeout_sec: must be > interval_sec (10), is 5"],
        ),
    ],
)
def test_a_watched_service_must_be_given_more_than_its_interval(document: object, expected: list[str]) -> None:
    """A stated timeout that passes between two good beats would alarm at a healthy service."""
    assert faults(document) == expected


def test_reads_bare_text_as_a_bus_or_as_a_key() -> None:
    """Older documents name a bus or a key without more; a key is on the system bus."""
    document = service(access_points={"publish_to": "own", "subscribe_to": ["market-redis", "a:b"]})
    access = read({**document, "buses": {"own": {"url": "redis://h"}}}).services["a"].access_points
    assert [(point.bus, point.key) for point in access.publish_to] == [("own", None)]
    assert [(point.bus, point.key) for point in access.subscribe_to] == [
        ("market-redis", None),
        ("system-redis", "a:b"),
    ]


@pytest.mark.parametrize("field", sorted(Truth.model_fields))
def test_truth_cannot_be_changed(field: str) -> None:
    """A document that was checked stays as it was."""
    truth = read({"services": {}})
    with pytest.raises(ValueError, match="frozen"):
        setattr(truth, field, 2)


def test_the_schema_describes_every_field() -> None:
    """An editor can offer each field with a sentence."""
    described = schema()
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert described["title"] == "MarketSwarm truth"
    objects = [described, *described["$defs"].values()]
    assert all(field["description"] for each in objects for field in each["properties"].values())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FIELDS = TEXT | st.sampled_from(
    [
        *("services", "components", "buses", "version", "heartbeat", "channel", "interval_sec", "redis_url"),
        *("timeout_sec", "access_points", "publish_to", "subscribe_to", "bus", "key", "dependencies", "threshold"),
        *("heartbeat_cadence", "healer", "sentinel", "a", "url", "model_dump", "token"),
        *("notify", "runbook", "remind_sec", "escalation", "maintenance", "text", "from", "from_", "to", "days"),
    ]
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["system-redis", "a:heartbeat", "redis://system-redis", "redis://u:p@[", "redis://[v1]:x"])
)
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4))


@given(JSON | st.fixed_dictionaries({"services": st.dictionaries(FIELDS, st.dictionaries(FIELDS, JSON))}))
def test_any_json_is_taken_or_refused_in_plain_lines(document: object) -> None:
    """Nothing but BadTruthError comes out, in lines that are safe to print."""
    assert all(fault.isprintable() and ": " in fault for fault in faults(document))


UNKNOWN = st.dictionaries(
    TEXT.map("x".__add__).filter(lambda key: not names_secret(key)), st.integers() | st.lists(st.booleans()), max_size=3
)


@given(st.lists(UNKNOWN, min_size=6, max_size=6))
def test_unknown_fields_are_never_lost(unknown: list[dict[str, object]]) -> None:
    """Whatever a later version writes comes out as it went in, at every level."""
    of_truth, of_service, of_beat, of_access, of_point, of_bus = unknown
    access = {**of_access, "publish_to": [{**of_point, "bus": "system-redis"}]}
    document = {
        **of_truth,
        "services": {"a": {**of_service, "heartbeat": of_beat, "access_points": access}},
        "buses": {"b": {**of_bus, "url": "redis://h"}},
    }
    assert read(document).model_dump(mode="json", exclude_unset=True) == document


@pytest.mark.parametrize(
    ("channel", "writers"),
    [
        ("healer:alerts", "healer and sentinel"),
        ("truth:changed", "marketswarm-seed"),
        ("mesh:gossip", "mesh"),
        ("rss_agg?heartbeat", "rss_agg"),
        ("ops", "healer"),
    ],
)
def test_nobody_beats_where_others_alone_write(channel: str, writers: str) -> None:
    """Whoever may publish there could forge what they say; also by a name that, as a pattern, means more than one."""
    document = {
        "services": {
            "mine": {"heartbeat": {"channel": channel}},
            "rss_agg": {},
            "healer": {"access_points": {"publish_to": [{"bus": "system-redis", "key": "ops"}]}},
        }
    }
    place = "services.mine.heartbeat.channel"
    assert faults(document) == [f'{place}: must be one of its own, {writers} alone writes there, is "{channel}"']


@pytest.mark.parametrize("channel", ["mine:beats", "elsewhere:heartbeat", "alive"])
def test_a_beat_may_be_on_any_channel_of_ones_own(channel: str) -> None:
    """Whatever it is called."""
    assert read({"services": {"mine": {"heartbeat": {"channel": channel}}}})
