"""What the installed command lays down on a host, and that systemd takes the units."""

import os
import re
import shutil
import stat
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from testkit import SERVICES, need

from marketswarm import names, unitnames, users
from marketswarm.cli.manual import man_pages
from marketswarm.rights import AclFile

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SHIPPED = {path.relative_to(ROOT / "systemd"): path for path in (ROOT / "systemd").rglob("*") if path.is_file()}
UNITS = sorted(str(name) for name in SHIPPED if len(name.parts) == 1 and name.suffix != ".catalog")
EGRESS = ("healer", "sentinel", "rss_agg", "massive")
INSTANCES = {
    "marketswarm@.service": [*SERVICES, "new_svc"],
    "marketswarm-redis@.service": ["system", "market"],
    "marketswarm-failed@.service": ["marketswarm@mesh.service"],
}
FOLDER = "usr/local/lib/systemd/system"
ACL_FILES = list(unitnames.redis_acls().values())
OF_LOGINS = ("passwd", "group", "shadow", "gshadow")
"""Files of /etc that systemd-sysusers makes and keeps."""
MAX_EXPOSURE = {"egress": 1.1, "bus": 1.0, "closed": 0.3}
"""By `systemd-analyze security`: of services that talk to the internet, of buses, of everybody else. It only sinks."""
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
    elsewhere = {name for name in SHIPPED if name.parts[0] in ("sysusers.d", "tmpfiles.d")}
    assert {name: path.read_bytes() for name, path in laid.items()} == {
        name: path.read_bytes() for name, path in SHIPPED.items() if name not in catalog | elsewhere
    }
    assert not any(path.is_symlink() for path in laid.values())
    assert len(catalog) == 1
    for name in catalog:
        assert (root / "usr/local/lib/systemd/catalog" / name).read_bytes() == SHIPPED[name].read_bytes()
    assert {str(name) for name in elsewhere} == {"sysusers.d/marketswarm.conf", "tmpfiles.d/marketswarm.conf"}
    for name in elsewhere:
        assert (root / "usr/local/lib" / name).read_bytes() == SHIPPED[name].read_bytes()


def logins(root: Path) -> set[str]:
    """The files of users and groups below a root that have our name."""
    there = {name: root / "etc" / name for name in OF_LOGINS if (root / "etc" / name).exists()}
    return {name for name, path in there.items() if "marketswarm:" in path.read_text(encoding="utf-8")}


def test_the_group_of_the_sockets_is_made_at_once(root: Path) -> None:
    """With a user of its name who can not log in; every unit is in the group that a bus gives its socket to."""
    need("systemd-sysusers")
    assert logins(root) == set(OF_LOGINS)
    (line,) = (root / "etc/passwd").read_text(encoding="utf-8").splitlines()
    assert line.endswith(":MarketSwarm:/:/usr/sbin/nologin")


def test_where_nobody_can_make_it_the_next_boot_does(tmp_path: Path) -> None:
    """For an image on a machine without systemd-sysusers: /usr is newer then, which is when a boot runs it."""
    command("install", "--root", tmp_path)
    os.utime(tmp_path / "usr", (1, 1))
    words = [str(BIN / "marketswarm"), "install", "--root", str(tmp_path)]
    done = subprocess.run(words, env={"PATH": "/nowhere"}, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "usr").stat().st_mtime > 1


def test_the_name_servers_of_an_image_are_opened(tmp_path: Path) -> None:
    """Those of its own resolv.conf; what was opened is said, and goes with the rest."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.168.1.1\nnameserver 9.9.9.9\n", encoding="ascii")
    done = command("install", "--root", tmp_path)
    path = "usr/local/lib/systemd/system/system-marketswarm.slice.d/resolvers.conf"
    assert done.stdout == (
        f"opened to services with egress, as name servers of /etc/resolv.conf: 192.168.1.1 (/{path})\n"
    )
    assert (tmp_path / path).read_text(encoding="utf-8").endswith("[Slice]\nIPAddressAllow=192.168.1.1\n")
    command("uninstall", "--root", tmp_path)
    assert not (tmp_path / path).parent.exists()


def test_every_config_file_is_laid_down_byte_for_byte(root: Path) -> None:
    """Below /etc/marketswarm."""
    shipped = {
        path.relative_to(ROOT / "etc"): path.read_bytes() for path in (ROOT / "etc").rglob("*") if path.is_file()
    }
    folder = root / "etc/marketswarm"
    made = {root / users.PASSWORDS.lstrip("/"), *(root / Path(file).parent.relative_to("/") for file in ACL_FILES)}
    laid = [path for path in folder.rglob("*") if path.is_file() and path.parent not in made]
    assert {path.relative_to(folder): path.read_bytes() for path in laid} == shipped


def test_the_users_of_the_buses_are_made_at_once(root: Path) -> None:
    """So that the first start finds them: a password for each, and what each bus has its users from.

    They belong to the user that keeps them, and nobody else can read them but root.
    """
    folder = root / users.PASSWORDS.lstrip("/")
    assert {path.name for path in folder.iterdir()} == {*SERVICES, *users.OWN}
    files = [root / file.lstrip("/") for file in ACL_FILES]
    for file in files:
        rules = AclFile.parse(file.read_text(encoding="utf-8")).rules
        assert rules.keys() == {users.DEFAULT, *SERVICES, *users.OWN}
        assert all(("#" in given) is (user != users.DEFAULT) for user, given in rules.items())
    private = [*files, *folder.iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in private} == {0o700}
    if shutil.which("systemd-tmpfiles") and os.geteuid() == 0:
        user = next(
            line for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines() if "marketswarm" in line
        )
        owner = tuple(map(int, user.split(":")[2:4]))
        owned = [*private, *{path.parent for path in private}]
        assert {(path.stat().st_uid, path.stat().st_gid) for path in owned} == {owner}


def test_every_login_that_a_unit_loads_is_made(root: Path) -> None:
    """Each unit loads its own alone, under the name of its user, and is told where; a missing one keeps it down."""
    found = {}
    for name, path in SHIPPED.items():
        text = path.read_text(encoding="utf-8")
        for user, file in re.findall(rf"^LoadCredential=([\w%-]+):{users.PASSWORDS}/(\S+)$", text, re.MULTILINE):
            assert user == file
            assert "\nEnvironment=REDIS_CREDENTIALS=%d\n" in text
            found[str(name)] = user
    assert found == {
        "marketswarm@.service": "%i",
        "marketswarm-bootstrap.service": users.SEED,
        "marketswarm-reseed.service": users.SEED,
        "marketswarm-truth.service": users.SEED,
        "marketswarm-failed@.service": users.FAILED,
    }
    made = {path.name for path in (root / users.PASSWORDS.lstrip("/")).iterdir()}
    assert {*SERVICES, users.SEED, users.FAILED} <= made


def test_buses_have_their_users_from_the_files_that_are_kept() -> None:
    """The paths stand in the bus's own unit, in that of who keeps them, and in the code."""
    bus = SHIPPED[Path("marketswarm-redis@.service")].read_text(encoding="utf-8")
    (loaded,) = re.findall(r"^LoadCredential=users\.acl:(\S+)$", bus, re.MULTILINE)
    assert {loaded.replace("%i", name) for name in ("system", "market")} == {*ACL_FILES}
    assert "--aclfile ${CREDENTIALS_DIRECTORY}/users.acl" in bus
    keeper = SHIPPED[Path(unitnames.ACL_UNIT)].read_text(encoding="utf-8")
    assert f"ReadWritePaths={users.PASSWORDS} {Path(ACL_FILES[0]).parent}\n" in keeper
    assert f"Environment=REDIS_CREDENTIALS={users.PASSWORDS}\n" in keeper
    assert f"User={unitnames.GROUP}\n" in keeper


def test_an_image_whose_truth_is_bad_gets_the_users_that_are_no_services(tmp_path: Path) -> None:
    """The installation does not fail for it: the bootstrap tells what is wrong, once it is booted."""
    (tmp_path / "etc/marketswarm").mkdir(parents=True)
    (tmp_path / "etc/marketswarm/truth.json").write_text("{no truth", encoding="ascii")
    done = command("install", "--root", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / users.PASSWORDS.lstrip("/")).iterdir()} == {*users.OWN}
    assert all((tmp_path / file.lstrip("/")).is_file() for file in ACL_FILES)


def test_every_secret_that_a_unit_loads_has_its_file(root: Path) -> None:
    """Empty, which is no secret, and root's alone; where one is missing, the service does not start."""
    drop_ins = [path.read_text(encoding="utf-8") for path in SHIPPED.values() if path.name == "credentials.conf"]
    loaded = {words for text in drop_ins for words in re.findall(r"^LoadCredential=(\w+):(\S+)$", text, re.MULTILINE)}
    files = [path for path in (root / "etc/marketswarm/credentials").iterdir() if path.is_file()]
    assert loaded == {(file.name, f"/{file.relative_to(root)}") for file in files}
    secrets = {"WEBHOOK_URL", "SMTP_PASS", "NOTIFY_URLS", "DEADMAN_URL", "MASSIVE_API_KEY", "OPENAI_API_KEY"}
    assert secrets == {name for name, _ in loaded}
    assert {(file.stat().st_size, stat.S_IMODE(file.stat().st_mode)) for file in files} == {(0, 0o600)}


def test_who_tells_people_reaches_the_internet_like_any_other_that_does() -> None:
    """One drop-in, the same for all, so that it can be linked for one more."""
    egress = {path.parent.name: path.read_bytes() for path in SHIPPED.values() if path.name == "egress.conf"}
    assert egress.keys() == {f"marketswarm@{service}.service.d" for service in EGRESS}
    assert len(set(egress.values())) == 1
    # It opens what closed.conf closes, so it has to come later.
    assert sorted(["override.conf", "egress.conf", "closed.conf"]) == ["closed.conf", "egress.conf", "override.conf"]


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
    sockets = "6479=/run/marketswarm/system/redis.sock 6380=/run/marketswarm/market/redis.sock"
    assert f'REDIS_SOCKETS="{sockets}"\n' in environment


def test_uninstalled_and_purged_no_file_is_left(root: Path) -> None:
    """By the same command."""
    done = command("uninstall", "--root", root, "--purge")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["config and data are gone", "MarketSwarm is uninstalled"]
    left = {path.relative_to(root) for path in root.rglob("*") if path.is_symlink() or path.is_file()}
    # Every host has these; those with a hyphen are what the program that removes a user keeps of them.
    assert {str(path).rstrip("-") for path in left} <= {"etc/.pwd.lock", *(f"etc/{name}" for name in OF_LOGINS)}
    assert logins(root) == set()


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


def kind(name: str) -> str:
    """What a unit's exposure is measured by."""
    if name.startswith("marketswarm-redis@"):
        return "bus"
    return "egress" if name in {f"marketswarm@{service}.service" for service in EGRESS} else "closed"


@pytest.mark.parametrize(
    "name",
    sorted(
        name.replace("@", f"@{instance}")
        for name in UNITS
        if name.endswith(".service")
        for instance in INSTANCES.get(name, [""])
    ),
)
def test_every_unit_is_closed(bootable: Path, name: str) -> None:
    """As far as `systemd-analyze security` looks; more than that the host tests try."""
    need("systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--root={bootable}", name],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MAX_EXPOSURE[kind(name)]


@pytest.mark.parametrize(
    "name",
    [
        "marketswarm-.service.d/hardening.conf",
        "marketswarm-.service.d/closed.conf",
        "marketswarm-.service.d/sockets.conf",
        "marketswarm-redis@.service.d/loopback.conf",
        "marketswarm@rss_agg.service.d/egress.conf",
    ],
)
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
    kinds = ("hardening.conf", "closed.conf", "sockets.conf", "loopback.conf", "egress.conf")
    texts = [path.read_text(encoding="utf-8") for path in SHIPPED.values() if path.name in kinds]
    assert sum(text.count("=") for text in texts) > 40
    for text in texts:
        assert unreasoned(text) == []


def test_every_service_is_as_closed_as_every_other_unit() -> None:
    """`marketswarm@.service` has no hyphen before its name, and gets the common drop-ins by links."""
    links = {path.name: str(path.readlink()) for path in (ROOT / "systemd/marketswarm@.service.d").iterdir()}
    common = [path.name for path in (ROOT / "systemd/marketswarm-.service.d").iterdir()]
    assert links == {name: f"../marketswarm-.service.d/{name}" for name in common}


def test_units_know_the_sockets_that_the_buses_listen_at() -> None:
    """The path stands in the bus's own unit, in what the others are told, and in the code that moves a bus."""
    told = SHIPPED[Path("marketswarm-.service.d/sockets.conf")].read_text(encoding="utf-8")
    bus = SHIPPED[Path("marketswarm-redis@.service")].read_text(encoding="utf-8")
    for port, instance, name in ((6379, "system", names.SYSTEM_BUS), (6380, "market", names.MARKET_BUS)):
        path = unitnames.redis_socket(name)
        assert f"{port}={path}" in told
        assert f"--unixsocket {path.replace(f'/{instance}/', '/%i/')} " in bus
    assert f"Group={unitnames.GROUP}\n" in bus
    assert f"SupplementaryGroups={unitnames.GROUP}\n" in told


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
