"""Ending a process so that a person, and systemd, can see why."""

import sys
from collections.abc import Callable
from typing import TypeVar

from marketswarm.errors import MarketSwarmError

_T = TypeVar("_T")


def guarded(call: Callable[[], _T]) -> _T:
    """Call; an error that a person can mend ends the process with its lines and its exit code, without a traceback."""
    try:
        return call()
    except MarketSwarmError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"error: {line}\n")  # there may be no log yet
        sys.exit(error.exit_code)
