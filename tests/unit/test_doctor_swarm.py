"""What the doctor makes of listeners, heartbeats, alerts and clocks; and how all of it is laid out."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from marketswarm.address import Address
from marketswarm.bus import Lease
from marketswarm.doctor import swarm
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Report, Verdict, fail, ok, render, skip, warn
from marketswarm.errors import BusRefusedError, BusUnreachableError, MarketSwarmError
from marketswarm.messages import Heartbeat, HeartbeatMiss, encode
from marketswarm.overview import Overview, Row
from marketswarm.overview import Verdict as State
from marketswarm.term import ansi, plain
from marketswarm.truth import Endpoint, Position

NOW = 1_762_433_458.0
HERE = Address("127.0.0.1", 6379)
MESH = Position("mesh", "system-redis", "mesh:heartbeat", 10, 30)
RSS = Position("rss_agg", "market-redis", "rss:beat", 10, 30)
POSITIONS = {at.service: at for at in (MESH, RSS)}
MANAGED, BY_HAND = Remedies(managed=True), Remedies(managed=False)
GONE = BusUnreachableError("x")
MISS = encode(HeartbeatMiss("mesh", 31.0, 30.0, int(NOW)))
ALERTS = Endpoint("system-redis", "healer:alerts")


@pytest.mark.parametrize(
    ("listeners", "verdict", "found"),
    [
        ({"system-redis": {"mesh:heartbeat": 1}, "market-redis": {"rss:beat": 2}}, "ok", "to 2 heartbeat(s)"),
        ({"system-redis": {"mesh:heartbeat": 1}}, "ok", "to 1 heartbeat(s); not asked: market-redis"),
        ({"system-redis": {"mesh:heartbeat": 1}, "market-redis": GONE}, "ok", "not asked: market-redis"),
        ({"system-redis": {"mesh:heartbeat": 0}}, "FAIL", "nobody hears mesh:heartbeat on system-redis"),
        ({"system-redis": {"mesh:heartbeat": 1, "mesh:canary": 1}}, "ok", "to 1 heartbeat(s)"),
        ({"market-redis": {"rss:beat": 2, "mesh:canary": 1}}, "ok", "to 1 heartbeat(s); not asked: system-redis"),
        ({"market-redis": {"rss:beat": 1, "mesh:canary": 1}}, "FAIL", "nobody hears rss:beat on market-redis"),
        ({"market-redis": {"rss:beat": 0, "mesh:canary": 1}}, "FAIL", "nobody hears rss:beat on market-redis"),
        ({"system-redis": {}, "market-redis": {}}, "FAIL", "mesh:heartbeat on system-redis, rss:beat on market-redis"),
        ({"system-redis": GONE, "market-redis": GONE}, "skip", "no bus says"),
        ({}, "skip", "no bus says"),
    ],
)
def test_somebody_listens_to_every_heartbeat(
    listeners: Mapping[str, Mapping[str, int] | MarketSwarmError], verdict: str, found: str
) -> None:
    """On each channel, besides mesh, or the watcher is to be restarted; a bus that is away proves nothing."""
    check = swarm.judge_listening("healer", [MESH, RSS], listeners, MANAGED)
    assert (check.name, check.verdict) == ("healer listens", verdict)
    assert found in check.found
    assert check.remedy == ("systemctl restart marketswarm@healer.service" if verdict == "FAIL" else None)


def test_a_watcher_with_nothing_to_hear_is_skipped() -> None:
    """There may be no healer, or none that watches."""
    assert swarm.judge_listening("healer", [], {}, BY_HAND).verdict is Verdict.SKIP


def beats(*rows: Row, remedies: Remedies = BY_HAND) -> list[Check]:
    """Judge services of which mesh alone is of this package."""
    addresses = {"system-redis": HERE, "market-redis": Address("127.0.0.1", 6380)}
    return swarm.judge_beats(Overview(rows, ()), POSITIONS, addresses, ["mesh"], remedies)


def row(service: str, state: State) -> Row:
    """A line of `marketswarm status`."""
    return Row(service, state, None, None, None, "system-redis")


@pytest.mark.parametrize(
    ("state", "verdict", "managed", "by_hand"),
    [
        (State.DOWN, "FAIL", "journalctl -u marketswarm@mesh.service -n 20", "marketswarm run mesh, or where `up` "),
        (State.RETURNING, "warn", "marketswarm alerts --follow", "marketswarm alerts --follow"),
        (State.STOPPED, "warn", "systemctl start marketswarm@mesh.service", "marketswarm run mesh"),
        (State.UNSEEN, "warn", "systemctl start marketswarm@mesh.service", "marketswarm run mesh"),
        (State.UNKNOWN, "warn", "systemctl start marketswarm@mesh.service", "marketswarm run mesh"),
    ],
)
def test_a_service_that_does_not_beat_is_a_line(state: State, verdict: str, managed: str, by_hand: str) -> None:
    """One that is down fails; one of which nothing is sure is a warning."""
    for remedies, remedy in ((MANAGED, managed), (BY_HAND, by_hand)):
        (check,) = beats(row("mesh", state), remedies=remedies)
        assert (check.name, check.verdict) == ("heartbeat mesh", verdict)
        assert (check.remedy or "").startswith(remedy)


def test_who_is_down_or_stopped_is_said_with_what_is_known() -> None:
    """The reason of a miss stands beside it; after a goodbye nothing is in doubt."""
    crashed, gone, stopped = beats(
        replace(row("mesh", State.DOWN), reason="crashed"), row("mesh", State.DOWN), row("mesh", State.STOPPED)
    )
    assert (crashed.found, gone.found) == ("is down: crashed", "is down")
    assert stopped.found == "said goodbye; its miss is announced when its timeout is over"


def test_who_is_up_shares_a_line() -> None:
    """The others have one of their own; a program that is not of this package is found by its channel."""
    up, down = beats(row("mesh", State.UP), row("rss_agg", State.DOWN))
    assert up == ok("heartbeats", "up: mesh")
    assert down.remedy == "start it; its beats are seen by: redis-cli -p 6380 SUBSCRIBE rss:beat"


def test_where_nobody_tells_no_service_is_blamed() -> None:
    """Skipped, since the bus has failed already."""
    (check,) = swarm.judge_beats(GONE, POSITIONS, {}, [], BY_HAND)
    assert check.verdict is Verdict.SKIP
    assert [check.verdict for check in beats()] == [Verdict.SKIP]


@pytest.mark.parametrize(
    ("last", "listeners", "verdict", "found"),
    [
        ([], {"system-redis": {"healer:alerts": 2}}, "ok", "none so far; 2 listening to healer:alerts"),
        ([], {"system-redis": GONE}, "ok", "none so far"),
        ([(f"{int(NOW * 1000)}-0", MISS)], {}, "ok", "heartbeat_miss mesh: no beat for 31.0 s (timeout 30 s)"),
        ([("1-0", b"junk")], {}, "ok", "of a type that this version does not know"),
        (BusRefusedError("WRONGTYPE"), {}, "FAIL", "healer:alerts:log cannot be read: WRONGTYPE"),
        (GONE, {}, "skip", "does not answer"),
    ],
)
def test_the_last_alert_is_told(
    last: list[tuple[str, bytes]] | MarketSwarmError,
    listeners: Mapping[str, Mapping[str, int] | MarketSwarmError],
    verdict: str,
    found: str,
) -> None:
    """For information, whatever it says; only a log that cannot be read is a failure."""
    check = swarm.judge_alerts(last, ALERTS, listeners, system=HERE, remedies=BY_HAND, now=NOW)
    assert (check.name, check.verdict) == ("alerts", verdict)
    assert found in check.found


@pytest.mark.parametrize(
    ("ts", "ttl_ms", "verdict", "found"),
    [
        (NOW - 5, 25_000, "ok", "1 sender(s)"),
        (NOW, 25_000, "ok", "1 sender(s)"),  # five seconds ahead
        (NOW + 0.1, 25_000, "warn", "mesh is 5 s ahead"),
        (NOW - 10, 25_000, "ok", "1 sender(s)"),
        (NOW - 10.1, 25_000, "warn", "mesh is 5 s behind"),
        (NOW - 3605, 25_000, "warn", "mesh is 3600 s behind"),
        (1e300, 25_000, "warn", "mesh is 1000000000 s ahead"),
        (NOW - 3600, 40_000, "skip", "no lease"),  # longer than the timeout: it does not tell its age
        (NOW - 3600, -1, "skip", "no lease"),  # no lease at all
    ],
)
def test_a_sender_s_clock_is_off_beyond_five_seconds(ts: float, ttl_ms: int, verdict: str, found: str) -> None:
    """A beat's time by its sender is held against its age by its lease."""
    leases = {"mesh": Lease(encode(Heartbeat("mesh", 1, ts)), ttl_ms)}
    check = swarm.judge_clocks(leases, POSITIONS, BY_HAND, NOW)
    assert (check.name, check.verdict) == ("clocks", verdict)
    assert found in check.found


def test_what_is_no_beat_tells_no_time() -> None:
    """Nor does a lease of somebody whom the truth does not know."""
    leases = {"mesh": Lease(b"junk", 1000), "other": Lease(encode(Heartbeat("other", 1, 1.0)), 1000)}
    assert swarm.judge_clocks(leases, POSITIONS, BY_HAND, NOW).verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("checks", "exit_code"),
    [
        ([], 0),
        ([ok("a", "b"), skip("a", "b")], 0),
        ([ok("a", "b"), warn("a", "b", "c")], 1),
        ([fail("a", "b", "c"), warn("a", "b", "c")], 2),
    ],
)
def test_the_worst_check_is_the_exit_code(checks: list[Check], exit_code: int) -> None:
    """0 all well, 1 warnings, 2 something failed; what was skipped counts for nothing."""
    assert Report(checks).exit_code == Report(checks).as_json()["exit_code"] == exit_code


def test_a_check_is_a_line_and_its_remedy_the_next() -> None:
    """In columns; further findings are indented, and a sum comes last. What others wrote forges no line."""
    report = Report([ok("bus", "answers"), fail("truth file", "2 faults\none\nt\x1bwo", "mend it"), skip("x", "why")])
    assert render(report, plain).splitlines() == [
        "ok    bus         answers",
        "FAIL  truth file  2 faults",
        "      one",
        "      t\\x1bwo",
        "      remedy: mend it",
        "skip  x           why",
        "",
        "1 failed, 1 ok, 1 skipped",
    ]
    assert "\x1b[1;31mFAIL" in render(report, ansi)


def test_json_has_what_the_lines_have() -> None:
    """For programs: the same words, and null where there is no remedy."""
    found = json.loads(json.dumps(Report([ok("bus", "answers"), warn("x", "y", "z")]).as_json()))
    assert found["checks"] == [
        {"name": "bus", "verdict": "ok", "found": "answers", "remedy": None},
        {"name": "x", "verdict": "warn", "found": "y", "remedy": "z"},
    ]
