"""Streams of alerts: how alerts are appended to one, and how it is found whether a call without an answer did so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from marketswarm import names

Words = tuple[str | bytes | int, ...]
_LOOK_BACK: Final = 100


@dataclass(frozen=True, slots=True)
class Log:
    """A stream of alerts.

    What was appended is found in it, unless others take out what they hand on. Then the key ``last`` has the newest
    that was appended, by the same transaction; only the one process that appends writes it.
    """

    stream: str
    last: str = ""

    def append(self, events: Sequence[bytes]) -> list[Words]:
        """Give the commands that append alerts, for a transaction."""
        to_stream = ("XADD", self.stream, "MAXLEN", "~", names.ALERT_LOG_MAXLEN, "*", names.ALERT_LOG_FIELD)
        remember = [("SET", self.last, event) for event in events[-1:] if self.last]
        return [*((*to_stream, event) for event in events), *remember]

    def question(self, events: Sequence[bytes]) -> Words:
        """Give the command by whose answer ``has`` knows whether these were appended."""
        if self.last:
            return ("GET", self.last)
        return ("XREVRANGE", self.stream, "+", "-", "COUNT", _LOOK_BACK + len(events))

    def has(self, events: Sequence[bytes], answer: Any) -> bool:
        """Say whether they were: all of them, or it was none."""
        if self.last:
            return bool(answer == events[-1])
        return {event for _, event in entries(answer)}.issuperset(events)


ALERTS: Final = Log(names.ALERT_LOG)
PROBE_ALERTS: Final = Log(names.PROBE_ALERTS, names.PROBE_ALERTS_LAST)


def entries(answer: Iterable[tuple[bytes, Sequence[bytes] | None]]) -> list[tuple[str, bytes]]:
    """Read entries of a stream as the wire has them; of one that was dropped meanwhile nothing is left to read."""
    return events((entry, fields_of(words)) for entry, words in answer if words)


def fields_of(words: Sequence[bytes]) -> dict[bytes, bytes]:
    """Read the fields of an entry."""
    return dict(zip(words[::2], words[1::2], strict=True))


def events(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> list[tuple[str, bytes]]:
    """Make of the entries of an alert log their ids and alerts."""
    return [(entry_id.decode(), fields.get(names.ALERT_LOG_FIELD.encode(), b"")) for entry_id, fields in entries]
