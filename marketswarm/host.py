"""What this host knows of a process of its own, and of the unit that runs it; nothing is asked of anybody."""

import os
import socket
from pathlib import Path

# systemd keeps a link of this name from a unit's activation until it is inactive or failed, and so also while it waits
# to start it again; journald reads it. systemd: src/core/unit.c, unit_export_state_files().
_UNITS = Path("/run/systemd/units")


def name() -> str:
    """The name by which this host is known in heartbeats."""
    return socket.gethostname()


def runs(pid: int) -> bool:
    """Whether there is a process of this id, whoever owns it (kill(2) with signal 0)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def unit_active(unit: str) -> bool:
    """Whether systemd has this unit up, or is about to start it again."""
    return (_UNITS / f"invocation:{unit}").is_symlink()
