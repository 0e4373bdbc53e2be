"""The users of the buses of a host are made at its installation."""

import json
import shutil
from pathlib import Path

import pytest
from granted import access, shipped

from marketswarm import names, unitnames, users
from marketswarm.granting import host_files
from marketswarm.install import make_logins, systemd
from marketswarm.rights import AclFile
from marketswarm.truth import Truth

TRUTH = names.TRUTH_FILE.lstrip("/")
ENVIRONMENT = names.ENV_FILE.lstrip("/")
ORDERS = shipped(orders=access(["orders:out"]))


class Host:
    """The file system of a host; ``owned`` counts how often its files were given to whom they belong."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.owned = 0
        self.passwords = root / users.PASSWORDS.lstrip("/")
        self.files = host_files(root)

    def write(self, path: str, text: str) -> None:
        """Put a file there."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def truth(self, truth: Truth) -> None:
        """Put the truth there."""
        self.write(TRUTH, json.dumps(truth.model_dump(mode="json", exclude_unset=True)))

    def known(self) -> set[str]:
        """Who has a password."""
        return {path.name for path in self.passwords.iterdir()}

    def rules(self, bus: str = names.SYSTEM_BUS) -> dict[str, str]:
        """The users of a bus."""
        return dict(AclFile.parse(self.files[bus].read_text(encoding="utf-8")).rules)

    def snapshot(self) -> dict[Path, tuple[int, bytes]]:
        """Every file below the root; one that was written anew is another."""
        return {path: (path.stat().st_ino, path.read_bytes()) for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host without a file."""
    made = Host(tmp_path)

    def own(root: Path) -> None:
        assert root == tmp_path
        made.owned += 1

    monkeypatch.setattr(systemd, "own_files", own)
    return made


def test_servers_find_their_users_at_the_first_start(host: Host) -> None:
    """By the truth file: each service has a password and its rights, and all of it belongs to who keeps it."""
    host.truth(ORDERS)
    make_logins(host.root)
    assert host.known() == {*users.OWN, *ORDERS.services}
    assert host.files == {bus: host.root / path.lstrip("/") for bus, path in unitnames.redis_acls().items()}
    for bus in host.files:
        assert host.rules(bus).keys() == {users.DEFAULT, *host.known()}
    assert "~orders:out" in host.rules()["orders"]
    assert host.owned == 1


def test_made_again_nothing_changes(host: Host) -> None:
    """Passwords above all: services that run have them."""
    host.truth(ORDERS)
    make_logins(host.root)
    before = host.snapshot()
    make_logins(host.root)
    assert host.snapshot() == before
    assert host.owned == 2, "an older version may have left them to root"


def test_the_settings_of_the_host_count(host: Host) -> None:
    """They move what rights are given for, and where the buses are."""
    host.truth(ORDERS)
    host.write(ENVIRONMENT, "TRUTH_REDIS_KEY=my:doc\nMARKET_REDIS_URL=redis://127.0.0.1:6379\n")
    make_logins(host.root)
    assert "%R~my:doc " in host.rules()["mesh"]
    assert host.rules(names.MARKET_BUS) == host.rules(names.SYSTEM_BUS), "they lead to one server"


@pytest.mark.parametrize("text", [None, "", "{no truth", '{"services": {"default": {}}}'])
def test_without_a_good_truth_the_buses_start_all_the_same(host: Host, text: str | None) -> None:
    """With the users that are no services: the seed tells what is wrong, and it has to log in for that."""
    if text is not None:
        host.write(TRUTH, text)
    make_logins(host.root)
    assert host.known() == {*users.OWN}
    for bus in host.files:
        assert host.rules(bus).keys() == {users.DEFAULT, *users.OWN}


def test_a_truth_that_has_become_bad_takes_nothing_away(host: Host) -> None:
    """An upgrade in the middle of an edit leaves rights and passwords as they are."""
    host.truth(ORDERS)
    make_logins(host.root)
    before = host.snapshot()
    host.write(TRUTH, "{no truth")
    make_logins(host.root)
    del before[host.root / TRUTH]
    assert {path: found for path, found in host.snapshot().items() if path != host.root / TRUTH} == before


def test_a_file_that_is_missing_is_made_whatever_the_truth_is(host: Host) -> None:
    """Its server would not start; who has a password keeps it, and may beat."""
    host.truth(ORDERS)
    make_logins(host.root)
    passwords = {path.name: path.read_bytes() for path in host.passwords.iterdir()}
    host.files[names.MARKET_BUS].unlink()
    host.write(TRUTH, "{no truth")
    make_logins(host.root)
    assert host.rules(names.MARKET_BUS).keys() == {users.DEFAULT, *passwords}
    assert {path.name: path.read_bytes() for path in host.passwords.iterdir()} == passwords


def test_settings_that_cannot_be_used_are_no_matter_here(host: Host) -> None:
    """Whoever uses them says so."""
    host.truth(ORDERS)
    host.write(ENVIRONMENT, "LOG_LEVEL=loud\nTRUTH_REDIS_KEY=my:doc\n")
    make_logins(host.root)
    assert "%R~truth:doc " in host.rules()["mesh"]


def test_what_it_makes_is_closed_to_others(host: Host) -> None:
    """Folders that it makes, too."""
    make_logins(host.root)
    assert host.passwords.stat().st_mode & 0o777 == 0o700
    assert {file.parent.stat().st_mode & 0o777 for file in host.files.values()} == {0o700}


@pytest.mark.parametrize(
    ("root", "there", "asked"), [(Path("/"), False, True), (Path("/image"), True, True), (Path("/image"), False, False)]
)
def test_who_keeps_them_is_made_their_owner_where_that_can_be_done(
    monkeypatch: pytest.MonkeyPatch, root: Path, *, there: bool, asked: bool
) -> None:
    """By what each boot does anyhow; for an image on a machine without it, that boot does it."""
    ran: list[list[str]] = []

    def run(command: list[str], _timeout_sec: float) -> str:
        ran.append(command)
        return ""

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if there else None)
    monkeypatch.setattr(systemd, "_run", run)
    systemd.own_files(root)
    assert ran == ([["systemd-tmpfiles", "--create", f"--root={root}", "marketswarm.conf"]] if asked else [])
