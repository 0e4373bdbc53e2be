"""What the daemons ask of truth: where a service stands, what is watched, where alerts go."""

import json
from typing import Any

import pytest

from marketswarm import names
from marketswarm.truth import Endpoint, Position, Tenancy, Truth, parse


def read(document: object) -> Truth:
    """Parse what must be taken."""
    return parse(json.dumps(document).encode())


def healer(*, watches: object = (), writes: object = (), **others: Any) -> Truth:
    """Make a truth in which healer reads and writes what is said."""
    section = {"access_points": {"subscribe_to": watches, "publish_to": writes}}
    return read({"services": {"healer": section, **others}})


def test_buses_are_the_defaults_overlaid_with_the_documents() -> None:
    """A document may move a default bus and add others."""
    assert read({"services": {}}).bus_urls() == names.DEFAULT_BUS_URLS
    moved = {"market-redis": {"url": "redis://10.0.0.1:1"}, "third": {"url": "redis://10.0.0.1:2"}}
    assert read({"services": {}, "buses": moved}).bus_urls() == {
        "system-redis": "redis://127.0.0.1:6379",
        "market-redis": "redis://10.0.0.1:1",
        "third": "redis://10.0.0.1:2",
    }
    assert names.DEFAULT_BUS_URLS["market-redis"] == "redis://127.0.0.1:6380"


@pytest.mark.parametrize("services", [{}, {"a": {}}, {"a": {"heartbeat": {}}}])
def test_a_service_stands_at_the_defaults_unless_it_says_more(services: object) -> None:
    """Absent from the document, or in it without a heartbeat, is all the same."""
    assert read({"services": services}).position("a") == Position("a", "system-redis", "a:heartbeat", 10.0, 30.0)


def test_a_service_stands_where_its_heartbeat_says() -> None:
    """Channel, bus, interval and timeout are its own."""
    beat = {"channel": "c", "redis_url": "redis://market-redis:6379", "interval_sec": 2, "timeout_sec": 7.5}
    assert read({"services": {"a": {"heartbeat": beat}}}).position("a") == Position("a", "market-redis", "c", 2.0, 7.5)


def test_how_surely_a_service_is_judged_is_its_own_to_say() -> None:
    """How many timeouts make a miss, how many beats end it, when it flaps, and what else is told of it."""
    beat = {
        "misses": 3,
        "recover_beats": 2,
        "flap": {"changes": 4, "within_sec": 600},
        "alert_on": ["duplicate_instance", "service_restarted"],
    }
    at = read({"services": {"a": {"heartbeat": beat}}}).position("a")
    assert (at.misses, at.recover_beats, at.flap_changes, at.flap_window_sec) == (3, 2, 4, 600.0)
    assert at.alert_on == ("duplicate_instance", "service_restarted")


def test_unless_it_says_more_one_timeout_is_a_miss_and_one_beat_its_end() -> None:
    """It never flaps, and nothing but misses is told of it."""
    at = read({"services": {"a": {}}}).position("a")
    assert (at.misses, at.recover_beats, at.flap_changes, at.flap_window_sec, at.alert_on) == (1, 1, 0, 0.0, ())


def test_what_healer_watches_comes_with_how_it_is_judged() -> None:
    """Healer needs no second look into the document."""
    truth = healer(watches=["a:heartbeat"], a={"heartbeat": {"misses": 2, "alert_on": ["service_restarted"]}})
    assert truth.watched() == (truth.position("a"),)
    assert (truth.watched()[0].misses, truth.watched()[0].alert_on) == (2, ("service_restarted",))


def test_the_timeout_is_the_services_then_healers_then_the_callers() -> None:
    """The nearest statement wins; the caller's default is the last resort."""
    own, none = {"heartbeat": {"timeout_sec": 40}}, {"threshold": {"heartbeat_cadence": 50}}
    with_cadence = read({"services": {"a": own, "healer": none}})
    assert with_cadence.position("a", default_timeout_sec=60).timeout_sec == 40
    assert with_cadence.position("b", default_timeout_sec=60).timeout_sec == 50
    assert read({"services": {"a": own}}).position("b", default_timeout_sec=60).timeout_sec == 60


def test_positions_come_in_the_documents_order() -> None:
    """Each service of the document has one, with or without a section for its heartbeat."""
    truth = read({"services": {"z": {}, "a": {"heartbeat": {"interval_sec": 1}}}})
    assert truth.positions(default_timeout_sec=60) == (
        Position("z", "system-redis", "z:heartbeat", 10.0, 60.0),
        Position("a", "system-redis", "a:heartbeat", 1.0, 60.0),
    )


def test_healer_watches_what_it_subscribes_to_in_order_and_once() -> None:
    """Services that it does not name are not watched."""
    truth = healer(watches=["b:heartbeat", "a:heartbeat", "b:heartbeat"], a={}, b={}, c={})
    assert [at.service for at in truth.watched()] == ["b", "a"]
    assert truth.watched() == (truth.position("b"), truth.position("a"))


def test_a_channel_is_watched_for_the_service_that_beats_on_it() -> None:
    """Whatever the channel's name."""
    beat = {"channel": "pulse", "interval_sec": 5, "redis_url": "redis://market-redis"}
    truth = healer(watches=[{"bus": "market-redis", "key": "pulse"}], a={"heartbeat": beat})
    assert truth.watched(default_timeout_sec=12) == (Position("a", "market-redis", "pulse", 5.0, 12.0),)


def test_a_heartbeat_channel_of_a_stranger_is_watched_at_the_defaults() -> None:
    """A program that only publishes is a full citizen: its channel names it."""
    truth = healer(watches=[{"bus": "market-redis", "key": "x:heartbeat"}])
    assert truth.watched(default_timeout_sec=12) == (Position("x", "market-redis", "x:heartbeat", 10.0, 12.0),)


def test_what_names_no_service_is_not_watched() -> None:
    """A bus alone, another channel, a name that no service may have."""
    assert healer(watches=["market-redis", "rss:queue", "A-b:heartbeat", ":heartbeat"]).watched() == ()


def test_a_service_watched_at_two_places_is_watched_where_it_beats() -> None:
    """One service has one state: its own place wins over a mistaken one."""
    beat = {"redis_url": "redis://market-redis"}
    watches = ["a:heartbeat", {"bus": "market-redis", "key": "a:heartbeat"}]
    assert [at.bus for at in healer(watches=watches, a={"heartbeat": beat}).watched()] == ["market-redis"]
    assert [at.bus for at in healer(watches=watches[::-1], a={"heartbeat": beat}).watched()] == ["market-redis"]


def test_nothing_is_watched_without_healer() -> None:
    """What healer watches stands in its section."""
    assert read({"services": {"a": {}}}).watched() == ()


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ([], Endpoint("system-redis", "fallback")),
        (["market-redis"], Endpoint("system-redis", "fallback")),
        (["healer:heartbeat", "x:heartbeat"], Endpoint("system-redis", "fallback")),
        (["healer:heartbeat", {"bus": "market-redis", "key": "ops"}], Endpoint("market-redis", "ops")),
        (["first", "second"], Endpoint("system-redis", "first")),
        (["first", {"bus": "market-redis", "key": "healer:alerts"}], Endpoint("market-redis", "healer:alerts")),
    ],
)
def test_alerts_go_where_healer_writes_beside_its_beat(writes: object, expected: Endpoint) -> None:
    """The usual channel is preferred, then the first that is named, then the caller's on the system bus."""
    assert healer(writes=writes).alerts_to("fallback") == expected


def test_healers_own_channel_is_never_for_alerts() -> None:
    """Whatever it is called."""
    document = {"heartbeat": {"channel": "pulse"}, "access_points": {"publish_to": ["pulse"]}}
    assert read({"services": {"healer": document}}).alerts_to() == Endpoint("system-redis", "healer:alerts")


QUEUE_ELSEWHERE = {"access_points": {"publish_to": [{"bus": "system-redis", "key": "my:items"}]}}


@pytest.mark.parametrize(
    ("service", "section", "expected"),
    [
        ("mesh", {}, None),
        ("mesh", {"singleton": False, "lease_sec": 5}, None),
        ("mesh", {"singleton": True}, Tenancy("system-redis", 15)),
        ("mesh", {"singleton": True, "heartbeat": {"timeout_sec": 11}}, Tenancy("system-redis", 5.5)),
        ("mesh", {"singleton": True, "heartbeat": {"timeout_sec": 12}}, Tenancy("system-redis", 1)),
        ("mesh", {"singleton": True, "heartbeat": {"timeout_sec": 21}}, Tenancy("system-redis", 10)),
        ("mesh", {"singleton": True, "heartbeat": {"timeout_sec": 22}}, Tenancy("system-redis", 11)),
        ("mesh", {"singleton": True, "heartbeat": {"timeout_sec": 24}}, Tenancy("system-redis", 12)),
        (
            "mesh",
            {"singleton": True, "heartbeat": {"redis_url": "redis://market-redis"}, "lease_sec": 5},
            Tenancy("market-redis", 5),
        ),
        ("rss_agg", {"singleton": True}, Tenancy("market-redis", 15)),
        ("rss_agg", {"singleton": True, "lease_sec": 2.5}, Tenancy("market-redis", 2.5)),
        ("rss_agg", {"singleton": True, **QUEUE_ELSEWHERE}, Tenancy("system-redis", 15)),
    ],
)
def test_a_singletons_lease_is_where_it_writes(service: str, section: dict[str, Any], expected: Tenancy | None) -> None:
    """rss_agg writes to its queue, any other is known to write its beats.

    It holds for half of the timeout, or less where a hand-over would be a miss, unless truth says so.
    """
    found = read({"services": {service: section}})
    assert found.tenancy(found.position(service)) == expected
