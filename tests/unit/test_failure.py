"""What is told of a unit that systemd has given up, and of which failures nothing is."""

import pytest

from marketswarm.failure import FINAL, is_final, reason
from marketswarm.hostfiles import find

SERVICE, BUS, BOOTSTRAP = (
    "marketswarm@mesh.service",
    "marketswarm-redis@market.service",
    "marketswarm-bootstrap.service",
)


@pytest.mark.parametrize(
    ("unit", "result", "status", "final"),
    [
        (SERVICE, "exit-code", "78", True),
        (SERVICE, "exit-code", "77", True),
        (SERVICE, "exit-code", "1", False),
        (SERVICE, "signal", "KILL", False),
        (SERVICE, "watchdog", "ABRT", False),
        (SERVICE, "success", "0", False),
        (SERVICE, None, None, False),
        (BUS, "exit-code", "1", True),
        (BUS, "signal", "KILL", False),
        (BUS, "oom-kill", "KILL", False),
        (BOOTSTRAP, "exit-code", "65", True),
        (BOOTSTRAP, "timeout", "TERM", True),
        (BOOTSTRAP, "signal", "TERM", False),
        (BOOTSTRAP, "signal", "KILL", True),
        (BOOTSTRAP, None, None, True),
        ("marketswarm-reseed.service", "success", "0", False),
    ],
)
def test_only_what_systemd_does_not_start_again_is_told(
    unit: str, result: str | None, status: str | None, *, final: bool
) -> None:
    """A crash is followed by a restart; a unit that was never started has not failed itself."""
    assert is_final(unit, result, status) is final


@pytest.mark.parametrize("prefix", FINAL)
def test_the_codes_are_those_of_the_units(prefix: str) -> None:
    """RestartPreventExitStatus= and the table name the same."""
    lines = find(f"systemd/{prefix}.service").read_text(encoding="utf-8").splitlines()
    (codes,) = [line.partition("=")[2].split() for line in lines if line.startswith("RestartPreventExitStatus=")]
    assert tuple(codes) == FINAL[prefix]


@pytest.mark.parametrize(
    ("result", "status", "says"),
    [
        ("exit-code", "65", "the truth is bad (exit status 65); see journalctl"),
        ("exit-code", "5", "exit status 5; see journalctl"),
        ("timeout", "TERM", "timeout; see journalctl"),
        (None, None, "it failed; see journalctl"),
    ],
)
def test_the_reason_is_in_words(result: str | None, status: str | None, says: str) -> None:
    """And ends with where to read more."""
    said = reason(BOOTSTRAP, result, status)
    assert said.startswith(says)
    assert said.endswith(f"see journalctl -u {BOOTSTRAP}")
