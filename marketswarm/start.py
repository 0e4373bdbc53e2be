"""Starting one service in this process, and ending it with an exit code that systemd can name."""

import asyncio
import faulthandler
import sys
from collections.abc import Callable
from typing import TypeVar

from marketswarm import daemon, log, services, settings
from marketswarm.errors import MarketSwarmError

_T = TypeVar("_T")


def start(service: str) -> None:
    """Run the service until SIGTERM or Ctrl-C."""

    faulthandler.enable()  # systemd's watchdog ends a wedged service by SIGABRT: the journal then shows where it hung

    def run() -> None:
        environment = settings.load()
        work = services.load(service)
        log.configure(environment.log_level, environment.journal_stream)
        asyncio.run(daemon.run(service, work, environment))

    guarded(run)


def guarded(call: Callable[[], _T]) -> _T:
    """Call; an error that a person can mend ends the process with its lines and its exit code, without a traceback."""
    try:
        return call()
    except MarketSwarmError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)  # noqa: T201 - what is said before there is a log
        sys.exit(error.exit_code)
