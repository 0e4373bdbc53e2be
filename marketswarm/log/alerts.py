"""Alerts in the log: a line that a person reads, and fields that a program searches."""

import logging

import msgspec

from marketswarm import unitnames
from marketswarm.log.output import FIELDS, NOTICE
from marketswarm.messages import TROUBLES, Alert, kind, sentence
from marketswarm.text import printable

_RENAMED = {"svc": "SERVICE"}
_log = logging.getLogger(__name__)


def announce(alert: Alert) -> None:
    """Log an alert in one line: trouble as an error, its end as a notice."""
    level = logging.ERROR if isinstance(alert, TROUBLES) else NOTICE
    _log.log(level, "%s", sentence(alert), extra={FIELDS: fields(alert)})


def fields(alert: Alert) -> dict[str, str]:
    """Everything that an alert says, as fields of a journal entry: MARKETSWARM_TYPE, _SERVICE, _LATE_SEC and so on.

    MESSAGE_ID leads to the alert's entry in systemd/marketswarm.catalog. Values are printable, since ``journalctl -x``
    puts them on the terminal as they are.
    """
    return {"MESSAGE_ID": unitnames.MESSAGE_IDS[kind(alert)], f"{unitnames.JOURNAL_PREFIX}TYPE": kind(alert)} | {
        unitnames.JOURNAL_PREFIX + _RENAMED.get(field, field.upper()): printable(str(value))
        for field, value in msgspec.structs.asdict(alert).items()
    }
