"""The host files are taken away: the operator's stay, unless they are to go."""

from itertools import count
from pathlib import Path

import pytest

from marketswarm import names
from marketswarm.errors import MarketSwarmError
from marketswarm.install import lay_down, systemd, take_away
from marketswarm.install.ports import move_bus

UNITS = "usr/local/lib/systemd/system"
OPERATORS = "etc/systemd/system"
ENVIRONMENT = "etc/marketswarm/marketswarm.env"
PAGE = "usr/local/share/man/man1/marketswarm.1"
BROUGHT = "var/lib/marketswarm/brought-redis-server"
BEFORE_US = {"etc/hostname": "a host", "usr/local/bin/other": "a command", f"{UNITS}/other.service": "a unit"}
DATA = {
    "var/lib/private/marketswarm/redis/system/appendonlydir/a.aof": "beats",
    "etc/marketswarm/rss_agg.env": "LOG_LEVEL=DEBUG",
}
OVERRIDE = f"{OPERATORS}/marketswarm@mesh.service.d/mine.conf"


class CutOffError(BaseException):
    """Stands for a kill."""


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks systemd without ``live`` fails; who does with it gives a stand-in."""

    def asked(*words: str, **_options: float) -> str:
        raise AssertionError(f"systemd was asked: {words}")

    monkeypatch.setattr(systemd, "_run", asked)


def fill(root: Path, files: dict[str, str]) -> None:
    """Write files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host where MarketSwarm is installed and was used."""
    return used(tmp_path / "root")


def used(root: Path) -> Path:
    """Install on a host that has files of its own, and use it: data, an override, links that `enable` made."""
    fill(root, BEFORE_US)
    lay_down(root, {"man/man1/marketswarm.1": b"a page"}, lambda _line: None)
    fill(root, DATA | {OVERRIDE: "[Service]", "opt/marketswarm/bin/marketswarm": "a command"})
    for link in (
        f"{OPERATORS}/multi-user.target.wants/marketswarm.target",
        f"{OPERATORS}/marketswarm.target.wants/marketswarm@new_svc.service",
    ):
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(f"/{UNITS}/x")
    (root / f"{OPERATORS}/multi-user.target.wants/other.service").symlink_to("/x")
    return root


def present(root: Path) -> set[str]:
    """Every file and link."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}


def contents(root: Path) -> dict[str, str]:
    """Every file with its content."""
    return {name: (root / name).read_text(encoding="utf-8") for name in present(root) if (root / name).is_file()}


def config(root: Path) -> set[str]:
    """What is in /etc/marketswarm."""
    return {name for name in present(root) if name.startswith("etc/marketswarm/")}


def remove(root: Path, *, purge: bool = False, live: bool = False) -> list[str]:
    """Take it away; returns what was said."""
    said: list[str] = []
    take_away(root, said.append, purge=purge, live=live)
    return said


THEIRS = {*BEFORE_US, f"{OPERATORS}/multi-user.target.wants/other.service"}


def test_config_and_data_stay(root: Path) -> None:
    """Units, pages, commands, links and environment go; what is the operator's is there, byte for byte."""
    kept = config(root)
    assert {ENVIRONMENT, "etc/marketswarm/truth.json"} <= kept
    before = contents(root)
    assert remove(root) == [
        (
            "config stays in /etc/marketswarm and data in /var/lib/marketswarm; to remove them too: "
            "rm -r /etc/marketswarm /var/lib/marketswarm /var/lib/private/marketswarm"
        )
    ]
    assert present(root) == THEIRS | kept | {*DATA, OVERRIDE, "var/lib/marketswarm/installed.json"}
    after = contents(root)
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}


def test_purged_nothing_is_left(root: Path) -> None:
    """No file, no link, no folder of ours; everybody else's are there."""
    assert remove(root, purge=True) == ["config and data are gone"]
    assert present(root) == THEIRS
    assert [str(path) for path in root.rglob("*marketswarm*")] == []


def test_folders_that_are_empty_now_go_and_others_stay(root: Path) -> None:
    """A drop-in that somebody put into a folder of ours keeps it."""
    fill(root, {f"{UNITS}/marketswarm@healer.service.d/theirs.conf": "theirs"})
    assert (root / UNITS / "marketswarm@massive.service.d").is_dir()
    remove(root)
    assert sorted(path.name for path in (root / UNITS).iterdir()) == ["marketswarm@healer.service.d", "other.service"]
    assert not (root / OPERATORS / "marketswarm.target.wants").exists()
    assert (root / OPERATORS / "multi-user.target.wants").exists()


@pytest.mark.parametrize("purge", [False, True])
def test_taken_away_twice_it_is_no_error(root: Path, *, purge: bool) -> None:
    """And the second time changes nothing."""
    remove(root, purge=purge)
    before = contents(root)
    remove(root, purge=purge)
    assert contents(root) == before


def test_what_is_put_there_afterwards_is_not_ours(root: Path) -> None:
    """A second run leaves a unit alone that somebody has written under a name that was ours."""
    remove(root)
    fill(root, {f"{UNITS}/marketswarm.target": "theirs"})
    remove(root)
    assert (root / UNITS / "marketswarm.target").read_text(encoding="utf-8") == "theirs"


def test_what_stayed_can_be_purged_later(root: Path) -> None:
    """Config and data are found without the units."""
    remove(root)
    remove(root, purge=True)
    assert present(root) == THEIRS


@pytest.mark.parametrize("purge", [False, True])
def test_on_a_host_that_never_had_it_nothing_goes(tmp_path: Path, *, purge: bool) -> None:
    """What others have is not ours to take."""
    fill(tmp_path, BEFORE_US)
    remove(tmp_path, purge=purge)
    assert present(tmp_path) - {"var/lib/marketswarm/installed.json"} == set(BEFORE_US)


def test_installed_again_it_knows_what_was_edited(root: Path) -> None:
    """A bus that was moved is where it was, and nothing is put beside it."""
    move_bus(root, names.MARKET_BUS, 6480)
    before = {name: (root / name).read_bytes() for name in config(root)}
    remove(root)
    said: list[str] = []
    lay_down(root, {}, said.append)
    assert {name: (root / name).read_bytes() for name in config(root)} == before
    assert said == []


def cut_off(root: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, purge: bool) -> bool:
    """Take it away until file number ``at`` is to go; returns whether there was one."""
    steps = count()
    unlink = Path.unlink

    def step(self: Path, *, missing_ok: bool = False) -> None:
        if next(steps) == at:
            raise CutOffError
        unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", step)
        try:
            remove(root, purge=purge)
        except CutOffError:
            return True
    return False


@pytest.mark.parametrize("purge", [False, True])
def test_cut_off_at_any_step_it_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, purge: bool) -> None:
    """The command is there until everything else is gone, and the next run ends as if nothing had been."""
    whole = used(tmp_path / "whole")
    remove(whole, purge=purge)
    expected = present(whole)
    for at in count():
        root = used(tmp_path / f"root-{at}")
        if not cut_off(root, monkeypatch, at, purge=purge):
            break
        left = {name for name in present(root) if name.startswith(("usr/local/lib", "usr/local/share"))} - THEIRS
        assert (root / "usr/local/bin/marketswarm").is_symlink() or not left, f"after {at} steps"
        assert (root / "opt/marketswarm/bin/marketswarm").exists()
        remove(root, purge=purge)
        assert present(root) == expected, f"after {at} steps"
    assert at > 10


@pytest.fixture
def asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a live host's systemd is asked, in order, with whether the unit files were there."""
    lines: list[str] = []

    def systemctl(*words: str, **_options: float) -> str:
        there = (root / UNITS / "marketswarm.target").exists()
        lines.append(f"{words[0]}{'' if there else ', files gone'}")
        if words[0] == "reset-failed":
            raise MarketSwarmError("no such unit")
        return ""

    monkeypatch.setattr(systemd, "systemctl", systemctl)
    monkeypatch.setattr(systemd, "update_catalog", lambda: lines.append("update-catalog"))
    return lines


def test_on_a_live_host_what_runs_is_stopped_first(root: Path, asked: list[str]) -> None:
    """Then its systemd forgets the units; that none has failed is no error. Redis that was there is not touched."""
    assert remove(root, live=True)[0] == "stopping the swarm"
    assert asked == ["stop", "daemon-reload, files gone", "reset-failed, files gone", "update-catalog"]
    assert not (root / UNITS / "marketswarm.target").exists()


def test_redis_that_the_installer_brought_is_given_back(root: Path, asked: list[str]) -> None:
    """Its unit is free again and does not start; the package is the operator's to remove."""
    fill(root, {BROUGHT: ""})
    said = remove(root, live=True)
    assert asked[-2:] == ["unmask, files gone", "disable, files gone"]
    assert "the Debian package redis-server stays, disabled; apt purge redis-server removes it" in said
    assert not (root / BROUGHT).exists()


def test_what_cannot_be_stopped_is_not_taken_away(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit that runs without its file could not be stopped any more."""

    def stuck(*_words: str, **_options: float) -> str:
        raise MarketSwarmError("systemctl stop: timed out")

    before = contents(root)
    monkeypatch.setattr(systemd, "systemctl", stuck)
    with pytest.raises(MarketSwarmError, match="timed out"):
        remove(root, purge=True, live=True)
    assert contents(root) == before


def lists(root: Path) -> None:
    """Have the host's files of users and groups name ours."""
    fill(root, {"etc/passwd": "root:x:0:0\nmarketswarm:x:997:997\n", "etc/group": "root:x:0\nmarketswarm:x:997:\n"})


def program(folder: Path, name: str, script: str) -> None:
    """Put a program of the test's own into a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_user_goes_with_config_and_data_and_not_before(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that stays is his group's; the number of a user that is gone may be another's tomorrow."""
    lists(root)
    for name in ("userdel", "groupdel"):
        program(tmp_path / "bin", name, f'echo "$0" "$@" >> {tmp_path}/asked')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    remove(root)
    assert not (tmp_path / "asked").exists()
    remove(root, purge=True)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert [line.rpartition("/bin/")[2] for line in asked] == [
        f"userdel --prefix {root} marketswarm",
        f"groupdel --prefix {root} marketswarm",
    ]


@pytest.mark.parametrize("script", ["exit 8", None])
def test_a_user_that_cannot_be_removed_is_told(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    """A process may run as him, or there is no such program: all else is gone, and it says what is left."""
    lists(root)
    for name in ("userdel", "groupdel") if script else ():
        program(tmp_path / "bin", name, script or "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert remove(root, purge=True) == [
        f"marketswarm stays in {root}/etc/passwd; to remove it: userdel marketswarm",
        f"marketswarm stays in {root}/etc/group; to remove it: groupdel marketswarm",
        "config and data are gone",
    ]
