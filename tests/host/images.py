"""Images of bare Debian hosts: made once, kept, and never changed; each test boots an overlay of one.

A bare image has systemd and neither Python nor Redis. What the installer brings, and what tests make faults with, lies
in the image's download caches, so that no test depends on a network: Debian's packages in apt's own, wheels in a folder
that pip is told of.
"""

import configparser
import fcntl
import hashlib
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RELEASES = ("bookworm", "trixie")
ROOT = Path(__file__).parents[2]
KEPT = Path("/var/cache/marketswarm-hosts")
PROGRAMS = ("mmdebstrap", "systemd-nspawn", "nsenter")
WHEELS = "srv/wheels"
_INCLUDE = "systemd,systemd-sysv,dbus,libpam-systemd,ca-certificates,iproute2,procps"
_BROUGHT = "python3 python3-venv redis-server"
_FOR_FAULTS = "libfaketime nftables"
_RECIPE = f"2 {_INCLUDE} {_BROUGHT} {_FOR_FAULTS}"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time make an image."""
    KEPT.mkdir(mode=0o700, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bare(release: str) -> Path:
    """The root of a bare host, made if it is not there."""
    wanted = _wanted()
    place = KEPT / f"{release}-{_key(_RECIPE, *wanted)}"
    with locked(release):
        if not place.exists():
            making = place.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            _bootstrap(release, making)
            _gather_wheels(making, wanted)
            making.rename(place)
            _forget_older(release, place)
    return place


def _wanted() -> list[str]:
    """What an installation from a checkout asks of the package index, and what the unit tests ask of it."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    extras = project["optional-dependencies"]
    own = [*document["build-system"]["requires"], *project["dependencies"]]
    return own + [one for extra in extras_of_tests() for one in extras[extra]] + wanted_by_tests()


def wanted_by_tests() -> list[str]:
    """What the tests need beside the package, as tox has it."""
    return _tests()["deps"].split()


def extras_of_tests() -> list[str]:
    """The extras of the package with which the tests run, as tox has them."""
    return _tests()["extras"].replace(",", " ").split()


def _tests() -> configparser.SectionProxy:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    return tox["testenv"]


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _bootstrap(release: str, root: Path) -> None:
    """Unpack a minimal Debian, with its package lists and what the installer will ask apt for."""
    download = (
        f"apt-get --quiet --yes --no-install-recommends --download-only install {_BROUGHT} {_FOR_FAULTS} >/dev/null"
    )
    # Deleted after each installation otherwise, by apt itself.
    keep = 'echo "APT::Keep-Downloaded-Packages true;" > "$1/etc/apt/apt.conf.d/90keep"'
    hooks = [f"--customize-hook={keep}", f'--customize-hook=chroot "$1" {download}']
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_INCLUDE}", "--skip=cleanup/apt"]
    subprocess.run([*command, *hooks, release, root], check=True)
    (root / "etc/machine-id").write_text("", encoding="ascii")
    (root / "etc/hostname").write_text("swarm\n", encoding="ascii")


def _gather_wheels(root: Path, wanted: list[str]) -> None:
    """Fetch wheels with the release's own Python, in a copy of the image that has it."""
    with overlay(root.with_suffix(".fetching"), root) as copy:
        shutil.copy("/etc/resolv.conf", copy / "etc/resolv.conf")
        shutil.copy(_CERTIFICATES, copy / _CERTIFICATES.lstrip("/"))
        script = (
            f"apt-get --quiet --quiet --yes --no-install-recommends install {_BROUGHT} >/dev/null 2>&1; "
            "python3 -m venv /root/venv && "
            f'/root/venv/bin/pip --quiet --cert {_CERTIFICATES} wheel --use-pep517 --wheel-dir /{WHEELS} "$@"'
        )
        policy = copy / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        policy.chmod(0o755)
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        subprocess.run(["chroot", copy, "sh", "-euc", script, "sh", *wanted], check=True, env=environ)
        shutil.copytree(copy / WHEELS, root / WHEELS)
    pip = f"[global]\nno-index = true\nfind-links = /{WHEELS}\n"
    (root / "etc/pip.conf").write_text(pip, encoding="ascii")


def _forget_older(release: str, place: Path) -> None:
    for older in KEPT.glob(f"{release}-*"):
        if older != place:
            shutil.rmtree(older, ignore_errors=True)


@contextmanager
def overlay(directory: Path, *lower: Path) -> Iterator[Path]:
    """Mount an overlay over some roots, the first one on top; what is written goes to ``directory`` and is removed."""
    try:
        with mounted(directory, *lower) as root:
            yield root
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def mounted(directory: Path, *lower: Path) -> Iterator[Path]:
    """The same, keeping what was written in ``directory/upper``."""
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True, capture_output=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


def missing() -> list[str]:
    """What this machine lacks to run hosts."""
    if os.geteuid() != 0:
        return ["root"]
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    return lacking or ([] if _can_mount() else [f"a file system at {KEPT} on which overlays can be mounted"])


def _can_mount() -> bool:
    """Whether this machine, which may be a container itself, lets an overlay be mounted."""
    probe = KEPT / f"probe-{os.getpid()}"
    try:
        (probe / "lower").mkdir(parents=True)
        with overlay(probe / "over", probe / "lower"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        shutil.rmtree(probe, ignore_errors=True)
