"""The host files are laid down and brought up to date, and a swarm that runs is brought along."""

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

import pytest

from marketswarm import hostfiles, names, settings, unitnames, units, users
from marketswarm.errors import BadEnvironmentError, MarketSwarmError, NotAllowedError
from marketswarm.files import write
from marketswarm.install import check_host, check_root, lay_down, running, set_going, systemd
from marketswarm.install.laying import Laid
from marketswarm.install.manifest import Manifest, digest
from marketswarm.install.plan import MANIFEST, PRIVATE_STATE, RESOLVERS, files
from marketswarm.install.ports import keep_sockets, move_bus

UNIT = "usr/local/lib/systemd/system/marketswarm.target"
DROP_IN = "usr/local/lib/systemd/system/marketswarm@.service.d/a.conf"
ENVIRONMENT = "etc/marketswarm/marketswarm.env"
KEY_FILE = "etc/marketswarm/credentials/KEY"
PAGE = "usr/local/share/man/man1/marketswarm.1"
COMMAND = "usr/local/bin/marketswarm"
SHIPPED = {
    "systemd/marketswarm.target": "a unit",
    "systemd/marketswarm@.service.d/a.conf": "a drop-in",
    "systemd/marketswarm.catalog": "a catalog",
    "etc/marketswarm.env": "settings",
    "etc/credentials/KEY": "",
}


class CutOffError(BaseException):
    """Stands for a kill."""


class Host:
    """A host's file system, and the version that is to be laid down there."""

    def __init__(self, root: Path, shipped: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self._shipped = shipped

    def ship(self, changed: dict[str, str | None] | None = None) -> None:
        """Make a version: ``SHIPPED`` but for these files; None takes one out."""
        shutil.rmtree(self._shipped, ignore_errors=True)
        for name, content in {**SHIPPED, **(changed or {})}.items():
            path = self._shipped / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                path.write_text(content, encoding="utf-8")

    def lay(self, page: bytes = b"a page") -> set[str]:
        """Lay it down; returns what has changed."""
        laid = lay_down(self.root, {"man/man1/marketswarm.1": page}, self.said.append)
        return {str(path) for path in laid.changed}

    def text(self, path: str) -> str:
        """A file's content."""
        return (self.root / path).read_text(encoding="utf-8")

    def edit(self, path: str, text: str) -> None:
        """Do as the operator does."""
        (self.root / path).write_text(text, encoding="utf-8")

    def has(self, path: str) -> bool:
        """Whether a file or link is there."""
        return (self.root / path).exists() or (self.root / path).is_symlink()

    def mode(self, path: str) -> int:
        """A file's or folder's permissions."""
        return stat.S_IMODE((self.root / path).stat().st_mode)

    def snapshot(self) -> dict[str, tuple[str, int]]:
        """Every file and link below the root, with content and inode: a file that was written anew has another."""
        found = [path for path in self.root.rglob("*") if path.is_symlink() or path.is_file()]
        return {
            str(path.relative_to(self.root)): (
                str(path.readlink()) if path.is_symlink() else path.read_text(encoding="utf-8"),
                path.lstat().st_ino,
            )
            for path in found
        }

    def contents(self) -> dict[str, str]:
        """The same without the inodes."""
        return {path: content for path, (content, _) in self.snapshot().items()}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """An empty host and a small version."""
    monkeypatch.setattr(hostfiles, "find", lambda relative: tmp_path / "shipped" / relative)
    made = Host(tmp_path / "root", tmp_path / "shipped")
    made.ship()
    return made


def test_everything_is_laid_down_in_its_place(host: Host) -> None:
    """Units and catalog below /usr/local/lib/systemd, config below /etc/marketswarm, pages below /usr/local/share."""
    changed = host.lay()
    expected = {
        UNIT: "a unit",
        DROP_IN: "a drop-in",
        "usr/local/lib/systemd/catalog/marketswarm.catalog": "a catalog",
        ENVIRONMENT: "settings",
        KEY_FILE: "",
        PAGE: "a page",
    }
    assert changed == set(expected)
    links = {f"usr/local/bin/{name}": f"/opt/marketswarm/bin/{name}" for name in ("marketswarm", "marketswarm-seed")}
    found = host.contents()
    del found[str(MANIFEST)]
    assert found == expected | links
    assert host.said == []


def test_a_secret_is_roots_alone(host: Host) -> None:
    """0600 in a folder of 0700; everything else is for all to read."""
    host.lay()
    assert host.mode(KEY_FILE) == 0o600
    assert host.mode("etc/marketswarm/credentials") == 0o700
    assert {host.mode(path) for path in (UNIT, DROP_IN, ENVIRONMENT, PAGE, str(MANIFEST))} == {0o644}


def test_laid_down_twice_nothing_is_written(host: Host) -> None:
    """Each file is the same one, but for the manifest; nothing counts as changed, nothing is said."""
    host.lay()
    before = host.snapshot()
    assert host.lay() == set()
    after = host.snapshot()
    assert before.pop(str(MANIFEST))[0] == after.pop(str(MANIFEST))[0]
    assert after == before
    assert host.said == []


def test_a_new_version_replaces_what_is_ours(host: Host) -> None:
    """A unit, a page, an unedited config file, and a unit that somebody edited in our folder; no .new, no word."""
    host.lay()
    host.edit(DROP_IN, "edited in the wrong place")
    host.ship({"systemd/marketswarm.target": "a better unit", "etc/marketswarm.env": "more settings"})
    assert host.lay(b"a better page") == {UNIT, DROP_IN, ENVIRONMENT, PAGE}
    found = [host.text(path) for path in (UNIT, DROP_IN, ENVIRONMENT, PAGE)]
    assert found == ["a better unit", "a drop-in", "more settings", "a better page"]
    assert not host.has(f"{ENVIRONMENT}.new")
    assert host.said == []


def test_an_edited_config_file_stays(host: Host) -> None:
    """As long as the version ships the same one, there is nothing to say."""
    host.lay()
    host.edit(ENVIRONMENT, "mine")
    host.edit(KEY_FILE, "s3cret")
    assert host.lay() == set()
    assert (host.text(ENVIRONMENT), host.text(KEY_FILE)) == ("mine", "s3cret")
    assert not host.has(f"{ENVIRONMENT}.new")
    assert host.said == []


def test_a_new_one_comes_beside_an_edited_one(host: Host) -> None:
    """It is said once, counts as no change, and the one of a still newer version takes its place."""
    host.lay()
    host.edit(ENVIRONMENT, "mine")
    for text in ("newer settings", "newest settings"):
        host.ship({"etc/marketswarm.env": text})
        assert host.lay() == set()
        assert host.lay() == set()
        assert (host.text(ENVIRONMENT), host.text(f"{ENVIRONMENT}.new")) == ("mine", text)
        said = f"{host.root / ENVIRONMENT} was edited and stays; this version's is beside it: marketswarm.env.new"
        assert host.said == [said]
        host.said.clear()


def test_a_new_secret_beside_an_edited_one_is_roots_alone(host: Host) -> None:
    """Whoever merges the two may have put the key into either."""
    host.lay()
    host.edit(KEY_FILE, "s3cret")
    host.ship({"etc/credentials/KEY": "a word about it"})
    host.lay()
    assert host.mode(f"{KEY_FILE}.new") == 0o600


def test_what_was_merged_needs_no_new_one_beside_it(host: Host) -> None:
    """Once the file is as this version ships it, the one beside it is gone."""
    host.lay()
    host.edit(ENVIRONMENT, "mine")
    host.ship({"etc/marketswarm.env": "newer settings"})
    host.lay()
    host.edit(ENVIRONMENT, "newer settings")
    assert host.lay() == set()
    assert not host.has(f"{ENVIRONMENT}.new")
    host.ship({"etc/marketswarm.env": "newest settings"})
    assert host.lay() == {ENVIRONMENT}, "it counts as unedited again"


def test_a_config_file_that_was_deleted_comes_back(host: Host) -> None:
    """The units rely on it."""
    host.lay()
    (host.root / ENVIRONMENT).unlink()
    assert host.lay() == {ENVIRONMENT}
    assert host.text(ENVIRONMENT) == "settings"


def test_a_config_file_that_was_there_before_us_stays(host: Host) -> None:
    """What nobody laid down is the operator's."""
    path = host.root / ENVIRONMENT
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    host.lay()
    assert (host.text(ENVIRONMENT), host.text(f"{ENVIRONMENT}.new")) == ("mine", "settings")


def test_what_only_an_older_version_had_is_removed(host: Host) -> None:
    """A unit that is gone is gone; a config file is the operator's, and stays."""
    old_unit = "usr/local/lib/systemd/system/marketswarm-old.service"
    old_config = "etc/marketswarm/old.env"
    host.ship({"systemd/marketswarm-old.service": "once", "etc/old.env": "once"})
    host.lay()
    assert host.has(old_unit)
    host.ship({"systemd/marketswarm-old.service": None, "etc/old.env": None})
    host.lay()
    assert not host.has(old_unit)
    assert host.text(old_config) == "once"
    assert old_unit not in Manifest.read(host.root).files


def test_a_file_of_somebody_else_is_left_alone(host: Host) -> None:
    """In our folders too: only what was laid down is ours."""
    host.lay()
    theirs = "usr/local/lib/systemd/system/marketswarm@.service.d/theirs.conf"
    (host.root / theirs).write_text("theirs", encoding="utf-8")
    host.ship({"systemd/marketswarm.target": "x"})
    host.lay()
    assert host.text(theirs) == "theirs"


def test_a_link_is_set_right(host: Host) -> None:
    """One that leads elsewhere, one that is gone, and a file in its place."""
    path = host.root / COMMAND
    for spoil in ("gone", "elsewhere", "file"):
        host.lay()
        path.unlink()
        if spoil == "elsewhere":
            path.symlink_to("/opt/other/bin/marketswarm")
        if spoil == "file":
            path.write_text("#!/bin/sh\n", encoding="utf-8")
        host.lay()
        assert path.readlink() == Path("/opt/marketswarm/bin/marketswarm"), spoil
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["marketswarm", "marketswarm-seed"]


def upgrade(host: Host, monkeypatch: pytest.MonkeyPatch, cut_at: int | None) -> bool:
    """Upgrade a host where a file was edited and a link is lost; returns whether step ``cut_at`` never came."""
    host.ship()
    host.ship({"systemd/marketswarm-old.service": "once", "etc/redis.conf": "a bus"})
    host.lay()
    host.edit(ENVIRONMENT, "mine")
    (host.root / COMMAND).unlink()
    host.ship(
        {
            "systemd/marketswarm-old.service": None,
            "systemd/marketswarm.target": "a better unit",
            "systemd/marketswarm-new.service": "new",
            "etc/marketswarm.env": "newer settings",
            "etc/redis.conf": "a better bus",
        }
    )
    steps = count()
    replace = Path.replace

    def step(self: Path, target: Path) -> Path:
        if next(steps) == cut_at:
            raise CutOffError
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", step)
        try:
            host.lay(b"a better page")
        except CutOffError:
            return False
    return True


def test_cut_off_at_any_step_it_is_done_again(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a file and the manifest too: the end is the same, what was edited stays, and nothing is lying about."""
    upgrade(host, monkeypatch, None)
    expected = host.contents()
    assert expected[ENVIRONMENT] == "mine"
    assert expected[f"{ENVIRONMENT}.new"] == "newer settings"
    assert expected["etc/marketswarm/redis.conf"] == "a better bus"
    cuts = 0
    for cut_at in count():
        again = Host(tmp_path / f"root-{cut_at}", tmp_path / "shipped")
        if upgrade(again, monkeypatch, cut_at):
            break
        cuts += 1
        known = Manifest.read(again.root)
        there = {path for path in again.contents() if path.startswith("usr/") and not path.endswith(".link")}
        assert there <= known.files, f"what is there after {cut_at} steps can be taken away"
        again.lay(b"a better page")
        assert again.contents() == expected, f"after {cut_at} steps"
    assert cuts >= 8


def test_a_first_installation_that_was_cut_off_is_done_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config file that is there, and that no manifest knows yet, is not taken for an edited one."""
    calls = count()
    real = Manifest.write

    def write_once(self: Manifest, root: Path) -> None:
        if next(calls):
            raise CutOffError
        real(self, root)

    with monkeypatch.context() as patched:
        patched.setattr(Manifest, "write", write_once)
        with pytest.raises(CutOffError):
            host.lay()
    assert Manifest.read(host.root).config == {}
    assert host.text(ENVIRONMENT) == "settings"
    host.lay()
    assert not host.has(f"{ENVIRONMENT}.new")
    assert Manifest.read(host.root).config[ENVIRONMENT] == digest(b"settings")
    assert host.said == []


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b"{}", b'{"files": 1, "config": 2}'])
def test_without_a_manifest_that_can_be_read_nothing_is_known(tmp_path: Path, content: bytes | None) -> None:
    """It is no error: the next run writes a new one."""
    if content is not None:
        write(tmp_path / MANIFEST, content, 0o644)
    assert Manifest.read(tmp_path) == Manifest()


def test_a_manifest_reads_back_as_written(tmp_path: Path) -> None:
    """Files and hashes, whole."""
    manifest = Manifest({"a", "b/c"}, {"etc/x": "0" * 64})
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the new content only."""
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, b"new", 0o644)
    assert [(found.name, found.read_text(encoding="utf-8")) for found in tmp_path.iterdir()] == [("file", "old")]


def test_the_shipped_files_have_the_places_that_units_rely_on() -> None:
    """Both buses' files, the truth and the settings are the operator's; nothing that ships is in his own folders."""
    shipped = files({})
    assert {str(file.path) for file in shipped if file.config} >= {
        "etc/marketswarm/truth.json",
        "etc/marketswarm/marketswarm.env",
        "etc/marketswarm/redis/system.conf",
        "etc/marketswarm/redis/market.conf",
    }
    roots = {file.path.parts[:2] for file in shipped if not file.config}
    assert roots == {("usr", "local")}
    assert not any(path.is_relative_to("etc/systemd") for path in (file.path for file in shipped))
    assert MANIFEST.parent.name == PRIVATE_STATE.name


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"usr/local/lib/systemd/system/{unitnames.ACL_UNIT}", "ExecStart=/opt/marketswarm/bin/marketswarm acl apply"),
        ("usr/local/lib/sysusers.d/marketswarm.conf", f"u {unitnames.GROUP} - "),
        ("usr/local/lib/tmpfiles.d/marketswarm.conf", users.PASSWORDS),
        *(
            ("usr/local/lib/tmpfiles.d/marketswarm.conf", str(Path(file).parent))
            for file in unitnames.redis_acls().values()
        ),
    ],
)
def test_what_gives_the_buses_their_users_is_among_the_shipped_files(path: str, says: str) -> None:
    """The unit, its user, and that user's own files: each where systemd looks for it, about the places of the code."""
    (found,) = [file for file in files({}) if str(file.path) == path]
    assert says in found.content.decode()
    assert not found.config


@pytest.fixture
def laid_host(tmp_path: Path) -> Path:
    """A host with the files of this version."""
    lay_down(tmp_path, {}, lambda _line: None)
    return tmp_path


def ports_of(root: Path) -> dict[str, list[str]]:
    """The port lines of each bus's file."""
    return {
        path.stem: [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("port")]
        for path in (root / "etc/marketswarm/redis").glob("*.conf")
    }


def test_a_bus_is_moved_for_server_and_clients(laid_host: Path) -> None:
    """Its file has the port, marketswarm.env the address; the other bus, and the rest of both files, are as before."""
    conf, environment = laid_host / "etc/marketswarm/redis/market.conf", laid_host / ENVIRONMENT
    before = conf.read_text(encoding="utf-8"), environment.read_text(encoding="utf-8")
    move_bus(laid_host, names.MARKET_BUS, 6480)
    assert ports_of(laid_host) == {"system": ["port 6379"], "market": ["port 6480"]}
    assert settings.read_env_file(environment) == {"MARKET_REDIS_URL": "redis://127.0.0.1:6480"}
    assert conf.read_text(encoding="utf-8") == before[0].replace("port 6380", "port 6480")
    assert environment.read_text(encoding="utf-8") == before[1] + "MARKET_REDIS_URL=redis://127.0.0.1:6480\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (conf, environment)} == {0o644}


def test_a_bus_is_moved_twice_and_back(laid_host: Path) -> None:
    """The last word counts and stands once, and one bus's move leaves the other's."""
    environment = laid_host / ENVIRONMENT
    move_bus(laid_host, names.SYSTEM_BUS, 6479)
    for port in (6480, 6481, 6380):
        move_bus(laid_host, names.MARKET_BUS, port)
        assert ports_of(laid_host) == {"system": ["port 6479"], "market": [f"port {port}"]}
        assert settings.read_env_file(environment) == {
            "SYSTEM_REDIS_URL": "redis://127.0.0.1:6479",
            "MARKET_REDIS_URL": f"redis://127.0.0.1:{port}",
        }
        assert environment.read_text(encoding="utf-8").count("MARKET_REDIS_URL") == 1


def test_a_bus_that_was_moved_stays_there(laid_host: Path) -> None:
    """Installed again without a word of the port, the files are edited ones."""
    move_bus(laid_host, names.MARKET_BUS, 6480)
    said: list[str] = []
    assert lay_down(laid_host, {}, said.append).changed == set()
    assert ports_of(laid_host)["market"] == ["port 6480"]
    assert said == []


def sockets_of(root: Path) -> dict[int, str]:
    """Which sockets the services of a host are told of, beyond what their units know."""
    return dict(settings.load(settings.read_env_file(root / ENVIRONMENT)).sockets)


def test_the_sockets_of_buses_that_were_moved_are_told(laid_host: Path) -> None:
    """Where no bus was, nothing is; one move after the other is followed, and back."""
    system, market = "/run/marketswarm/system/redis.sock", "/run/marketswarm/market/redis.sock"
    before = (laid_host / ENVIRONMENT).read_bytes()
    keep_sockets(laid_host)
    assert (laid_host / ENVIRONMENT).read_bytes() == before
    for bus, port, expected in (
        (names.SYSTEM_BUS, 6479, {6479: system, 6380: market}),
        (names.MARKET_BUS, 6480, {6479: system, 6480: market}),
        (names.SYSTEM_BUS, 6379, {6379: system, 6480: market}),
    ):
        move_bus(laid_host, bus, port)
        keep_sockets(laid_host)
        assert sockets_of(laid_host) == expected
        assert (laid_host / ENVIRONMENT).read_text(encoding="utf-8").count("REDIS_SOCKETS") == 1


def test_the_sockets_of_buses_that_an_older_version_moved_are_told(laid_host: Path) -> None:
    """Its installer knew of no sockets: the services of this one would look for the bus on a network they have not."""
    move_bus(laid_host, names.SYSTEM_BUS, 6479)
    assert sockets_of(laid_host) == {}
    keep_sockets(laid_host)
    assert 6479 in sockets_of(laid_host)


@pytest.mark.parametrize("line", ["REDIS_SOCKETS=", "REDIS_SOCKETS=6479=/run/mine.sock"])
def test_what_an_operator_says_of_sockets_stays(laid_host: Path, line: str) -> None:
    """That none is to be used, among others."""
    environment = laid_host / ENVIRONMENT
    move_bus(laid_host, names.SYSTEM_BUS, 6479)
    environment.write_text(environment.read_text(encoding="utf-8") + f"{line}\n", encoding="utf-8")
    before = environment.read_bytes()
    keep_sockets(laid_host)
    assert environment.read_bytes() == before
    move_bus(laid_host, names.MARKET_BUS, 6480)
    assert (sockets_of(laid_host) == {}) is (line == "REDIS_SOCKETS=")


def test_a_bus_that_listens_on_no_port_is_known_by_its_usual_one(laid_host: Path) -> None:
    """Its services still reach it; only commands do not."""
    conf = laid_host / "etc/marketswarm/redis/system.conf"
    conf.write_text(conf.read_text(encoding="utf-8").replace("port 6379", "port 0"), encoding="utf-8")
    keep_sockets(laid_host)
    assert sockets_of(laid_host) == {}


def resolvers(host: Host, text: str | None) -> str | None:
    """Lay down with this resolv.conf; returns what is made of it."""
    path = host.root / "etc/resolv.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text, encoding="utf-8")
    host.lay()
    return host.text(str(RESOLVERS)).partition("[Slice]\n")[2] if host.has(str(RESOLVERS)) else None


def test_name_servers_in_closed_ranges_are_opened_and_no_others(host: Host) -> None:
    """It is said; with others at the next installation the file is another, and without any it is gone."""
    assert resolvers(host, None) is None
    assert resolvers(host, "nameserver 8.8.8.8\nnameserver 2001:4860:4860::8888\n") is None
    assert host.said == []
    text = "search a.test\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nnameserver fe80::1%eth0\n"
    assert resolvers(host, text) == "IPAddressAllow=127.0.0.53 fe80::1\n"
    (said,) = host.said
    assert said.startswith(
        "opened to services with egress, as name servers of /etc/resolv.conf: 127.0.0.53, fe80::1 (/"
    )
    host.said.clear()
    assert resolvers(host, text) is not None
    assert host.said == [], "nothing has changed"
    assert resolvers(host, "nameserver 192.168.1.1\n") == "IPAddressAllow=192.168.1.1\n"
    assert resolvers(host, "nameserver 1.1.1.1\n") is None
    assert not (host.root / RESOLVERS.parent).exists()


def test_only_root_may_change_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody else is told of sudo, and of --root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for check in (check_root, check_host):
        with pytest.raises(NotAllowedError, match="run it with sudo, or with --root DIR"):
            check()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    check_root()


@pytest.fixture
def good_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, in the environment that the units start, under systemd."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "prefix", "/opt/marketswarm")
    monkeypatch.setattr(units, "systemd_runs", lambda: True)


def test_a_host_that_the_units_will_run_on_is_taken(good_host: None) -> None:
    """Nothing is said against it."""
    check_host()


def test_another_environment_than_the_units_start_is_refused(good_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names both, and the script that makes the right one."""
    monkeypatch.setattr(sys, "prefix", "/home/me/.venv")
    said = r"^the units start /opt/marketswarm/bin/marketswarm, and this is /home/me/\.venv: run packaging/install\.sh"
    with pytest.raises(BadEnvironmentError, match=said):
        check_host()


def test_without_systemd_there_is_nothing_to_install_for(good_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for an image."""
    monkeypatch.setattr(units, "systemd_runs", lambda: False)
    with pytest.raises(BadEnvironmentError, match=r"was not booted with systemd.*--root DIR"):
        check_host()


RUNNING = ("marketswarm@healer.service", "marketswarm@mesh.service")


class Systemd:
    """Stands for the service manager; ``asked`` is what it was asked, in order."""

    TARGET, BUSES = unitnames.TARGET_UNIT, systemd.BUSES

    def __init__(self, *, active: bool = False, fails: str | None = None, runs: Sequence[str] = RUNNING) -> None:
        self.asked: list[str] = []
        self._active = active
        self._fails = fails
        self._runs = runs

    def systemctl(self, *words: str, **_options: float) -> str:
        """Take a command."""
        return self._take(" ".join(words))

    def is_active(self, unit: str) -> bool:
        """Whether the target runs."""
        assert unit == self.TARGET
        return self._active

    def running(self) -> list[str]:
        """Name the services that run."""
        return list(self._runs)

    def seed(self) -> None:
        """Take a seed."""
        self._take("seed")

    def update_catalog(self) -> None:
        """Take news of the catalog."""
        self._take("update-catalog")

    def _take(self, what: str) -> str:
        self.asked.append(what)
        if what == self._fails:
            raise MarketSwarmError(f"systemctl {what}: no")
        return ""


SETUP = ["daemon-reload", "update-catalog", "enable --quiet marketswarm.target"]
STOP, START = (f"{verb} {' '.join(RUNNING)}" for verb in ("stop", "start"))
RESTART_BUSES = "try-restart marketswarm-redis@*.service"
GIVE_RIGHTS = "start marketswarm-acl.service"


def going(monkeypatch: pytest.MonkeyPatch, manager: Systemd, changed: Iterable[str] = (), *, start: bool) -> list[str]:
    """Set a host going whose files have changed; returns what was said."""
    said: list[str] = []
    monkeypatch.setattr(running, "systemd", manager)
    set_going(Laid(set(map(PurePosixPath, changed))), said.append, start=start)
    return said


def test_without_start_systemd_only_learns_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The swarm comes with the next boot; one that runs is not touched."""
    for active in (False, True):
        manager = Systemd(active=active)
        assert going(monkeypatch, manager, ["etc/marketswarm/truth.json"], start=False) == []
        assert manager.asked == SETUP


def test_a_fresh_host_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once by the target; the bootstrap seeds, so nobody else does."""
    manager = Systemd()
    changed = ["etc/marketswarm/truth.json", "etc/marketswarm/redis/system.conf"]
    assert going(monkeypatch, manager, changed, start=True) == ["starting the swarm"]
    assert manager.asked == [*SETUP, "start marketswarm.target"]


def test_a_start_that_fails_leads_to_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to type next."""
    with pytest.raises(MarketSwarmError, match=r"^systemctl start .*: no; see what is wrong: marketswarm doctor$"):
        going(monkeypatch, Systemd(fails="start marketswarm.target"), start=True)


@pytest.mark.parametrize(
    ("changed", "then"),
    [
        ([], [GIVE_RIGHTS]),
        ([UNIT, DROP_IN, ENVIRONMENT, PAGE], [GIVE_RIGHTS]),
        (["etc/marketswarm/redis/market.conf"], [RESTART_BUSES, GIVE_RIGHTS]),
        (["usr/local/lib/systemd/system/marketswarm-redis@.service"], [RESTART_BUSES, GIVE_RIGHTS]),
        (["etc/marketswarm/truth.json"], [GIVE_RIGHTS, "seed"]),
        (["etc/marketswarm/truth.json", "etc/marketswarm/redis/system.conf"], [RESTART_BUSES, GIVE_RIGHTS, "seed"]),
    ],
)
def test_a_swarm_that_runs_is_brought_along(
    monkeypatch: pytest.MonkeyPatch, changed: list[str], then: list[str]
) -> None:
    """Services that run stand still for all of it: buses restart, only for files of their own, then come the rights.

    After those a new truth is put on the buses.
    """
    manager = Systemd(active=True)
    said = going(monkeypatch, manager, changed, start=True)
    assert manager.asked == [*SETUP, STOP, *then, START]
    assert len(said) == len(then), "each step is said, but for the rights, which are one with the restart"


def test_a_swarm_of_which_no_service_runs_is_brought_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stopped, and nothing started that the operator has stopped."""
    manager = Systemd(active=True, runs=())
    going(monkeypatch, manager, start=True)
    assert manager.asked == [*SETUP, GIVE_RIGHTS]


def test_a_bus_restarts_for_its_drop_ins_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are files of its own."""
    manager = Systemd(active=True)
    changed = ["usr/local/lib/systemd/system/marketswarm-redis@.service.d/loopback.conf"]
    going(monkeypatch, manager, changed, start=True)
    assert RESTART_BUSES in manager.asked


@pytest.mark.parametrize("fails", [*SETUP, STOP, RESTART_BUSES, GIVE_RIGHTS, "seed", START])
def test_what_systemd_cannot_do_ends_it_there(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """No step is taken upon one that has failed, but that services that were stopped for it are started again.

    Also where the stop failed: some of them may have been stopped by then.
    """
    manager = Systemd(active=True, fails=fails)
    with pytest.raises(MarketSwarmError, match=f"^systemctl {re.escape(fails)}: no$"):
        going(monkeypatch, manager, ["etc/marketswarm/truth.json", "etc/marketswarm/redis/system.conf"], start=True)
    after = manager.asked[manager.asked.index(fails) + 1 :]
    assert after == ([] if fails in (*SETUP, START) else [START])


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", []),
        ("\n", []),
        ("marketswarm@mesh.service loaded active running Service mesh\n", ["marketswarm@mesh.service"]),
        (
            "marketswarm@a.service loaded active running A\nmarketswarm@b.service loaded activating auto-restart B\n",
            ["marketswarm@a.service", "marketswarm@b.service"],
        ),
    ],
)
def test_services_that_run_or_are_about_to_are_found(
    monkeypatch: pytest.MonkeyPatch, listed: str, expected: list[str]
) -> None:
    """One that waits for its restart among them; one that the operator stopped is none."""
    asked: list[str] = []

    def systemctl(*words: str) -> str:
        asked.append(" ".join(words))
        return listed

    monkeypatch.setattr(systemd, "systemctl", systemctl)
    assert systemd.running() == expected
    (words,) = asked
    assert "--state=active,activating,reloading" in words.split()
    assert words.endswith(" marketswarm@*.service")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo first >&2; echo 'the last word' >&2; exit 3", "systemctl start x: the last word"),
        ("exit 3", "systemctl start x: exit status 3"),
        ("while :; do :; done", "systemctl start x: not done after 0.2 s"),
    ],
)
def test_systemctl_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    """Its own last one, or how it ended."""
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MarketSwarmError) as caught:
        systemd.systemctl("start", "x", timeout_sec=0.2 if "while" in script else 20)
    assert str(caught.value) == says
