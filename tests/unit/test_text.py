"""Counts and lists for people."""

import pytest

from marketswarm.text import counted, listed, tally


@pytest.mark.parametrize(("count", "says"), [(0, "0 feeds"), (1, "1 feed"), (2, "2 feeds")])
def test_one_is_no_plural(count: int, says: str) -> None:
    """All others are, none too."""
    assert counted(count, "feed") == says


def test_a_tally_is_in_the_order_of_the_kinds_and_leaves_out_those_without_any() -> None:
    """Whichever order the words come in; of nothing it is empty."""
    kinds = ("ok", "odd", "FAILED")
    assert tally(iter(["FAILED", "ok", "FAILED", "ok", "ok"]), kinds) == "3 ok, 2 FAILED"
    assert tally([], kinds) == ""


@pytest.mark.parametrize(
    ("words", "says"), [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c"], "a, b, ...")]
)
def test_a_list_shows_that_there_are_more(words: list[str], says: str) -> None:
    """Only if there are."""
    assert listed(words, 2) == says
