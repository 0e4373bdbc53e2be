"""What is said of two documents that differ."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.difference import differences

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, ["~ a: 1 -> 2"]),
        ({}, {"a": "x"}, ['+ a: "x"']),
        ({"a": None}, {}, ["- a: null"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["~ a.b.c: 1 -> 2"]),
        ({"a": {"b": 1}}, {"a": {}}, ["- a.b: 1"]),
        ({"a": {}}, {"a": []}, ["~ a: {} -> []"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["~ a: [1, 2] -> [2, 1]"]),
        ({"a": "ü"}, {"a": "u"}, ['~ a: "ü" -> "u"']),
        ({"b": 1, "a": 1}, {"c": 1, "a": 2}, ["~ a: 1 -> 2", "- b: 1", "+ c: 1"]),
        ("not JSON", {"a": 1}, ['~ the document: "not JSON" -> {"a": 1}']),
        ({"a": 1}, {"a": True}, ["~ a: 1 -> true"]),
        ({"a": [0]}, {"a": [False]}, ["~ a: [0] -> [false]"]),
    ],
)
def test_a_line_for_each_place(old: Any, new: Any, lines: list[str]) -> None:
    """What is new, what is gone, what changed, by its path and in the order of the keys."""
    assert differences(old, new) == lines


@pytest.mark.parametrize("key", ["a\nb", "a\x1b[2J", "\x9b"])
def test_a_place_is_one_printable_line(key: str) -> None:
    """Whatever somebody else stored, it plays no tricks on the terminal of the one who compares."""
    assert all(line.isprintable() for line in differences({}, {key: key}))


@given(JSON)
def test_a_document_does_not_differ_from_its_copy(document: Any) -> None:
    """Nothing to say."""
    assert differences(document, copy.deepcopy(document)) == []


@given(JSON, JSON)
def test_it_says_the_same_in_both_directions(one: Any, other: Any) -> None:
    """As many places, with new and gone the other way round."""
    there, back = differences(one, other), differences(other, one)
    turned = {"+": "-", "-": "+", "~": "~"}
    assert sorted(turned[line[0]] for line in there) == sorted(line[0] for line in back)
