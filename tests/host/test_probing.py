"""Probes from a closed unit: what an operator sees, and what people are told."""

import json
from typing import Any

import pytest
from host.conftest import Figure
from host.layout import document, pids, unit
from host.machine import Machine, eventually

MASSIVE = unit("massive")
PORT, CLOSED = 8000, 8001


@pytest.fixture
def opened() -> dict[str, str]:
    """The sites that are probed are on the host itself, which is closed to massive."""
    return {"massive": "127.0.0.1"}


def seed(host: Machine, *probes: dict[str, Any]) -> None:
    """Have massive probe these, each second."""
    often = [{"interval_sec": 1, "timeout_sec": 3} | probe for probe in probes]
    wanted = document(massive={"heartbeat": {}, "probes": often})
    (host.root / "etc/marketswarm/truth.json").write_text(json.dumps(wanted), encoding="ascii")
    host.run("marketswarm-seed")


def shown(host: Machine) -> dict[str, dict[str, Any]]:
    """What `marketswarm probes` says, by the target's name."""
    probes = json.loads(host.tries("marketswarm", "probes", "--json").stdout)["probes"]
    return {probe["probe"]: probe for probe in probes}


def told(host: Machine) -> list[tuple[str, str]]:
    """Which alerts of probes were announced: types and names."""
    return [(alert["type"], alert["probe"]) for alert in host.alerts() if "probe" in alert]


def serve(host: Machine) -> None:
    """Have a web server on the host."""
    server = ("python3", "-m", "http.server", "--bind", "127.0.0.1", str(PORT))
    host.run("systemd-run", "--quiet", "--unit=site", *server)


def test_a_target_that_goes_and_comes_is_told_of_and_nothing_restarts(swarm: Machine, figure: Figure) -> None:
    """A seed brings the targets into a running swarm; its end and its return stand in the journal and in the log."""
    before = pids(swarm)
    serve(swarm)
    web = {"name": "web", "url": f"https://127.0.0.1:{PORT}/"}
    site = {"name": "site", "url": f"tcp://127.0.0.1:{PORT}"}
    seed(swarm, site, {"name": "nobody", "url": f"tcp://127.0.0.1:{CLOSED}"}, web)
    eventually(lambda: shown(swarm).get("site", {}).get("state") == "ok", "the site is well", 20)
    eventually(lambda: ("probe_failed", "nobody") in told(swarm), "nobody listens", 20)
    eventually(lambda: shown(swarm)["web"]["state"] == "failed", "it speaks no TLS", 20)
    assert shown(swarm)["web"]["step"] == "tls"
    assert shown(swarm)["nobody"]["reason"] == "connection refused"
    swarm.logs(MASSIVE, "probe_failed massive/nobody: fails at tcp: connection refused; 2 times in a row")

    swarm.systemctl("stop", "site")
    eventually(lambda: ("probe_failed", "site") in told(swarm), "the site is gone", 20)
    alert = next(alert for alert in swarm.alerts() if alert.get("probe") == "site")
    figure(f"a target is gone: told {alert['ts'] - alert['since']:.1f} s after the first probe that failed")
    serve(swarm)
    eventually(lambda: ("probe_ok", "site") in told(swarm), "the site is back", 20)
    assert pids(swarm) == before
    assert swarm.tries("marketswarm", "probes").returncode == 1
    assert [kind for kind in swarm.alert_types() if not kind.startswith("probe")] == []


def test_the_market_api_is_asked_with_the_credential_of_the_unit(swarm: Machine) -> None:
    """Root's alone on disk, and in no log; a stand-in on the host says that it does not know it."""
    serve(swarm)  # it answers 404 to what it does not have
    key = "hunter2-hunter2"
    (swarm.root / "etc/marketswarm/credentials/MASSIVE_API_KEY").write_text(key, encoding="ascii")
    (swarm.root / "etc/marketswarm/massive.env").write_text(
        f"MASSIVE_BASE_URL=http://127.0.0.1:{PORT}\n", encoding="ascii"
    )
    swarm.systemctl("restart", MASSIVE)
    eventually(lambda: shown(swarm).get("massive-api", {}).get("state") in ("bad", "failed"), "it is asked", 20)
    found = shown(swarm)["massive-api"]
    assert (found["step"], found["outcome"], found["reason"]) == ("api", "down", "answers 404")
    assert key not in swarm.run("journalctl", "--no-pager", "--output=export")
    assert key not in json.dumps(found)
