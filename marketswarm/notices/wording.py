"""The words for people: what is down, since when, why, what else is, what to do first; and how long it lasted."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from marketswarm import names
from marketswarm.durations import spoken
from marketswarm.messages import (
    MISSES,
    Alert,
    BusLost,
    BusOk,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    kind,
    subject,
)
from marketswarm.notices.firsts import first
from marketswarm.notices.incidents import began
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.message import Message, Told
from marketswarm.text import printable

_NAMED = 10
_KEY_CHARS = 32
_REMINDER = "reminder"
_UNWATCHED = "Until it is back, nobody is told of any other service that goes down."
_UNHEARD = "Healer cannot hear it. Services there may be well: nobody can tell, or is told, until it is back."
_UNKNOWN = "It failed when it was last probed. Whether it is well, nobody knows."
_REASONS = {
    "stopped": "it was stopped",
    "crashed": "its process is gone, and nobody starts it again",
    "restarting": "its process is gone, and systemd cannot start it",
    "wedged": "it hangs: its process is connected to its bus and does not beat",
}
_PROBE_FAILED, _PROBE_OK, _NOT_PROBED = "PROBE FAILED", "PROBE OK", "NOT PROBED ANY MORE"
_HEADLINES = {
    names.HEARTBEAT_MISS: "DOWN: {svc}",
    names.HEARTBEAT_OK: "UP: {svc}",
    names.HEALER_MISS: "DOWN: {svc}",
    names.HEALER_OK: "UP: {svc}",
    names.MASS_MISS: "DOWN: {silent} of {watched} services on {bus}",
    names.MASS_OK: "UP: {returned} services on {bus}",
    names.BUS_LOST: "BUS LOST: {bus}",
    names.BUS_OK: "BUS HEARD: {bus}",
    names.FLAPPING: "FLAPPING: {svc}",
    names.STABLE: "STABLE: {svc}, {state}",
    names.TRUTH_DRIFT: "TRUTH DRIFT: {subject}",
    names.UNIT_FAILED: "FAILED: {unit}",
    names.SERVICE_RESTARTED: "RESTARTED: {svc}",
    names.DUPLICATE_INSTANCE: "TWO PROCESSES: {svc}",
    names.PROBE_FAILED: f"{_PROBE_FAILED}: {{subject}}",
    names.PROBE_OK: f"{_PROBE_OK}: {{subject}}",
}
# Under these words a message lists what it tells several of, in this order.
_LISTED = ("DOWN", _PROBE_FAILED, "STILL DOWN", f"STILL {_PROBE_FAILED}", "UP", _PROBE_OK, _NOT_PROBED)


@dataclass(frozen=True, slots=True)
class Words:
    """What the words depend on besides the alert.

    ``local`` puts epoch seconds in local time, ``sender`` is who tells, ``texts`` and ``runbooks`` are those of the
    truth: a format for each type of alert, a line for each service.
    """

    local: Callable[[float], datetime]
    sender: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, str] = field(default_factory=dict)

    def message(self, items: Sequence[Item], down: Sequence[str], now: float) -> Message:
        """Put what there is to tell into one message; ``down`` names the services that are down, in it or not."""
        alone = len(items) == 1
        ended = {item.about for item in items if item.kind is Kind.RECOVERY}
        told = tuple(
            self._told(item, _others(down, [item]), now, alone=alone, ended=item.about in ended) for item in items
        )
        title = headline(items[0], now) if alone else _count(items, now)
        paragraphs = [one.text for one in told]
        if not alone:
            others = _others(down, items)
            paragraphs = [title, *paragraphs, *([f"Also down: {_list(others)}."] if others else [])]
        paragraphs += [self.sender] if self.sender else []
        return Message(_together(items), f"[MarketSwarm] {title}", "\n\n".join(paragraphs), told, self.sender)

    def _told(self, item: Item, others: Sequence[str], now: float, *, alone: bool, ended: bool) -> Told:
        return Told(
            key=item.key,
            kind=item.kind,
            type=kind(item.alert),
            subject=subject(item.alert),
            text=self._text(item, others, now, alone=alone, ended=ended),
            alert=msgspec.Raw(item.event),
            since=since(item),
            lasted_sec=lasted_sec(item),
        )

    def _text(self, item: Item, others: Sequence[str], now: float, *, alone: bool, ended: bool) -> str:
        """Write what is told of one thing; where it has ``ended`` by the same message there is nothing to do."""
        about, over = subject(item.alert), item.kind is Kind.RECOVERY
        todo = "" if ended else self.runbooks.get(about) or first(item.alert)
        form = self.texts.get(_REMINDER if item.kind is Kind.REMINDER else kind(item.alert))
        if form is not None:
            return form.format_map(
                {
                    "svc": printable(about),
                    "type": kind(item.alert),
                    "reason": _why(item.alert),
                    "since": self.time(since(item)),
                    "ago": spoken(now - since(item)),
                    "lasted": spoken(lasted_sec(item) or 0),
                    "also": _list(others),
                    "first": todo,
                    "host": self.sender,
                }
            )
        lines = [headline(item, now), self._detail(item)]
        if alone and others:
            lines.append(f"{'Still' if over else 'Also'} down: {_list(others)}.")
        if todo:
            lines.append(f"First: {todo}")
        return "\n".join(line for line in lines if line)

    def _detail(self, item: Item) -> str:
        alert, began_at = item.alert, self.time(since(item))
        why = _sentence(_why(alert))
        if item.kind is Kind.REMINDER:
            return f"Since {began_at}. {why}".rstrip()
        match alert:
            case HeartbeatMiss() | HealerMiss():
                return _missed(alert, began_at, why)
            case HeartbeatOk() | HealerOk() if item.opened:
                return f"It was down from {began_at} to {self.time(alert.ts)}."
            case ProbeFailed() | ProbeOk():
                return self._probed(alert, began_at)
            case BusLost():
                return f"{self.time(alert.ts)}: {_UNHEARD} {_sentence(printable(alert.reason))}".rstrip()
            case _:
                return f"{self.time(alert.ts)}: {_sentence(printable(alert.says()))}"

    def _probed(self, alert: ProbeFailed | ProbeOk, began_at: str) -> str:
        if isinstance(alert, ProbeFailed):
            return f"Since {began_at}. {_sentence(printable(alert.says()))}"
        if alert.dropped:
            return f"{self.time(alert.ts)}: {_UNKNOWN}"
        return f"It failed from {began_at} to {self.time(alert.ts)}."

    def time(self, ts: float) -> str:
        """Write a time as ``2026-01-31 14:03:12 CET (13:03:12 UTC)``."""
        try:
            local = self.local(ts)
            universal = local.astimezone(UTC)
        except (OverflowError, ValueError, OSError):
            return "an unknown time"
        if local.utcoffset() == universal.utcoffset():
            return f"{universal:%Y-%m-%d %H:%M:%S} UTC"
        form = "%H:%M:%S" if local.date() == universal.date() else "%Y-%m-%d %H:%M:%S"
        return f"{local:%Y-%m-%d %H:%M:%S %Z} ({universal.strftime(form)} UTC)"


def test_message(key: str, sender: str) -> Message:
    """Make the message that proves a way to people, before it is needed."""
    text = f"TEST: this is how an alert reaches you.\nNothing is down. Somebody asked {sender} for it."
    told = Told(key, "test", "test", sender, text, msgspec.Raw(b"null"))
    return Message(key, "[MarketSwarm] TEST: this is how an alert reaches you", f"{text}\n\n{sender}", (told,), sender)


def headline(item: Item, now: float) -> str:
    """Say the most important in one line."""
    form = f"{_NOT_PROBED}: {{subject}}" if _dropped(item.alert) else _HEADLINES[kind(item.alert)]
    line = printable(form.format_map(msgspec.structs.asdict(item.alert) | {"subject": subject(item.alert)}))
    if item.kind is Kind.REMINDER:
        return f"STILL {line}, for {spoken(now - since(item))}"
    lasted = lasted_sec(item)
    return line if lasted is None else f"{line}, after {spoken(lasted)}"


def since(item: Item) -> float:
    """When what an item tells of began, epoch seconds."""
    return began(item.opened or item.alert)


def lasted_sec(item: Item) -> float | None:
    """How long it lasted, where it is over and known."""
    # When a storm was told of says nothing of how long each of its services was silent.
    if item.kind is not Kind.RECOVERY or isinstance(item.alert, MassOk) or _dropped(item.alert):
        return None
    known = item.opened is not None or isinstance(item.alert, BusOk | ProbeOk)
    return round(item.alert.ts - since(item), 3) if known else None


def _missed(alert: HeartbeatMiss | HealerMiss, began_at: str, why: str) -> str:
    if alert.late_sec < alert.timeout_sec:
        return f"It was never heard; it is watched since {began_at}. {why}".rstrip()
    found = f"{alert.late_sec:.0f} s before it was missed (timeout {alert.timeout_sec:g} s)"
    unwatched = f" {_UNWATCHED}" if isinstance(alert, HealerMiss) else ""
    return f"Last beat {began_at}, {found}. {why}".rstrip() + unwatched


def _dropped(alert: Alert) -> bool:
    return isinstance(alert, ProbeOk) and alert.dropped


def _why(alert: Alert) -> str:
    if isinstance(alert, ProbeFailed):
        return printable(alert.fault())
    if not isinstance(alert, MISSES):
        return printable(alert.says())
    return _REASONS.get(alert.reason, printable(alert.reason) if alert.reason != "unknown" else "")


def _sentence(text: str) -> str:
    end = "" if text.endswith(".") else "."
    return f"{text[:1].upper()}{text[1:]}{end}" if text else ""


def _count(items: Sequence[Item], now: float) -> str:
    """Sum up several things in one line."""
    found: dict[str, list[Item]] = {word: [] for word in (*_LISTED, "")}
    for item in items:
        found[_heading(item)].append(item)
    more = found.pop("")
    parts = [f"{word}: {_list([subject(item.alert) for item in of])}" for word, of in found.items() if of]
    parts += [headline(item, now) for item in more[:1]]
    parts += [f"{len(more) - 1} more"] if len(more) > 1 else []
    return "; ".join(parts)


def _heading(item: Item) -> str:
    """Say under which word its service or probe is listed; empty where it has a headline of its own."""
    match item.alert:
        case HeartbeatOk() | HealerOk():
            return "UP"
        case ProbeOk():
            return _NOT_PROBED if item.alert.dropped else _PROBE_OK
        case HeartbeatMiss() | HealerMiss():
            word = "DOWN"
        case ProbeFailed():
            word = _PROBE_FAILED
        case _:
            return ""
    return f"STILL {word}" if item.kind is Kind.REMINDER else word


def _others(down: Sequence[str], items: Sequence[Item]) -> list[str]:
    """Name who is down besides; of a storm nobody, where it does not name all of its own."""
    told: set[str] = set()
    for alert in (item.alert for item in items):
        told.add(subject(alert))
        if isinstance(alert, MassMiss):
            if alert.silent > len(alert.services):
                return []
            told.update(alert.services)
    return [service for service in down if service not in told]


def _list(services: Sequence[str]) -> str:
    named = list(dict.fromkeys(services))
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return printable(", ".join(named[:_NAMED])) + more


def _together(items: Sequence[Item]) -> str:
    """Give a message its key: that of the one thing in it, or one of all their keys."""
    if len(items) == 1:
        return items[0].key
    return hashlib.sha256(" ".join(item.key for item in items).encode()).hexdigest()[:_KEY_CHARS]
