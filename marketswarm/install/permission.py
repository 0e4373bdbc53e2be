"""Whether this process may and should change this host."""

import os
import sys
from pathlib import Path

from marketswarm import units
from marketswarm.errors import BadEnvironmentError, NotAllowedError
from marketswarm.install.plan import VENV


def check_root() -> None:
    """Raise NotAllowedError unless this is root."""
    if os.geteuid() != 0:
        raise NotAllowedError("a host's files are root's: run it with sudo, or with --root DIR")


def check_host() -> None:
    """Make sure that the units will find what they start. Raises NotAllowedError, BadEnvironmentError."""
    check_root()
    venv = Path("/", VENV)
    if Path(sys.prefix).resolve() != venv.resolve():
        raise BadEnvironmentError(
            f"the units start {venv}/bin/marketswarm, and this is {sys.prefix}: run packaging/install.sh, "
            "which makes that environment, or give --root DIR"
        )
    if not units.systemd_runs():
        raise BadEnvironmentError("this host was not booted with systemd, which runs the units: give --root DIR")
