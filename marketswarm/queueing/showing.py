"""The queue and its dead items, laid out for people and for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from marketswarm import names
from marketswarm.durations import spoken
from marketswarm.queueing.dead import DeadItem
from marketswarm.queueing.found import Consumer, Group, QueueView
from marketswarm.term import Paint, local_time
from marketswarm.text import printable

_TITLE: Final = 60
_REASON: Final = 300
"""So many characters of each; they may come from anyone who can write to the bus."""


def notes(view: QueueView) -> tuple[str, ...]:
    """Say what somebody has to look at, a line each."""
    found = [f"{view.dead} dead: marketswarm queue --dead shows them and why"] if view.dead else []
    for group in view.stranded:
        who = names.VEXY_AI if group == view.own else "one of its workers"
        found.append(f"{printable(group)}: what waits for it has no living worker; is {who} running?")
    if view.nearly_full:
        found.append(f"{view.waiting} of about {view.maxlen} entries wait: once it is full, rss_agg fetches nothing")
    return tuple(found)


def render(view: QueueView, paint: Paint) -> str:
    """Lay the queue out for people: the stream, each group with its workers, and what has to be looked at."""
    return "\n".join(_lines(view, paint))


def _lines(view: QueueView, paint: Paint) -> Iterator[str]:
    length = f"{view.length} {'entry' if view.length == 1 else 'entries'}"
    if view.maxlen is not None:
        length = f"{view.length} of about {view.maxlen} entries"
    yield f"{paint(printable(view.stream), 'bold')} on {view.bus}: {length}, {view.dead} dead"
    if not view.groups:
        yield "no group reads it yet"
    for group in view.groups:
        yield f"group {paint(printable(group.name), 'bold')}: {_waits(group)}"
        yield from _workers(group.consumers, paint)
    for note in notes(view):
        yield paint(f"! {note}", "yellow")


def _waits(group: Group) -> str:
    if not group.behind:
        return "nothing waits"
    lag = "some" if group.lag is None else str(group.lag)
    told = [] if group.lag == 0 else [f"{lag} not delivered yet"]
    if group.pending:
        oldest = "" if group.oldest_sec is None else f", the oldest for {spoken(group.oldest_sec)}"
        told.append(f"{group.pending} pending{oldest}")
    return ", ".join(told)


def _workers(consumers: tuple[Consumer, ...], paint: Paint) -> Iterator[str]:
    called = [printable(consumer.name) for consumer in consumers]
    width = max(map(len, called), default=0)
    for name, consumer in zip(called, consumers, strict=True):
        state = paint("alive", "green") if consumer.alive else paint("gone ", "red" if consumer.pending else "dim")
        yield f"  {name:<{width}}  {state}  {consumer.pending} pending, idle {spoken(consumer.idle_sec)}"


def as_json(view: QueueView) -> dict[str, Any]:
    """Shape for programs: ``{exit_code, bus, stream, length, maxlen, dead, groups: [{name, lag, …}], notes}``."""
    kept = ("bus", "stream", "length", "maxlen", "dead")
    groups = [asdict(group) | {"stranded": group.stranded} for group in view.groups]
    found = {name: getattr(view, name) for name in kept}
    return {"exit_code": view.exit_code} | found | {"groups": groups, "notes": list(notes(view))}


def render_dead(item: DeadItem, paint: Paint, now: float) -> str:
    """Put a dead item in a line: its id, when it died, what it is, and why. ``now`` in seconds since the epoch."""
    stamp = paint(local_time(item.ts, now), "dim")
    tries = "1 try" if item.deliveries == 1 else f"{item.deliveries} tries"
    what = f"{printable(item.feed)}: {_cut(printable(item.title), _TITLE)}" if item.feed else "what is no item"
    why = paint(_cut(printable(item.reason), _REASON), "red")
    return f"{item.id}  {stamp}  {what}  {why} ({tries}, the last by {printable(item.worker) or '?'})"


def dead_json(item: DeadItem) -> dict[str, Any]:
    """Shape for programs: ``{id, entry, reason, deliveries, ts, worker, feed, title}``."""
    return asdict(item)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
