"""What doctor says of what massive probes."""

from typing import Any

import pytest

from marketswarm.doctor.probing import judge_probes
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Verdict
from marketswarm.errors import BusUnreachableError
from marketswarm.probeview import ProbesView, Row
from marketswarm.probing.result import Result

REMEDIES = Remedies(managed=True)
URL = "tcp://a.test:1"


def row(name: str, *, overdue: bool = False, **found: Any) -> Row:
    """A target that is well, unless something else is said."""
    well: dict[str, Any] = {"ok": True, "step": None, "reason": "", "ms": 1.0, "ts": 1.0, "steps": {}}
    return Row(name, URL, Result(**(well | found)), overdue=overdue)


def failed(name: str) -> Row:
    """One that was announced."""
    return row(name, ok=False, step="tls", reason="expired", failed=True)


@pytest.mark.parametrize(
    ("rows", "verdict", "says"),
    [
        ((row("a"), Row("b", URL)), Verdict.OK, "2 targets, none failed; 1 not probed yet"),
        ((row("a", ok=False, step="tcp", reason="refused"),), Verdict.OK, "1 target, none failed"),
        ((row("a"), failed("b"), failed("c")), Verdict.WARN, "3 targets, 2 failed: b at tls, c at tls"),
        (tuple(failed(name) for name in "abcdefghi"), Verdict.WARN, "9 targets, 9 failed: a at tls, b at tls"),
        ((row("a", days=2.0),), Verdict.WARN, "1 target, 1 odd: a"),
        ((row("a", overdue=True),), Verdict.WARN, "1 target not probed for too long"),
    ],
)
def test_targets_are_judged_as_one(rows: tuple[Row, ...], verdict: Verdict, says: str) -> None:
    """Those that failed are named with their step, as far as a line has room."""
    (check,) = judge_probes(ProbesView(rows), REMEDIES)
    assert check.verdict is verdict
    assert check.found.startswith(says)


def test_nothing_is_said_where_nothing_is_probed() -> None:
    """It is no fault."""
    assert list(judge_probes(ProbesView(), REMEDIES)) == []


def test_a_bus_that_does_not_tell_is_no_fault_of_the_targets() -> None:
    """Another check says what is wrong with it."""
    (check,) = judge_probes(BusUnreachableError("market-redis does not answer"), REMEDIES)
    assert (check.verdict, check.found) == (Verdict.SKIP, "their bus does not tell")
