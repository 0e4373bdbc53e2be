"""Processes of our own for what may hang or grow: how they are started, and how they make way."""

import contextlib
import functools
import os
import resource
import site
import sys
from pathlib import Path
from typing import Final

import marketswarm

_NICENESS: Final = 5
_FIRST_TO_GO: Final = "500"


@functools.cache
def command(module: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command line that runs a module, and the variables with which it runs the same code as its parent.

    Isolated, Python imports nothing from a working directory, a home or PYTHONPATH, and so finds an installed package
    only; a checkout has to be named.
    """
    home = Path(marketswarm.__file__).resolve().parents[1]
    if home in {Path(place).resolve() for place in site.getsitepackages()}:
        return (sys.executable, "-I", "-m", module), {}
    return (sys.executable, "-P", "-s", "-m", module), {"PYTHONPATH": str(home)}


def step_back(max_memory_bytes: int) -> None:
    """In such a process: let the watchers of this host go first, and take no more memory than so much.

    A hardened unit may forbid some of it, which is no reason not to do the work.
    """
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (max_memory_bytes, max_memory_bytes))
