"""What `marketswarm status` makes of leases and verdicts."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from marketswarm import inuse, names, overview
from marketswarm.address import Address
from marketswarm.bus import Lease, StoredTruth
from marketswarm.errors import BadTruthError, BusUnreachableError
from marketswarm.messages import HealerMiss, HealerOk, Heartbeat, HeartbeatMiss, HeartbeatOk, ServiceRecord, encode
from marketswarm.notices.silences import Ack, Silence
from marketswarm.overview import Overview, Row, Verdict, render
from marketswarm.settings import Settings
from marketswarm.term import plain

NOW = 1_762_433_458  # 2025-11-06 12:50:58 UTC
TRUTH = {
    "services": {
        "mesh": {"heartbeat": {"redis_url": "redis://market-redis"}},
        "rss_agg": {},
        "sentinel": {},
        "healer": {
            "access_points": {
                "subscribe_to": [
                    {"bus": "system-redis", "key": "rss_agg:heartbeat"},
                    {"bus": "market-redis", "key": "mesh:heartbeat"},
                    {"bus": "system-redis", "key": "sentinel:heartbeat"},
                ]
            },
            "threshold": {"heartbeat_cadence": 30},
        },
    }
}
MISS = encode(HeartbeatMiss("rss_agg", 31.2, 30.0, NOW - 60))
OK = encode(HeartbeatOk("rss_agg", 0.1, NOW - 60))
LATER = b'{"type":"later","svc":"rss_agg","ts":1}'
pytestmark = pytest.mark.usefixtures("in_utc")


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NOW."""
    monkeypatch.setattr(overview, "time", SimpleNamespace(time=lambda: NOW))


class FakeBus:
    """A bus that holds leases, verdicts, records and a truth, or does not answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.together: asyncio.Barrier | None = None
        self.address = Address("127.0.0.1", 6379 if name == "system-redis" else 6380)
        self.up = True
        self.open = True
        self.stored: StoredTruth | None = StoredTruth(json.dumps(TRUTH).encode(), "x")
        self.held: dict[str, Lease] = {}
        self.verdicts: dict[str, bytes] = {}
        self.kept: dict[str, bytes] = {}
        self.hashes: dict[str, dict[str, bytes]] = {}

    async def truth(self, _key: str) -> StoredTruth | None:
        """Give the truth."""
        self.answer()
        return self.stored

    async def leases(self, services: Iterable[str]) -> Mapping[str, Lease]:
        """Give the leases of these services."""
        self.answer()
        return {service: self.held[service] for service in services if service in self.held}

    async def health(self, services: Iterable[str]) -> Mapping[str, bytes]:
        """Give the verdicts on these services."""
        self.answer()
        return {service: self.verdicts[service] for service in services if service in self.verdicts}

    async def records(self, services: Iterable[str]) -> Mapping[str, bytes]:
        """Give what is kept of these services."""
        self.answer()
        return {service: self.kept[service] for service in services if service in self.kept}

    async def fields(self, key: str) -> Mapping[str, bytes]:
        """Give a hash."""
        self.answer()
        return self.hashes.get(key, {})

    async def ask(self, commands: Sequence[tuple[str, ...]]) -> list[Any]:
        """Give the values of a hash, and the time."""
        self.answer()
        assert [command[0] for command in commands] == ["HVALS", "TIME"]
        if self.together:
            async with asyncio.timeout(5):
                await self.together.wait()
        return [list(self.hashes.get(commands[0][1], {}).values()), [b"%d" % NOW, b"0"]]

    async def close(self) -> None:
        """Note that it was given back."""
        self.open = False

    def answer(self) -> None:
        """Answer, or not."""
        self.open = True
        if not self.up:
            raise BusUnreachableError(f"{self.name} does not answer")


def lease(service: str, *, ttl_ms: int = 25_000, host: str = "h1", bye: bool = False) -> Lease:
    """Make a lease that holds a beat of a service."""
    return Lease(encode(Heartbeat(service, 1, NOW, host=host, bye=bye)), ttl_ms)


class Swarm:
    """Two buses on which all is well; a test takes away what it wants to see missing."""

    def __init__(self) -> None:
        self.system = FakeBus("system-redis")
        self.market = FakeBus("market-redis")
        self.system.held = {service: lease(service) for service in ("rss_agg", "healer", "sentinel")}
        self.market.held = {"mesh": lease("mesh")}
        self.system.verdicts = {
            "rss_agg": OK,
            "mesh": encode(HeartbeatOk("mesh", 0.1, NOW - 60)),
            "sentinel": encode(HeartbeatOk("sentinel", 0.1, NOW - 60)),
            "healer": encode(HealerOk("healer", NOW - 60)),
        }

    def look(self) -> Overview:
        """Ask the buses; they are all given back, whatever came of it."""
        try:
            return asyncio.run(overview.look(Settings()))
        finally:
            assert not self.system.open
            assert not self.market.open

    def row(self, service: str) -> Row:
        """Look at one service."""
        return next(row for row in self.look().rows if row.service == service)


@pytest.fixture
def swarm(monkeypatch: pytest.MonkeyPatch) -> Swarm:
    """A swarm in which all is well."""
    found = Swarm()
    found.market.open = False
    for module in (overview, inuse):
        monkeypatch.setattr(module, "connect", lambda *_, **__: {bus.name: bus for bus in (found.system, found.market)})
    return found


def test_all_is_well(swarm: Swarm) -> None:
    """Every service of the truth has a row, in the order of the names, and nothing else is said."""
    found = swarm.look()
    assert [(row.service, row.state, row.bus) for row in found.rows] == [
        ("healer", "up", "system-redis"),
        ("mesh", "up", "market-redis"),
        ("rss_agg", "up", "system-redis"),
        ("sentinel", "up", "system-redis"),
    ]
    assert (found.notes, found.exit_code) == ((), 0)
    assert swarm.row("rss_agg") == Row("rss_agg", Verdict.UP, 5.0, NOW - 60, "h1", "system-redis")


@pytest.mark.parametrize(
    ("held", "verdict", "watched", "expected"),
    [
        ("beat", None, True, "up"),
        ("beat", OK, True, "up"),
        ("beat", MISS, True, "returning"),
        ("beat", LATER, True, "up"),
        ("beat", None, False, "up"),
        ("beat", OK, False, "up"),
        ("beat", MISS, False, "returning"),
        ("goodbye", None, True, "stopped"),
        ("goodbye", OK, True, "stopped"),
        ("goodbye", MISS, True, "DOWN"),  # it beats no more: nothing is about to be reported
        ("goodbye", OK, False, "stopped"),
        (None, None, True, "unseen"),
        (None, OK, True, "up"),  # it only publishes, and healer hears it
        (None, MISS, True, "DOWN"),
        (None, LATER, True, "unseen"),
        (None, b"junk", True, "unseen"),
        (None, None, False, "unknown"),
        (None, OK, False, "unknown"),
        (None, MISS, False, "DOWN"),  # a reported miss stands until somebody hears a beat
        ("junk", None, True, "unseen"),
        ("junk", MISS, True, "DOWN"),
        ("junk", OK, False, "unknown"),
        ("another's", MISS, True, "DOWN"),
        pytest.param(
            "for ever", MISS, True, "DOWN", id="no TTL"
        ),  # a key without a TTL is no lease, and healer does not take it for one
    ],
)
def test_a_state_is_made_of_lease_verdict_and_watcher(
    swarm: Swarm, held: str | None, verdict: bytes | None, expected: str, *, watched: bool
) -> None:
    """What beats is up; what does not is what the last verdict says, as far as anybody alive watches."""
    leases = {
        "beat": lease("rss_agg"),
        "goodbye": lease("rss_agg", bye=True),
        "junk": Lease(b"1", 25_000),
        "another's": lease("mesh"),
        "for ever": lease("rss_agg", ttl_ms=-1),
    }
    swarm.system.held.pop("rss_agg")
    swarm.system.verdicts.pop("rss_agg")
    if held:
        swarm.system.held["rss_agg"] = leases[held]
    if verdict:
        swarm.system.verdicts["rss_agg"] = verdict
    if not watched:
        del swarm.system.held["healer"]
    assert swarm.row("rss_agg").state == expected


@pytest.mark.parametrize(
    ("kept", "verdict", "watched", "expected"),
    [
        ("alive", None, True, "up"),
        ("alive", OK, True, "up"),
        ("alive", OK, False, "unknown"),
        ("unseen", OK, True, "unseen"),  # the verdict is of healer's life before this one
        ("unseen", None, True, "unseen"),
        ("missed", MISS, True, "DOWN"),
        ("alive", MISS, True, "DOWN"),  # what was told stands until its end is told
        ("", OK, True, "up"),
    ],
)
def test_of_one_without_a_lease_its_watcher_knows_more_than_the_last_verdict(
    swarm: Swarm, kept: str, verdict: bytes | None, expected: str, *, watched: bool
) -> None:
    """It may only publish; the watcher's record tells whether it was heard since the watcher began."""
    del swarm.system.held["rss_agg"], swarm.system.verdicts["rss_agg"]
    swarm.system.kept["rss_agg"] = encode(ServiceRecord(kept))
    if verdict:
        swarm.system.verdicts["rss_agg"] = verdict
    if not watched:
        del swarm.system.held["healer"]
    assert swarm.row("rss_agg").state == expected


@pytest.mark.parametrize("raw", [b"", b"junk", b"[]", b'{"state":7}', b'{"lost_beats":1}'])
def test_a_record_that_is_none_hides_nothing(swarm: Swarm, raw: bytes) -> None:
    """Anybody who may write to the bus may write what it likes."""
    swarm.system.kept["rss_agg"] = raw
    row = swarm.row("rss_agg")
    assert (row.state, row.lost_beats, row.restarts, row.duplicates, row.flapping) == (Verdict.UP, 0, 0, 0, False)


def test_what_was_counted_and_why_it_is_down_is_told(swarm: Swarm) -> None:
    """By what its watcher keeps, and by the alert."""
    swarm.system.kept["rss_agg"] = encode(ServiceRecord("alive", 3, 2, 1))
    row = swarm.row("rss_agg")
    assert (row.lost_beats, row.restarts, row.duplicates, row.reason) == (3, 2, 1, None)
    del swarm.system.held["rss_agg"]
    swarm.system.verdicts["rss_agg"] = encode(HeartbeatMiss("rss_agg", 31.2, 30.0, NOW - 60, reason="crashed"))
    assert swarm.row("rss_agg").reason == "crashed"
    swarm.system.verdicts["rss_agg"] = encode(HeartbeatMiss("rss_agg", 31.2, 30.0, NOW - 60))
    assert swarm.row("rss_agg").reason is None


def test_one_that_flaps_is_a_warning(swarm: Swarm) -> None:
    """It may be up just now, and people are told of nothing more until it is stable."""
    swarm.system.kept["rss_agg"] = encode(ServiceRecord("alive", flapping=True))
    found = swarm.look()
    assert [row.service for row in found.rows if row.flapping] == ["rss_agg"]
    assert found.notes == ("rss_agg goes and comes; no more is told of it until it is stable",)
    assert found.exit_code == 1


@pytest.mark.parametrize(("gone", "state"), [("nobody", "up"), ("sentinel", "unknown")])
def test_healer_is_watched_by_sentinel(swarm: Swarm, gone: str, state: str) -> None:
    """A healer that only publishes is up as long as sentinel lives to hear it."""
    del swarm.system.held["healer"]
    swarm.system.held.pop(gone, None)
    assert swarm.row("healer").state == state


@pytest.mark.parametrize(("ttl_ms", "age_sec"), [(30_000, 0.0), (29_999, 0.001), (1, 29.999), (0, 30.0), (40_000, 0.0)])
def test_the_age_of_a_beat_follows_from_its_lease(swarm: Swarm, ttl_ms: int, age_sec: float) -> None:
    """The sender's clock does not matter; a lease longer than the timeout is as fresh as can be."""
    swarm.system.held["rss_agg"] = lease("rss_agg", ttl_ms=ttl_ms)
    assert swarm.row("rss_agg").beat_age_sec == age_sec


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [({}, 0), ({"rss_agg": None}, 1), ({"rss_agg": MISS}, 2), ({"rss_agg": None, "healer": None}, 1)],
)
def test_the_exit_code_is_that_of_the_worst(swarm: Swarm, verdicts: dict[str, bytes | None], code: int) -> None:
    """0 all well, 1 a warning, 2 something is down; the services named do not beat."""
    for service, verdict in verdicts.items():
        del swarm.system.held[service]
        del swarm.system.verdicts[service]
        if verdict:
            swarm.system.verdicts[service] = verdict
    assert swarm.look().exit_code == code


@pytest.mark.parametrize(
    ("state", "notes", "code"),
    [
        (Verdict.UP, (), 0),
        (Verdict.UP, ("a note",), 1),
        (Verdict.RETURNING, (), 1),
        (Verdict.STOPPED, (), 1),
        (Verdict.UNSEEN, (), 1),
        (Verdict.UNKNOWN, (), 1),
        (Verdict.DOWN, (), 2),
        (Verdict.DOWN, ("a note",), 2),
    ],
)
def test_each_state_has_its_exit_code(state: Verdict, notes: tuple[str, ...], code: int) -> None:
    """Beside one that is up."""
    rows = tuple(Row("a", each, None, None, None, "system-redis") for each in (Verdict.UP, state))
    found = Overview(rows, notes)
    assert found.exit_code == code
    assert found.as_json()["exit_code"] == code


@pytest.mark.parametrize(("watcher", "unsure"), [("healer", ["rss_agg"]), ("sentinel", [])])
def test_a_watcher_that_does_not_beat_is_a_warning(swarm: Swarm, watcher: str, unsure: list[str]) -> None:
    """Whatever it last said of others may be old."""
    del swarm.system.held["rss_agg"]
    del swarm.system.held[watcher]
    found = swarm.look()
    assert found.notes == (f"{watcher} is not beating: what it last said of others may be old; start it",)
    assert found.exit_code == 1
    assert [row.service for row in found.rows if row.state is Verdict.UNKNOWN and row.service != watcher] == unsure


def test_a_watcher_that_is_known_to_be_down_needs_no_note(swarm: Swarm) -> None:
    """Its row says so, and nobody's last good verdict is believed."""
    del swarm.system.held["healer"]
    swarm.system.verdicts["healer"] = encode(HealerMiss("healer", 31, 30, NOW))
    found = swarm.look()
    assert (found.rows[0].state, found.notes, found.exit_code) == (Verdict.DOWN, (), 2)


def test_a_silent_bus_makes_its_services_unknown(swarm: Swarm) -> None:
    """It is named with its address, and the services of the other bus are seen as ever."""
    swarm.market.up = False
    found = swarm.look()
    assert [row.state for row in found.rows] == ["up", "unknown", "up", "up"]
    assert found.notes == ("market-redis at 127.0.0.1:6380 does not answer: is its redis-server running?",)
    assert found.exit_code == 1


def test_without_system_redis_nothing_can_be_told(swarm: Swarm) -> None:
    """It holds the verdicts."""
    swarm.system.up = False
    with pytest.raises(BusUnreachableError):
        swarm.look()


def test_without_a_truth_nothing_can_be_told(swarm: Swarm) -> None:
    """It says which key is missing and what to run; what cannot be used is told fault by fault."""
    swarm.system.stored = swarm.market.stored = None
    with pytest.raises(BusUnreachableError, match=r"no truth:doc on .*6379.*6380.*: run marketswarm-seed"):
        swarm.look()
    swarm.system.stored = StoredTruth(b"{", None)
    with pytest.raises(BadTruthError):
        swarm.look()


@pytest.mark.parametrize("stored", [None, StoredTruth(b"garbage", None), StoredTruth(b"{}", None)])
def test_the_truth_is_the_one_that_services_run_on(swarm: Swarm, stored: StoredTruth | None) -> None:
    """A bus whose truth is gone or garbage hides nothing as long as the other has it."""
    swarm.system.stored = stored
    assert {row.state for row in swarm.look().rows} == {Verdict.UP}


def test_json_has_all_that_the_table_has(swarm: Swarm) -> None:
    """With numbers as numbers."""
    del swarm.market.held["mesh"]
    found: dict[str, Any] = json.loads(json.dumps(swarm.look().as_json()))
    assert found.keys() == {"exit_code", "services", "notes"}
    assert found["services"][2] == {
        "service": "rss_agg",
        "state": "up",
        "beat_age_sec": 5.0,
        "since": NOW - 60,
        "host": "h1",
        "bus": "system-redis",
        "reason": None,
        "flapping": False,
        "lost_beats": 0,
        "restarts": 0,
        "duplicates": 0,
        "silenced_until": None,
        "acked_by": None,
        "standbys": [],
    }
    assert found["services"][1]["beat_age_sec"] is None


ROWS = (
    Row("healer", Verdict.UP, 0.04, NOW - 60, "a-host", "system-redis"),
    Row("rss_agg", Verdict.DOWN, None, NOW - 24 * 3600, None, "system-redis", reason="crashed"),
    Row("up", Verdict.UNSEEN, None, None, None, "system-redis"),
)


def silenced(swarm: Swarm, subject: str, until: float, field: str | None = None) -> None:
    """Store a silence."""
    made = encode(Silence(subject, NOW - 60, until, by="ann@h1"))
    swarm.system.hashes.setdefault(names.SILENCES, {})[field or subject] = made


def test_a_silence_is_told_beside_the_state_and_changes_nothing(swarm: Swarm) -> None:
    """The later end counts of its own and of that of everything; one that is over is none."""
    silenced(swarm, "rss_agg", NOW + 7200.5)
    silenced(swarm, "sentinel", NOW)
    found = swarm.look()
    assert {row.service: row.silenced_until for row in found.rows if row.silenced_until} == {"rss_agg": NOW + 7200.5}
    assert found.exit_code == 0
    silenced(swarm, "*", NOW + 3600)
    assert {row.service: row.silenced_until for row in swarm.look().rows} == {
        "healer": NOW + 3600,
        "mesh": NOW + 3600,
        "rss_agg": NOW + 7200.5,
        "sentinel": NOW + 3600,
    }


def test_the_silence_of_a_bus_is_none_of_its_services(swarm: Swarm) -> None:
    """They are told of as ever."""
    silenced(swarm, "system-redis", NOW + 3600)
    assert {row.silenced_until for row in swarm.look().rows} == {None}


@pytest.mark.parametrize(
    ("verdict", "by", "shown"),
    [(MISS, "ann@h1", "ann@h1"), (MISS, "", "somebody"), (OK, "ann@h1", None), (None, "ann@h1", None)],
)
def test_an_acknowledgement_is_told_while_the_service_is_down(
    swarm: Swarm, verdict: bytes | None, by: str, shown: str | None
) -> None:
    """The exit code stays that of a service that is down."""
    del swarm.system.held["rss_agg"], swarm.system.verdicts["rss_agg"]
    if verdict:
        swarm.system.verdicts["rss_agg"] = verdict
    swarm.system.hashes[names.ACKS] = {"rss_agg": encode(Ack("rss_agg", NOW - 30, by=by))}
    found = swarm.look()
    assert [row.acked_by for row in found.rows if row.service == "rss_agg"] == [shown]
    assert found.exit_code == (2 if verdict == MISS else 0 if verdict == OK else 1)


def test_an_acknowledgement_of_an_incident_that_is_over_is_none(swarm: Swarm) -> None:
    """Whoever took it away may have been down when the service came back."""
    swarm.system.verdicts["rss_agg"] = MISS
    swarm.system.hashes[names.ACKS] = {"rss_agg": encode(Ack("rss_agg", NOW - 61, by="ann@h1"))}
    assert swarm.row("rss_agg").acked_by is None


def test_junk_among_silences_and_acknowledgements_hides_nothing(swarm: Swarm) -> None:
    """Anybody who may write to the bus may write what it likes."""
    swarm.system.hashes[names.SILENCES] = {"rss_agg": b"junk", "*": b'{"subject":"*"}'}
    swarm.system.hashes[names.ACKS] = {"rss_agg": b"[" * 100_000}
    assert swarm.row("rss_agg") == Row("rss_agg", Verdict.UP, 5.0, NOW - 60, "h1", "system-redis")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"reason": "crashed", "silenced_until": NOW + 7982}, "crashed; silenced until 15:04:00"),
        ({"silenced_until": NOW + 12 * 3600.0}, "silenced until 2025-11-07 00:50:58"),
        ({"reason": "crashed", "acked_by": "ann@h1"}, "crashed; acknowledged by ann@h1"),
        ({"silenced_until": NOW + 1, "acked_by": "ann"}, "silenced until 12:50:59; acknowledged by ann"),
        ({"silenced_until": 1e300, "acked_by": "\x1b[2J\n"}, r"silenced until ?; acknowledged by \x1b[2J\n"),
    ],
)
def test_the_last_column_says_what_keeps_people_from_being_told(row: dict[str, Any], why: str) -> None:
    """After why it is down, the time of day alone where it comes within twelve hours."""
    shown = render(Overview((Row("a", Verdict.DOWN, None, None, "h", "system-redis", **row),), ()), plain)
    assert shown.splitlines()[1].endswith(f"  h     {why}")


def test_people_get_a_table() -> None:
    """Aligned, without white space at the ends, the notes below."""
    assert render(Overview(ROWS, ("look here",)), plain).splitlines() == [
        "service  state   last beat  since                host    why",
        "healer   up      0.0 s ago  12:49:58             a-host",
        "rss_agg  DOWN    -          2025-11-05 12:50:58  -       crashed",
        "up       unseen  -          -                    -",
        "! look here",
    ]


def test_colours_do_not_move_the_columns() -> None:
    """Only the state is painted, and each state in its own colour."""
    lines = render(Overview(ROWS, ()), lambda text, style: f"<{style}>{text}</>").splitlines()
    assert lines[1].startswith("healer   <green>up</>      0.0 s ago")
    assert lines[2].startswith("rss_agg  <bold red>DOWN</>    -")
    assert lines[3].startswith("up       <yellow>unseen</>  -")


def test_no_control_character_reaches_the_terminal(swarm: Swarm) -> None:
    """Anybody who may write to the bus may write what host and what reason it likes."""
    swarm.system.held["rss_agg"] = lease("rss_agg", host="\x1b[2J\x9b\nhealer up")
    swarm.system.verdicts["mesh"] = encode(HeartbeatMiss("mesh", 31.2, 30.0, NOW, reason="\x1b[2J\nup"))
    text = render(swarm.look(), plain)
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    assert len(text.split("\n")) == 1 + len(TRUTH["services"])


@pytest.mark.parametrize(
    "ts",
    [
        pytest.param(NOW * 1000, id="milliseconds"),
        pytest.param(10**18, id="nanoseconds"),
        pytest.param(10**400, id="400 digits"),
        pytest.param(-(10**12), id="before all years"),
    ],
)
def test_an_absurd_time_does_not_hide_the_others(swarm: Swarm, ts: int) -> None:
    """A verdict that somebody else wrote costs its own cell at the most."""
    swarm.system.verdicts["rss_agg"] = b'{"type":"healer_ok","svc":"rss_agg","ts":%d}' % ts
    assert "sentinel" in render(swarm.look(), plain)


@pytest.mark.parametrize(
    ("miss", "age_sec"),
    [
        (HeartbeatMiss("rss_agg", 31.2, 30.0, NOW - 60), 91.2),
        # Never heard: the warm-up is shorter than the timeout, and there was no beat to have an age.
        (HeartbeatMiss("rss_agg", 22.5, 30.0, NOW - 60), None),
    ],
)
def test_one_that_is_down_shows_how_long_it_is_silent(swarm: Swarm, miss: HeartbeatMiss, age_sec: float | None) -> None:
    """Which is what one wants to know then; the lease is gone, but the miss says how late it was."""
    del swarm.system.held["rss_agg"]
    swarm.system.verdicts["rss_agg"] = encode(miss)
    row = swarm.row("rss_agg")
    assert row.state is Verdict.DOWN
    assert row.beat_age_sec == pytest.approx(age_sec)


def a_singleton(swarm: Swarm, *others: str, **until: int) -> None:
    """Make rss_agg one, with a process on each of these hosts that stands by until so many seconds from now."""
    document = json.loads(json.dumps(TRUTH))
    for name in ("rss_agg", *others):
        document["services"][name]["singleton"] = True
    for bus in (swarm.system, swarm.market):
        bus.stored = StoredTruth(json.dumps(document).encode(), "x")
    swarm.market.hashes["rss_agg:standbys"] = {
        host: json.dumps({"host": host, "until": (NOW + left) * 1000}).encode() for host, left in until.items()
    }


def test_of_a_singleton_it_is_said_who_stands_by(swarm: Swarm) -> None:
    """Not who did: nobody may have cleared that away. That nobody does is no fault."""
    a_singleton(swarm)
    assert (swarm.row("rss_agg").standbys, swarm.look().exit_code) == ((), 0)
    a_singleton(swarm, h3=5, h2=1, gone=-1, last=0)
    found = swarm.look()
    assert swarm.row("rss_agg").standbys == ("h2", "h3")
    assert "h1 (standby: h2, h3)" in render(found, plain)
    assert found.as_json()["services"][2]["standbys"] == ("h2", "h3")
    assert found.exit_code == 0


def test_all_singletons_are_asked_for_at_once(swarm: Swarm) -> None:
    """A bus that takes its time holds up no other: each answers here when both were asked."""
    a_singleton(swarm, "sentinel", h2=5)
    swarm.system.together = swarm.market.together = asyncio.Barrier(2)
    assert swarm.row("rss_agg").standbys == ("h2",)


def test_a_bus_that_does_not_say_who_stands_by_is_no_trouble(swarm: Swarm) -> None:
    """Nor is what another program wrote there."""
    a_singleton(swarm, h2=5)
    swarm.market.hashes["rss_agg:standbys"]["x"] = b"junk"
    assert swarm.row("rss_agg").standbys == ("h2",)
    swarm.market.up = False
    swarm.market.held = {}
    assert swarm.row("rss_agg").standbys == ()
