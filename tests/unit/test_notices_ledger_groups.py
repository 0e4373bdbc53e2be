"""Groups, what has no end, what is read twice or from memory, clocks that step, services that leave the truth.

Scripts as in test_notices_ledger.
"""

import pytest
from ledgers import Script

from marketswarm.notices.policy import Policy

EAGER = Policy(rate_limit_sec=0.0, remind_sec=None)
USUAL = Policy(rate_limit_sec=60.0, remind_sec=1000.0)
STORM = "0 storm bus g; 0 miss a g; 0 miss b g; 0 miss c g"
TOLD = "0 mass_miss bus"


def play(policy: Policy, script: str) -> tuple[str, set[str], set[str]]:
    """Play a script to its end; gives what was told, which incidents the bus keeps, what stands there unsettled."""
    paced, played = Script(policy, pace_sec=1.0), Script(policy)
    told = played.play(script)
    assert paced.play(script) == told
    assert paced.bus.pending == played.bus.pending
    return told, set(played.bus.kept), set(played.bus.pending)


@pytest.mark.parametrize(
    ("script", "told", "kept"),
    [
        ("9 ok a g; 9 ok b g; 9 ok c g; 9 calm bus g; 99 end", "9 mass_ok bus", set()),
        ("9 ok b g; 9 ok c g; 9 calm bus g; 99 end", "9 mass_ok bus", {"service a"}),
        ("9 ok b g; 9 ok c g; 9 calm bus g; 1008 end", "9 mass_ok bus", {"service a"}),
        ("9 ok b g; 9 ok c g; 9 calm bus g; 1010 end", "9 mass_ok bus; 1009 STILL a", {"service a"}),
        ("9 ok b g; 9 ok c g; 9 calm bus g; 20 restart; 1010 end", "9 mass_ok bus; 1009 STILL a", {"service a"}),
        ("9 ok b g; 9 ok c g; 9 calm bus g; 20 ok a; 99 end", "9 mass_ok bus; 20 UP a", set()),
        ("9 calm bus other; 99 end", "9 mass_ok bus", {"storm g", "service a", "service b", "service c"}),
        ("5 restart; 9 ok a g; 9 ok b g; 9 ok c g; 9 calm bus g; 99 end", "9 mass_ok bus", set()),
        ("1999 end", "1000 STILL bus", {"storm g", "service a", "service b", "service c"}),
        ("5 ok a; 99 end", "", {"storm g", "service b", "service c"}),
    ],
)
def test_a_storm_is_told_of_once_and_who_is_left_stands_alone(script: str, told: str, kept: set[str]) -> None:
    """Its members are not told of by themselves; while nobody comes back, people are reminded of it as one."""
    assert play(USUAL, f"{STORM}; {script}") == ("; ".join([TOLD, *([told] if told else [])]), kept, set())


@pytest.mark.parametrize(
    ("script", "told", "kept"),
    [
        ("0 silence bus 100", "100 mass_miss bus", {"storm g", "service a", "service b", "service c"}),
        ("0 silence bus 100; 9 ok b g; 9 ok c g; 9 calm bus g", "9 DOWN a", {"service a"}),
        ("0 silence bus 100; 9 ok b g; 9 ok c g; 9 calm bus g; 20 ok a", "9 DOWN a; 20 UP a", set()),
        ("0 silence * 100; 9 ok b g; 9 ok c g; 9 calm bus g", "100 DOWN a", {"service a"}),
        ("0 silence * 100; 9 ok b g; 9 ok c g; 9 calm bus g; 20 restart", "100 DOWN a", {"service a"}),
        ("0 silence * 100; 9 ok b g; 9 ok c g; 9 calm bus g; 20 ok a", "", set()),
        ("0 silence * 100; 9 ok a g; 9 ok b g; 9 ok c g; 9 calm bus g", "", set()),
    ],
)
def test_who_is_left_of_a_storm_that_nobody_was_told_of_is_told_of(script: str, told: str, kept: set[str]) -> None:
    """As one that goes dark by itself is, with its own silence."""
    begin, *rest = script.split("; ")
    assert play(EAGER, "; ".join([begin, STORM, *rest, "300 end"])) == (told, kept, set())


@pytest.mark.parametrize(
    ("script", "told", "kept"),
    [
        ("1 ok a flapping; 2 miss a flapping; 3 ok a flapping; 9 stable a up; 99 end", "9 stable a", set()),
        ("1 ok a flapping; 2 miss a flapping; 9 stable a down; 99 end", "9 stable a", {"service a"}),
        ("1 ok a flapping; 2 miss a flapping; 9 stable a down; 20 ok a; 99 end", "9 stable a; 20 UP a", set()),
        (
            "1 ok a flapping; 2 miss a flapping; 5 restart; 9 stable a down; 1010 end",
            "9 stable a; 1009 STILL a",
            {"service a"},
        ),
        ("1 ok a flapping; 2 miss a flapping; 1500 end", "1001 STILL a", {"flapping a", "service a"}),
    ],
)
def test_a_service_that_flaps_is_told_of_when_it_begins_and_when_it_is_over(
    script: str, told: str, kept: set[str]
) -> None:
    """Where it is down by then it stands by itself."""
    said = "; ".join(["0 DOWN a; 1 flapping a", *([told] if told else [])])
    assert play(USUAL, f"0 miss a; 1 flapping a; {script}") == (said, kept, set())


@pytest.mark.parametrize(
    "script",
    ["0 failed a", "0 drifted a", "0 restarted a", "0 doubled a"],
)
def test_what_has_no_end_is_told_once_and_forgotten(script: str) -> None:
    """After the rate limit nothing of it is kept; nobody is reminded of it."""
    told, kept, _ = play(USUAL, f"{script}; 59 end")
    assert (len(told.split("; ")), len(kept)) == (1, 1)
    assert play(USUAL, f"{script}; 60 end; 2000 end") == (told, set(), set())


@pytest.mark.parametrize("script", ["0 failed a", "0 drifted a", "0 restarted a", "0 doubled a"])
def test_of_what_repeats_within_the_rate_limit_the_latest_is_told(script: str) -> None:
    """It says as much as those before it."""
    words = script.split(maxsplit=1)[1]
    told, kept, pending = play(USUAL, f"0 {words}; 20 {words}; 40 {words}; 59 end")
    assert (len(told.split("; ")), len(pending)) == (1, 1)
    told, kept, pending = play(USUAL, f"0 {words}; 20 {words}; 40 {words}; 60 end; 120 end")
    assert ([line.split()[0] for line in told.split("; ")], kept, pending) == (["0", "60"], set(), set())


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("0 miss a; 0 again; 0 again; 99 end", "0 DOWN a"),
        ("0 miss a; 5 again; 99 end", "0 DOWN a"),
        ("0 miss a; 5 restart; 6 again; 99 end", "0 DOWN a"),
        ("0 miss a; 5 ok a; 6 again; 99 end", "0 DOWN a; 5 UP a"),
        ("0 failed a; 0 again; 1 restart; 99 end", "0 unit_failed a"),
        ("0 away; 0 failed a; 1 again; 2 back; 3 restart; 99 end", "2 unit_failed a"),
        ("0 away; 0 miss a; 1 again; 2 restart; 3 back; 4 restart; 99 end", "3 DOWN a"),
        ("0 silence a 50; 0 miss a; 1 again; 60 restart; 99 end", "50 DOWN a"),
        ("0 silence a 50; 0 miss a; 1 again; 2 ok a; 60 restart; 99 end", ""),
        ("0 silence a 50; 0 miss a; 1 restart; 99 end", "50 DOWN a"),
        ("0 miss a g; 1 again; 99 end", ""),
    ],
)
def test_what_is_read_again_is_not_told_again(script: str, told: str) -> None:
    """However often the log has it; nothing of it is left behind."""
    assert play(EAGER, script)[::2] == (told, set())


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("0 miss a; 9 ok a; 20 sees; 99 end", "0 DOWN a; 9 UP a"),
        ("0 miss a; 20 sees; 25 restart; 30 ok a; 99 end", "0 DOWN a; 30 UP a"),
        ("0 away; 0 miss a; 9 ok a; 20 sees; 25 restart; 30 back; 99 end", "30 DOWN a; 30 UP a"),
        ("0 silence a 50; 0 miss a; 20 sees; 25 end; 60 restart; 99 end", "50 DOWN a"),
        ("0 silence a 50; 0 miss a; 9 ok a; 60 sees; 61 restart; 99 end", ""),
        ("0 silence a 50; 0 miss a; 9 ok a; 20 miss a; 60 sees; 61 restart; 99 end", "50 DOWN a"),
        ("0 miss a; 1 ok a; 2 miss a; 3 ok a; 90 end; 99 sees; 100 restart; 200 end", "0 DOWN a; 1 UP a; 3 UP a"),
        (
            "0 restarted a; 1 restarted a; 90 end; 99 sees; 100 restart; 200 end",
            "0 service_restarted a; 60 service_restarted a",
        ),
        (
            "0 storm bus g; 0 miss a g; 1 calm bus g; 50 ok a; 60 sees; 61 restart; 99 end",
            "0 mass_miss bus; 1 mass_ok bus; 50 UP a",
        ),
    ],
)
def test_what_the_bus_does_not_take_is_told_from_memory_and_once(script: str, told: str) -> None:
    """It is read over and over while the bus is away, and from the log when that has it; then nothing is left."""
    assert play(USUAL, f"0 blind; {script}")[::2] == (told, set())


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("0 miss a; 10 clock -86400; 75 end", "0 DOWN a; 70 STILL a"),
        ("0 miss a; 10 clock 86400; 75 end", "0 DOWN a; 10 STILL a; 70 STILL a"),
        ("0 miss a; 10 clock 86400; 20 clock -86400; 85 end", "0 DOWN a; 10 STILL a; 80 STILL a"),
        ("0 miss a; 10 clock -86400; 20 clock 86400; 85 end", "0 DOWN a; 20 STILL a; 80 STILL a"),
        ("0 miss a; 10 clock -86400; 20 restart; 85 end", "0 DOWN a; 80 STILL a"),
        ("0 miss a; 10 clock -86400; 20 ok a", "0 DOWN a; 20 UP a"),
        ("0 miss a; 10 ok a; 20 clock -86400; 30 miss a; 40 ok a", "0 DOWN a; 10 UP a; 30 DOWN a; 40 UP a"),
    ],
)
def test_a_clock_that_is_stepped_a_day_puts_off_nothing(script: str, told: str) -> None:
    """At worst it brings one reminder early, or has one counted anew from a restart."""
    assert play(Policy(rate_limit_sec=60.0, remind_sec=60.0), script)[0] == told


@pytest.mark.parametrize(
    ("script", "told", "kept"),
    [
        ("0 miss a; 5 restart b; 2000 end", "0 DOWN a", set()),
        ("0 miss a; 5 restart a b; 999 end", "0 DOWN a", {"service a"}),
        ("0 silence a 50; 0 miss a; 5 restart b; 99 end", "", set()),
        ("0 silence a 50; 0 miss a; 5 restart b; 6 restart a b; 99 end", "", set()),
        ("0 silence a 50; 0 miss a; 5 restart a; 99 end", "50 DOWN a", {"service a"}),
        ("0 storm bus g; 0 miss a g; 5 restart b; 99 end", "0 mass_miss bus", {"storm g"}),
        ("0 away; 0 miss a; 5 restart b; 9 back; 99 end", "9 DOWN a", {"service a"}),
        ("0 lost a; 5 restart b; 99 end", "0 bus_lost a", {"bus a"}),
    ],
)
def test_nobody_is_told_of_a_service_that_left_the_truth(script: str, told: str, kept: set[str]) -> None:
    """Nor reminded; what was on its way arrives, and buses and groups are no services."""
    assert play(USUAL, script) == (told, kept, set())
