"""What is known of a feed after a fetch."""

from dataclasses import replace

import pytest

from marketswarm.feeds.item import Document, Entry
from marketswarm.feeds.outcome import REREAD_SEC, Answer, Asked, failed, is_known, planned_at, read, unchanged
from marketswarm.feeds.state import FeedState, decode_state, encode_state

ASKED = Asked(at=1000.0, interval_sec=300.0, chance=0.0)
NEW = FeedState(url="http://x/feed")
ANSWER = Answer(status=200, etag='"e"', last_modified="then")
DOCUMENT = Document(entries=(Entry(key="a"), Entry(key="b")))


def test_a_document_leaves_what_makes_the_next_fetch_conditional() -> None:
    """And how many entries and news it had, and when the next fetch is."""
    state = read(NEW, ASKED, ANSWER, DOCUMENT, 2)
    assert (state.etag, state.last_modified, state.status) == ('"e"', "then", 200)
    assert (state.entries, state.items, state.newest, state.next_at) == (2, 2, 1000.0, 1300.0)
    again = read(state, replace(ASKED, at=1300.0), ANSWER, DOCUMENT, 0)
    assert (again.items, again.newest, again.fetched, again.succeeded) == (2, 1000.0, 1300.0, 1300.0)


def test_the_feed_is_asked_when_it_wishes() -> None:
    """By its headers or by its ttl, whichever is longer."""
    document = Document(entries=DOCUMENT.entries, ttl_sec=1800.0)
    assert read(NEW, ASKED, ANSWER, document, 0).next_at == 2800.0
    assert read(NEW, ASKED, replace(ANSWER, wishes_sec=3600.0), document, 0).next_at == 4600.0


def test_entries_that_were_left_out_are_counted_with_the_document() -> None:
    """The state says what the feed has, not what was read."""
    assert read(NEW, ASKED, ANSWER, Document(entries=DOCUMENT.entries, left_out=10), 2).entries == 12


def test_a_document_that_has_not_changed_keeps_all_that_is_known() -> None:
    """The validators of before, and what was odd about it."""
    odd = read(NEW, ASKED, ANSWER, Document(entries=DOCUMENT.entries, problem="is odd"), 2)
    after = unchanged(odd, replace(ASKED, at=1300.0), Answer(status=304))
    assert (after.etag, after.last_modified, after.entries, after.error) == ('"e"', "then", 2, "is odd")
    assert (after.status, after.next_at) == (304, 1600.0)


def test_another_interval_counts_at_once() -> None:
    """From the last fetch on; a feed that is broken keeps its backoff."""
    state = read(NEW, ASKED, ANSWER, DOCUMENT, 2)
    assert planned_at(state, 300.0) == state.next_at == 1300.0
    assert (planned_at(state, 5.0), planned_at(state, 900.0)) == (1005.0, 1900.0)
    broken = failed(state, ASKED, "answers 500", status=500)
    assert planned_at(broken, 5.0) == broken.next_at


SAME = replace(ANSWER, body="hash")


@pytest.mark.parametrize(
    ("body", "at", "known"),
    [
        ("hash", 1300.0, True),
        ("other", 1300.0, False),
        ("", 1300.0, False),
        ("hash", 1000.0 + REREAD_SEC - 1, True),
        ("hash", 1000.0 + REREAD_SEC, False),
        ("hash", 999.0, False),
    ],
)
def test_a_document_that_comes_again_is_read_once_a_day(body: str, at: float, *, known: bool) -> None:
    """Many servers know no validators, and reading takes most of the time; a clock that has jumped back reads."""
    state = read(NEW, ASKED, SAME, DOCUMENT, 2)
    assert is_known(state, replace(ASKED, at=at), replace(ANSWER, body=body)) is known


def test_a_document_that_comes_again_may_have_other_validators() -> None:
    """Those of the last answer count."""
    state = read(NEW, ASKED, SAME, DOCUMENT, 2)
    assert unchanged(state, ASKED, replace(SAME, etag="new")).etag == "new"
    assert not is_known(NEW, ASKED, ANSWER)


def test_failures_are_counted_until_one_succeeds() -> None:
    """With the reason of the last one; what was known of the document stays, so that the next fetch is conditional."""
    good = read(NEW, ASKED, ANSWER, DOCUMENT, 2)
    bad = failed(failed(good, ASKED, "connection refused"), ASKED, "answers 500", status=500)
    assert (bad.failures, bad.error, bad.status, bad.etag, bad.broken) == (2, "answers 500", 500, '"e"', True)
    assert unchanged(bad, ASKED, Answer(status=304)).error == ""
    assert unchanged(bad, ASKED, Answer(status=304)).failures == 0


@pytest.mark.parametrize(
    ("answer", "source"),
    [("http://y/new", "http://y/new"), ("http://x/feed", "http://x/feed"), ("", "http://x/feed")],
)
def test_a_feed_that_has_moved_for_good_is_asked_there(answer: str, source: str) -> None:
    """Unless it has moved to where truth has it."""
    assert read(NEW, ASKED, replace(ANSWER, moved_to=answer), DOCUMENT, 0).source == source


@pytest.mark.parametrize(
    ("error", "status", "source"),
    [
        ("answers 404", 404, "http://x/feed"),
        ("answers 410", 410, "http://x/feed"),
        ("no such host", 0, "http://x/feed"),
        ("answers 500", 500, "http://y/new"),
        ("connection refused", 0, "http://y/new"),
    ],
)
def test_a_new_address_that_is_nowhere_gives_way_to_the_old_one(error: str, status: int, source: str) -> None:
    """One that is only down for now does not."""
    moved = read(NEW, ASKED, replace(ANSWER, moved_to="http://y/new"), DOCUMENT, 0)
    assert failed(moved, ASKED, error, status=status).source == source


@pytest.mark.parametrize("raw", [None, b"", b"{", b"[]", b'{"url": 3}', b"[" * 100_000])
def test_what_cannot_be_read_begins_anew(raw: bytes | None) -> None:
    """Nobody stops for it."""
    assert decode_state(raw, "http://x/feed") == NEW


def test_a_state_belongs_to_one_address() -> None:
    """Where truth has another by now, validators of the old one would say that nothing has changed."""
    state = read(NEW, ASKED, ANSWER, DOCUMENT, 2)
    assert decode_state(encode_state(state), "http://x/feed") == state
    assert decode_state(encode_state(state), "http://other/") == FeedState(url="http://other/")
