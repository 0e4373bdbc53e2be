"""Who is a member, how each stands, and what of that is to be stored and told."""

import itertools
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from marketswarm.liveness import Members, State, presence
from marketswarm.liveness.membership import TOMBSTONE_SEC
from marketswarm.messages import LEFT_TRUTH, FullHeartbeat, Member, Presence

UNSEEN, ALIVE, SUSPECTED, FAILED, LEFT = Presence
NOW, WALL = 5_000.0, 1_762_433_458.0
PLACES = {"a": ("system-redis", "a:heartbeat"), "b": ("market-redis", "b")}
FIRST = FullHeartbeat("a", 7, WALL, boot="b1", host="h1", pid=11, version="1", truth="t1")


@pytest.mark.parametrize(
    ("olds", "state", "goodbye", "quiet", "silent", "new"),
    [
        (Presence, State.ALIVE, False, False, False, ALIVE),
        (Presence, State.ALIVE, False, True, True, SUSPECTED),
        ({UNSEEN, ALIVE, FAILED, LEFT}, State.ALIVE, False, False, True, ALIVE),
        ({SUSPECTED}, State.ALIVE, False, False, True, SUSPECTED),
        (Presence, State.ALIVE, True, False, False, LEFT),
        (Presence, State.ALIVE, True, True, True, LEFT),
        ({ALIVE, SUSPECTED, FAILED}, State.MISSED, False, True, True, FAILED),
        ({ALIVE, SUSPECTED, FAILED, LEFT}, State.MISSED, True, True, True, LEFT),
        ({LEFT}, State.MISSED, False, True, True, LEFT),
        ({UNSEEN}, State.MISSED, False, True, True, UNSEEN),
        ({UNSEEN}, State.MISSED, True, True, True, UNSEEN),
    ],
)
def test_how_a_member_stands(
    olds: set[Presence], state: State, *, goodbye: bool, quiet: bool, silent: bool, new: Presence
) -> None:
    """By its judge, its last words and its silence: a goodbye is never a failure, and who was never heard is unseen."""
    assert {presence(old, state, goodbye=goodbye, quiet=quiet, silent=silent) for old in olds} == {new}


@pytest.mark.parametrize("old", Presence)
def test_a_judge_who_has_heard_nothing_yet_changes_nothing(old: Presence) -> None:
    """After a restart of mesh each stands as it stood, until it is heard or convicted."""
    for goodbye, silent in itertools.product((False, True), repeat=2):
        assert presence(old, State.UNSEEN, goodbye=goodbye, quiet=False, silent=silent) is old


def members(
    *known: Member, now: float = NOW, wall: float = WALL, places: Mapping[str, tuple[str, str]] = PLACES
) -> Members:
    """Those that a bus holds, and a truth."""
    found = Members(known, now, wall)
    found.enrol(places, now, wall)
    return found


def store(found: Members, now: float = NOW) -> list[tuple[str, str | None, str]]:
    """Store all that is to be stored; tells of whom, in which state the last one was told, and how it stands."""
    gone, stale = found.forget(now), found.stale()
    told = sorted((member.svc, found.news(member), member.state.value) for member in stale)
    found.keep(stale, gone)
    return told + [(service, None, "gone") for service in gone]


def entry(found: Members, service: str) -> Member:
    """The member of that name."""
    return next(member for member in found.all() if member.svc == service)


def test_whoever_is_in_the_truth_is_unseen_at_first() -> None:
    """It is told, and where it should beat is kept."""
    found = members()
    assert store(found) == [("a", "", "unseen"), ("b", "", "unseen")]
    assert entry(found, "b") == Member(svc="b", state=UNSEEN, since=int(WALL), bus="market-redis", channel="b")
    assert store(found) == []


def test_a_turn_is_told_once_and_says_since_when() -> None:
    """A reason is kept with a failure alone."""
    found = members()
    store(found)
    found.turn("a", ALIVE, WALL + 1)
    found.turn("a", ALIVE, WALL + 2)
    assert entry(found, "a").since == int(WALL) + 1
    assert store(found) == [("a", "unseen", "alive")]
    found.turn("a", FAILED, WALL + 3, "crashed")
    assert entry(found, "a").reason == "crashed"
    found.turn("a", LEFT, WALL + 4, "stopped")
    assert (entry(found, "a").reason, entry(found, "a").since) == ("", int(WALL) + 4)
    assert store(found) == [("a", "alive", "left")]


def test_what_went_and_came_between_two_rounds_is_not_told() -> None:
    """It is as it was, unless another process has come."""
    found = members()
    found.turn("a", ALIVE, WALL)
    store(found)
    found.turn("a", SUSPECTED, WALL + 1)
    found.turn("a", ALIVE, WALL + 2)
    assert store(found) == [("a", None, "alive")]


def alive(identity: FullHeartbeat | None = FIRST) -> Members:
    """A swarm in which a is alive, and known by its lease."""
    found = members()
    found.turn("a", ALIVE, WALL)
    found.identify("a", identity, WALL, anew=True)
    store(found)
    return found


@pytest.mark.parametrize(
    ("changed", "told", "since"),
    [
        ({"i": 8, "ts": WALL + 10}, [], 0),
        ({"truth": "t2"}, [("a", "alive", "alive")], 0),
        ({"version": "2"}, [("a", "alive", "alive")], 0),
        ({"host": "h2"}, [("a", "alive", "alive")], 0),
        ({"boot": "b2", "i": 1}, [("a", "alive", "alive")], 60),
        ({"bye": True, "boot": "b0", "truth": "t0"}, [], 0),
    ],
)
def test_a_change_of_the_process_is_told_and_a_beat_is_not(
    changed: dict[str, object], told: list[object], since: int
) -> None:
    """An idle swarm costs no write. Another process is a new begin; a former one's last words are not the present's."""
    found = alive()
    found.identify("a", replace(FIRST, **changed), WALL + 60, anew=False)
    assert store(found) == told
    assert entry(found, "a").since == int(WALL) + since


def test_the_last_beat_is_known_when_it_is_written() -> None:
    """Its number and time stand beside the failure."""
    found = alive()
    found.identify("a", replace(FIRST, i=9, ts=WALL + 20), WALL + 20, anew=False)
    found.identify("a", None, WALL + 40, anew=False)
    found.turn("a", FAILED, WALL + 50)
    assert (entry(found, "a").i, entry(found, "a").ts, entry(found, "a").boot) == (9, WALL + 20, "b1")


@pytest.mark.parametrize("lease", [None, replace(FIRST, bye=True)])
def test_who_comes_back_without_a_lease_is_not_taken_for_the_former_process(lease: FullHeartbeat | None) -> None:
    """A program that only publishes says not who it is; one whose lease is merely away stays who it was."""
    found = alive()
    found.identify("a", lease, WALL + 1, anew=False)
    assert entry(found, "a").boot == "b1"
    found.turn("a", FAILED, WALL + 2)
    found.identify("a", lease, WALL + 3, anew=True)
    assert entry(found, "a").boot == "b1"
    found.turn("a", ALIVE, WALL + 4)
    found.identify("a", lease, WALL + 4, anew=True)
    assert entry(found, "a") == Member(
        svc="a", state=ALIVE, since=int(WALL) + 4, bus="system-redis", channel="a:heartbeat"
    )


def test_who_is_known_at_last_has_not_come_just_now() -> None:
    """A lease that is read later than the first beat was heard."""
    found = alive(None)
    found.identify("a", FIRST, WALL + 60, anew=False)
    assert (entry(found, "a").boot, entry(found, "a").since) == ("b1", int(WALL))


def test_a_bus_that_was_emptied_gets_all_of_it_and_no_gossip() -> None:
    """Nothing has changed but what the bus holds."""
    found = alive()
    assert found.stored == 2
    found.emptied()
    assert store(found) == [("a", None, "alive"), ("b", None, "unseen")]


def test_a_failed_store_is_made_up_for() -> None:
    """What was not kept is told in the next round, as it is by then."""
    found = members()
    assert len(found.stale()) == 2
    found.turn("a", ALIVE, WALL)
    assert store(found) == [("a", "", "alive"), ("b", "", "unseen")]
    found.turn("a", FAILED, WALL)
    on_its_way = found.stale()
    found.turn("a", LEFT, WALL)
    found.keep(on_its_way)
    assert store(found) == [("a", "failed", "left")]


def test_a_restart_of_mesh_has_nothing_to_tell() -> None:
    """It goes on with what the bus holds."""
    before = alive()
    after = members(*before.all(), now=0, wall=WALL + 100)
    assert store(after, 0) == []
    assert entry(after, "a").since == int(WALL)


def without_b(now: float = NOW, wall: float = WALL) -> Members:
    """A swarm whose truth has lost b."""
    found = members()
    found.turn("b", FAILED, WALL - 100, "crashed")
    store(found)
    found.enrol({"a": PLACES["a"]}, now, wall)
    return found


def test_who_leaves_the_truth_is_kept_as_a_tombstone() -> None:
    """Whatever it was, it has left; and is no member any more."""
    found = without_b(wall=WALL + 5)
    assert [member.svc for member in found.all()] == ["a"]
    (tombstone,) = found.stale()
    assert (tombstone.state, tombstone.reason, tombstone.since) == (LEFT, LEFT_TRUTH, int(WALL) + 5)
    assert tombstone.buried
    assert store(found) == [("b", "failed", "left")]
    found.enrol({"a": PLACES["a"]}, NOW, WALL + 10)
    assert store(found) == []


@pytest.mark.parametrize(
    ("after_sec", "gone"), [(TOMBSTONE_SEC - 1, False), (TOMBSTONE_SEC, True), (TOMBSTONE_SEC + 1, True)]
)
def test_a_tombstone_is_kept_for_a_day(after_sec: float, *, gone: bool) -> None:
    """Then it is dropped, and nobody is told."""
    found = without_b()
    store(found)
    assert store(found, NOW + after_sec) == ([("b", None, "gone")] if gone else [])
    assert found.stored == (1 if gone else 2)


@pytest.mark.parametrize(
    ("ago_sec", "left_sec"),
    [
        (0, TOMBSTONE_SEC),
        (1000, TOMBSTONE_SEC - 1000),
        (TOMBSTONE_SEC - 1, 1),
        (TOMBSTONE_SEC, 0),
        (10 * TOMBSTONE_SEC, 0),
        (-1000, TOMBSTONE_SEC),
        (-(10**9), TOMBSTONE_SEC),
    ],
)
def test_a_restart_keeps_a_tombstone_for_the_rest_of_its_day(ago_sec: float, left_sec: float) -> None:
    """By the wall clock, of which one that went back makes it a day at the most; while mesh runs no clock matters."""
    tombstone = Member(svc="b", state=LEFT, since=int(WALL - ago_sec), reason=LEFT_TRUTH)
    found = members(tombstone, places={})
    assert all(member.since <= WALL for member in found.stale())
    store(found, NOW)
    if left_sec:
        assert store(found, NOW + left_sec - 0.5) == []
    store(found, NOW + left_sec + 0.5)
    assert found.stored == 0


def test_who_comes_back_into_the_truth_is_unseen() -> None:
    """Its tombstone is gone; what was known of its process as well."""
    found = without_b()
    store(found)
    found.enrol(PLACES, NOW + 1, WALL + 1)
    assert store(found) == [("b", "left", "unseen")]
    assert entry(found, "b").reason == ""
    assert store(found, NOW + 2 * TOMBSTONE_SEC) == []


def test_who_left_the_truth_while_mesh_was_away_is_buried_at_its_return() -> None:
    """It is a day from then on."""
    found = members(Member(svc="gone", state=ALIVE, since=int(WALL) - 10**6, boot="b1"))
    assert ("gone", "alive", "left") in store(found)
    assert store(found, NOW + TOMBSTONE_SEC - 1) == []
    assert ("gone", None, "gone") in store(found, NOW + TOMBSTONE_SEC)


def test_a_tombstone_that_could_not_be_dropped_is_dropped_later() -> None:
    """And one that is in the truth again by then is not."""
    found = without_b()
    store(found)
    assert found.forget(NOW + TOMBSTONE_SEC) == ["b"]
    assert found.forget(NOW + TOMBSTONE_SEC) == ["b"]
    found.enrol(PLACES, NOW + TOMBSTONE_SEC, WALL)
    assert found.forget(NOW + TOMBSTONE_SEC) == []
    assert store(found) == [("b", "left", "unseen")]


def test_another_place_is_stored_and_not_told() -> None:
    """Nobody came or went."""
    found = alive()
    found.enrol({**PLACES, "a": ("market-redis", "x")}, NOW, WALL)
    assert store(found) == [("a", None, "alive")]
    assert (entry(found, "a").bus, entry(found, "a").channel) == ("market-redis", "x")


def test_who_stands_by_is_stored_and_is_no_news() -> None:
    """A standby that comes or goes changes nothing about the member."""
    found = members()
    store(found)
    found.stand_by({"a": ("h2", "h3")})
    assert store(found) == [("a", None, "unseen")]
    assert entry(found, "a").standbys == ("h2", "h3")
    found.stand_by({"a": ("h2", "h3")})
    assert store(found) == []
    found.stand_by({"a": ()})
    assert store(found) == [("a", None, "unseen")]


def test_nobody_stands_by_but_for_a_singleton() -> None:
    """Whoever is none any more, and a tombstone, from before a restart of mesh as well."""
    known = [Member(svc=svc, state=ALIVE, since=int(WALL), standbys=("h2",)) for svc in ("a", "b")]
    tombstone = Member(svc="c", state=LEFT, since=int(WALL), reason=LEFT_TRUTH, standbys=("h2",))
    found = members(*known, tombstone)
    store(found)
    found.share({"b"})
    assert [(member.svc, member.standbys) for member in sorted(found.stale(), key=lambda member: member.svc)] == [
        ("a", ()),
        ("c", ()),
    ]
    assert store(found) == [("a", None, "alive"), ("c", None, "left")]
    assert entry(found, "b").standbys == ("h2",)
