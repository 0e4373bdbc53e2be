"""Logging to stderr: ``<N>`` priorities under the journal (sd-daemon(3)), a time stamp elsewhere."""

import logging
import os
import sys
from typing import TextIO

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))
NOTICE = 25
"""An alert's level: above INFO, so that LOG_LEVEL=WARNING alone hides it; the journal's priority 5."""


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = 5 if record.levelno == NOTICE else next((p for at, p in _PRIORITIES if record.levelno >= at), 7)
        # The journal takes each line as an entry of its own, so each needs the priority.
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def under_journal(stream: TextIO, journal_stream: str | None) -> bool:
    """Whether ``stream`` leads to the journal: JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal_stream == f"{found.st_dev}:{found.st_ino}"


def configure(level: str, journal_stream: str | None) -> None:
    """Send this process's log to stderr. ``level`` is a name that logging knows."""
    logging.addLevelName(NOTICE, "NOTICE")
    handler = logging.StreamHandler(sys.stderr)
    if under_journal(sys.stderr, journal_stream):
        handler.setFormatter(_Journal("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
