"""What is asked of the service manager of this host."""

import asyncio
import sys

from marketswarm import units
from marketswarm.errors import MarketSwarmError

SERVICES = "marketswarm@*.service"
BUSES = "marketswarm-redis@*.service"
ALL = ("marketswarm*", "marketswarm-*", "marketswarm@*")


def systemctl(*words: str, timeout_sec: float = 120) -> str:
    """Run systemctl; returns what it printed. Raises MarketSwarmError with its last line where it fails."""
    return _run(["systemctl", *words], timeout_sec)


def is_active(unit: str) -> bool:
    """Whether a unit runs."""
    return _ask(["systemctl", "--quiet", "is-active", unit], 10).code == 0


def seed() -> None:
    """Put the host's truth.json on the buses."""
    _run([f"{sys.prefix}/bin/marketswarm-seed"], 120)


def update_catalog() -> None:
    """Let journald read the explanations of our alerts anew."""
    _run(["journalctl", "--update-catalog"], 60)


def _run(command: list[str], timeout_sec: float) -> str:
    done = _ask(command, timeout_sec)
    if done.code:
        last = (done.complaint.strip() or f"exit status {done.code}").splitlines()[-1]
        raise MarketSwarmError(f"{' '.join(command)}: {last}")
    return done.output


def _ask(command: list[str], timeout_sec: float) -> units.Done:
    try:
        return asyncio.run(units.run(command, timeout_sec))
    except TimeoutError:
        raise MarketSwarmError(f"{' '.join(command)}: not done after {timeout_sec:g} s") from None
