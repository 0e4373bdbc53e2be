"""Most of a bus's services going dark at once."""

import pytest

from marketswarm.liveness import Silence, Storm
from marketswarm.liveness.storm import LEAST, of_most

SETTLE_SEC = 15.0


@pytest.mark.parametrize(
    ("silent", "watched", "most"),
    [
        (0, 0, False),
        (1, 1, False),
        (2, 2, False),
        (3, 3, True),
        (3, 5, True),
        (3, 6, False),
        (4, 6, True),
        (500, 1000, False),
        (501, 1000, True),
    ],
)
def test_most_is_more_than_half_and_no_few(silent: int, watched: int, *, most: bool) -> None:
    """Fewer than three are told of one by one, whatever part of all they are."""
    assert of_most(silent, watched) is most
    assert Silence(tuple(range(silent)), watched).of_most is most


def test_the_least_is_three() -> None:
    """A bus with two services has no crowd."""
    assert LEAST == 3


def storm(*members: int) -> Storm:
    """Make a storm that was told of at 100."""
    return Storm("market-redis@1", 100.0, SETTLE_SEC, set(members))


@pytest.mark.parametrize(("heard", "takes"), [(70, True), (100, True), (100.1, False), (500, False)])
def test_it_takes_members_who_are_silent_since_it_began(heard: float, *, takes: bool) -> None:
    """A member that has beaten since goes dark by itself, however long the storm lasts for others."""
    assert storm(1, 2).takes(1, heard) is takes
    assert not storm(1, 2).takes(3, heard)


def test_one_from_before_a_restart_takes_nobody_more() -> None:
    """Its members are known to be dark; who goes dark now goes by itself."""
    recalled = Storm("market-redis@1", float("-inf"), SETTLE_SEC, {1})
    assert not recalled.takes(1, -1e9)
    assert recalled.back(1, 5)


def test_it_knows_who_is_back() -> None:
    """Each member once; a stranger never."""
    one = storm(1, 2)
    assert one.back(1, 110)
    assert not one.back(1, 111)
    assert not one.back(3, 112)
    assert (one.members, one.returned) == ({2}, 1)


def test_it_is_not_over_before_anybody_is_back() -> None:
    """However long that takes."""
    assert not storm(1, 2).over(1e9)
    assert not storm().over(1e9)


def test_it_is_over_when_all_are_back() -> None:
    """At once: nobody has to be waited for."""
    one = storm(1, 2)
    one.back(1, 110)
    assert not one.over(111)
    one.back(2, 112)
    assert one.over(112)


@pytest.mark.parametrize(("now", "over"), [(110 + SETTLE_SEC - 0.001, False), (110 + SETTLE_SEC, True)])
def test_it_is_over_when_nobody_comes_back_any_more(now: float, *, over: bool) -> None:
    """For as long as those who come take to."""
    one = storm(1, 2)
    one.back(1, 110)
    assert one.over(now) is over


def test_each_return_makes_it_last() -> None:
    """Those who come back late belong to it."""
    one = storm(1, 2, 3)
    one.back(1, 110)
    one.back(2, 120)
    assert not one.over(120 + SETTLE_SEC - 0.001)
    assert one.over(120 + SETTLE_SEC)
    assert (one.members, one.returned) == ({3}, 2)
