"""What the installed command lays down on a host, and that systemd takes the units."""

import re
import stat
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from testkit import SERVICES, need

from marketswarm.cli.manual import man_pages

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SHIPPED = {path.relative_to(ROOT / "systemd"): path for path in (ROOT / "systemd").rglob("*") if path.is_file()}
UNITS = sorted(str(name) for name in SHIPPED if len(name.parts) == 1 and name.suffix != ".catalog")
INSTANCES = {
    "marketswarm@.service": [*SERVICES, "new_svc"],
    "marketswarm-redis@.service": ["system", "market"],
    "marketswarm-failed@.service": ["marketswarm@mesh.service"],
}
FOLDER = "usr/local/lib/systemd/system"
OF_DEBIAN = {"man:redis-server(1)"}
"""Pages that come with what the host files build on."""


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command, as whoever runs the tests."""
    return subprocess.run([BIN / "marketswarm", *words], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host's file system after `marketswarm install --root`."""
    done = command("install", "--root", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return tmp_path


def test_every_shipped_unit_is_laid_down_byte_for_byte(root: Path) -> None:
    """With its drop-ins and the catalog, as files: a link of the checkout would lead nowhere on a host."""
    laid = {path.relative_to(root / FOLDER): path for path in (root / FOLDER).rglob("*") if path.is_file()}
    catalog = {name for name in SHIPPED if name.suffix == ".catalog"}
    assert {name: path.read_bytes() for name, path in laid.items()} == {
        name: path.read_bytes() for name, path in SHIPPED.items() if name not in catalog
    }
    assert not any(path.is_symlink() for path in laid.values())
    assert len(catalog) == 1
    for name in catalog:
        assert (root / "usr/local/lib/systemd/catalog" / name).read_bytes() == SHIPPED[name].read_bytes()


def test_every_config_file_is_laid_down_byte_for_byte(root: Path) -> None:
    """Below /etc/marketswarm."""
    shipped = {
        path.relative_to(ROOT / "etc"): path.read_bytes() for path in (ROOT / "etc").rglob("*") if path.is_file()
    }
    folder = root / "etc/marketswarm"
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == shipped


def test_every_secret_that_a_unit_loads_has_its_file(root: Path) -> None:
    """Empty, which is no secret, and root's alone; where one is missing, the service does not start."""
    drop_ins = [path.read_text(encoding="utf-8") for path in SHIPPED.values() if path.name == "credentials.conf"]
    loaded = {words for text in drop_ins for words in re.findall(r"^LoadCredential=(\w+):(\S+)$", text, re.MULTILINE)}
    files = list((root / "etc/marketswarm/credentials").iterdir())
    assert loaded == {(file.name, f"/{file.relative_to(root)}") for file in files}
    secrets = {"WEBHOOK_URL", "SMTP_PASS", "NOTIFY_URLS", "DEADMAN_URL", "MASSIVE_API_KEY", "OPENAI_API_KEY"}
    assert secrets == {name for name, _ in loaded}
    assert {(file.stat().st_size, stat.S_IMODE(file.stat().st_mode)) for file in files} == {(0, 0o600)}


def test_who_tells_people_reaches_the_internet_like_any_other_that_does() -> None:
    """One drop-in, the same for all, so that it can be linked for one more."""
    egress = {path.parent.name: path.read_bytes() for path in SHIPPED.values() if path.name == "egress.conf"}
    assert {"marketswarm@healer.service.d", "marketswarm@sentinel.service.d"} < egress.keys()
    assert len(set(egress.values())) == 1


def test_run_again_it_changes_nothing_and_says_nothing(root: Path) -> None:
    """Whatever can be run twice is."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    done = command("install", "--root", root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_bus_can_be_laid_down_on_another_port(tmp_path: Path) -> None:
    """One that is no port is refused before anything is written."""
    assert command("install", "--root", tmp_path, "--system-port", "65536").returncode == 2
    assert list(tmp_path.iterdir()) == []
    assert command("install", "--root", tmp_path, "--system-port", "6479").returncode == 0
    assert "port 6479\n" in (tmp_path / "etc/marketswarm/redis/system.conf").read_text(encoding="utf-8")
    assert "port 6380\n" in (tmp_path / "etc/marketswarm/redis/market.conf").read_text(encoding="utf-8")
    environment = (tmp_path / "etc/marketswarm/marketswarm.env").read_text(encoding="utf-8")
    assert "SYSTEM_REDIS_URL=redis://127.0.0.1:6479\n" in environment


def test_uninstalled_and_purged_no_file_is_left(root: Path) -> None:
    """By the same command."""
    done = command("uninstall", "--root", root, "--purge")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["config and data are gone", "MarketSwarm is uninstalled"]
    assert [path for path in root.rglob("*") if path.is_symlink() or path.is_file()] == []


def verify(root: Path) -> subprocess.CompletedProcess[str]:
    """Let systemd-analyze read every unit below a root, and an instance of each template for all it is used for."""
    names = [name.replace("@", f"@{instance}") for name in UNITS for instance in INSTANCES.get(name, [""])]
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={root}", *names],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=root,
    )


@pytest.fixture
def bootable(root: Path) -> Path:
    """The same with what the units start and what systemd brings, as far as `verify` wants to see it."""
    for program in (
        "opt/marketswarm/bin/marketswarm",
        "opt/marketswarm/bin/marketswarm-seed",
        "usr/bin/redis-server",
        "bin/sh",
    ):
        path = root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="ascii")
        path.chmod(0o755)
    systems = root / "usr/lib/systemd/system"
    systems.mkdir(parents=True)
    for name in ("sysinit", "basic", "paths", "shutdown", "multi-user"):
        (systems / f"{name}.target").write_text(f"[Unit]\nDescription={name}\n", encoding="ascii")
    return root


def test_systemd_finds_nothing_to_say_against_a_unit(bootable: Path) -> None:
    """`systemd-analyze verify` is silent; it exits 0 over a key that it does not know."""
    need("systemd-analyze")
    done = verify(bootable)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.parametrize("name", ["marketswarm-.service.d/hardening.conf", "marketswarm@rss_agg.service.d/egress.conf"])
def test_systemd_reads_the_drop_ins_too(bootable: Path, name: str) -> None:
    """What is wrong in one would be said."""
    need("systemd-analyze")
    with (bootable / FOLDER / name).open("a", encoding="utf-8") as file:
        file.write("NoSuchKey=yes\n")
    assert f"{name}:" in (said := verify(bootable).stderr)
    assert "NoSuchKey" in said


def test_every_template_is_tried() -> None:
    """A new one has to say what it is instantiated for."""
    assert sorted(INSTANCES) == [name for name in UNITS if "@." in name]


def unreasoned(text: str) -> list[str]:
    """Name each setting that stands under no comment: a reason holds for the lines below it, up to a gap."""
    bare, reason = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            reason = True
        elif not line.strip() or line.startswith("["):
            reason = False
        elif not reason:
            bare.append(line)
    return bare


def test_every_line_of_the_hardening_has_its_reason() -> None:
    """Who wants to loosen one reads why it is there."""
    text = SHIPPED[Path("marketswarm-.service.d/hardening.conf")].read_text(encoding="utf-8")
    assert text.count("=") > 30
    assert unreasoned(text) == []


def test_a_line_without_a_reason_is_seen() -> None:
    """The head of the file is no reason, and neither is a comment beyond a gap."""
    assert unreasoned("# All of it.\n[Service]\nA=1\n# Why.\nB=2\nC=3\n\nD=4\n") == ["A=1", "D=4"]


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_says_what_it_is_and_where_to_read_more(name: str) -> None:
    """One Description, and a Documentation of pages that are installed with it."""
    unit = ConfigParser(strict=False, interpolation=None, delimiters=["="])
    unit.read_string((ROOT / "systemd" / name).read_text(encoding="utf-8"))
    assert unit.get("Unit", "Description", fallback="").startswith("MarketSwarm")
    pages = {f"man:{Path(path).stem}({Path(path).suffix[1:]})" for path in man_pages()}
    named = set(unit.get("Unit", "Documentation", fallback="").split())
    assert named
    assert named <= pages | OF_DEBIAN
