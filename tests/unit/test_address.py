"""Addresses of Redis servers: read from URLs, shown without passwords."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.address import Address

HUNTER2 = "hunter2"
ESCAPED = "p:/"


@pytest.mark.parametrize(
    ("url", "expected", "shown"),
    [
        ("redis://h", Address("h", 6379), "h:6379"),
        ("redis://127.0.0.1:6380", Address("127.0.0.1", 6380), "127.0.0.1:6380"),
        ("redis://h:1/", Address("h", 1), "h:1"),
        ("redis://h:65535/7", Address("h", 65535, db=7), "h:65535"),
        ("redis://H.Example", Address("h.example"), "h.example:6379"),
        ("redis://[::1]:6380", Address("::1", 6380), "[::1]:6380"),
        ("rediss://h:6390", Address("h", 6390, tls=True), "h:6390"),
        ("redis://:hunter2@h", Address("h", password=HUNTER2), "h:6379"),
        ("redis://u:hunter2@h:1/2", Address("h", 1, username="u", password=HUNTER2, db=2), "h:1"),
        ("redis://u@h", Address("h", username="u"), "h:6379"),
        ("redis://u%40x:p%3A%2F@h", Address("h", username="u@x", password=ESCAPED), "h:6379"),
        ("unix:///run/redis.sock", Address(path="/run/redis.sock"), "/run/redis.sock"),
        ("unix:///run/a%20b", Address(path="/run/a b"), "/run/a b"),
        ("unix://u:hunter2@/run/r", Address(path="/run/r", username="u", password=HUNTER2), "/run/r"),
    ],
)
def test_a_url_is_read(url: str, expected: Address, shown: str) -> None:
    """Host, port, socket, database and credentials, each with its default; the credentials are not shown."""
    address = Address.parse(url)
    assert address == expected
    assert str(address) == shown


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("", "must be a URL that starts with redis://, rediss:// or unix://"),
        ("127.0.0.1:6379", "must be a URL that starts with redis://, rediss:// or unix://"),
        ("http://h", "must be a URL that starts with redis://, rediss:// or unix://"),
        ("redis://[::1", "must be a URL as in redis://127.0.0.1:6379"),
        ("redis://h:0", "has a port that is not a number from 1 to 65535"),
        ("redis://h:65536", "has a port that is not a number from 1 to 65535"),
        ("redis://h:-1", "has a port that is not a number from 1 to 65535"),
        ("redis://h:x", "has a port that is not a number from 1 to 65535"),
        ("unix://", "must name a socket, as in unix:///run/redis.sock"),
        ("redis://", "must name a host, as in redis://127.0.0.1:6379"),
        ("redis://:hunter2@", "must name a host, as in redis://127.0.0.1:6379"),
        ("redis:h", "must name a host, as in redis://127.0.0.1:6379"),
        ("redis://h/x", "must end with a database number or nothing, as in redis://127.0.0.1:6379/0"),
        ("redis://h/-1", "must end with a database number or nothing, as in redis://127.0.0.1:6379/0"),
        ("redis://h/1/2", "must end with a database number or nothing, as in redis://127.0.0.1:6379/0"),
    ],
)
def test_what_is_no_address_is_refused_with_a_phrase(url: str, phrase: str) -> None:
    """It says what is wrong and fits behind the name of a setting."""
    with pytest.raises(ValueError, match=r"^(must|has)") as caught:
        Address.parse(url)
    assert str(caught.value) == phrase


def test_a_socket_is_named_by_its_whole_path() -> None:
    """With a slash too few the first folder would be taken for a host, and another socket be opened."""
    with pytest.raises(ValueError, match="must name a socket"):
        Address.parse("unix://run/redis.sock")


SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).map(lambda text: f"hunter2{text}hunter2")
FORMS = [
    "redis://:{}@h:1",
    "redis://u:{}@h",
    "rediss://u:{}@[::1]:2/3",
    "unix://u:{}@/s",
    "redis://u:{}@",
    "x://u:{}@h",
]


def said_of(url: str) -> str:
    """Everything that is ever shown of a URL."""
    try:
        address = Address.parse(url)
    except ValueError as error:
        return f"{error!r} from {error.__cause__!r}"
    return f"{address} {address!r} {[address]}"


@given(secret=SECRETS, form=st.sampled_from(FORMS))
def test_a_password_is_never_shown(secret: str, form: str) -> None:
    """Not by an address and not by what is said of a URL that is none, whatever the password does to the URL."""
    assert HUNTER2 not in said_of(form.format(secret))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("redis://h:1", "redis://h:1", True),
        ("redis://h:1", "redis://h:2", False),
        ("redis://h:1", "redis://g:1", False),
        ("redis://localhost", "redis://127.0.0.1:6379/3", True),
        ("redis://[::1]", "rediss://localhost", True),
        ("redis://localhost", "redis://h", False),
        ("redis://u:p@h", "redis://h", True),
        ("unix:///a", "unix:///a", True),
        ("unix:///a", "unix:///b", False),
        ("unix:///a", "redis://h", False),
    ],
)
def test_same_server(one: str, other: str, *, same: bool) -> None:
    """Every spelling of loopback is one host; database, credentials and TLS do not matter."""
    first, second = Address.parse(one), Address.parse(other)
    assert first.same_server(second) is same
    assert second.same_server(first) is same


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://u:p@localhost:6379/2", "unix://u:p@/run/a.sock"),
        ("redis://[::1]", "unix:///run/a.sock"),
        ("redis://127.0.0.1:6380", "redis://127.0.0.1:6380"),
        ("redis://h:6379", "redis://h:6379"),
        ("rediss://127.0.0.1:6379", "rediss://127.0.0.1:6379"),
        ("unix:///b", "unix:///b"),
    ],
)
def test_a_port_of_loopback_may_have_a_socket(url: str, expected: str) -> None:
    """It takes the place of host and port; who logs in, and the database, stay. What has none is as it was."""
    before = Address.parse(url)
    assert before.by_socket({6379: "/run/a.sock"}) == replace(Address.parse(expected), db=before.db)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:1/2", "redis://mesh:x@h:1/2"),
        ("redis://me@h", "redis://mesh:x@h"),
        ("unix:///a", "unix://mesh:x@/a"),
        ("redis://me:mine@h", "redis://me:mine@h"),
        ("redis://:mine@h", "redis://:mine@h"),
    ],
)
def test_a_login_is_given_where_there_is_none(url: str, expected: str) -> None:
    """Who put a password into an address meant that one."""
    assert Address.parse(url).logged_in("mesh", "x") == Address.parse(expected)
