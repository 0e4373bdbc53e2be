"""The shapes of items and insights."""

import json
from datetime import UTC, datetime

import pytest

from marketswarm.feeds.insight import encode_insight
from marketswarm.feeds.item import Entry, Item, decode_item, digest, encode_item, item_of

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ENTRY = Entry(key="guid", title="T", link="http://x/1", published=AT, summary="S", authors=("A",), tags=("t",))


def made(entry: Entry = ENTRY, feed: str = "f", revision: int = 1) -> Item:
    """Make an item of an entry."""
    return item_of(entry, feed=feed, category="c", fetched=AT, revision=revision)


def test_an_item_is_json_with_times_in_utc() -> None:
    """What other programs read from the queue."""
    assert json.loads(encode_item(made())) == {
        "id": made().id,
        "feed": "f",
        "category": "c",
        "title": "T",
        "link": "http://x/1",
        "published": "2026-11-26T12:00:00Z",
        "updated": None,
        "summary": "S",
        "authors": ["A"],
        "tags": ["t"],
        "fetched": "2026-11-26T12:00:00Z",
        "revision": 1,
    }
    assert decode_item(encode_item(made())) == made()


def test_an_id_is_that_of_feed_and_key_and_never_changes() -> None:
    """Other programs keep it: an edit has the same, another feed another, and so will every version of this one."""
    assert made().id == made(Entry(key="guid", title="other"), revision=2).id == "18171528ddcff1469eb67a98cfc9ab77"
    assert len({made().id, made(feed="g").id, made(Entry(key="guid2")).id}) == 3


def test_where_one_text_ends_and_the_next_begins_counts() -> None:
    """Or two entries could have one id."""
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a") != digest("a", "")


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "U"},
        {"link": "http://x/2"},
        {"summary": ""},
        {"published": None},
        {"updated": AT},
        {"authors": ()},
        {"tags": ("A",)},
        {"authors": ("A", "t"), "tags": ()},
    ],
)
def test_whatever_a_reader_sees_is_in_the_fingerprint(changed: dict[str, object]) -> None:
    """So that an edit is seen; the key is not in it."""
    fields = {name: getattr(ENTRY, name) for name in ENTRY.__struct_fields__}
    assert Entry(**{**fields, **changed}).fingerprint() != ENTRY.fingerprint()
    assert Entry(**{**fields, "key": "other"}).fingerprint() == ENTRY.fingerprint()


@pytest.mark.parametrize("raw", [b"", b"{}", b"nothing", b'{"id": 3}', b"[" * 100_000, b"\xff"])
def test_what_is_no_item_is_none(raw: bytes) -> None:
    """Anybody may write to a stream."""
    assert decode_item(raw) is None


def test_an_item_of_a_later_version_is_read() -> None:
    """Fields that are not known are left alone."""
    assert decode_item(encode_item(made())[:-1] + b', "more": [1]}') == made()


def test_an_insight_leads_back_to_its_item() -> None:
    """Whatever a handler calls its findings."""
    raw = encode_insight(made(), {"tickers": ["X"], "sentiment": 0.5, "item_id": "mine"}, worker="w", ts=1.5)
    assert json.loads(raw) == {
        "tickers": ["X"],
        "sentiment": 0.5,
        "item_id": made().id,
        "revision": 1,
        "feed": "f",
        "category": "c",
        "title": "T",
        "link": "http://x/1",
        "published": "2026-11-26T12:00:00Z",
        "worker": "w",
        "ts": 1.5,
    }
