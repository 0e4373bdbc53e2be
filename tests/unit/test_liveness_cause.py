"""Why a service is silent, as far as its own host can know."""

import itertools

import pytest

from marketswarm.liveness import Cause, Process, cause

YES_OR_NO = (False, True)


@pytest.mark.parametrize(
    ("process", "goodbye", "connected", "unit_active", "expected"),
    [
        (Process.GONE, False, False, False, "crashed"),
        (Process.GONE, False, False, True, "restarting"),
        (Process.GONE, True, False, False, "stopped"),
        (Process.GONE, True, False, True, "restarting"),  # somebody restarts it, and it does not come
        (Process.RUNS, False, True, False, "wedged"),
        (Process.RUNS, False, False, False, "unknown"),  # it cannot reach its bus
        (Process.RUNS, True, True, False, "stopped"),
        (Process.UNKNOWN, False, True, False, "wedged"),  # on another host, and seen on the bus
        (Process.UNKNOWN, False, False, False, "unknown"),
        (Process.UNKNOWN, True, False, False, "stopped"),
    ],
)
def test_the_reason_of_a_miss(
    process: Process, expected: str, *, goodbye: bool, connected: bool, unit_active: bool
) -> None:
    """By its last words, its process, its connections to the bus, and its unit."""
    assert cause(process, goodbye=goodbye, connected=connected, unit_active=unit_active) == expected


@pytest.mark.parametrize("process", [Process.RUNS, Process.UNKNOWN])
@pytest.mark.parametrize("goodbye", YES_OR_NO)
@pytest.mark.parametrize("connected", YES_OR_NO)
def test_a_unit_says_nothing_of_a_process_that_is_not_known_to_be_gone(
    process: Process, *, goodbye: bool, connected: bool
) -> None:
    """A unit of the same name on this host need not be the one that beats."""
    told = [cause(process, goodbye=goodbye, connected=connected, unit_active=active) for active in YES_OR_NO]
    assert told[0] is told[1]
    assert told[0] not in (Cause.CRASHED, Cause.RESTARTING)


def test_a_process_that_is_gone_is_not_wedged() -> None:
    """Whoever is connected under its name."""
    for goodbye, active in itertools.product(YES_OR_NO, YES_OR_NO):
        told = [cause(Process.GONE, goodbye=goodbye, connected=seen, unit_active=active) for seen in YES_OR_NO]
        assert told[0] is told[1]


def test_the_reasons_are_the_words_of_the_alerts() -> None:
    """Programs rely on them."""
    assert [str(one) for one in Cause] == ["stopped", "crashed", "restarting", "wedged", "unknown"]
