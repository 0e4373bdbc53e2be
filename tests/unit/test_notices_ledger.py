"""What people are told when: silences, acknowledgements, maintenance, escalation, reminders, the rate limit.

Each row is a script of ``second word ..`` and what is told in the same form: DOWN, UP and STILL, or an alert's type.
A script is played twice, by the times that the ledger names and with a look each second: the two must tell alike.
"""

import pytest
from ledgers import Script

from marketswarm.notices.policy import Policy

EAGER = Policy(rate_limit_sec=0.0, remind_sec=None)


def check(policy: Policy, script: str, expected: str) -> None:
    """Play a script both ways."""
    assert [Script(policy).play(script), Script(policy, pace_sec=1.0).play(script)] == [expected, expected]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 miss mesh; 60 ok mesh; 900 end", "0 DOWN mesh; 60 UP mesh"),
        ("0 healer-miss; 60 healer-ok", "0 DOWN healer; 60 UP healer"),
        ("0 miss mesh; 1 miss massive; 2 ok mesh", "0 DOWN mesh; 1 DOWN massive; 2 UP mesh"),
        ("0 lost market-redis; 9 heard market-redis", "0 bus_lost market-redis; 9 bus_ok market-redis"),
        ("0 bad broker; 9 good broker", "0 probe_failed massive/broker; 9 probe_ok massive/broker"),
        ("0 bad broker; 9 good broker dropped", "0 probe_failed massive/broker; 9 probe_ok massive/broker"),
        ("0 bad a; 1 bad b; 9 good a", "0 probe_failed massive/a; 1 probe_failed massive/b; 9 probe_ok massive/a"),
        ("0 bad a; 1 miss massive; 9 good a", "0 probe_failed massive/a; 1 DOWN massive; 9 probe_ok massive/a"),
        ("5 good broker", "5 probe_ok massive/broker"),
        ("5 ok mesh", "5 UP mesh"),
        ("5 heard market-redis", "5 bus_ok market-redis"),
        ("0 miss mesh; 5 ok mesh; 6 ok mesh", "0 DOWN mesh; 5 UP mesh; 6 UP mesh"),
    ],
)
def test_trouble_and_its_end_are_told_at_once(script: str, expected: str) -> None:
    """In their order; an end whose beginning nobody knows of is told as well, once for each time it is announced."""
    check(EAGER, script, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 silence mesh 100; 99 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 silence mesh 100; 100 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 silence mesh 100; 101 miss mesh; 200 end", "101 DOWN mesh"),
        ("0 silence mesh 100; 10 miss mesh; 99 ok mesh; 200 end", ""),
        ("0 silence mesh 100; 10 miss mesh; 100 ok mesh; 200 end", "100 DOWN mesh; 100 UP mesh"),
        ("0 silence mesh 100; 10 miss mesh; 101 ok mesh; 200 end", "100 DOWN mesh; 101 UP mesh"),
        ("0 silence mesh 100; 10 miss mesh; 20 ok mesh; 30 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 silence mesh 100; 10 miss mesh; 20 unsilence mesh; 200 end", "20 DOWN mesh"),
        ("0 silence mesh 100; 10 miss mesh; 20 silence mesh 150; 200 end", "150 DOWN mesh"),
        ("0 silence mesh 100; 10 miss mesh; 20 silence mesh 30; 200 end", "30 DOWN mesh"),
        ("0 silence * 100; 10 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 silence * 100; 0 silence mesh 150; 10 miss mesh; 200 end", "150 DOWN mesh"),
        ("0 silence * 150; 0 silence mesh 100; 10 miss mesh; 200 end", "150 DOWN mesh"),
        ("0 silence massive 100; 10 miss mesh; 200 end", "10 DOWN mesh"),
        (
            "0 silence market-redis 100; 10 miss mesh; 11 lost market-redis; 200 end",
            "10 DOWN mesh; 100 bus_lost market-redis",
        ),
        ("0 silence mesh 100; 10 failed mesh; 200 end", "100 unit_failed mesh"),
        (
            "0 silence massive/a 100; 10 bad a; 11 bad b; 200 end",
            "11 probe_failed massive/b; 100 probe_failed massive/a",
        ),
        ("0 silence massive/a 100; 10 bad a; 99 good a; 200 end", ""),
        ("0 silence massive 100; 10 bad a; 200 end", "10 probe_failed massive/a"),
        ("0 silence mesh 100; 10 miss mesh; 50 restart; 200 end", "100 DOWN mesh"),
        ("0 silence mesh 100; 10 miss mesh; 50 restart; 60 ok mesh; 200 end", ""),
    ],
)
def test_nobody_is_told_during_a_silence(script: str, expected: str) -> None:
    """What lasts is told when it ends, to the second; what is over by then, never."""
    check(EAGER, script, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 miss mesh; 10 silence mesh 100; 20 ok mesh; 200 end", "0 DOWN mesh; 20 UP mesh"),
        ("0 miss mesh; 10 silence * 100; 20 ok mesh; 200 end", "0 DOWN mesh; 20 UP mesh"),
        ("0 miss mesh; 10 silence mesh 100; 15 restart; 20 ok mesh; 200 end", "0 DOWN mesh; 20 UP mesh"),
        ("0 away; 0 miss mesh; 10 silence mesh 100; 20 ok mesh; 30 back", "30 DOWN mesh; 30 UP mesh"),
        ("0 miss mesh; 10 maintain mesh 0 100; 20 ok mesh; 200 end", "0 DOWN mesh; 20 UP mesh"),
        ("0 miss mesh; 10 ack mesh; 20 ok mesh", "0 DOWN mesh; 20 UP mesh"),
        ("0 lost bus; 10 silence bus 100; 20 lost bus; 30 heard bus", "0 bus_lost bus; 30 bus_ok bus"),
        ("0 miss mesh; 10 silence mesh 100; 20 miss mesh; 30 ok mesh", "0 DOWN mesh; 30 UP mesh"),
        ("0 away; 0 miss mesh; 10 silence mesh 100; 20 miss mesh; 30 ok mesh; 40 back", "40 DOWN mesh; 40 UP mesh"),
    ],
)
def test_the_end_of_what_people_know_is_never_silenced(script: str, expected: str) -> None:
    """Be it announced a second time meanwhile, as healer does after a start, or on its way only."""
    check(EAGER, script, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 maintain mesh 50 100; 49 miss mesh; 200 end", "49 DOWN mesh"),
        ("0 maintain mesh 50 100; 50 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 maintain mesh 50 100; 51 miss mesh; 99 ok mesh; 200 end", ""),
        ("0 maintain mesh 50 100; 51 miss mesh; 100 ok mesh; 200 end", "100 DOWN mesh; 100 UP mesh"),
        ("0 maintain mesh 50 100; 100 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 maintain mesh 50 100; 51 miss massive; 200 end", "51 DOWN massive"),
        ("0 maintain mesh 50 100; 0 silence mesh 70; 60 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 maintain mesh 50 100; 0 silence mesh 70; 10 miss mesh; 200 end", "100 DOWN mesh"),
        ("0 maintain mesh 50 100; 0 silence mesh 150; 10 miss mesh; 200 end", "150 DOWN mesh"),
    ],
)
def test_maintenance_is_a_silence_that_was_planned(script: str, expected: str) -> None:
    """From its first second to before its last; the later end of the two counts."""
    check(EAGER, script, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 miss mesh; 59 ok mesh; 200 end", "0 DOWN mesh; 59 UP mesh"),
        ("0 miss mesh; 60 ok mesh; 200 end", "0 DOWN mesh; 60 UP mesh"),
        ("0 miss mesh; 61 ok mesh; 200 end", "0 DOWN mesh; 60 STILL mesh; 61 UP mesh"),
        ("0 miss mesh; 125 end", "0 DOWN mesh; 60 STILL mesh; 120 STILL mesh"),
        ("0 miss mesh; 30 restart; 125 end", "0 DOWN mesh; 60 STILL mesh; 120 STILL mesh"),
        ("0 miss mesh; 90 restart; 125 end", "0 DOWN mesh; 60 STILL mesh; 120 STILL mesh"),
        ("0 silence mesh 50; 10 miss mesh; 115 end", "50 DOWN mesh; 110 STILL mesh"),
        ("0 miss mesh; 10 silence mesh 100; 165 end", "0 DOWN mesh; 100 STILL mesh; 160 STILL mesh"),
        ("0 miss mesh; 10 maintain mesh 50 100; 165 end", "0 DOWN mesh; 100 STILL mesh; 160 STILL mesh"),
        ("0 miss mesh; 10 silence mesh 60; 125 end", "0 DOWN mesh; 60 STILL mesh; 120 STILL mesh"),
        ("0 miss mesh; 50 away; 70 back; 135 end", "0 DOWN mesh; 70 STILL mesh; 130 STILL mesh"),
        ("0 miss mesh; 50 away; 70 ok mesh; 80 back; 200 end", "0 DOWN mesh; 80 UP mesh"),
        ("0 miss mesh; 50 away; 70 ack mesh; 80 back; 200 end", "0 DOWN mesh"),
        ("0 miss mesh; 50 away; 70 silence mesh 90; 80 back; 149 end", "0 DOWN mesh; 90 STILL mesh"),
        ("0 away; 0 miss mesh; 70 end; 80 back; 145 end", "80 DOWN mesh; 140 STILL mesh"),
        ("0 lost bus; 1 failed unit; 119 end", "0 bus_lost bus; 1 unit_failed unit; 60 STILL bus"),
        ("0 lost bus; 61 heard bus; 200 end", "0 bus_lost bus; 60 STILL bus; 61 bus_ok bus"),
        ("0 flapping mesh; 119 end", "0 flapping mesh; 60 STILL mesh"),
        ("0 miss mesh; 10 miss mesh; 80 end", "0 DOWN mesh; 10 DOWN mesh; 70 STILL mesh"),
    ],
)
def test_people_are_reminded_of_what_lasts(script: str, expected: str) -> None:
    """Every minute here since they were last told of it, whatever comes between, and not when they need it no more."""
    check(Policy(rate_limit_sec=0.0, remind_sec=60.0), script, expected)


def test_nobody_is_reminded_where_truth_says_never() -> None:
    """Not after a year."""
    assert Script(EAGER).play("0 miss mesh; 31536000 end") == "0 DOWN mesh"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 miss mesh; 59 ack mesh; 200 end", "0 DOWN mesh"),
        ("0 miss mesh; 60 ack mesh; 200 end", "0 DOWN mesh"),
        ("0 miss mesh; 61 ack mesh; 200 end", "0 DOWN mesh; 60 STILL mesh"),
        ("0 miss mesh; 10 ack massive; 61 end", "0 DOWN mesh; 60 STILL mesh"),
        ("0 miss mesh; 10 ack mesh; 20 restart; 90 end", "0 DOWN mesh"),
        (
            "0 miss mesh; 10 ack mesh; 20 ok mesh; 30 miss mesh; 91 end",
            "0 DOWN mesh; 20 UP mesh; 30 DOWN mesh; 90 STILL mesh",
        ),
        ("0 silence mesh 50; 10 miss mesh; 20 ack mesh; 200 end", ""),
        ("0 silence mesh 50; 10 miss mesh; 20 ack mesh; 60 ok mesh; 200 end", ""),
        ("0 silence mesh 50; 10 restarted mesh; 20 ack mesh; 200 end", ""),
        ("0 silence mesh 50; 10 restarted mesh; 20 ack mesh; 30 restarted mesh; 99 end", "50 service_restarted mesh"),
        ("9 ack mesh; 10 miss mesh; 11 end", "10 DOWN mesh"),
        ("10 ack mesh; 10 miss mesh; 11 end", ""),
    ],
)
def test_an_acknowledgement_stops_reminders_until_the_recovery(script: str, expected: str) -> None:
    """It is of what was announced before it, and of nothing later."""
    check(Policy(rate_limit_sec=0.0, remind_sec=60.0), script, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 miss mesh; 299 ok mesh; 900 end", ""),
        ("0 miss mesh; 300 ok mesh; 900 end", "300 DOWN mesh; 300 UP mesh"),
        ("0 miss mesh; 301 ok mesh; 900 end", "300 DOWN mesh; 301 UP mesh"),
        ("0 miss mesh; 299 ack mesh; 900 end", ""),
        ("0 miss mesh; 300 ack mesh; 900 end", ""),
        ("0 miss mesh; 301 ack mesh; 400 ok mesh", "300 DOWN mesh; 400 UP mesh"),
        ("0 miss mesh; 100 restart; 900 end", "300 DOWN mesh"),
        ("0 miss mesh; 100 silence mesh 200; 900 end", "300 DOWN mesh"),
        ("0 miss mesh; 100 silence mesh 400; 900 end", "400 DOWN mesh"),
        ("0 miss mesh; 200 ok mesh; 250 miss mesh; 900 end", "550 DOWN mesh"),
        ("0 failed unit; 900 end", "300 unit_failed unit"),
        ("0 bad a; 299 good a; 900 end", ""),
        ("0 bad a; 300 good a; 900 end", "300 probe_failed massive/a; 300 probe_ok massive/a"),
        ("0 clock 86400; 0 miss mesh; 10 clock -86400; 30 ok mesh; 900 end", "10 DOWN mesh; 30 UP mesh"),
        ("0 miss mesh; 10 clock 86400; 900 end", "10 DOWN mesh"),
    ],
)
def test_a_target_of_a_later_step_is_told_of_what_lasts_so_long(script: str, expected: str) -> None:
    """Five minutes here; somebody who says that they know stops it. A stepped clock makes it early, and not late."""
    check(Policy(rate_limit_sec=0.0, remind_sec=None, delay_sec=300.0), script, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("0 miss mesh; 5 ok mesh; 59 miss mesh; 99 end", "0 DOWN mesh; 5 UP mesh; 60 DOWN mesh"),
        ("0 miss mesh; 5 ok mesh; 60 miss mesh; 99 end", "0 DOWN mesh; 5 UP mesh; 60 DOWN mesh"),
        ("0 miss mesh; 5 ok mesh; 61 miss mesh; 99 end", "0 DOWN mesh; 5 UP mesh; 61 DOWN mesh"),
        ("0 miss mesh; 5 ok mesh; 9 miss mesh; 59 ok mesh; 99 end", "0 DOWN mesh; 5 UP mesh; 59 UP mesh"),
        ("0 miss mesh; 5 ok mesh; 9 miss mesh; 60 ok mesh", "0 DOWN mesh; 5 UP mesh; 60 DOWN mesh; 60 UP mesh"),
        ("0 miss mesh; 5 ok mesh; 9 miss mesh; 20 restart; 99 end", "0 DOWN mesh; 5 UP mesh; 60 DOWN mesh"),
        ("0 miss mesh; 5 ok mesh; 6 restart; 9 miss mesh; 99 end", "0 DOWN mesh; 5 UP mesh; 60 DOWN mesh"),
        ("0 miss mesh; 9 miss massive; 10 lost mesh", "0 DOWN mesh; 9 DOWN massive; 10 bus_lost mesh"),
        (
            "0 bad a; 5 good a; 9 bad a; 10 bad b; 99 end",
            "0 probe_failed massive/a; 5 probe_ok massive/a; 10 probe_failed massive/b; 60 probe_failed massive/a",
        ),
        (
            "0 restarted mesh; 9 restarted mesh; 59 restarted mesh; 130 end",
            "0 service_restarted mesh; 60 service_restarted mesh",
        ),
        ("0 restarted mesh; 9 doubled mesh", "0 service_restarted mesh; 9 duplicate_instance mesh"),
        (
            "0 miss mesh; 5 ok mesh; 9 miss mesh; 10 silence mesh 40; 20 ok mesh; 50 miss mesh; 99 end",
            "0 DOWN mesh; 5 UP mesh; 60 DOWN mesh",
        ),
        ("0 miss mesh; 5 ok mesh; 9 miss mesh; 10 silence mesh 80; 99 end", "0 DOWN mesh; 5 UP mesh; 80 DOWN mesh"),
        ("0 miss mesh; 5 ok mesh; 6 clock -86400; 9 miss mesh", "0 DOWN mesh; 5 UP mesh; 9 DOWN mesh"),
        ("0 miss mesh; 5 ok mesh; 6 clock 86400; 9 miss mesh", "0 DOWN mesh; 5 UP mesh; 9 DOWN mesh"),
        ("0 away; 0 miss mesh; 5 ok mesh; 50 back; 99 miss mesh; 200 end", "50 DOWN mesh; 50 UP mesh; 110 DOWN mesh"),
    ],
)
def test_misses_of_one_service_and_type_keep_their_distance(script: str, expected: str) -> None:
    """A minute here, from when people were told; ends always pass, and take a miss with them that was held back."""
    check(Policy(rate_limit_sec=60.0, remind_sec=None), script, expected)
