"""Who is told to run on another truth than healer, and who is not."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from marketswarm.errors import BusUnreachableError
from marketswarm.messages import Heartbeat, encode
from marketswarm.services.watching import drifts as module
from marketswarm.services.watching.drifts import GRACE_SEC, LOOK_SEC, Comparer, Drifts

MINE, OLD, OTHER = ("a" * 64, "b" * 64, "c" * 64)
AT_ONCE_SEC = 2.0**-30
GONE = BusUnreachableError("gone")


def beat(i: int, truth: str = OLD, service: str = "mesh", *, bye: bool = False) -> Heartbeat:
    """The ``i``-th beat of a process."""
    return Heartbeat(service, i, float(i), boot="b", truth=truth, bye=bye)


def told(looks: Iterable[tuple[float, Heartbeat | str]], drifts: Drifts | None = None) -> list[float]:
    """Look at these moments, first to find this beat in the lease; returns when mesh was told of.

    Instead of a beat: "right", "unknown", "nothing" (known of anybody), or what healer runs on from then on.
    """
    drifts = drifts or Drifts()
    drifts.compare_with(MINE)
    found, last_look = [], 0.0
    for now, seen in looks:
        if isinstance(seen, Heartbeat):
            found += [now] * bool(drifts.wrong("mesh", seen, now, last_look))
        elif seen == "right":
            drifts.right("mesh")
        elif seen == "unknown":
            drifts.unknown("mesh")
        elif seen == "nothing":
            drifts.nothing_known()
        else:
            drifts.compare_with(seen)
        last_look = now
    return found


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(100, beat(1)), (100 + GRACE_SEC - 0.1, beat(2)), (200, beat(2))], []),
        ([(100, beat(1)), (100 + GRACE_SEC - 0.1, beat(2)), (200, beat(3))], []),
        ([(100, beat(1)), (100 + GRACE_SEC, beat(2)), (200, beat(3))], [200]),
        ([(100, beat(1)), (100 + GRACE_SEC + 0.1, beat(2)), (200, beat(3))], [200]),
    ],
    ids=["no later beat", "just before", "at", "just after"],
)
def test_a_beat_counts_from_the_last_look_at_which_it_was_not_there(
    looks: list[tuple[float, Heartbeat]], expected: list[float]
) -> None:
    """It was sent after that: a grace after the other truth was first seen at least, or nobody is told."""
    assert told(looks) == expected


EVERY_LOOK = [(LOOK_SEC * look, beat(look)) for look in range(1, 20)]
FIRST = LOOK_SEC * (1 + GRACE_SEC // LOOK_SEC + 2)
"""The first look that is told of: the one after the last that was within the grace."""


def test_who_stays_on_an_older_truth_is_told_once() -> None:
    """However long it stays."""
    assert told(EVERY_LOOK) == [FIRST]


def test_who_beats_seldom_is_not_told_before_it_could_say_that_it_has_followed() -> None:
    """One beat that names the old truth stands in the lease for five minutes; the next one tells."""
    old = [(LOOK_SEC * look, beat(1)) for look in range(1, 20)]
    assert told([*old, (320, "right")]) == []
    assert told([*old, (320, beat(2))]) == [320]


def test_who_beats_seldom_and_just_before_it_followed_is_not_told() -> None:
    """A beat that was sent within the grace proves nothing, even if it stands in the lease for long."""
    first = [(LOOK_SEC, beat(1)), (2 * LOOK_SEC, beat(2))]
    assert told([*first, *((LOOK_SEC * look, beat(2)) for look in range(3, 20))]) == []


@pytest.mark.parametrize(
    "between", ["right", "unknown", "nothing", OTHER], ids=["right", "unknown", "nothing", "another"]
)
def test_whatever_comes_between_begins_the_grace_anew(between: str) -> None:
    """It followed, stopped, could not be looked at, or healer itself runs on another truth now."""
    half = len([look for look, _ in EVERY_LOOK if look < FIRST])
    again = [(now + FIRST, seen) for now, seen in EVERY_LOOK]
    assert told([*EVERY_LOOK[:half], (FIRST, between), *again]) == [FIRST + FIRST]


@pytest.mark.parametrize(
    ("between", "expected"),
    [("right", [FIRST, 1000 + FIRST]), ("unknown", [FIRST]), ("nothing", [FIRST]), (OTHER, [FIRST, 1000 + FIRST])],
    ids=["right", "unknown", "nothing", "another"],
)
def test_who_was_told_is_told_again_only_for_another_reason(between: str, expected: list[float]) -> None:
    """It was right meanwhile, or healer runs on another truth than was told."""
    again = [(now + 1000, seen) for now, seen in EVERY_LOOK]
    assert told([*EVERY_LOOK, (1000, between), *again]) == expected


def test_the_end_is_told_to_those_who_were_told_of_the_beginning() -> None:
    """Also where healer has come to what the service runs on."""
    drifts = Drifts()
    assert [drifts.right("mesh"), told(EVERY_LOOK[:2], drifts), drifts.right("mesh")] == [False, [], False]
    told(EVERY_LOOK, drifts)
    drifts.compare_with(OLD)
    assert [drifts.right("mesh"), drifts.right("mesh")] == [True, False]


def test_it_says_both_truths_and_what_to_do() -> None:
    """Short enough for a line."""
    drifts = Drifts()
    drifts.compare_with(MINE)
    drifts.wrong("mesh", beat(1), 0, 0)
    assert drifts.wrong("mesh", beat(2), 100, 60) == (
        f"has run on the truth {OLD[:12]} for over 60 s, healer runs on {MINE[:12]}; "
        "see journalctl -u marketswarm@mesh.service, then systemctl restart marketswarm@mesh.service"
    )


class World:
    """A bus, healer's follower and clock; each question to the bus takes no time, and moves the clock by a look."""

    def __init__(self, leases: Callable[[int], dict[str, bytes]], *services: str) -> None:
        """``leases`` gives what the bus holds at each look, from 0 on, or raises."""
        self.name = "system-redis"
        self.running_on = MINE
        self.settled = True
        self.asked: list[list[str]] = []
        self.told: list[tuple[str, str]] = []
        self.told_at: list[int] = []
        """In which looks, from 0 on."""
        self.now = 0.0
        self.leases = leases
        self._services = services

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    async def beats(self, services: Iterable[str]) -> dict[str, bytes]:
        """Answer."""
        self.now += LOOK_SEC
        self.asked.append(list(services))
        await asyncio.sleep(0)
        return self.leases(len(self.asked) - 1)

    def look(self, looks: int) -> list[tuple[str, str]]:
        """Look so often at least; returns who was told of, and how."""

        async def run() -> None:
            task = asyncio.create_task(self._comparer().run())
            for _ in range(looks * 10):
                await asyncio.sleep(0)
            task.cancel()

        asyncio.run(run())
        return self.told

    def _wrong(self, bus: str, _: str, service: str) -> None:
        self.told.append((bus, service))
        self.told_at.append(len(self.asked) - 1)

    def _comparer(self) -> Comparer:
        me = cast("Any", self)
        return Comparer(
            Drifts(),
            me,
            [(me, self._services)],
            me,
            wrong=self._wrong,
            right=lambda service: self.told.append(("right", service)),
            look_sec=AT_ONCE_SEC,
        )


LOOKS = 12


def test_a_service_whose_lease_names_another_truth_is_told_with_its_bus_and_so_is_its_end() -> None:
    """The others are not."""
    world = World(
        lambda look: {
            "mesh": encode(beat(look + 1, OLD if look < LOOKS else MINE)),
            "rss_agg": encode(beat(look + 1, MINE, "rss_agg")),
        },
        "mesh",
        "rss_agg",
    )
    assert world.look(2 * LOOKS) == [("system-redis", "mesh"), ("right", "mesh")]


@pytest.mark.parametrize(
    "lease",
    [
        lambda look: encode(beat(look + 1, "")),
        lambda look: encode(beat(look + 1, bye=True)),
        lambda look: encode(beat(look + 1, service="another")),
        lambda _: b"garbage",
        lambda look: encode(beat(look + 1, OLD if look % 4 else MINE)),
    ],
    ids=["names none", "goodbye", "of another", "garbage", "two in turn"],
)
def test_what_tells_nothing_for_sure_is_not_judged(lease: Callable[[int], bytes]) -> None:
    """Programs of other packages, those that stop, and what is no beat."""
    world = World(lambda look: {"mesh": lease(look)}, "mesh")
    assert world.look(LOOKS) == []


def test_a_lease_that_is_gone_is_not_judged() -> None:
    """Who is started again has its whole grace."""
    world = World(lambda look: {} if look % 4 == 0 else {"mesh": encode(beat(look + 1))}, "mesh")
    assert world.look(LOOKS) == []


def test_of_a_bus_that_does_not_answer_nothing_is_known() -> None:
    """The grace begins anew when it does."""

    def leases(look: int) -> dict[str, bytes]:
        if look % 4 == 0:
            raise GONE
        return {"mesh": encode(beat(look + 1))}

    assert World(leases, "mesh").look(LOOKS) == []


def test_nobody_is_asked_while_the_buses_do_not_hold_what_healer_runs_on() -> None:
    """Healer may be the one that has not followed: then it is the bus that is told of, not every service."""
    world = World(lambda look: {"mesh": encode(beat(look + 1))}, "mesh")
    world.settled = False
    assert (world.look(LOOKS), world.asked) == ([], [])


def test_a_truth_that_healer_comes_to_during_a_look_makes_it_count_for_nothing() -> None:
    """What it was asked for is not what it would be compared with; from then on everybody has a whole grace."""
    world = World(lambda look: {"mesh": encode(beat(look + 1))}, "mesh")
    world.look(LOOKS)
    at = world.told_at[0]
    moving = World(lambda _: {}, "mesh")

    def leases(look: int) -> dict[str, bytes]:
        moving.running_on = MINE if look < at else OTHER
        return {"mesh": encode(beat(look + 1))}

    moving.leases = leases
    moving.look(3 * LOOKS)
    assert moving.told_at == [2 * at + 1]


def test_a_crowd_is_looked_at_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for once a round, in the order of truth."""
    monkeypatch.setattr(module, "AT_A_TIME", 2)
    monkeypatch.setattr(module, "CROWD_SEC", AT_ONCE_SEC)
    world = World(lambda _: {}, "a", "b", "c")
    world.look(4)
    assert world.asked[:4] == [["a", "b"], ["c"], ["a", "b"], ["c"]]
