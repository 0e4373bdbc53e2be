"""The default handler: what it finds in an item, and how it knows a story that was told before."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import names
from marketswarm.feeds.item import Item
from marketswarm.handlers import Context, lexicon
from marketswarm.handlers.stories import marks
from marketswarm.settings import Settings

FETCHED = datetime(2026, 5, 12, tzinfo=UTC)


class Shelf:
    """A memory: what was kept first, and what was asked."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.asked: list[tuple[list[str], float]] = []

    async def first(self, keys: Sequence[str], value: str, ttl_sec: float) -> list[str]:
        """Keep a value where there is none."""
        self.asked.append((list(keys), ttl_sec))
        return [self.kept.setdefault(key, value) for key in keys]


def item(title: str, summary: str = "", name: str = "a") -> Item:
    """Make an item."""
    return Item(id=name, feed="wire", title=title, summary=summary, fetched=FETCHED)


def handle(*items: Item, memory: Shelf | None = None) -> list[Mapping[str, object]]:
    """Give items to the handler, one after the other."""

    async def work() -> list[Mapping[str, object]]:
        async with lexicon.handler(Context(Settings(), memory or Shelf())) as handle_one:
            return [await handle_one(each) for each in items]

    return asyncio.run(work())


def test_it_says_companies_mood_and_story() -> None:
    """As values that JSON has."""
    (found,) = handle(item("Apple beats estimates, Google misses", "Shares of Tesla (NASDAQ: TSLA) and $F fell."))
    assert found == {
        "tickers": ["AAPL", "GOOGL", "TSLA", "F"],
        "sentiment": found["sentiment"],
        "story": "a",
        "duplicate": False,
        "handler": "lexicon",
    }
    assert json.loads(json.dumps(found)) == found


def test_the_mood_is_that_of_the_title() -> None:
    """The summary's beginning speaks where the title says neither."""
    bad, good, late = handle(
        item("Shares plunge", "Profit soared and sales soared."),
        item("Lufthansa reports", "Profit soared."),
        item("Lufthansa reports", "x " * 100 + "Profit soared."),
    )
    assert isinstance(bad["sentiment"], float)
    assert isinstance(good["sentiment"], float)
    assert bad["sentiment"] < 0 < good["sentiment"]
    assert late["sentiment"] == 0


def test_a_name_does_not_reach_from_a_title_into_a_summary() -> None:
    """Each is a text of its own."""
    (found,) = handle(item("Life in America: the Bank", "of America"))
    assert found["tickers"] == []


def test_the_second_telling_of_a_story_names_the_first() -> None:
    """And so does the third, whichever it is told like."""
    first, second, third, other = handle(
        item("Intel to cut 15,000 jobs in turnaround effort - Reuters", name="a"),
        item("Intel to lay off 15,000 workers in turnaround effort", name="b"),
        item("Intel to cut 15,000 jobs in turnaround effort", name="c"),
        item("Cisco to cut 15,000 jobs in turnaround effort", name="d"),
    )
    assert [found["story"] for found in (first, second, third, other)] == ["a", "a", "a", "d"]
    assert [found["duplicate"] for found in (first, second, third, other)] == [False, True, True, False]


def test_an_item_that_comes_again_is_told_the_same() -> None:
    """After a crash, or edited."""
    title = "Intel to cut 15,000 jobs in turnaround effort"
    first, again, other, other_again = handle(
        item(title), item(title), item(f"{title} - WSJ", name="b"), item(title, name="b")
    )
    assert first == again
    assert first["duplicate"] is False
    assert other == other_again
    assert other["story"] == "a"


def test_a_story_is_remembered_for_three_days_under_the_keys_of_its_marks() -> None:
    """One question to the bus for each item."""
    memory, one = Shelf(), item("Intel to cut 15,000 jobs in turnaround effort")
    handle(one, memory=memory)
    assert memory.asked == [([names.story_key(mark) for mark in marks(one)], 259_200.0)]


def test_an_item_that_tells_nothing_asks_nobody() -> None:
    """It is a story of its own."""
    memory = Shelf()
    (found,) = handle(item("Market wrap"), memory=memory)
    assert (found["story"], found["duplicate"], memory.asked) == ("a", False, [])


@pytest.mark.parametrize(
    ("kept", "story"),
    [
        ([], "me"),
        (["me", "me"], "me"),
        (["me", "a", "me"], "a"),
        (["a", "b", "b"], "b"),
        (["b", "a", "a", "b"], "b"),
        (["a", "b"], "a"),
        (["me", "me", "me", "b"], "b"),
    ],
)
def test_of_several_first_tellers_the_one_named_most_often_counts(kept: list[str], story: str) -> None:
    """Then the one under the surer mark; the item itself only where there is no other."""
    assert lexicon.first_teller(kept, "me") == story


def test_it_is_installed_under_its_name() -> None:
    """And is the default."""
    (entry,) = entry_points(group=names.HANDLERS_GROUP, name=names.DEFAULT_HANDLER)
    assert entry.load() is lexicon.handler


@given(st.text(), st.text())
def test_no_item_is_too_strange(title: str, summary: str) -> None:
    """Whatever a feed brings is worked through."""
    (found,) = handle(item(title, summary))
    assert found["story"] == "a"
