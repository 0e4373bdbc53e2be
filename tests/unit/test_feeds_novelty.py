"""What of a document is news."""

from hypothesis import given
from hypothesis import strategies as st

from marketswarm.feeds.item import Entry
from marketswarm.feeds.novelty import News, alias_of, field_of, judge


def entry(key: str, title: str = "") -> Entry:
    """Make an entry; its title is its key's unless another is given."""
    return Entry(key=key, title=title or f"about {key}")


def kept(news: tuple[News, ...]) -> dict[str, str]:
    """Give the marks that are kept with these news."""
    return {field: mark for one in news for field, mark in ((one.field, one.after), (one.alias, ""))}


def titles(news: tuple[News, ...]) -> list[str]:
    """Name news by their titles."""
    return [one.entry.title for one in news]


def test_everything_in_an_unknown_feed_is_news_the_oldest_first() -> None:
    """A document has the newest first; the queue gets them in the order of time."""
    found = judge([entry("c"), entry("b"), entry("a")], {})
    assert titles(found.news) == ["about a", "about b", "about c"]
    assert {one.revision for one in found.news} == {1}
    assert {one.before for one in found.news} == {""}


def test_what_was_published_is_no_news_but_still_in_use() -> None:
    """Its marks are named, so that they do not run out while it is in the feed."""
    first = judge([entry("a")], {})
    second = judge([entry("b"), entry("a")], kept(first.news))
    assert titles(second.news) == ["about b"]
    assert set(second.known) == {field_of(entry("a")), alias_of(entry("a"))}


def test_an_edited_entry_is_the_next_revision_of_the_same_item() -> None:
    """Also one that goes back to what it said before."""
    marks = kept(judge([entry("a", "one")], {}).news)
    (edited,) = judge([entry("a", "two")], marks).news
    assert (edited.revision, edited.before, edited.field) == (2, marks[field_of(entry("a"))], field_of(entry("a")))
    marks |= kept((edited,))
    (back,) = judge([entry("a", "one")], marks).news
    assert back.revision == 3


def test_an_entry_under_a_changed_guid_is_no_news() -> None:
    """Some feeds make up guids for each request; the words are the same."""
    marks = kept(judge([entry("guid-1", "same words")], {}).news)
    assert judge([entry("guid-2", "same words")], marks).news == ()


def test_of_two_entries_in_the_same_words_one_is_news() -> None:
    """Within one document as well."""
    found = judge([entry("x", "same"), entry("y", "same")], {})
    assert titles(found.news) == ["same"]


def test_of_two_entries_with_one_key_the_first_counts() -> None:
    """A document that repeats a guid does not edit itself at each fetch."""
    found = judge([entry("a", "new"), entry("a", "old")], {})
    assert titles(found.news) == ["new"]


def test_a_mark_that_cannot_be_read_is_an_edit_and_not_an_error() -> None:
    """Whoever wrote it."""
    (found,) = judge([entry("a")], {field_of(entry("a")): "rubbish"}).news
    assert (found.revision, found.before) == (1, "rubbish")


@given(st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "1", "2"])), max_size=6), max_size=8))
def test_a_document_that_comes_again_is_never_news(documents: list[list[tuple[str, str]]]) -> None:
    """Whatever came before it, once its news are kept."""
    marks: dict[str, str] = {}
    for document in documents:
        unique = {key: entry(key, f"{key}{title}") for key, title in document}
        marks |= kept(judge(unique.values(), marks).news)
        assert judge(unique.values(), marks).news == ()
