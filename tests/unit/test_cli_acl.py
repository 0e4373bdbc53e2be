"""`marketswarm acl`, as far as it needs no server."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from granted import BOTH, MARKET, SYSTEM, access, shipped

from marketswarm import cli, granting, users
from marketswarm.rights import AclFile
from marketswarm.settings import Settings

ORDERS = shipped(orders=access(["orders:out"]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that REDIS_CREDENTIALS names, with nothing in it; and nothing else is set."""
    for name in os.environ:
        if name.endswith("REDIS_URL") or name.startswith("REDIS_"):
            monkeypatch.delenv(name)
    made = tmp_path / "redis"
    made.mkdir()
    monkeypatch.setenv("REDIS_CREDENTIALS", str(made))
    monkeypatch.setenv("SYSTEM_REDIS_URL", "redis://127.0.0.1:1")
    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A truth."""
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(ORDERS.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    return str(path)


def run(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli.main, ["acl", *words])


@pytest.mark.parametrize("bus", BOTH)
def test_show_prints_the_lines_of_one_bus(folder: Path, file: str, bus: str) -> None:
    """Nothing else, so that they can go into a file; no password is among them."""
    done = run("show", "--truth", file, "--bus", bus)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == granting.lines(bus, ORDERS, Settings())
    rules = AclFile.parse(done.stdout).rules
    assert rules.keys() == {users.DEFAULT, *users.OWN, *ORDERS.services}
    assert not any("#" in given or ">" in given for given in rules.values())


def test_show_prints_all_buses_one_after_another(folder: Path, file: str) -> None:
    """Each under its name."""
    done = run("show", "--truth", file)
    expected = "".join(f"# {bus}\n{granting.lines(bus, ORDERS, Settings())}" for bus in BOTH)
    assert (done.exit_code, done.stdout) == (0, expected)


def test_show_goes_by_the_variables(folder: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the services: a stream that one moves is another's right."""
    monkeypatch.setenv("RSS_STREAM", "my:queue")
    assert "~my:queue " in run("show", "--truth", file, "--bus", MARKET).stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--bus", "other-redis"], 78, "--bus: there is no 'other-redis'; there are: system-redis, market-redis"),
        (["--truth", "nowhere.json"], 66, "nowhere.json: no such file or directory"),
        (["--bogus"], 2, "No such option"),
    ],
)
def test_show_says_what_it_cannot(folder: Path, file: str, words: list[str], code: int, says: str) -> None:
    """And prints nothing."""
    done = run("show", "--truth", file, *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr


@pytest.mark.parametrize("word", ["show", "apply"])
def test_a_bad_truth_has_its_faults_told(folder: Path, tmp_path: Path, word: str) -> None:
    """With the file that they are in."""
    bad = tmp_path / "bad.json"
    bad.write_text('{"services": {"default": {}}}', encoding="ascii")
    done = run(word, "--truth", str(bad))
    assert (done.exit_code, done.stdout) == (65, "")
    assert f"{bad}: not usable" in done.stderr
    assert "services.default: must have another name" in done.stderr


def test_apply_has_nothing_to_do_where_nobody_has_a_login(
    folder: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no error: servers may be open, or have users of their owner's."""
    monkeypatch.setenv("REDIS_CREDENTIALS", "")
    done = run("apply", "--truth", file)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "nothing to do: REDIS_CREDENTIALS names no folder, so nobody has a login\n"


@pytest.mark.parametrize("words", [["apply"], ["cli", SYSTEM]])
def test_who_may_not_read_the_password_is_told_to_be_root(folder: Path, file: str, words: list[str]) -> None:
    """Nothing is asked of a bus, and no program started, without it."""
    done = run(*words, *(["--truth", file] if words == ["apply"] else []))
    assert (done.exit_code, done.stdout) == (77, "")
    assert f"{folder}: has no password for this that is yours to read; run it as root" in done.stderr


def test_apply_gives_everybody_the_rights_of_the_file(folder: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By who keeps them; what he has to say is said."""
    (folder / users.ADMIN).write_text("x", encoding="ascii")
    given: list[Any] = []

    async def apply(self: granting.Keeper, truths: Any, say: granting.Say) -> None:
        given.append((self.passwords.folder, truths))
        say("it is done")

    monkeypatch.setattr(granting.Keeper, "apply", apply)
    done = run("apply", "--truth", file)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "it is done\n", "")
    assert given == [(folder, [ORDERS])]


def test_a_bus_that_no_file_of_this_host_starts_has_to_answer(folder: Path, file: str) -> None:
    """One line, and the code of a bus that does not."""
    (folder / users.ADMIN).write_text("x", encoding="ascii")
    done = run("apply", "--truth", file)
    assert done.exit_code == 69
    assert len(done.stderr.splitlines()) == 1
    assert "system-redis at 127.0.0.1:1 does not answer (connection refused)" in done.stderr


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A redis-cli that writes down how it was called, and ends with 9; returns where."""
    program = tmp_path / "bin/redis-cli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$REDISCLI_AUTH" "$@" > {tmp_path}/called\nexit 9\n', encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path / "called"


def test_cli_is_redis_cli_as_who_may_do_anything(folder: Path, shown: Path) -> None:
    """At the bus's address, with the password where nobody sees it; its words and its exit code are its own."""
    (folder / users.ADMIN).write_text("s3cret", encoding="ascii")
    assert run("cli", SYSTEM, "--raw", "CONFIG", "GET", "port").exit_code == 9
    login = f"--user {users.ADMIN} --no-auth-warning"
    assert shown.read_text(encoding="ascii") == f"s3cret -p 1 {login} --raw CONFIG GET port\n"


def test_cli_needs_no_password_where_nobody_has_one(folder: Path, shown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open server takes anybody."""
    monkeypatch.setenv("REDIS_CREDENTIALS", "")
    assert run("cli", MARKET, "PING").exit_code == 9
    assert shown.read_text(encoding="ascii") == " -p 6380 PING\n"


def test_cli_says_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that there is not, and a program."""
    (folder / users.ADMIN).write_text("x", encoding="ascii")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(subprocess, "Popen", lambda *_words: pytest.fail("a program was started"))
    for bus, says in (("other", "other: no such bus; there are: system-redis, market-redis"), (SYSTEM, "no redis-cli")):
        done = run("cli", bus)
        assert done.exit_code == 78
        assert says in done.stderr


@pytest.mark.parametrize("words", [[], ["show"], ["apply"], ["rotate"], ["cli"]])
def test_it_explains_itself(words: list[str]) -> None:
    """To -h as to --help, whatever is missing that it would need."""
    for option in ("-h", "--help"):
        done = run(*words, option)
        assert done.exit_code == 0
        assert done.stdout.startswith("Usage: main acl")
