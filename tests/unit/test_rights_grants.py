"""What a right is in the words of Redis' ACL, and what names become in it."""

import string

import pytest
from granted import matches
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from marketswarm.rights.grants import Grant, User, reading, signed, writing
from marketswarm.truth.fields import Text
from marketswarm.truth.patterns import could_mean, pattern

NAMES = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]),
        st.sampled_from(sorted(set(string.printable) - set(string.whitespace))),
    ),
    min_size=1,
    max_size=40,
)
"""Names of keys and channels as truth takes them; those with many signs among them."""


@given(NAMES)
@example("odd*[a-z]?(x)")
@example(")")
@example("\"'")
@example("a\\*")
@example("\u00e9\u65e5\U0001f600")
def test_a_name_becomes_one_word_that_matches_it(name: str) -> None:
    """Whatever a truth may name: no blank, no parenthesis, no quote, and nothing that matches more than one byte."""
    assert TypeAdapter(Text).validate_python(name) == name
    word = pattern(name)
    assert matches(word, name)
    assert could_mean(word, name)
    assert not set(word) & set("*[]\\()\"' \t\r\n")
    assert len(word.split()) == 1
    assert len(word.encode()) == len(name.encode()), "it matches names of that length alone"


@given(NAMES, NAMES)
def test_a_pattern_means_another_name_where_a_server_would_take_it_so(name: str, other: str) -> None:
    """What is kept for others is looked for in this way."""
    assert could_mean(pattern(name), other) is matches(pattern(name), other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rss_agg:heartbeat", "rss_agg:heartbeat"),
        ("Orders-out/v2.1@eu+x=1,y#z&a!", "Orders-out/v2.1@eu+x=1,y#z&a!"),
        ("kurse:\u00e9\u65e5\u672c", "kurse:\u00e9\u65e5\u672c"),
        ("rss:*", "rss:?"),
        ("?", "?"),
        ("odd*[a-z]?(x)", "odd??a-z???x?"),
        ("a\\*b", "a??b"),
        ("{tag}:x", "?tag?:x"),
        ("it's\"", "it?s?"),
    ],
)
def test_a_plain_name_stays_as_it_is(name: str, expected: str) -> None:
    """Who reads an ACL knows it again; what has a meaning there stands as any one byte."""
    assert pattern(name) == expected


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        (Grant(("get", "mget"), ("a", "b:*")), "(~a ~b:* +get +mget)"),
        (Grant(("publish",), channels=("a", "b")), "(&a &b +publish)"),
        (Grant(("get",), reading("a", "b")), "(%R~a %R~b +get)"),
        (Grant(("set",), writing("a")), "(%W~a +set)"),
        (Grant(("xgroup|create",), ("a",)), "(~a +xgroup|create)"),
        (Grant(("@hash", "del"), ("a",)), "(~a +@hash +del -@dangerous)"),
        (Grant(("@all",), ("*",), ("*",)), "(~* &* +@all)"),
    ],
)
def test_a_grant_is_a_selector(grant: Grant, expected: str) -> None:
    """Keys, channels, commands; of a category, nothing that endangers a server, but for who may do anything."""
    assert str(grant) == expected


def test_a_category_never_comes_with_what_is_dangerous() -> None:
    """SORT, KEYS and the like are in categories of data, too."""
    assert signed(("ping", "time")) == ("+ping", "+time")
    assert signed(("@stream",)) == ("+@stream", "-@dangerous")
    assert signed(("@all",)) == ("+@all",)


def test_a_users_rules_begin_from_nothing() -> None:
    """Whatever it had before; one user needs no password, and no other."""
    grants = (Grant(("get",), ("a",)), Grant(("publish",), channels=("b",)))
    start = ("on", "resetkeys", "resetchannels", "-@all")
    end = ("(~a +get)", "(&b +publish)")
    assert User("x", ("ping",), grants).rules() == (*start, "+ping", *end)
    assert User("default", ("ping",), grants).rules() == (*start, "nopass", "+ping", *end)
    assert User("x", (), ()).rules() == start


ONE = Grant(("get", "mget"), ("a",), ("c",))


@pytest.mark.parametrize(
    ("other", "within"),
    [
        (ONE, True),
        (Grant(("mget", "get"), ("b", "a"), ("d", "c")), True),
        (Grant(("get",), ("a",), ("c",)), False),
        (Grant(("get", "mget"), ("b",), ("c",)), False),
        (Grant(("get", "mget"), reading("a"), ("c",)), False),
        (Grant(("get", "mget"), ("a",)), False),
    ],
)
def test_a_right_lies_within_another_that_allows_all_of_it(other: Grant, *, within: bool) -> None:
    """In whatever order its words stand."""
    assert ONE.within(other) is within


@pytest.mark.parametrize(
    ("commands", "grants", "within"),
    [
        (("ping",), (ONE,), True),
        (("time", "ping"), (Grant(("del",), ("z",)), ONE), True),
        ((), (ONE,), False),
        (("ping",), (), False),
        (("ping",), (Grant(("get",), ("a",), ("c",)), Grant(("mget",), ("a",), ("c",))), False),
    ],
)
def test_a_user_may_no_more_than_another(commands: tuple[str, ...], grants: tuple[Grant, ...], *, within: bool) -> None:
    """Each right of his lies in one of the other's; what only several of them allow together counts as less."""
    assert User("x", ("ping",), (ONE,)).within(User("x", commands, grants)) is within
