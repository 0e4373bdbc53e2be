"""What the doctor makes of systemd's units, and how systemd is asked for them."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from marketswarm import units
from marketswarm.doctor.hosts import DEBIAN_REDIS, is_managed, judge_units, wanted_units
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Verdict
from marketswarm.errors import ServiceManagerError
from marketswarm.units import Unit

SERVICES = ("mesh", "healer")
MESH = "marketswarm@mesh.service"
RESEED = "marketswarm-reseed.service"
BOOTSTRAP = "marketswarm-bootstrap.service"
SHOWN = """\
Result=success
NRestarts=2
Id=marketswarm@mesh.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=disabled

Id=marketswarm.target
LoadState=loaded
ActiveState=active
SubState=active
UnitFileState=enabled
"""


def host() -> dict[str, Unit]:
    """Every unit as it should be."""
    shown = {name: Unit(name, "loaded", "active", "running", "success") for name in wanted_units(SERVICES)}
    shown[RESEED] = replace(shown[RESEED], active="inactive", sub="dead")
    shown[DEBIAN_REDIS] = Unit(DEBIAN_REDIS, "not-found", "inactive", "dead", "success")
    return shown


def judge(**changes: Unit) -> list[Check]:
    """Judge a host on which all is well but for these units, whose names are those of services."""
    return judge_units(host() | {unit.name: unit for unit in changes.values()}, SERVICES, Remedies(managed=True))


def test_a_good_host_takes_one_line() -> None:
    """However many units there are."""
    assert judge() == [Check("units", Verdict.OK, "all 7 are as they should be")]


@pytest.mark.parametrize(
    ("unit", "verdict", "found", "remedy"),
    [
        (Unit(MESH, "loaded", "failed", "failed", "exit-code", 5), "FAIL", "failed (exit-code)", "journalctl -u"),
        (Unit(MESH, "loaded", "active", "running", "success", 3), "warn", "after 3 restarts", "journalctl -u"),
        (Unit(MESH, "loaded", "activating", "auto-restart", "exit-code", 1), "warn", "not ready", "journalctl -u"),
        (Unit(MESH, "loaded", "activating", "auto-restart", "exit-code", 9), "FAIL", "after 9", "journalctl -u"),
        (Unit(MESH, "loaded", "inactive", "dead", "success"), "warn", "is stopped", f"systemctl start {MESH}"),
        (Unit(MESH, "masked", "inactive", "dead", "success"), "warn", "masked", f"systemctl unmask {MESH}"),
        (Unit(MESH, "not-found", "inactive", "dead", "success"), "warn", "not-found", "systemctl daemon-reload"),
        (Unit(MESH, "bad-setting", "inactive", "dead", "success"), "warn", "bad-setting", "systemd-analyze verify"),
        (Unit(RESEED, "loaded", "failed", "failed", "exit-code"), "FAIL", "failed", f"journalctl -u {RESEED} -n 20"),
        (Unit(BOOTSTRAP, "loaded", "inactive", "dead", "success"), "warn", "is stopped", "systemctl start"),
        (Unit(DEBIAN_REDIS, "loaded", "active", "running", enabled="enabled"), "warn", "enabled and active", "disable"),
        (Unit(DEBIAN_REDIS, "loaded", "inactive", "dead", enabled="enabled"), "warn", "at boot", "systemctl disable"),
        (Unit(DEBIAN_REDIS, "loaded", "active", "running", enabled="disabled"), "warn", "active", "systemctl disable"),
    ],
)
def test_one_unit_that_is_not_well_is_one_line(unit: Unit, verdict: str, found: str, remedy: str) -> None:
    """It is named, and the rest is still said to be well."""
    first, wrong = judge(unit=unit)
    assert first.verdict is Verdict.OK
    assert unit.name == DEBIAN_REDIS or first.found == "the other 6 of 7 are as they should be"
    assert (wrong.name, wrong.verdict) == (unit.name, verdict)
    assert found in wrong.found
    assert remedy in (wrong.remedy or "")


@pytest.mark.parametrize(
    "unit",
    [
        Unit(MESH, "loaded", "active", "running", "success", 2),
        Unit(RESEED, "loaded", "activating", "start", "success"),
        Unit(DEBIAN_REDIS, "loaded", "inactive", "dead", enabled="disabled"),
    ],
)
def test_what_is_usual_is_no_warning(unit: Unit) -> None:
    """A restart or two, a re-seed under way, a server of Debian's that is switched off."""
    assert {check.verdict for check in judge(unit=unit)} == {Verdict.OK}


def test_without_systemd_or_without_our_units_there_is_nothing_to_check() -> None:
    """Skipped with the reason; only a systemd that is there and does not answer is a failure."""
    foreign = {name: replace(unit, load="not-found") for name, unit in host().items()}
    remedies = Remedies(managed=False)
    assert [check.verdict for check in judge_units(None, SERVICES, remedies)] == [Verdict.SKIP]
    assert [check.verdict for check in judge_units(foreign, SERVICES, remedies)] == [Verdict.SKIP]
    (wrong,) = judge_units(ServiceManagerError("systemctl gave no answer within 2 s"), SERVICES, remedies)
    assert (wrong.verdict, wrong.found) == (Verdict.FAIL, "systemctl gave no answer within 2 s")
    assert [is_managed(shown) for shown in (None, foreign, ServiceManagerError("x"), host())] == [False] * 3 + [True]


def test_what_systemctl_prints_is_read_block_by_block() -> None:
    """In any order of lines; a unit without restarts has none."""
    assert units.parse(SHOWN) == {
        MESH: Unit(MESH, "loaded", "active", "running", "success", 2, "disabled"),
        "marketswarm.target": Unit("marketswarm.target", "loaded", "active", "active", "", 0, "enabled"),
    }
    assert units.parse("") == units.parse("\n\nno unit\n") == {}


def systemctl(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a systemctl of the test's own on PATH."""
    program = directory / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_all_units_are_asked_for_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process, whatever the number of units."""
    systemctl(tmp_path, monkeypatch, f'echo "$@" >> {tmp_path}/asked; echo Id=a.service; echo LoadState=loaded')
    assert asyncio.run(units.show(["a.service", "b.service"])) == {"a.service": Unit("a.service", "loaded", "")}
    (line,) = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert line.split()[0] == "show"
    assert line.endswith(" -- a.service b.service")


def test_a_systemctl_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the deadline it is killed, and that is said."""
    systemctl(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(units, "DEADLINE_SEC", 0.1)
    began = time.monotonic()
    with pytest.raises(ServiceManagerError, match=r"systemctl gave no answer within 0\.1 s"):
        asyncio.run(units.show(["a.service"]))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo no bus >&2; exit 1", "systemctl failed: no bus"), ("exit 3", "systemctl failed: exit code 3")],
)
def test_a_systemctl_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    """In its own words where it has any."""
    systemctl(tmp_path, monkeypatch, script)
    with pytest.raises(ServiceManagerError, match=f"^{said}$"):
        asyncio.run(units.show(["a.service"]))


def test_a_systemctl_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other failure to ask."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceManagerError, match="cannot be started"):
        asyncio.run(units.show(["a.service"]))
