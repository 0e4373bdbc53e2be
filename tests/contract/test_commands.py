"""What a person sees of `status`, `alerts` and the rest when something is wrong."""

import json
import signal
import subprocess

import pytest
from testkit import BIN, Swarm, free_port, watching


def gone() -> dict[str, str]:
    """Addresses at which nobody listens."""
    return {name: f"redis://127.0.0.1:{free_port()}" for name in ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL")}


def test_status_says_well_down_and_cannot_tell(swarm: Swarm) -> None:
    """0 all well, 2 something is down, 3 no truth, no bus, a bad variable or a wrong word; JSON says the same."""
    swarm.seed(watching("rss_agg", "sentinel"))
    workers = {name: swarm.start(name).ready() for name in ("rss_agg", "massive", "mesh", "vexy_ai", "sentinel")}
    swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.command("marketswarm", "status").returncode == 0
    workers["rss_agg"].kill()
    swarm.until("rss_agg", "heartbeat_miss")
    done = swarm.command("marketswarm", "status", "--json")
    assert done.returncode == json.loads(done.stdout)["exit_code"] == 2
    assert swarm.command("marketswarm", "status", **gone()).returncode == 3
    assert swarm.command("marketswarm", "status", LOG_LEVEL="loud").returncode == 3
    assert swarm.command("marketswarm", "status", "--bogus").returncode == 3
    for bus in (swarm.system, swarm.market):
        bus.client.flushall()
    assert swarm.command("marketswarm", "status").returncode == 3


@pytest.mark.parametrize("words", [["status"], ["alerts"], ["truth", "show"], ["truth", "diff", "FILE"]])
def test_a_bus_that_is_away_is_said_once(swarm: Swarm, words: list[str]) -> None:
    """One line: which bus, where, why, and what to look at."""
    path = str(swarm.write(watching()))
    done = swarm.command("marketswarm", *[word.replace("FILE", path) for word in words], **gone())
    assert done.returncode in (3, 69)
    assert len(done.stderr.splitlines()) == 1
    assert "does not answer (connection refused); is its redis-server running?" in done.stderr


def test_alerts_follows_and_ends_with_ctrl_c(swarm: Swarm) -> None:
    """Each alert as it comes, history first; interrupted, it ends without a traceback."""
    swarm.seed(watching("mesh"))
    swarm.start("healer").ready()
    follower = subprocess.Popen(
        [BIN / "marketswarm", "alerts", "--follow", "--json"],
        env=swarm.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["type"] == "heartbeat_miss"
    follower.send_signal(signal.SIGINT)
    _, said = follower.communicate(timeout=10)
    assert follower.returncode in (0, 130)
    assert said == ""


def test_a_reader_that_has_seen_enough_is_no_error(swarm: Swarm) -> None:
    """`| head -1` ends quietly."""
    pipe = f"{BIN}/marketswarm truth schema | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe], env=swarm.environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


def test_a_sentinel_that_would_alarm_at_a_healthy_healer_is_refused(swarm: Swarm) -> None:
    """SENTINEL_TIMEOUT_SEC has to be longer than healer's interval; the line says so, exit 78."""
    swarm.seed(watching())
    sentinel = swarm.start("sentinel", SENTINEL_TIMEOUT_SEC="0.5")
    assert sentinel.exit_code() == 78
    assert "error: SENTINEL_TIMEOUT_SEC: must be > 0.6, the interval_sec of healer, is 0.5" in sentinel.log
