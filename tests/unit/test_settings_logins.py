"""By which login a process asks the buses."""

import os
from pathlib import Path

import pytest

from marketswarm import names, settings, users
from marketswarm.address import Address
from marketswarm.errors import BadEnvironmentError
from marketswarm.settings import Login, Settings

URLS = ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL", "REDIS_URL", "TRUTH_REDIS_URL", "REDIS_CREDENTIALS")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Passwords of three users."""
    made = tmp_path / "redis"
    made.mkdir()
    for user in ("mesh", users.OPERATOR, users.SEED):
        (made / user).write_text(f"s3cret-{user}\n", encoding="ascii")
    return made


@pytest.fixture
def host(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose passwords are in that folder; returns its file of variables, which is not there."""
    for name in (*URLS, *(name for name in os.environ if name.endswith("REDIS_URL"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(users, "PASSWORDS", str(folder))
    monkeypatch.setattr(names, "ENV_FILE", str(tmp_path / "marketswarm.env"))
    return tmp_path / "marketswarm.env"


@pytest.mark.parametrize("user", ["mesh", users.SEED, None])
def test_a_process_has_the_login_of_its_user(folder: Path, user: str | None) -> None:
    """Wherever a bus is: by the default, by a variable, by truth, at its socket; a command is the operator's."""
    environ = {"REDIS_CREDENTIALS": str(folder), "MARKET_REDIS_URL": "redis://10.0.0.1:7000/3"}
    environ["REDIS_SOCKETS"] = "6379=/run/a.sock"
    found = settings.load(environ, user=user) if user else settings.load(environ)
    who = user or users.OPERATOR
    assert found.login == Login(who, f"s3cret-{who}")
    assert found.credentials == folder
    login = (who, f"s3cret-{who}")
    assert found.address("system-redis") == Address(path="/run/a.sock").logged_in(*login)
    assert found.address("market-redis") == Address("10.0.0.1", 7000, db=3).logged_in(*login)
    assert found.address("feed-redis", {"feed-redis": "redis://h"}) == Address("h").logged_in(*login)


@pytest.mark.parametrize("url", ["redis://me:mine@h", "redis://:mine@h"])
def test_the_login_of_an_address_wins(folder: Path, url: str) -> None:
    """Whoever sets one knows that server; the other bus is asked by the user of the process."""
    environ = {"REDIS_CREDENTIALS": str(folder), "SYSTEM_REDIS_URL": url, "TRUTH_REDIS_URL": url}
    found = settings.load(environ, user="mesh")
    assert found.address("system-redis") == found.truth_address == Address.parse(url)
    assert found.address("market-redis").username == "mesh"


def test_a_name_without_a_password_is_no_login(folder: Path) -> None:
    """Nobody could log in by it."""
    environ = {"REDIS_CREDENTIALS": str(folder), "SYSTEM_REDIS_URL": "redis://me@h"}
    at = settings.load(environ, user="mesh").address("system-redis")
    assert (at.username, at.password) == ("mesh", "s3cret-mesh")


def test_the_server_that_holds_the_truth_is_asked_by_it_too(folder: Path) -> None:
    """Where its address says nothing else."""
    found = settings.load({"REDIS_CREDENTIALS": str(folder), "TRUTH_REDIS_URL": "redis://h:1"}, user="mesh")
    assert found.truth_address == Address("h", 1, username="mesh", password="s3cret-mesh")


@pytest.mark.parametrize("value", ["", "  ", None])
def test_without_a_folder_nobody_has_a_login(value: str | None) -> None:
    """As in development, where servers are open."""
    found = settings.load({} if value is None else {"REDIS_CREDENTIALS": value}, user="mesh")
    assert found == Settings()
    assert found.address("system-redis") == Address("127.0.0.1", 6379)


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_who_has_no_password_there_has_no_login(folder: Path, content: str | None) -> None:
    """Or an empty one; it is the bus that says so, if it wants one."""
    if content is not None:
        (folder / "orders").write_text(content, encoding="ascii")
    found = settings.load({"REDIS_CREDENTIALS": str(folder)}, user="orders")
    assert (found.login, found.credentials) == (None, folder)


def test_a_folder_that_may_not_be_read_is_no_login(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not root types commands, too, and those that need no login work."""

    def refuse(self: Path, **_options: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    found = settings.load({"REDIS_CREDENTIALS": str(folder)}, user="mesh")
    assert (found.login, found.credentials) == (None, folder)


def test_a_password_that_cannot_be_read_otherwise_is_a_fault(folder: Path) -> None:
    """The user is named, and what the file holds is not shown."""
    (folder / "mesh").write_bytes(b"s3cret\xff")
    with pytest.raises(
        BadEnvironmentError, match=r"^REDIS_CREDENTIALS: the password of mesh cannot be read: "
    ) as caught:
        settings.load({"REDIS_CREDENTIALS": str(folder)}, user="mesh")
    assert "s3cret" not in str(caught.value)


def test_nothing_secret_is_ever_shown(folder: Path) -> None:
    """Not of the settings, nor of a login, nor of the address that has it."""
    found = settings.load({"REDIS_CREDENTIALS": str(folder), "TRUTH_REDIS_URL": "redis://h"}, user="mesh")
    at = found.address("system-redis")
    assert at.password == "s3cret-mesh"
    for shown in (repr(found), str(found), repr(found.login), repr(at), str(at), f"{found.truth_address!r}"):
        assert "s3cret" not in shown
    assert "mesh" in repr(found.login)


def test_commands_on_a_host_have_the_login_of_its_operator(host: Path) -> None:
    """Whoever may read it, as root may; nothing has to be set."""
    assert settings.load().login == Login(users.OPERATOR, f"s3cret-{users.OPERATOR}")
    assert settings.load(user=users.SEED).address("system-redis").username == users.SEED


@pytest.mark.parametrize("variable", ["SYSTEM_REDIS_URL", "MARKET_REDIS_URL", "REDIS_URL", "FEED_REDIS_URL"])
def test_who_names_a_bus_is_not_given_the_hosts_login(
    host: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """That server may be anybody's: it is no place for a password of ours."""
    monkeypatch.setenv(variable, "redis://h")
    found = settings.load()
    assert (found.login, found.credentials) == (None, None)


def test_what_the_operator_says_of_passwords_wins(
    host: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the file of the units, and before it in his own environment, that there are none among others."""
    other = tmp_path / "other"
    other.mkdir()
    (other / users.OPERATOR).write_text("another", encoding="ascii")
    host.write_text(f"REDIS_CREDENTIALS={other}\n", encoding="ascii")
    assert settings.load().login == Login(users.OPERATOR, "another")
    monkeypatch.setenv("REDIS_CREDENTIALS", str(folder))
    assert settings.load().credentials == folder
    monkeypatch.setenv("REDIS_CREDENTIALS", "")
    assert settings.load().login is None
