"""Talking to systemd (sd_notify(3)); silent where no service manager listens."""

from enum import Enum, auto

import sdnotify


class _Phase(Enum):
    """Where a service stands by what it has said."""

    STARTING = auto()
    READY = auto()
    RELOADING = auto()
    STOPPING = auto()


class Manager:
    """The service manager that started this process, if it is ``present`` (it then has set NOTIFY_SOCKET)."""

    def __init__(self, *, present: bool) -> None:
        self._notifier = sdnotify.SystemdNotifier() if present else None
        self._phase = _Phase.STARTING

    def ready(self) -> None:
        """Say that the service works now."""
        self._phase = _Phase.READY
        self._send("READY=1")

    def reloading(self, asked_at_sec: float) -> None:
        """Say that a reload was asked for, at this time of CLOCK_MONOTONIC; ``reloaded`` ends it.

        Nothing before the first ``ready``, since systemd would take the end of the reload for that of the start, and
        nothing once the service stops.
        """
        if self._phase in (_Phase.READY, _Phase.RELOADING):
            self._phase = _Phase.RELOADING
            self._send(f"RELOADING=1\nMONOTONIC_USEC={int(asked_at_sec * 1_000_000)}")  # one datagram: they are a pair

    def reloaded(self) -> None:
        """Say that the service works by what the reload found; nothing where none is under way."""
        if self._phase is _Phase.RELOADING:
            self.ready()

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._phase = _Phase.STOPPING
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog. A datagram of its own, so that nothing else can spoil it."""
        self._send("WATCHDOG=1")

    def status(self, line: str) -> None:
        """Set the line that ``systemctl status`` shows. Where the manager is too busy to take it, it is not shown.

        sdnotify encodes latin-1 and drops what does not fit without a word, hence ASCII; a line break would start
        another assignment.
        """
        printable = line.encode("ascii", "replace").decode("ascii")
        self._send("STATUS=" + " ".join(printable.split()), wait=False)

    def close(self) -> None:
        """Give the connection back; what is said after it is lost."""
        if self._notifier is not None and self._notifier.socket:  # none where nobody listened
            self._notifier.socket.close()

    def _send(self, assignment: str, *, wait: bool = True) -> None:
        if self._notifier is not None and self._notifier.socket:
            self._notifier.socket.setblocking(wait)
            self._notifier.notify(assignment)


def watchdog_period_sec(watchdog_usec: str | None, watchdog_pid: str | None, pid: int) -> float | None:
    """Seconds between two signs of life, or None where no watchdog waits for this process.

    Half of what systemd allows, as sd_watchdog_enabled(3) advises.
    """
    if not watchdog_usec or not watchdog_usec.isdecimal() or int(watchdog_usec) == 0:
        return None
    if watchdog_pid and watchdog_pid != str(pid):
        return None
    return int(watchdog_usec) / 2_000_000
