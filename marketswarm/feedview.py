"""`marketswarm feeds`: how each feed of the truth is doing, by what rss_agg has left on the bus of its queue."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from marketswarm import columns, names
from marketswarm.bus import connect
from marketswarm.durations import brief
from marketswarm.feedbook import FeedBook
from marketswarm.feeds.state import FeedState
from marketswarm.inuse import truth_in_use
from marketswarm.settings import Settings
from marketswarm.term import Paint
from marketswarm.text import counted, printable, tally
from marketswarm.truth import Feed

CLIENT_NAME: Final = "marketswarm:feeds"
OVERDUE_SEC: Final = names.DEFAULT_SCHEDULE_SEC
"""So long after its time a feed counts as left alone: feeds of one host wait for each other, and that is no fault."""
NONE: Final = "the truth names no feeds: add them under services.rss_agg.feeds, then run marketswarm-seed"
_WHY: Final = 300
"""So many characters of an error; it may come from anyone who can write to the bus."""


class Word(StrEnum):
    """What a person wants to know of a feed."""

    OK = "ok"
    ODD = "odd"
    """Its entries come through, and something about its document is not as it should be."""
    WAITING = "waiting"
    """It has not been fetched yet."""
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Row:
    """One feed: its name and address in truth, and how it was at its last fetch."""

    name: str
    url: str
    state: FeedState
    overdue: bool = False
    """Its next fetch should have been long ago."""

    @property
    def word(self) -> Word:
        """Put how it is in a word."""
        if self.state.broken:
            return Word.BROKEN
        if not self.state.fetched:
            return Word.WAITING
        return Word.ODD if self.state.error else Word.OK


@dataclass(frozen=True, slots=True)
class FeedsView:
    """The feeds at one moment, in truth's order."""

    rows: tuple[Row, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all well, 1 a feed is broken or left alone."""
        return int(bool(self.named(Word.BROKEN) or self.notes))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of all of them."""
        late = sum(row.overdue for row in self.rows)
        why = "does rss_agg run, and has its queue room? see marketswarm status and marketswarm queue"
        return (f"{counted(late, 'feed')} overdue: {why}",) if late else ()

    def named(self, word: Word) -> list[str]:
        """Name the feeds that are so."""
        return [row.name for row in self.rows if row.word is word]


async def look(settings: Settings) -> FeedsView:
    """Ask the bus of the queue.

    Raises BusUnreachableError where it does not answer, or no bus has the truth; BusRefusedError; BadTruthError where
    what they have cannot be used.
    """
    truth = await truth_in_use(settings, client_name=CLIENT_NAME)
    section, queue = truth.section(names.RSS_AGG), truth.items_to()
    if not section.feeds:
        return FeedsView()
    where = settings.address(queue.bus, truth.bus_urls())
    (bus,) = connect({queue.bus: where}, client_name=CLIENT_NAME).values()
    try:
        book = FeedBook(bus, queue.key, section.stream.maxlen)
        states = await book.states({feed.name: feed.url for feed in section.feeds})
    finally:
        await bus.close()
    return view_of(section.feeds, states, time.time())


def view_of(feeds: Iterable[Feed], states: Mapping[str, FeedState], now: float) -> FeedsView:
    """Put together what truth and the bus say of feeds. ``now`` in seconds since the epoch."""
    return FeedsView(
        tuple(
            Row(feed.name, feed.url, state, overdue=0 < state.next_at < now - OVERDUE_SEC)
            for feed in feeds
            for state in [states[feed.name]]
        )
    )


_STYLES: Final = {Word.OK: "green", Word.BROKEN: "bold red"}
_COLUMNS: Final = ("feed", columns.STATE, "fetched", "http", "entries", "items", "next", "why")


def render(view: FeedsView, paint: Paint, now: float) -> str:
    """Lay the feeds out for people, a line a feed, and a sum. ``now`` in seconds since the epoch."""
    if not view.rows:
        return NONE
    rows = [(_STYLES.get(row.word, "yellow"), _cells(row, now)) for row in view.rows]
    lines = columns.table(_COLUMNS, rows, paint)
    notes = [paint(f"! {note}", "yellow") for note in view.notes]
    return "\n".join([*lines, "", _sum(view), *notes])


def _cells(row: Row, now: float) -> tuple[str, ...]:
    state = row.state
    return (
        row.name,
        str(row.word),
        columns.ago(state.fetched, now),
        str(state.status or "-"),
        str(state.entries),
        str(state.items),
        _next(row, now),
        _why(row, now),
    )


def _next(row: Row, now: float) -> str:
    if not row.state.next_at:
        return "-"
    left_sec = row.state.next_at - now
    if row.overdue:
        return f"{brief(-left_sec)} overdue"
    return f"in {brief(left_sec)}" if left_sec > 0 else "now"


def _why(row: Row, now: float) -> str:
    state = row.state
    words = [printable(state.error)[:_WHY]] if state.error else []
    if state.broken:
        often = f"{state.failures} times in a row, " if state.failures > 1 else ""
        words.append(
            f"{often}last well {columns.ago(state.succeeded, now)}" if state.succeeded else f"{often}never well"
        )
    if state.moved_to:
        words.append(f"moved to {printable(state.moved_to)}, put that into the truth")
    return "; ".join(words)


def _sum(view: FeedsView) -> str:
    told = tally((row.word for row in view.rows), Word)
    items = sum(row.state.items for row in view.rows)
    return f"{counted(len(view.rows), 'feed')}: {told}; {items} items in all"


def as_json(view: FeedsView) -> dict[str, Any]:
    """Shape for programs: ``{exit_code, feeds: [{feed, state, …}], notes}``; times in seconds since the epoch."""
    return {"exit_code": view.exit_code, "feeds": [_row_json(row) for row in view.rows], "notes": list(view.notes)}


def _row_json(row: Row) -> dict[str, Any]:
    kept = ("fetched", "succeeded", "status", "entries", "items", "newest", "next_at", "failures", "error", "moved_to")
    named = {"feed": row.name, "url": row.url, "state": row.word.lower(), "overdue": row.overdue}
    return named | {name: getattr(row.state, name) for name in kept}
