"""`marketswarm demo` end to end: it passes on every kind of server, and it fails where it must."""

import asyncio
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from marketswarm.errors import BadTruthError, BusUnreachableError
from marketswarm.local.demo import demo
from marketswarm.term import plain

SERVICES = ["rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel"]
TRUTH = Path("etc/truth.json")
ACTS = [
    "stop rss_agg",
    "start rss_agg",
    "kill healer",
    "start healer",
    "kill sentinel",
    "start sentinel",
]
ALERTS = [
    "heartbeat_miss rss_agg late_sec",
    "heartbeat_ok rss_agg age_sec",
    "healer_miss healer late_sec",
    "healer_ok healer",
    "heartbeat_miss sentinel late_sec",
    "heartbeat_ok sentinel age_sec",
]


def _play(
    tmp_path: Path, *server_args: str, program: str | None = "redis-server", document: object = None
) -> tuple[int, str]:
    """Play it where ``program`` is the only server on PATH; returns exit status and what was shown."""
    for name in ("setpriv", program):
        if name:
            found = shutil.which(name)
            assert found, f"no {name} on PATH"
            (tmp_path / name).symlink_to(found)
    out = io.StringIO()
    environ = {**os.environ, "PATH": str(tmp_path)}
    truth_raw = json.dumps(document).encode() if document else TRUTH.read_bytes()
    played = demo(truth_raw, services=SERVICES, environ=environ, paint=plain, out=out, server_args=server_args)
    return asyncio.run(played), out.getvalue()


@pytest.mark.parametrize("program", ["redis-server", None])
def test_it_plays_the_runbook_and_passes(tmp_path: Path, program: str | None) -> None:
    """Six acts, six alerts in order, each with its figure, in well under 45 s; exit 0."""
    status, shown = _play(tmp_path, program=program)
    assert status == 0, shown
    assert (program or "the embedded server") in shown
    told = [" ".join(line.split()[2:]) for line in shown.splitlines() if line[:5].strip().replace(".", "").isdecimal()]
    assert told[0] == "all 6 services beat"
    assert told[1::2] == ACTS
    assert all(line.startswith(alert) for line, alert in zip(told[2::2], ALERTS, strict=True)), told
    last = shown.splitlines()[-1]
    assert last.startswith("6 of 6 alerts came, in order, none beside them. ")
    assert float(last.split()[-2]) < 30


def test_it_fails_where_healer_cannot_publish(tmp_path: Path) -> None:
    """With XADD refused no alert reaches the log: exit 1, the act is named, and healer's last lines are shown."""
    status, shown = _play(tmp_path, "--rename-command", "XADD", "")
    assert status == 1
    assert "no heartbeat_miss rss_agg within 10 s" in shown
    assert "The last lines of healer:" in shown
    assert "unknown command" in shown
    assert "XADD" in shown
    assert shown.splitlines()[-1].startswith("0 of 6 alerts came")


def test_it_fails_where_a_service_is_not_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that healer does not listen to is never known to be well: exit 1, it is named, nothing is played."""
    monkeypatch.setattr("marketswarm.local.play.READY_SEC", 4)
    document = json.loads(TRUTH.read_bytes())
    watched = document["services"]["healer"]["access_points"]["subscribe_to"]
    watched[:] = [point for point in watched if point["key"] != "mesh:heartbeat"]
    status, shown = _play(tmp_path, document=document)
    assert status == 1
    assert "not known to be well after 4 s: mesh\n" in shown
    assert "stop rss_agg" not in shown


def test_a_truth_that_the_seed_refuses_is_told_fault_by_fault(tmp_path: Path) -> None:
    """The seed's own lines and its exit code, 65, come through."""
    document = json.loads(TRUTH.read_bytes())
    document["services"]["mesh"]["heartbeat"]["redis_url"] = "redis://nowhere-redis:1:2"
    with pytest.raises(BadTruthError) as error:
        _play(tmp_path, document=document)
    assert "services.mesh.heartbeat.redis_url" in str(error.value)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error is one line with the server's own last words; nothing is played."""
    with pytest.raises(BusUnreachableError, match=r"system-redis: redis-server .* ended with exit status 1") as error:
        _play(tmp_path, "--maxmemory", "nonsense")
    assert "\n" not in str(error.value)
    assert "argument must be a memory value" in str(error.value)
