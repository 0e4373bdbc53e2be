"""What buses hold as truth: which document to begin with, which to change to, and what is wrong with the others."""

import json

import pytest

from marketswarm.truth import NOTHING, Held, best, deviation, digest, examine, newer, short


def raw(mark: str) -> bytes:
    """Make a good document that differs from others by its mark."""
    return json.dumps({"services": {"mesh": {}}, "version": mark}).encode()


def seeded(mark: str) -> Held:
    """A document as marketswarm-seed leaves it."""
    return examine(raw(mark), digest(raw(mark)))


A, B = seeded("a"), seeded("b")
UNSEALED = examine(raw("a"), "0" * 64)
GARBAGE = examine(b"garbage", digest(b"garbage"))


def test_a_document_is_whole_with_its_hash_beside_it() -> None:
    """Anything that somebody else wrote differs in one or the other."""
    assert A.whole
    assert not UNSEALED.whole
    assert not examine(raw("a"), None).whole
    assert not GARBAGE.whole
    assert not NOTHING.whole
    assert GARBAGE.faults


def test_what_was_examined_is_not_parsed_again() -> None:
    """Both buses hold the same bytes, look after look."""
    assert examine(raw("a"), digest(raw("a")), [B, A]) is A
    assert examine(raw("a"), "0" * 64, [A]).sealed is False


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([A, B], A),
        ([B, A], B),
        ([NOTHING, B], B),
        ([GARBAGE, B], B),
        ([UNSEALED, B], B),
        ([UNSEALED, GARBAGE], UNSEALED),
        ([GARBAGE, NOTHING], None),
        ([], None),
    ],
)
def test_one_begins_with_the_first_whole_truth(held: list[Held], expected: Held | None) -> None:
    """Garbage on one bus is no reason to stay down while the other has a good one."""
    found = best(held)
    assert (found and found.sha256) == (expected and expected.sha256)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([A, A], None),
        ([B, B], B),
        ([B, A], None),
        ([A, B], None),
        ([NOTHING, NOTHING], None),
        ([GARBAGE, GARBAGE], None),
        ([UNSEALED, UNSEALED], None),
        ([NOTHING, B], B),
        ([GARBAGE, B], B),
        ([B], B),
        ([], None),
    ],
)
def test_one_changes_once_no_bus_holds_the_old_truth_and_one_a_whole_new_one(
    held: list[Held], expected: Held | None
) -> None:
    """From A: a seed between two buses, or one bus with an older truth, moves nobody."""
    found = newer(held, A.sha256)
    assert (found and found.sha256) == (expected and expected.sha256)


@pytest.mark.parametrize(
    ("held", "phrase"),
    [
        (A, None),
        (NOTHING, "holds no truth:doc; run marketswarm-seed"),
        (UNSEALED, "holds a truth:doc that marketswarm-seed did not write, its hash differs; run marketswarm-seed"),
        (B, f"holds another truth, {short(B.sha256)} instead of {short(A.sha256)}; run marketswarm-seed"),
        (GARBAGE, f"holds a truth:doc that is no truth: {GARBAGE.faults[0]}; run marketswarm-seed"),
    ],
)
def test_a_deviation_says_what_and_what_next(held: Held, phrase: str | None) -> None:
    """One phrase behind the name of the bus."""
    assert deviation(held, "truth:doc", A.sha256) == phrase


def test_of_many_faults_one_is_shown_and_the_others_are_counted() -> None:
    """A line of the log stays a line."""
    many = examine(
        json.dumps({"services": {"healer": {"heartbeat": {"interval_sec": 0, "timeout_sec": 0}}}}).encode(), ""
    )
    assert len(many.faults) == 2
    assert "(and 1 more)" in (deviation(many, "truth:doc", A.sha256) or "")
    long = Held("x", "x", None, ("y" * 5000,))
    assert len(deviation(long, "truth:doc", A.sha256) or "") < 300
