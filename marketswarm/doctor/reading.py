"""Whether feeds come in, and what comes of them is worked through."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from marketswarm import names
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, ok, skip, warn
from marketswarm.errors import MarketSwarmError
from marketswarm.feedview import FeedsView, Word
from marketswarm.queueing import QueueView
from marketswarm.text import counted, listed
from marketswarm.truth import Truth

_NAMED: Final = 8
"""So many of the broken feeds are named."""


@dataclass(frozen=True, slots=True)
class ReadingFound:
    """What the bus of the queue tells of feeds and of their items."""

    feeds: FeedsView | MarketSwarmError
    queue: QueueView | MarketSwarmError


def judge_reading(found: ReadingFound, truth: Truth, remedies: Remedies) -> Iterator[Check]:
    """Judge feeds and queue; of what the truth does not have, nothing is said."""
    if truth.section(names.RSS_AGG).feeds:
        yield from _judge_feeds(found.feeds, remedies)
    if {names.RSS_AGG, names.VEXY_AI} & truth.services.keys():
        yield from _judge_queue(found.queue, remedies)


def _judge_feeds(found: FeedsView | MarketSwarmError, remedies: Remedies) -> Iterator[Check]:
    name = "feeds"
    if isinstance(found, MarketSwarmError):
        yield skip(name, "their bus does not tell")
        return
    count = counted(len(found.rows), "feed")
    if broken := found.named(Word.BROKEN):
        yield warn(name, f"{count}, {len(broken)} broken: {listed(broken, _NAMED)}", remedies.see_feeds())
    elif found.notes:
        yield warn(name, found.notes[0], remedies.see_feeds())
    else:
        waiting = len(found.named(Word.WAITING))
        yield ok(name, f"{count}, none broken" + (f"; {waiting} not fetched yet" if waiting else ""))


def _judge_queue(found: QueueView | MarketSwarmError, remedies: Remedies) -> Iterator[Check]:
    name = "queue"
    if isinstance(found, MarketSwarmError):
        yield skip(name, "its bus does not tell")
        return
    wrong = []
    for group in found.stranded:
        remedy = remedies.start(names.VEXY_AI) if group == found.own else remedies.see_queue()
        wrong.append(warn(name, f"{found.stream}: what waits for the group {group} has no living worker", remedy))
    if found.nearly_full:
        says = f"{found.stream}: {found.waiting} of about {found.maxlen} entries wait, and then nothing more is fetched"
        wrong.append(warn(name, says, remedies.see_queue()))
    if found.dead:
        wrong.append(warn("dead items", f"{found.dead} that no worker could work through", remedies.see_dead_items()))
    yield from wrong
    if found.exists and not wrong:
        yield ok(name, f"{found.stream}: {found.waiting} of {found.length} entries wait, none dead")
