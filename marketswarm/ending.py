"""Ending a process so that a person, and systemd, can see why."""

import logging
import sys
from collections.abc import Callable
from typing import TypeVar

from marketswarm import log, settings
from marketswarm.errors import MarketSwarmError

_T = TypeVar("_T")


def guarded(call: Callable[[], _T]) -> _T:
    """Call; an error that a person can mend ends the process with its lines and its exit code, without a traceback."""
    try:
        return call()
    except MarketSwarmError as error:
        mark = log.mark(logging.ERROR, settings.journal_stream())
        for line in str(error).splitlines():
            sys.stderr.write(f"{mark}error: {line}\n")  # there may be no log yet
        sys.exit(error.exit_code)
