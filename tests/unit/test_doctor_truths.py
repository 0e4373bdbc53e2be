"""What the doctor makes of the environment, the truth file, and the truth on the buses."""

import json
from pathlib import Path
from typing import Any

import pytest

from marketswarm import hostfiles
from marketswarm.address import Address
from marketswarm.bus import Lease, StoredTruth
from marketswarm.doctor.buses import BusFound
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Verdict
from marketswarm.doctor.truths import (
    Document,
    judge_agreement,
    judge_environment,
    judge_file,
    judge_followers,
    judge_stored,
    usable,
)
from marketswarm.errors import (
    BadEnvironmentError,
    BusRefusedError,
    BusUnreachableError,
    MarketSwarmError,
    NoTruthFileError,
)
from marketswarm.messages import Heartbeat, encode

FILE = Path("/etc/marketswarm/truth.json")
BY_HAND = Remedies(managed=False, file=FILE)
GOOD = Document.of(b'{"services": {"mesh": {}}}')
OTHER = Document.of(b'{"services": {}}')
OURS = Document.of(hostfiles.find("etc/truth.json").read_bytes())
BAD = Document.of(b'{"services": {"mesh": {"heartbeat": {"interval_sec": -1}}, "MESH": {}}}')


def missing(cause: OSError) -> NoTruthFileError:
    """What is raised for a file that cannot be read."""
    error = NoTruthFileError(f"{FILE}: no such thing")
    error.__cause__ = cause
    return error


def test_variables_that_are_wrong_are_all_named() -> None:
    """Each fault is a line, and the remedy names each variable."""
    assert judge_environment(None, BY_HAND).verdict is Verdict.OK
    found = judge_environment(BadEnvironmentError("LOG_LEVEL: is loud\nHB_INTERVAL_SEC: is no"), BY_HAND)
    assert (found.verdict, found.remedy) == (Verdict.FAIL, "unset LOG_LEVEL HB_INTERVAL_SEC")
    assert found.found.splitlines()[1:] == ["LOG_LEVEL: is loud", "HB_INTERVAL_SEC: is no"]


@pytest.mark.parametrize(
    ("file", "named", "verdict", "found"),
    [
        (OURS, False, "ok", "is good, 6 service(s)"),
        (BAD, False, "FAIL", "cannot be used, 2 fault(s)\n"),
        (
            Document.of(b'{"services": {"mesh": {"colour": 1}}}'),
            False,
            "warn",
            "with 2 warning(s)\nservices.mesh.colour: ",
        ),
        (missing(FileNotFoundError()), False, "skip", "there is no"),
        (missing(FileNotFoundError()), True, "FAIL", "no such thing"),
        (missing(PermissionError()), False, "skip", "sudo marketswarm doctor"),
        (missing(PermissionError()), True, "skip", "sudo marketswarm doctor"),
        (missing(IsADirectoryError()), False, "FAIL", "no such thing"),
    ],
)
def test_a_truth_file_is_judged(file: Document | NoTruthFileError, verdict: str, found: str, *, named: bool) -> None:
    """Every fault is told; a file that is not there, or not for this user, is a fault only where it was named."""
    check = judge_file(FILE, file, BY_HAND, named=named)
    assert (check.name, check.verdict) == ("truth file", verdict)
    assert found in check.found
    assert bool(check.remedy) is (verdict in ("FAIL", "warn"))


def stored(held: StoredTruth | MarketSwarmError | None, ping_sec: float | MarketSwarmError = 0.1) -> Check:
    """Judge what system-redis holds."""
    found = BusFound("system-redis", Address("127.0.0.1"), ping_sec, {}, held)
    return judge_stored(found, "truth:doc", Remedies(managed=True))


@pytest.mark.parametrize(
    ("held", "verdict", "found"),
    [
        (StoredTruth(GOOD.raw, GOOD.sha256), "ok", f"truth:doc is {GOOD.sha256[:12]}, 1 service(s)"),
        (StoredTruth(GOOD.raw, OTHER.sha256), "warn", "truth:sha256 is of another document"),
        (StoredTruth(GOOD.raw, None), "warn", "there is no truth:sha256"),
        (StoredTruth(BAD.raw, BAD.sha256), "FAIL", "cannot be used, 2 fault(s)\n"),
        (StoredTruth(b"junk", None), "FAIL", "cannot be used, 1 fault(s)\n"),
        (None, "FAIL", "there is no truth:doc"),
        (BusRefusedError("NOPERM"), "FAIL", "cannot be read: NOPERM"),
        (BusUnreachableError("x"), "skip", "cannot be asked"),
    ],
)
def test_the_truth_on_a_bus_is_judged(held: StoredTruth | MarketSwarmError | None, verdict: str, found: str) -> None:
    """Missing, broken, not as it was written, not to be read; seeding mends all but the last."""
    check = stored(held)
    assert (check.name, check.verdict) == ("system-redis truth", verdict)
    assert found in check.found
    if verdict in ("FAIL", "warn") and not isinstance(held, MarketSwarmError):
        assert check.remedy == "marketswarm-seed"


def test_a_bus_that_refuses_everything_is_not_blamed_twice() -> None:
    """That it refuses was said where it was asked for a PONG."""
    assert stored(BusRefusedError("NOAUTH"), BusRefusedError("NOAUTH")).verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("held", "file", "verdict", "found"),
    [
        ({"a": GOOD, "b": GOOD}, GOOD, "ok", "a, b: the same document, and it is /etc"),
        ({"a": GOOD, "b": GOOD}, None, "ok", "a, b: the same document"),
        ({"a": GOOD, "b": GOOD}, OTHER, "warn", "is not what the swarm runs on"),
        ({"a": GOOD, "b": OTHER}, GOOD, "warn", "different documents"),
        ({"a": GOOD, "b": OTHER}, None, "warn", "different documents"),
        ({"a": GOOD}, GOOD, "ok", "a: the same document, and it is /etc"),
        ({"a": GOOD}, None, "skip", "only a "),
        ({}, GOOD, "skip", "no bus has"),
    ],
)
def test_there_is_one_truth(held: dict[str, Document], file: Document | None, verdict: str, found: str) -> None:
    """Bytes are compared: buses with each other, then with the file. The remedy is to look, then to seed."""
    check = judge_agreement(held, FILE, file, BY_HAND)
    assert (check.name, check.verdict) == ("one truth", verdict)
    assert found in check.found
    if verdict == "warn":
        assert check.remedy == f"marketswarm truth diff {FILE}; then: marketswarm-seed --truth {FILE}"


def lease(service: str, truth: str) -> Lease:
    """Make the lease of a service that runs on a truth."""
    return Lease(encode(Heartbeat(service, 1, 1.0, truth=truth)), 1000)


def test_who_runs_on_another_truth_is_named() -> None:
    """Only of those that say what they run on; others are not blamed."""
    leases: dict[str, Any] = {"mesh": lease("mesh", "a"), "foreign": lease("foreign", ""), "junk": Lease(b"1", 5)}
    assert judge_followers(leases, "a", BY_HAND).found == "1 service(s) run on a"
    behind = judge_followers(leases | {"rss_agg": lease("rss_agg", "b")}, "a", Remedies(managed=True))
    assert (behind.verdict, behind.found) == (
        Verdict.WARN,
        "not on the one that is stored, unless it has come since their last beat: rss_agg",
    )
    assert behind.remedy == (
        "look again after the next beat; if they are still there then: systemctl restart marketswarm@rss_agg.service"
    )
    assert judge_followers({"foreign": lease("foreign", "")}, "a", BY_HAND).verdict is Verdict.SKIP


def test_the_first_document_that_can_be_used_is_in_use() -> None:
    """As a service would take it."""
    found = usable([None, BAD, GOOD, OTHER])
    assert found is not None
    assert found[0] is GOOD
    assert json.loads(found[0].raw) == {"services": {"mesh": {}}}
    assert usable([None, BAD]) is None
