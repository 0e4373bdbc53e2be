"""Brings the programs that a layer of tests needs, where it may: `python tests/bring.py redis-server`.

It may where it is root and there is apt. Elsewhere the layer is left out, which ``left_out`` puts into words, or fails
if CI=true.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "redis-server": "redis-server",
    "journalctl": "systemd",
    "systemd-analyze": "systemd",
    "systemd-sysusers": "systemd",
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "groff": "groff-base",
    "bash": "bash",
    "zsh": "zsh",
    "fish": "fish",
}
"""Which Debian package has a program."""
POLICY = Path("/usr/sbin/policy-rc.d")


def left_out(program: str) -> str | None:
    """Say that a layer can't be tested without ``program``, and the way out; None where the program is there."""
    if shutil.which(program):
        return None
    return f"LEFT OUT: no {program} on PATH; apt install {PACKAGES[program]}, or run tox as root"


def must_not_be_left_out() -> bool:
    """Whether a missing program is a failure here."""
    return os.environ.get("CI") == "true"


def bring(program: str) -> None:
    """Install ``program`` unless it is there. Raises CalledProcessError where apt fails."""
    if shutil.which(program) or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    apt = ("apt-get", "--quiet", "--quiet", "--option", "DPkg::Lock::Timeout=120")
    # A root shell that came by plain `su` lacks what dpkg wants on PATH.
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    package = PACKAGES[program]
    with _services_stay_off(package):
        subprocess.run([*apt, "update"], env=environ, check=True)
        subprocess.run([*apt, "install", "--yes", "--no-install-recommends", package], env=environ, check=True)


@contextmanager
def _services_stay_off(package: str) -> Iterator[None]:
    """Keep apt from starting what it installs, now and at the next boot: it may hold a port that a bus wants."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
    if Path("/run/systemd/system").exists():
        # Not every package brings a service, and then systemctl complains.
        subprocess.run(["systemctl", "disable", "--quiet", package], check=False, stderr=subprocess.DEVNULL)


def main(*programs: str) -> None:
    """Bring them all."""
    for program in programs:
        try:
            bring(program)
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"{program}: {' '.join(error.cmd)} ended with {error.returncode}\n")
        if why := left_out(program):
            sys.stderr.write(f"{why}\n")
            if must_not_be_left_out():
                sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
