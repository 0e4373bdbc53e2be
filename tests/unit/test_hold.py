"""What a process knows of its hold on a singleton, on a clock of the test's own."""

import pytest

from marketswarm.daemon.hold import Hold

LEASE_SEC = 9.0
ASKED = 100.0
END = ASKED + LEASE_SEC


def held(token: int = 7) -> Hold:
    """Have the bus give it."""
    hold = Hold(LEASE_SEC)
    hold.taken(token, ASKED)
    return hold


def test_who_was_given_nothing_owns_nothing() -> None:
    """Whatever the clock says; and it is not cut off from what it never had."""
    hold = Hold(LEASE_SEC)
    hold.unanswered(ASKED)
    assert (hold.token, hold.owns(ASKED), hold.owns(0.0), hold.cut_off) == (0, False, False, False)


@pytest.mark.parametrize(
    ("now", "owns"), [(ASKED, True), (END - 0.001, True), (END, False), (END + 0.001, False), (END + 1000, False)]
)
def test_a_hold_ends_with_the_lease(now: float, *, owns: bool) -> None:
    """It counts from when the bus was asked, not from its answer: the bus cannot have begun sooner."""
    assert held().owns(now) is owns


@pytest.mark.parametrize(
    ("now", "expected"), [(ASKED, 3.0), (ASKED + 2.5, 0.5), (ASKED + 3.0, 0.0), (ASKED + 3.5, 0.0), (END + 1, 0.0)]
)
def test_it_is_to_be_renewed_when_a_third_is_over(now: float, expected: float) -> None:
    """So one renewal that fails, and another, do no harm."""
    assert held().renew_in_sec(now) == expected


def test_a_renewal_lengthens_it() -> None:
    """By a lease from the new question."""
    hold = held()
    hold.taken(7, ASKED + 3)
    assert (hold.owns(END), hold.owns(END + 3)) == (True, False)


def test_an_answer_that_came_too_late_gives_nothing() -> None:
    """A process that was stopped before it read the answer: by then another may own it."""
    hold = Hold(LEASE_SEC)
    hold.taken(7, ASKED)
    assert not hold.owns(END + 5)
    assert not hold.cut_off


def test_a_refusal_ends_it_at_once() -> None:
    """Though the lease would hold; the token is remembered, since the bus may know it still."""
    hold = held()
    hold.refused()
    assert (hold.owns(ASKED), hold.left_sec(ASKED), hold.token) == (False, 0.0, 7)


@pytest.mark.parametrize(("asked", "cut_off"), [(END - 0.001, False), (END, True), (END + 0.001, True)])
def test_who_gets_no_answer_after_the_end_is_cut_off(asked: float, *, cut_off: bool) -> None:
    """Before the end it owns; from then on it knows of nobody who does, and only if it has asked."""
    hold = held()
    assert not hold.cut_off
    hold.unanswered(asked)
    assert hold.cut_off is cut_off


@pytest.mark.parametrize("answer", [lambda hold: hold.refused(), lambda hold: hold.taken(7, END + 2)])
def test_an_answer_ends_being_cut_off(answer: object) -> None:
    """Whichever it is."""
    hold = held()
    hold.unanswered(END + 1)
    assert callable(answer)
    answer(hold)
    assert not hold.cut_off


def test_who_was_refused_is_not_cut_off_later() -> None:
    """The last that it knows is that another owns it."""
    hold = held()
    hold.refused()
    hold.unanswered(END + 1)
    assert not hold.cut_off
