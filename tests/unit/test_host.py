"""What this host knows of its processes and units."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from marketswarm import host


def test_this_process_runs() -> None:
    """And so does one of somebody else's, as init is."""
    assert host.runs(os.getpid())
    assert host.runs(1)


def test_a_process_that_has_ended_runs_no_more() -> None:
    """Once its parent has taken notice."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert not host.runs(child.pid)


@pytest.mark.parametrize(("error", "runs"), [(ProcessLookupError, False), (PermissionError, True), (None, True)])
def test_who_may_not_be_signalled_runs(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, *, runs: bool
) -> None:
    """A service has a user of its own, and healer another; nobody is really signalled."""
    sent = []

    def kill(pid: int, number: int) -> None:
        sent.append((pid, number))
        if error:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    assert host.runs(42) is runs
    assert sent == [(42, 0)]


def test_a_unit_is_active_while_systemd_keeps_its_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It leads nowhere: its target is the invocation's id."""
    monkeypatch.setattr(host, "_UNITS", tmp_path)
    (tmp_path / "invocation:marketswarm@mesh.service").symlink_to("0123456789abcdef0123456789abcdef")
    (tmp_path / "invocation:marketswarm@massive.service").touch()
    assert host.unit_active("marketswarm@mesh.service")
    assert not host.unit_active("marketswarm@massive.service")
    assert not host.unit_active("marketswarm@rss_agg.service")


def test_without_systemd_no_unit_is_active(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no folder to look into."""
    monkeypatch.setattr(host, "_UNITS", tmp_path / "none")
    assert not host.unit_active("marketswarm@mesh.service")


def test_the_host_has_the_name_that_its_beats_carry() -> None:
    """Else no process of a service would be taken for one of this host."""
    assert host.name() == socket.gethostname()
