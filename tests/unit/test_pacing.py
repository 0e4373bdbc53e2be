"""How often to try, and how often to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.pacing import Backoff, Grace, RateLimit, until_tick


@pytest.mark.parametrize(
    ("now", "period_sec", "expected"),
    [(0.0, 4.0, 4.0), (0.5, 4.0, 3.5), (3.75, 4.0, 0.25), (4.0, 4.0, 4.0), (1001.0, 4.0, 3.0), (7.25, 0.5, 0.25)],
)
def test_loops_of_one_period_wake_together(now: float, period_sec: float, expected: float) -> None:
    """At its multiples, wherever they began; on one of them it is a whole period to the next."""
    assert until_tick(now, period_sec) == expected


@given(now=st.floats(0, 1e9), period_sec=st.floats(1e-3, 1e4))
def test_the_next_tick_is_ahead_and_no_further_than_a_period(now: float, period_sec: float) -> None:
    """A loop that sleeps until then neither spins nor misses a turn."""
    assert 0 < until_tick(now, period_sec) <= period_sec


def delays(backoff: Backoff, count: int) -> list[float]:
    """Take the next delays."""
    return [backoff.next_sec() for _ in range(count)]


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (0.0, [0.5, 1, 2, 4, 5, 5, 5]),
        (0.5, [0.75, 1.5, 3, 6, 7.5, 7.5, 7.5]),
    ],
)
def test_delays_double_up_to_the_cap(chance: float, expected: list[float]) -> None:
    """Half of each is certain, the rest is chance."""
    assert delays(Backoff(lambda: chance, base_sec=1, cap_sec=10), 7) == expected


def test_a_success_starts_over() -> None:
    """The first delay after a reset is the shortest again."""
    backoff = Backoff(lambda: 0, base_sec=1, cap_sec=10)
    assert delays(backoff, 4) == [0.5, 1, 2, 4]
    backoff.reset()
    assert delays(backoff, 2) == [0.5, 1]


@given(
    chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50),
    base_sec=st.floats(0.001, 10),
    cap_sec=st.floats(0.001, 100),
)
def test_a_delay_is_never_over_the_cap_and_never_nothing(chances: list[float], base_sec: float, cap_sec: float) -> None:
    """Whatever chance says, so nobody hammers a bus and nobody sleeps on it."""
    chance = iter(chances)
    backoff = Backoff(lambda: next(chance), base_sec=base_sec, cap_sec=cap_sec)
    for delay in delays(backoff, len(chances)):
        assert min(base_sec, cap_sec) / 2 <= delay <= cap_sec


def test_an_outage_of_months_is_no_overflow() -> None:
    """The delay stays at the cap however often one tries."""
    backoff = Backoff(lambda: 0, base_sec=0.1, cap_sec=1)
    assert set(delays(backoff, 5000)[-100:]) == {0.5}


def test_one_event_a_period_goes_through() -> None:
    """The first at once, the next when the period is over and not a hair before."""
    limit = RateLimit(60)
    assert [limit.allow("a", now) for now in (100, 100, 159.5, 160, 219.5, 220)] == [1, 0, 0, 3, 0, 2]


def test_silence_is_not_counted() -> None:
    """An event long after the last stands for itself, and starts a period of its own."""
    limit = RateLimit(60)
    assert [limit.allow("a", now) for now in (0, 1000, 1059, 1060)] == [1, 1, 0, 2]


def test_keys_do_not_hold_each_other_back() -> None:
    """Each has a period and a count of its own."""
    limit = RateLimit(60)
    assert [limit.allow(key, 0) for key in "aabab"] == [1, 0, 1, 0, 0]
    assert [limit.allow(key, 60) for key in "ab"] == [3, 2]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 50)), max_size=60))
def test_every_event_is_counted_once(events: list[tuple[str, float]]) -> None:
    """What goes through stands for all that were held back before it."""
    limit = RateLimit(60)
    now = 0.0
    for _, pause in events:
        now += pause
    told = sum(limit.allow(key, at) for at, (key, _) in enumerate(events))
    assert told + sum(limit.allow(key, now + 10_000) - 1 for key in "ab") == len(events)


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([(0, "gone"), (14.9, "gone")], []),
        ([(0, "gone"), (15, "gone")], [(15, "gone")]),
        ([(0, "gone"), (15, "gone"), (16, "gone"), (100, "gone")], [(15, "gone")]),
        ([(0, "gone"), (14, None), (15, "gone"), (29, "gone")], []),
        ([(0, "gone"), (15, "gone"), (20, None), (21, None)], [(15, "gone"), (20, None)]),
        ([(0, "gone"), (15, "gone"), (20, None), (21, "gone"), (36, "gone")], [(15, "gone"), (20, None), (36, "gone")]),
        ([(0, "gone"), (10, "old"), (15, "old")], [(15, "old")]),
        ([(0, "gone"), (15, "gone"), (20, "old"), (34, "old"), (35, "old")], [(15, "gone"), (35, "old")]),
        ([(0, "gone"), (15, "gone"), (20, "old"), (22, "gone"), (60, "gone")], [(15, "gone")]),
        ([(0, "gone"), (10, "?"), (15, "gone"), (29, "gone"), (30, "gone")], [(30, "gone")]),
        ([(0, "gone"), (15, "gone"), (20, "?"), (21, "gone"), (60, "gone")], [(15, "gone")]),
        ([(0, "gone"), (15, "gone"), (20, "?"), (21, None)], [(15, "gone"), (21, None)]),
        ([(0, None), (1, "?"), (2, None)], []),
        ([(0, "gone"), (10, "??"), (15, "gone"), (29, "gone"), (30, "gone")], [(30, "gone")]),
        ([(0, "gone"), (15, "gone"), (20, "??"), (21, "gone"), (60, "gone"), (61, None)], [(15, "gone"), (61, None)]),
        ([(0, "gone"), (15, "gone"), (20, "??"), (21, "old"), (35, "old"), (36, "old")], [(15, "gone"), (36, "old")]),
    ],
)
def test_what_is_wrong_is_told_once_it_has_lasted(
    looks: list[tuple[float, str | None]], told: list[tuple[float, str | None]]
) -> None:
    """Once until it was right again; "?" is a look that failed, "??" one of all that there is, None is right."""
    grace = Grace(15)
    found: list[tuple[float, str | None]] = []
    for now, reason in looks:
        if reason == "?":
            grace.unknown("bus")
        elif reason == "??":
            grace.all_unknown()
        elif reason is None:
            found += [(now, None)] * grace.right("bus")
        else:
            found += [(now, reason)] * grace.wrong("bus", reason, now)
    assert found == told


def test_each_thing_has_a_grace_of_its_own() -> None:
    """One that is wrong says nothing of another."""
    grace = Grace(15)
    assert [grace.wrong("a", "gone", 0), grace.wrong("b", "gone", 10), grace.wrong("a", "gone", 15)] == [
        False,
        False,
        True,
    ]
    assert not grace.right("b")
