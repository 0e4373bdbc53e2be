"""Hosts for the tests: bare ones, and ones on which the installer has run."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bring import must_not_be_left_out
from host.images import KEPT, RELEASES, ROOT, bare, locked, missing
from host.layout import NAME_SERVER, UNITS, document, open_to
from host.machine import Machine, machine

Boot = Callable[..., Machine]
Figure = Callable[[str], None]
# The process that hands the tests out comes here first, and those that run them inherit its name for the run.
_RUN = KEPT / f"run-{os.environ.setdefault('MARKETSWARM_TEST_RUN', uuid.uuid4().hex)}"
SOURCE = "srv/marketswarm"
"""Where a host finds the checkout or the wheel."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the layer out where no host can be made; with CI=true that is a failure."""
    lacking = missing()
    if not lacking:
        return
    why = f"LEFT OUT: hosts need {', '.join(lacking)}; the programs come by: apt install systemd-container mmdebstrap"
    if must_not_be_left_out():
        pytest.exit(why, returncode=1)
    for item in items:
        item.add_marker(pytest.mark.skip(reason=why))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have measured."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    figures = {
        f"{report.nodeid.rpartition('[')[2].partition(']')[0]}: {text}"
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == "figure"
    }
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(sorted(figures)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what this run has made; the images stay."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(_RUN, ignore_errors=True)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """Keep something that was measured, for the end of the run."""
    return lambda text: record_property("figure", text)


@dataclass(frozen=True, slots=True)
class Installation:
    """What the installer did on a bare host, once for all tests of a release; hosts boot from where it left off."""

    release: str
    layer: Path
    output: str
    seconds: float
    states: dict[str, str]


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """A release of Debian, by its name."""
    return str(request.param)


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The built wheel: the one that tox has made, else one made here."""
    built = os.environ.get("TOX_PACKAGE")
    if built:
        return Path(built)
    with locked("wheel"):
        place = _RUN / "wheel"
        if not place.exists():
            pip = [sys.executable, "-m", "pip", "--quiet"]
            subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(place), str(ROOT)], check=True)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="session")
def installation(release: str, wheel: Path) -> Installation:
    """Run packaging/install.sh with the wheel on a bare host."""
    bare(release)
    with locked(f"installed-{release}"):
        place = _RUN / f"installed-{release}"
        record = place / "installation.json"
        if not record.exists():
            record.write_text(json.dumps(_install(release, place, wheel)), encoding="utf-8")
    return Installation(release, place / "upper", **json.loads(record.read_text(encoding="utf-8")))


def _install(release: str, place: Path, wheel: Path) -> dict[str, Any]:
    with machine(f"install-{release}", place, bare(release)) as host:
        source = host.root / SOURCE
        source.mkdir(parents=True)
        shutil.copy(wheel, source)
        shutil.copy(ROOT / "packaging/install.sh", source)
        (host.root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n", encoding="ascii")
        host.boot()
        began = time.monotonic()
        output = host.run(f"/{SOURCE}/install.sh", f"/{SOURCE}/{wheel.name}", within_sec=300)
        took = time.monotonic() - began
        units = [line.split()[0] for line in output.splitlines() if line.startswith("marketswarm")]
        states = dict(zip(units, host.states(*units), strict=True))
        host.off()
    return {"output": output, "seconds": took, "states": states}


@contextlib.contextmanager
def booting(installation: Installation) -> Iterator[Boot]:
    """Give what boots installed hosts, which are gone at the end.

    ``wanted`` is what its truth.json holds, ``prepare`` is given its root before that.
    """
    with ExitStack() as stack:

        def switch_on(
            wanted: dict[str, Any] | None = None, prepare: Callable[[Path], None] = lambda _: None
        ) -> Machine:
            name = f"h{uuid.uuid4().hex[:10]}"
            directory = _RUN / name
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            layers = (installation.layer, bare(installation.release))
            host = stack.enter_context(machine(name, directory, *layers))
            (host.root / "etc/machine-id").write_text("", encoding="ascii")
            if wanted is not None:
                (host.root / "etc/marketswarm/truth.json").write_text(json.dumps(wanted), encoding="utf-8")
            prepare(host.root)
            return host.boot()

        yield switch_on


@pytest.fixture
def boot(installation: Installation) -> Iterator[Boot]:
    """Boot an installed host."""
    with booting(installation) as switch_on:
        yield switch_on


@pytest.fixture(scope="module")
def untouched(installation: Installation) -> Iterator[Machine]:
    """A host on which the whole swarm runs, for all tests of a module that leave it as they found it.

    They are one ``xdist_group``, so that one process has them all.
    """
    with booting(installation) as switch_on:
        host = switch_on(document())
        host.active(*UNITS)
        yield host


@pytest.fixture
def opened() -> dict[str, str]:
    """Which networks an operator has opened to which services of ``swarm``; a module whose tests need some says so."""
    return {}


@pytest.fixture
def swarm(boot: Boot, opened: dict[str, str]) -> Machine:
    """A host on which the whole swarm runs, with second-scale timing."""
    host = boot(document(), lambda root: open_to(root, opened))
    host.active(*UNITS)
    return host


@pytest.fixture
def bare_host(release: str) -> Iterator[Machine]:
    """A bare host that runs, with a copy of the checkout in /srv/marketswarm."""
    name = f"b{uuid.uuid4().hex[:10]}"
    directory = _RUN / name
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        host = stack.enter_context(machine(name, directory, bare(release)))
        copy_checkout(host.root / SOURCE)
        yield host.boot()


def copy_checkout(target: Path) -> None:
    """Copy what git knows of this checkout, as it is now."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
