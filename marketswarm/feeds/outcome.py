"""What came of a fetch: the state that a feed has after it."""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from marketswarm.feeds import politeness
from marketswarm.feeds.item import Document
from marketswarm.feeds.state import FeedState

REREAD_SEC: Final = 86_400.0
"""A document is read so often at least, that its entries stay known (see FeedBook)."""
_NOWHERE: Final = (404, 410)
_NOT_THERE: Final = "no such host"


@dataclass(frozen=True, slots=True)
class Asked:
    """One fetch: when it was made (seconds since the epoch), the feed's interval, and the chance that spreads it."""

    at: float
    interval_sec: float
    chance: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What of an answer counts for the next fetch. ``wishes_sec``: for how long it wants not to be asked.

    ``body`` is a hash of its document; "" where it has none.
    """

    status: int
    body: str = ""
    etag: str = ""
    last_modified: str = ""
    moved_to: str = ""
    wishes_sec: float = 0.0


def failed(state: FeedState, asked: Asked, error: str, *, status: int = 0, retry_sec: float = 0.0) -> FeedState:
    """Take in a fetch that brought nothing. Where a feed that had moved is not there, its old address is asked next."""
    failures = state.failures + 1
    delay = politeness.after_failure(asked.interval_sec, failures, status, retry_sec, asked.chance)
    lost = status in _NOWHERE or error.startswith(_NOT_THERE)
    return replace(
        state,
        moved_to="" if lost else state.moved_to,
        fetched=asked.at,
        status=status,
        failures=failures,
        error=error,
        next_at=asked.at + delay,
        interval_sec=asked.interval_sec,
    )


def planned_at(state: FeedState, interval_sec: float) -> float:
    """When to fetch next: as planned, or, where a feed that is well has another interval by now, by that."""
    if state.broken or state.interval_sec == interval_sec:
        return state.next_at
    return state.fetched + interval_sec


def is_known(state: FeedState, asked: Asked, answer: Answer) -> bool:
    """Whether the document is the one that was read last, and need not be read again for now."""
    return answer.body == state.body != "" and 0 <= asked.at - state.read < REREAD_SEC


def unchanged(state: FeedState, asked: Asked, answer: Answer) -> FeedState:
    """Take in that the document is the one that is known: it was not sent again (304), or it is the same."""
    after = _well(state, asked, answer, answer.wishes_sec)
    return replace(after, etag=answer.etag, last_modified=answer.last_modified) if answer.body else after


def read(state: FeedState, asked: Asked, answer: Answer, document: Document, news: int) -> FeedState:
    """Take in a document that brought ``news`` items. What makes the next fetch conditional is kept from here on."""
    after = _well(state, asked, answer, max(answer.wishes_sec, document.ttl_sec or 0.0))
    return replace(
        after,
        etag=answer.etag,
        last_modified=answer.last_modified,
        body=answer.body,
        read=asked.at,
        entries=len(document.entries) + document.left_out,
        items=state.items + news,
        newest=asked.at if news else state.newest,
        error=document.problem,
    )


def _well(state: FeedState, asked: Asked, answer: Answer, wishes_sec: float) -> FeedState:
    moved_to = answer.moved_to or state.moved_to
    return replace(
        state,
        moved_to="" if moved_to == state.url else moved_to,
        fetched=asked.at,
        succeeded=asked.at,
        status=answer.status,
        failures=0,
        error="" if state.failures else state.error,
        next_at=asked.at + politeness.after_success(asked.interval_sec, wishes_sec, asked.chance),
        interval_sec=asked.interval_sec,
    )
