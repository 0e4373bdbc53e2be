"""Where the log goes: stderr, with ``<N>`` priorities under the journal (sd-daemon(3)) and a time stamp elsewhere."""

import logging
import os
import sys
from typing import Final, TextIO

from marketswarm.log import journal

NOTICE: Final = 25
"""The level of an alert that says trouble is over: LOG_LEVEL=WARNING hides it. Trouble itself is an error."""
FIELDS: Final = "journal_fields"
"""The attribute of a record that holds the fields of its journal entry, where it has any."""
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (NOTICE, 5),
    (logging.INFO, 6),
    (logging.DEBUG, 7),
)
IDENTIFIER: Final = "marketswarm"


class _Marked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # The journal takes each line as an entry of its own, so each needs the priority.
        return "\n".join(f"<{_priority(record.levelno)}>{line}" for line in super().format(record).splitlines())


class _Journal(logging.StreamHandler[TextIO]):
    """Sends a record that has fields to the journal's socket; any other, and what the socket refuses, to the stream."""

    def __init__(self, stream: TextIO, address: str, identifier: str) -> None:
        super().__init__(stream)
        self.setFormatter(_Marked("%(message)s"))
        self._address = address
        # What systemd gives the lines of stderr, so that an alert is found and forwarded with them.
        self._as_stderr = {"SYSLOG_IDENTIFIER": identifier, "SYSLOG_FACILITY": "3"}

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, str] | None = getattr(record, FIELDS, None)
        if fields is None or not journal.send(self._entry(record) | fields, self._address):
            super().emit(record)

    def _entry(self, record: logging.LogRecord) -> dict[str, str]:
        return {"MESSAGE": record.getMessage(), "PRIORITY": str(_priority(record.levelno)), **self._as_stderr}


def _priority(level: int) -> int:
    return next((priority for at, priority in _PRIORITIES if level >= at), 7)


def under_journal(stream: TextIO, journal_stream: str | None) -> bool:
    """Whether ``stream`` leads to the journal: JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal_stream == f"{found.st_dev}:{found.st_ino}"


def mark(level: int, journal_stream: str | None) -> str:
    """What a line on stderr begins with where there is no log: its priority under the journal, nothing elsewhere."""
    return f"<{_priority(level)}>" if under_journal(sys.stderr, journal_stream) else ""


def configure(
    level: str, journal_stream: str | None, journal_socket: str = journal.SOCKET, identifier: str = IDENTIFIER
) -> None:
    """Send this process's log to stderr, and what has fields to the journal.

    ``level`` is a name that logging knows, ``identifier`` the unit's SyslogIdentifier=.
    """
    logging.addLevelName(NOTICE, "NOTICE")
    handler: logging.Handler
    if under_journal(sys.stderr, journal_stream):
        handler = _Journal(sys.stderr, journal_socket, identifier)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.INFO)  # at DEBUG it tells how it is made
