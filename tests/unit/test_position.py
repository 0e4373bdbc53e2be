"""Where a service stands, and where it looks for the truth."""

import json
from typing import Any

import pytest

from marketswarm.address import Address
from marketswarm.daemon import own_position
from marketswarm.daemon.following import sources
from marketswarm.daemon.position import concern, watched_by
from marketswarm.settings import Settings
from marketswarm.truth import Position, Truth, parse


def truth(**sections: Any) -> Truth:
    """Make a truth of these sections."""
    return parse(json.dumps({"services": sections}).encode())


def test_a_service_stands_where_truth_puts_it() -> None:
    """Healer's own variables are not for others."""
    document = truth(mesh={"heartbeat": {"interval_sec": 5, "channel": "m", "redis_url": "redis://market-redis"}})
    mine = Settings(healer_interval_sec=1, healer_channel="x", sentinel_timeout_sec=2, default_timeout_sec=40)
    assert own_position("mesh", document, mine) == Position("mesh", "market-redis", "m", 5, 40)


def test_a_service_that_truth_does_not_know_stands_at_the_defaults() -> None:
    """It can beat before somebody has written it down."""
    assert own_position("new", truth(), Settings()) == Position("new", "system-redis", "new:heartbeat", 10, 30)


@pytest.mark.parametrize(
    ("heartbeat", "settings", "expected"),
    [
        ({}, Settings(), ("healer:heartbeat", 10, 30)),
        ({"interval_sec": 4}, Settings(), ("healer:heartbeat", 4, 12)),
        ({"interval_sec": 4}, Settings(healer_interval_sec=2), ("healer:heartbeat", 2, 6)),
        ({"interval_sec": 4, "timeout_sec": 9}, Settings(), ("healer:heartbeat", 4, 9)),
        ({"interval_sec": 4, "timeout_sec": 9}, Settings(healer_interval_sec=2), ("healer:heartbeat", 2, 9)),
        ({"timeout_sec": 90}, Settings(sentinel_timeout_sec=7), ("healer:heartbeat", 10, 7)),
        ({"channel": "h"}, Settings(), ("h", 10, 30)),
        ({"channel": "h"}, Settings(healer_channel="env"), ("env", 10, 30)),
        ({}, Settings(default_timeout_sec=99), ("healer:heartbeat", 10, 30)),
    ],
)
def test_healer_is_missed_after_three_of_its_intervals(
    heartbeat: dict[str, Any], settings: Settings, expected: tuple[str, float, float]
) -> None:
    """Unless truth or the environment says otherwise; its own lease lasts as long."""
    found = own_position("healer", truth(healer={"heartbeat": heartbeat}), settings)
    assert (found.channel, found.interval_sec, found.timeout_sec) == expected


def test_sentinel_judges_healer_as_truth_says() -> None:
    """Healer's own heartbeat section says how surely, as any other's does."""
    beat = {
        "misses": 2,
        "recover_beats": 3,
        "flap": {"changes": 4, "within_sec": 600},
        "alert_on": ["service_restarted"],
    }
    (at,) = watched_by("sentinel", truth(healer={"heartbeat": beat}), Settings(healer_interval_sec=2))
    assert (at.misses, at.recover_beats, at.flap_changes, at.flap_window_sec) == (2, 3, 4, 600.0)
    assert at.alert_on == ("service_restarted",)
    assert (at.interval_sec, at.timeout_sec) == (2, 6)


def test_mesh_watches_all_but_itself() -> None:
    """In truth's order, the watchers too, and then whoever healer hears besides; healer by its own three intervals."""
    heard = {"access_points": {"subscribe_to": ["b:heartbeat", "outside:heartbeat"]}, "heartbeat": {"interval_sec": 4}}
    document = truth(mesh={}, b={}, healer=heard, a={}, sentinel={})
    watched = watched_by("mesh", document, Settings(default_timeout_sec=40))
    assert [(at.service, at.timeout_sec) for at in watched] == [
        ("b", 40),
        ("healer", 12),
        ("a", 40),
        ("sentinel", 40),
        ("outside", 40),
    ]


@pytest.mark.parametrize(("default_sec", "timeout_sec"), [(61, 61), (60, 180), (30, 180)])
def test_mesh_waits_for_a_slow_service_longer_than_a_timeout_that_it_cannot_keep(
    default_sec: float, timeout_sec: float
) -> None:
    """Healer refuses such a default for whom it watches; of the others nobody was asked for a timeout."""
    (slow,) = watched_by(
        "mesh", truth(slow={"heartbeat": {"interval_sec": 60}}), Settings(default_timeout_sec=default_sec)
    )
    assert slow.timeout_sec == timeout_sec


def test_healers_cadence_for_others_is_not_its_own_timeout() -> None:
    """The threshold is what it holds others to."""
    document = truth(healer={"threshold": {"heartbeat_cadence": 300}}, mesh={})
    assert own_position("healer", document, Settings()).timeout_sec == 30
    assert own_position("mesh", document, Settings()).timeout_sec == 300


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), {"system-redis": "127.0.0.1:6379", "market-redis": "127.0.0.1:6380"}),
        (Settings(buses={"system-redis": Address("h")}), {"system-redis": "h:6379", "market-redis": "127.0.0.1:6380"}),
        (Settings(truth_bus="market-redis"), {"market-redis": "127.0.0.1:6380"}),
        (Settings(truth_address=Address("t", 1)), {"TRUTH_REDIS_URL": "t:1"}),
    ],
)
def test_the_truth_is_looked_for_on_both_buses(settings: Settings, expected: dict[str, str]) -> None:
    """System-redis first; where TRUTH_REDIS_URL is set, there alone."""
    assert [(name, str(address)) for name, address in sources(settings).items()] == [*expected.items()]


WATCHED = {"access_points": {"subscribe_to": ["mesh:heartbeat"]}}
BEFORE: dict[str, Any] = {"healer": WATCHED, "sentinel": {}, "mesh": {}, "rss_agg": {}}


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ({}, set()),
        ({"new": {}}, {"mesh"}),
        ({"mesh": {"heartbeat": {"interval_sec": 5}}}, {"mesh", "healer"}),
        ({"mesh": {"heartbeat": {"misses": 2}}}, {"mesh", "healer"}),
        ({"mesh": {"heartbeat": {"flap": {"changes": 4, "within_sec": 600}}}}, {"mesh", "healer"}),
        ({"mesh": {"heartbeat": {"alert_on": ["service_restarted"]}}}, {"mesh", "healer"}),
        ({"healer": WATCHED | {"heartbeat": {"recover_beats": 2}}}, {"healer", "sentinel", "mesh"}),
        ({"mesh": {"colours": ["x"]}}, {"mesh"}),
        ({"rss_agg": {"heartbeat": {"channel": "r"}}}, {"rss_agg", "mesh"}),
        ({"rss_agg": {"fetching": {"user_agent": "x"}}}, {"rss_agg"}),
        ({"sentinel": {"dependencies": ["healer"]}}, {"sentinel"}),
        ({"healer": {"access_points": {"subscribe_to": ["mesh:heartbeat", "new:heartbeat"]}}}, {"healer", "mesh"}),
        ({"healer": WATCHED | {"heartbeat": {"interval_sec": 5}}}, {"healer", "sentinel", "mesh"}),
        (
            {"healer": {"access_points": WATCHED["access_points"] | {"publish_to": ["ops:alerts"]}}},
            {"healer", "sentinel"},
        ),
        ({"healer": WATCHED | {"threshold": {"heartbeat_cadence": 60}}}, {"healer", "sentinel", "mesh", "rss_agg"}),
    ],
)
def test_a_change_of_truth_concerns_whom_it_moves(change: dict[str, Any], concerned: set[str]) -> None:
    """A worker its position and section; the watchers whom they watch, and where alerts go; mesh any position."""
    before, after = truth(**BEFORE), truth(**BEFORE | change)
    assert {
        name for name in BEFORE if concern(name, before, Settings()) != concern(name, after, Settings())
    } == concerned


def test_a_bus_that_moves_concerns_everybody_unless_the_environment_says_where_it_is() -> None:
    """The variable wins over truth's ``buses``, so their change then changes nothing."""
    before = parse(json.dumps({"services": BEFORE}).encode())
    moved = parse(json.dumps({"services": BEFORE, "buses": {"market-redis": {"url": "redis://127.0.0.1:7"}}}).encode())
    assert all(concern(name, before, Settings()) != concern(name, moved, Settings()) for name in BEFORE)
    fixed = Settings(buses={"market-redis": Address("127.0.0.1", 9)})
    assert all(concern(name, before, fixed) == concern(name, moved, fixed) for name in BEFORE)


def test_a_service_that_is_gone_from_truth_is_concerned() -> None:
    """It goes on at the defaults."""
    assert concern("mesh", truth(mesh={}), Settings()) != concern("mesh", truth(), Settings())
