"""What is asked of the service manager of this host."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from marketswarm import unitnames, units
from marketswarm.errors import MarketSwarmError

SERVICES = "marketswarm@*.service"
BUSES = "marketswarm-redis@*.service"
ALL = ("marketswarm*", "marketswarm-*", "marketswarm@*")
_SYSUSERS = "systemd-sysusers"
_TMPFILES = "systemd-tmpfiles"


def systemctl(*words: str, timeout_sec: float = 120) -> str:
    """Run systemctl; returns what it printed. Raises MarketSwarmError with its last line where it fails."""
    return _run(["systemctl", *words], timeout_sec)


def is_active(unit: str) -> bool:
    """Whether a unit runs."""
    return _ask(["systemctl", "--quiet", "is-active", unit], 10).code == 0


def seed() -> None:
    """Put the host's truth.json on the buses."""
    _run([f"{sys.prefix}/bin/marketswarm-seed"], 120)


def make_user(root: Path) -> None:
    """Make the user and group that units name, as a boot would; where that cannot be done here, the next boot does."""
    if root != Path("/") and shutil.which(_SYSUSERS) is None:
        # Its systemd-sysusers.service runs where /usr is newer than what /etc was last made from: systemd.unit(5),
        # ConditionNeedsUpdate=. A host that has never booted is so anyhow.
        os.utime(root / "usr")
        return
    _run([_SYSUSERS, f"--root={root}", f"{unitnames.GROUP}.conf"], 20)


def own_files(root: Path) -> None:
    """Give that user what is its own; where that cannot be done here, each boot does (tmpfiles.d(5))."""
    if root == Path("/") or shutil.which(_TMPFILES):
        _run([_TMPFILES, "--create", f"--root={root}", f"{unitnames.GROUP}.conf"], 20)


def running() -> list[str]:
    """Name the services that run, or are about to."""
    states = "--state=active,activating,reloading"
    listed = systemctl("list-units", "--plain", "--no-legend", "--no-pager", states, SERVICES)
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def drop_user(root: Path, say: Callable[[str], None]) -> None:
    """Remove that user and group, once nothing is left that could belong to them."""
    prefix = [] if root == Path("/") else ["--prefix", str(root)]
    for program, listed in (("userdel", "etc/passwd"), ("groupdel", "etc/group")):
        if not _lists(root / listed):
            continue
        if shutil.which(program) is None or _ask([program, *prefix, unitnames.GROUP], 20).code:
            say(f"{unitnames.GROUP} stays in {root / listed}; to remove it: {program} {unitnames.GROUP}")


def update_catalog() -> None:
    """Let journald read the explanations of our alerts anew."""
    _run(["journalctl", "--update-catalog"], 60)


def _lists(file: Path) -> bool:
    """Whether a file as passwd(5) has our name."""
    start = f"{unitnames.GROUP}:".encode()
    return file.is_file() and any(line.startswith(start) for line in file.read_bytes().splitlines())


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
