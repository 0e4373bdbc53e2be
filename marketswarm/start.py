"""Starting one service in this process."""

import asyncio
import faulthandler

from marketswarm import daemon, log, names, services, settings, unitnames
from marketswarm.ending import guarded


def start(service: str) -> None:
    """Run the service until SIGTERM or Ctrl-C."""
    # systemd's watchdog ends a wedged service by SIGABRT: the journal then shows where it hung.
    faulthandler.enable()
    guarded(lambda: _run(service))


def _run(service: str) -> None:
    environment = settings.load(user=service)
    work = services.load(service)
    log.configure(environment.log_level, environment.journal_stream, identifier=unitnames.journal_identifier(service))
    loop_factory = daemon.exact_loop if service in (names.HEALER, names.SENTINEL) else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(daemon.run(service, work, environment))
