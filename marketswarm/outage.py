"""What is logged while a bus does not answer: that it is away, once, and that it is back."""

import logging
import time

from marketswarm.address import Address
from marketswarm.trouble import hint, of_bus, of_tls

_log = logging.getLogger(__name__)


class Outage:
    """The times in which one bus does not answer; ``loud`` says whether lines are for everybody, or for debugging."""

    def __init__(self, name: str, address: Address) -> None:
        self._name = name
        self._address = address
        self._since: float | None = None
        self._told: set[str] = set()

    def because(self, error: BaseException, *, loud: bool) -> str:
        """Take note that it does not answer for that reason; returns the line that says so.

        An outage is logged once, and what TLS has against the bus also where that came later, as when a server was
        started anew by a certificate that is no good: else nobody would learn why it does not end.
        """
        why = of_bus(error)
        line = f"{self._name} at {self._address} does not answer ({why}); {hint(self._address, why)}"
        if self._since is None or (of_tls(why) and why not in self._told):
            self._since = self._since or time.monotonic()
            self._told.add(why)
            _log.log(logging.WARNING if loud else logging.DEBUG, "%s", line)
        return line

    def end(self, *, loud: bool) -> None:
        """Take note that it answers."""
        if self._since is not None:
            level = logging.INFO if loud else logging.DEBUG
            _log.log(level, "%s: answers again after %.1f s", self._name, time.monotonic() - self._since)
            self._since = None
            self._told.clear()
