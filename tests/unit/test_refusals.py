"""What a bus refuses, in words that say who may not do what, and never with what."""

from collections.abc import Sequence
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import refusals
from marketswarm.address import Address
from marketswarm.line import Command, refused_command

AT = Address("127.0.0.1", 6379)
MESH = AT.logged_in("mesh", "hunter2")
OF_RIGHTS = (
    # Redis 7.0
    "NOPERM this user has no permissions to run the 'set' command",
    "NOPERM this user has no permissions to access one of the keys used as arguments",
    "NOPERM this user has no permissions to access one of the channels used as arguments",
    # 7.2 and later
    "NOPERM User mesh has no permissions to run the 'set' command",
    "NOPERM No permissions to access a key",
    "NOPERM No permissions to access a channel",
    # within a script: 7.0, and later
    "ERR The user executing the script can't run this command or subcommand script: 1234, on @user_script:1.",
    "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
    "ERR ACL failure in script: No permissions to access a key script: 1234, on @user_script:1.",
)
OF_LOGIN = (
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOAUTH Authentication required.",
    "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
)
OTHERS = (
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "ERR unknown command",
    "ERR This instance has cluster support disabled",
)


@pytest.mark.parametrize("said", OF_RIGHTS)
def test_a_right_that_is_missing_is_told_by_who_and_what(said: str) -> None:
    """Whatever the server's version calls it; of the commands that were sent, the one that was refused."""
    assert refusals.is_of_rights(said)
    assert not refusals.is_of_login(said)
    what = "do within a script what it does by EVAL" if said.startswith("ERR") else "EVAL"
    assert refusals.explained(said, MESH, ("EVAL", "return 1", 1, "health:rss_agg", "secret")) == (
        f"refuses: mesh may not {what} health:rss_agg; its rights come from the truth: marketswarm acl show"
    )


@pytest.mark.parametrize("said", OF_RIGHTS)
def test_where_nobody_knows_what_was_refused_the_server_is_quoted(said: str) -> None:
    """It is a command that no caller gave."""
    assert refusals.explained(said, MESH, None) == (
        f"refuses: {said}; its rights come from the truth: marketswarm acl show"
    )


@pytest.mark.parametrize("at", [AT, AT.logged_in("default", "x"), Address.parse("redis://:x@h")])
def test_who_gives_no_login_is_told_to_be_root(at: Address) -> None:
    """On a host root has one, and nobody has the rights of the default user from the truth."""
    assert refusals.explained(OF_RIGHTS[0], at, ("SET", "a", "b")) == ("refuses: default may not SET a; run it as root")


@pytest.mark.parametrize("said", OF_LOGIN)
def test_a_login_that_is_refused_or_missing_is_told_apart(said: str) -> None:
    """By whether one was given; no command is the matter."""
    assert refusals.is_of_login(said)
    assert not refusals.is_of_rights(said)
    assert refusals.explained(said, AT, ("PING",)) == (
        "refuses: it wants a login, and none is set; see REDIS_CREDENTIALS"
    )
    assert refusals.explained(said, MESH, None) == (
        "refuses the login of mesh: unknown there, or by another password; run marketswarm-seed as root"
    )


@pytest.mark.parametrize("said", OTHERS)
def test_any_other_no_is_the_servers_own(said: str) -> None:
    """Its log says more of it."""
    assert not refusals.is_of_rights(said)
    assert not refusals.is_of_login(said)
    assert refusals.explained(said, MESH, ("SET", "a", "b")) == f"refuses: {said}; see its log"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("PING",), "PING"),
        (("SET", "health:a", "secret", "PX", 1000), "SET health:a"),
        (("PUBLISH", "a:heartbeat", b"secret"), "PUBLISH a:heartbeat"),
        (("HSET", "h", "field", "secret"), "HSET h"),
        (("MSET", "health:a", "secret", "health:b", "secret"), "MSET health:a"),
        (("MGET", "truth:doc", "truth:sha256"), "MGET truth:doc"),
        (("XGROUP", "CREATE", "rss:queue", "g", "0", "MKSTREAM"), "XGROUP CREATE rss:queue"),
        (("XINFO", "GROUPS", "rss:queue"), "XINFO GROUPS rss:queue"),
        (("XREADGROUP", "GROUP", "g", "c", "COUNT", 9, "STREAMS", "rss:queue", ">"), "XREADGROUP rss:queue"),
        (("XREAD", "BLOCK", 0, "STREAMS", "a", "b", "0", "0"), "XREAD a"),
        (("PUBSUB", "NUMSUB", "a:heartbeat"), "PUBSUB NUMSUB a:heartbeat"),
        (("EVAL", "return 1", 2, "rss:queue", "rss:feeds", "secret"), "EVAL rss:queue, rss:feeds"),
        (("EVAL", "return 1", "0", "secret"), "EVAL"),
        (("CLIENT", "LIST"), "CLIENT LIST"),
        (("CLIENT", "SETNAME", "secret"), "CLIENT SETNAME"),
        (("ACL", "SETUSER", "mesh", "on", ">secret"), "ACL SETUSER"),
        (("AUTH", "mesh", "secret"), "AUTH"),
        (("SELECT", 3), "SELECT"),
        (("MULTI",), "MULTI"),
        ((b"SET", b"k\xff\n", b"secret"), "SET k\ufffd\\n"),
    ],
)
def test_a_command_is_named_with_what_it_is_about(command: Command, expected: str) -> None:
    """The key or the channel, and no value."""
    assert refusals.named(command) == expected


WORDS = st.lists(st.text(max_size=8).map("s3cret{}".format), max_size=4)


@given(
    before=st.sampled_from(
        [
            ("SET", "k"),
            ("PUBLISH", "k"),
            ("HSET", "k"),
            ("XADD", "k", "*"),
            ("RPUSH", "k"),
            ("AUTH",),
            ("CLIENT", "SETNAME"),
            ("ACL", "SETUSER"),
            ("EVAL", "return 1", 1, "k"),
            ("EVAL", "return 1", 0),
        ]
    ),
    values=WORDS,
    said=st.sampled_from([*OF_RIGHTS, *OF_LOGIN, *OTHERS]),
)
def test_no_value_is_ever_shown(before: Command, values: list[str], said: str) -> None:
    """What a command stores, publishes or logs in by may be a secret."""
    told = refusals.explained(said, MESH, (*before, *values))
    assert "s3cret" not in told
    assert "hunter2" not in told
    assert told.isprintable()


def test_what_a_server_repeats_of_a_command_that_it_does_not_know_is_not_shown() -> None:
    """AUTH may be one, where somebody has renamed it."""
    said = "ERR unknown command 'AUTH', with args beginning with: 'mesh' 's3cret' "
    assert refusals.explained(said, MESH, None) == "refuses: ERR unknown command 'AUTH'; see its log"


def test_a_long_name_is_cut() -> None:
    """A line of the log stays one."""
    assert len(refusals.named(("EVAL", "x", 50, *(f"key:{number}" for number in range(50))))) == 100


NO = hiredis.ReplyError("NOPERM no")
ABORTED = hiredis.ReplyError("EXECABORT Transaction discarded because of previous errors.")
MULTI, EXEC = ("MULTI",), ("EXEC",)
ONE, TWO = ("SET", "a", "1"), ("SET", "b", "2")


@pytest.mark.parametrize(
    ("commands", "answers", "expected"),
    [
        ([], [], None),
        ([ONE, TWO], [b"OK", b"OK"], None),
        ([ONE, TWO], [b"OK", NO], TWO),
        ([ONE, TWO], [NO, NO], ONE),
        ([("PING",)], [NO], ("PING",)),
        ([("PING",), TWO], [NO, NO], TWO),
        ([("HGETALL", "h")], [[b"field", b"value"]], None),
        # Refused when it is queued: the end of the transaction is refused, too, and is not what matters.
        ([MULTI, ONE, TWO, EXEC], [b"OK", b"QUEUED", NO, ABORTED], TWO),
        ([MULTI, ONE, EXEC], [NO, NO, NO], ONE),
        # Refused when it is carried out.
        ([MULTI, ONE, TWO, EXEC], [b"OK", b"QUEUED", b"QUEUED", [b"OK", NO]], TWO),
        ([MULTI, ONE, TWO, EXEC], [b"OK", b"QUEUED", b"QUEUED", [NO, b"OK"]], ONE),
        ([MULTI, ONE, EXEC], [b"OK", b"QUEUED", [b"OK"]], None),
        ([MULTI, ONE, EXEC], [b"OK", b"QUEUED", None], None),
    ],
)
def test_what_was_refused_is_found_among_what_was_sent(
    commands: Sequence[Command], answers: Sequence[Any], expected: Command | None
) -> None:
    """The first that names a key, within a transaction too."""
    assert refused_command(commands, answers) == expected
