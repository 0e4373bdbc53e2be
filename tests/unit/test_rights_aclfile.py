"""The file from which a Redis server has its users."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from marketswarm.rights import AclFile, User, rules_of, words
from marketswarm.rights.grants import Grant

MESH = User("mesh", ("ping",), (Grant(("get",), ("a",)),))
HASH = hashlib.sha256(b"x").hexdigest()
NAME = st.text(st.characters(codec="utf-8", exclude_characters=" \n\r\t\0"), min_size=1, max_size=12)
RULES = st.lists(NAME, min_size=1, max_size=4).map(" ".join)


def test_a_user_is_a_line_with_the_hashes_of_its_passwords() -> None:
    """One that has none cannot log in."""
    text = AclFile.of([MESH, User("other", (), ())], {"mesh": (HASH, "0" * 64)}).text()
    assert text == (
        f"user mesh on resetkeys resetchannels -@all +ping (~a +get) #{HASH} #{'0' * 64}\n"
        "user other on resetkeys resetchannels -@all\n"
    )
    assert rules_of(MESH, (HASH,))[-1] == f"#{HASH}"


@given(st.dictionaries(NAME, RULES, max_size=5))
def test_what_is_written_reads_back(rules: dict[str, str]) -> None:
    """Whatever a server takes for a name, and for a rule."""
    assert AclFile.parse(AclFile(rules).text()) == AclFile(rules)


def test_what_is_no_user_is_left_out() -> None:
    """Blank lines, and whatever a server would refuse; blanks around a line and other line ends are none of it."""
    text = "\n# a word\nuser\nuser x\nusers y on\n  user a on ~*\t\r\nuser b on (~x +get) +ping"
    assert AclFile.parse(text) == AclFile({"a": "on ~*", "b": "on (~x +get) +ping"})
    assert AclFile.parse("") == AclFile({})


def test_users_of_somebody_else_stay_and_ours_are_what_we_say() -> None:
    """One of ours that was edited by hand is put right, one that has no right any more is gone."""
    old = AclFile.parse("user theirs on >p ~* +@all\nuser mesh on nopass ~* +@all\nuser gone on ~*\n")
    new = AclFile.of([MESH], {"mesh": (HASH,)}).over(old, {"mesh", "gone"})
    assert list(new.rules) == ["mesh", "theirs"]
    assert new.rules["theirs"] == "on >p ~* +@all"
    assert "nopass" not in new.rules["mesh"]


def test_one_that_we_make_is_ours_whatever_was_known_of_it() -> None:
    """No name stands twice, or a server does not start."""
    old = AclFile.parse("user mesh on nopass ~* +@all\n")
    assert AclFile.of([MESH], {}).over(old, ()).text().count("user mesh ") == 1


@given(st.dictionaries(NAME, RULES, max_size=5), st.sets(NAME, max_size=3))
def test_written_again_it_is_the_same_file(rules: dict[str, str], ours: set[str]) -> None:
    """A server is not started anew for nothing."""
    new = AclFile.of([MESH], {})
    once = new.over(AclFile(rules), ours)
    assert new.over(AclFile.parse(once.text()), ours).text() == once.text()


def test_rules_are_taken_apart_as_a_server_is_given_them() -> None:
    """What stands within parentheses is one word."""
    assert words("on nopass +ping (%R~health:* +get) (&a +subscribe)") == [
        *("on", "nopass", "+ping"),
        *("(%R~health:* +get)", "(&a +subscribe)"),
    ]
