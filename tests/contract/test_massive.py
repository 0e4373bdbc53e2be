"""What massive promises: results that name the failing step, and alerts of targets that fail, while it beats."""

import json
import signal
import time
from typing import Any

import pytest
from feedserver import FeedServer, hang, status
from probing import ANNOUNCED, PROBES, TOLD, accepting, announced, probing, result, target
from testkit import Swarm, eventually, free_port, listening

KEY = "hunter2"
STATUS = "/v1/marketstatus/now"


def test_a_result_says_what_was_done_and_how_long_it_took(swarm: Swarm) -> None:
    """The latest in a hash, all of them in the stream beside it."""
    with FeedServer() as server:
        server.set("/up", status(204))
        swarm.seed(probing({"name": "web", "url": server.url("/up")}))
        began = time.time()
        swarm.start("massive").ready()
        found = eventually(lambda: result(swarm, "web"), "a result")
        eventually(lambda: swarm.market.client.xlen(f"{PROBES}:log") >= 2, "a history")
    assert (found["ok"], found["step"], found["reason"], found["status"]) == (True, None, "", 204)
    assert list(found["steps"]) == ["tcp", "http"]
    assert 0 < sum(found["steps"].values()) <= found["ms"] + 0.1
    assert began - 1 <= found["ts"] <= time.time()
    entries: Any = swarm.market.client.xrange(f"{PROBES}:log")
    assert {fields[b"probe"] for _, fields in entries} == {b"web"}
    assert json.loads(entries[0][1][b"result"])["status"] == 204


def test_results_are_where_truth_says(swarm: Swarm) -> None:
    """The first of publish_to that is no heartbeat."""
    points = [{"bus": "system-redis", "key": key} for key in ("massive:heartbeat", "ops:probes")]
    port = free_port()
    with accepting(port):
        swarm.seed(probing(target(port), access_points={"publish_to": points}))
        swarm.start("massive").ready()
        eventually(lambda: swarm.system.client.hget("ops:probes", "broker"), "a result on the other bus")
        eventually(lambda: swarm.system.client.xlen("ops:probes:log"), "a history there")
        shown = swarm.command("marketswarm", "probes")
        assert "broker       ok" in shown.stdout, shown.stdout + shown.stderr
    assert swarm.market.client.exists(PROBES) == 0


def test_a_target_that_fails_is_told_of_once_and_so_is_its_end(swarm: Swarm) -> None:
    """In its own stream, and over a restart of massive; it writes nothing of healer's and publishes nothing there."""
    port = free_port()
    swarm.seed(probing(target(port, fails=3)))
    with listening(swarm.system, "healer:alerts") as heard:
        first = swarm.start("massive").ready()
        eventually(lambda: announced(swarm), "probe_failed")
        (alert,) = swarm.system.alerts(ANNOUNCED)
        assert (alert["svc"], alert["step"], alert["reason"]) == ("massive", "tcp", "connection refused")
        assert alert["fails"] == 3
        first.logs("probe_failed massive/broker: fails at tcp: connection refused; 3 times in a row")
        kept: Any = swarm.system.client.hget(TOLD, "broker")
        assert json.loads(kept) == alert
        first.kill()
        swarm.start("massive").ready()
        before = result(swarm)
        assert before
        eventually(lambda: (result(swarm) or {}).get("fails", 0) > before["fails"], "it goes on to count")
        assert announced(swarm) == [("probe_failed", "broker")]
        with accepting(port):
            eventually(lambda: len(announced(swarm)) > 1, "probe_ok")
            assert announced(swarm) == [("probe_failed", "broker"), ("probe_ok", "broker")]
            assert swarm.system.alerts(ANNOUNCED)[-1]["failed_sec"] > 0
            assert swarm.system.client.exists(TOLD) == 0
        assert heard() == []
    assert swarm.system.client.keys("healer:*") == []


def test_a_new_truth_changes_what_is_probed_without_a_restart(swarm: Swarm) -> None:
    """A target that leaves while it fails is dropped; one that comes is probed; the process is the same."""
    gone, stays = free_port(), free_port()
    with accepting(stays):
        swarm.seed(probing(target(gone, "gone"), target(stays, "stays")))
        massive = swarm.start("massive").ready()
        eventually(lambda: announced(swarm), "probe_failed")
        swarm.seed(probing(target(stays, "stays"), target(stays, "new")))
        eventually(lambda: result(swarm, "new"), "the new one is probed")
        eventually(lambda: len(announced(swarm)) > 1, "probe_ok")
        eventually(lambda: not swarm.market.client.hexists(PROBES, "gone"), "its result is gone")
    assert swarm.system.alerts(ANNOUNCED)[-1]["reason"] == "dropped"
    beat = swarm.system.json("massive:heartbeat")
    assert beat
    assert beat["pid"] == massive.pid
    assert not massive.ended()
    assert swarm.system.client.exists(TOLD) == 0


def test_it_beats_while_a_target_hangs(swarm: Swarm) -> None:
    """A probe that is under way for longer than a beat holds none back."""
    with FeedServer() as server:
        server.set("/hangs", hang())
        swarm.seed(probing({"name": "hangs", "url": server.url("/hangs"), "timeout_sec": 3600}))
        massive = swarm.start("massive").ready()
        eventually(lambda: server.asked("/hangs"), "it hangs")
        beat = swarm.system.json("massive:heartbeat")
        assert beat
        eventually(lambda: (swarm.system.json("massive:heartbeat") or beat)["i"] > beat["i"] + 4, "beats go on")
        assert result(swarm, "hangs") is None
        assert massive.stop() == 0


def test_a_strict_start_names_every_target_that_fails(swarm: Swarm) -> None:
    """In one line, and ends with 69: systemd tries again."""
    port, closed = free_port(), free_port()
    with accepting(port):
        swarm.seed(probing(target(port), target(closed, "closed"), target(closed, "shut")))
        massive = swarm.start("massive", NET_PROBE_STRICT="1")
        assert massive.exit_code() == 69
    assert massive.log.splitlines()[-1].endswith(
        "closed fails at tcp: connection refused; shut fails at tcp: connection refused; "
        "NET_PROBE_STRICT is set, so massive does not start"
    )


def test_a_strict_start_goes_well_where_every_target_does(swarm: Swarm) -> None:
    """And then a failure is told like any other."""
    port = free_port()
    with accepting(port):
        swarm.seed(probing(target(port)))
        swarm.start("massive", NET_PROBE_STRICT="1").ready()
        eventually(lambda: result(swarm), "a result")
    eventually(lambda: announced(swarm) == [("probe_failed", "broker")], "probe_failed")


def test_variables_make_targets_without_any_truth(swarm: Swarm) -> None:
    """NET_HOST and NET_URL."""
    with FeedServer() as server:
        server.set("/up", status(200))
        swarm.seed()
        host = f"127.0.0.1:{server.port}"
        swarm.start("massive", NET_HOST=host, NET_URL=server.url("/up"), POLYGON_TEST_REST="0").ready()
        eventually(lambda: result(swarm, "net-url") and result(swarm, "net-host"), "both are probed")
        shown = swarm.command("marketswarm", "probes", "--json")
    found = {probe["probe"]: (probe["state"], probe["url"]) for probe in json.loads(shown.stdout)["probes"]}
    assert found == {"net-host": ("ok", f"tcp://{host}"), "net-url": ("ok", server.url("/up"))}
    assert shown.returncode == 0


def api(server: FeedServer, **environ: str) -> dict[str, str]:
    """Set up a stand-in for the market API."""
    return {"MASSIVE_BASE_URL": server.url(""), "MASSIVE_API_KEY": KEY} | environ


def at_now() -> bytes:
    """Answer as the market API does."""
    told_time = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return json.dumps({"market": "open", "serverTime": told_time, "exchanges": {"nyse": "open"}}).encode()


def test_the_market_api_is_asked_with_the_key_in_a_header_alone(swarm: Swarm) -> None:
    """It stands in no URL, no log, and on no bus."""
    with FeedServer() as server:
        server.set(STATUS, status(200, body=at_now()))
        swarm.seed()
        massive = swarm.start("massive", LOG_LEVEL="DEBUG", **api(server)).ready()
        found = eventually(lambda: result(swarm, "massive-api"), "a result")
        (asked,) = server.asked(STATUS)
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in asked.path
    assert (found["ok"], found["outcome"], found["url"]) == (True, "ok", server.url(STATUS))
    assert abs(found["skew_sec"]) < 5
    assert KEY not in massive.log
    assert KEY not in json.dumps(found)


@pytest.mark.parametrize(
    ("code", "headers", "ok", "outcome", "word"),
    [
        (401, {}, False, "bad_key", "bad"),
        (403, {}, True, "not_entitled", "odd"),
        (429, {"Retry-After": "900"}, True, "throttled", "odd"),
        (503, {}, False, "down", "bad"),
    ],
)
def test_each_answer_of_the_market_api_has_its_outcome(
    swarm: Swarm, code: int, headers: dict[str, str], outcome: str, word: str, *, ok: bool
) -> None:
    """What is no fault of the network, nor of the key, is no failure; it is asked once."""
    with FeedServer() as server:
        server.set(STATUS, status(code, headers))
        swarm.seed()
        swarm.start("massive", **api(server)).ready()
        found = eventually(lambda: result(swarm, "massive-api"), "a result")
        shown = swarm.command("marketswarm", "probes", "--json")
        assert len(server.asked(STATUS)) == 1
    assert (found["ok"], found["step"], found["outcome"]) == (ok, None if ok else "api", outcome)
    assert found["reason"].startswith(f"answers {code}")
    assert found.get("again_at", 0) == (pytest.approx(found["ts"] + 900, abs=1) if headers else 0)
    assert (shown.returncode, json.loads(shown.stdout)["probes"][0]["state"]) == (1, word)


def test_a_restart_does_not_ask_the_market_api_again_at_once(swarm: Swarm) -> None:
    """Five requests a minute are allowed, and a service that is restarted all the time shall not use them up."""
    with FeedServer() as server:
        server.set(STATUS, status(200, body=at_now()))
        port = free_port()
        with accepting(port):
            swarm.seed(probing(target(port)))
            first = swarm.start("massive", **api(server)).ready()
            eventually(lambda: result(swarm, "massive-api"), "it is asked")
            first.kill()
            swarm.start("massive", **api(server)).ready()
            seen = swarm.market.client.xlen(f"{PROBES}:log")
            eventually(lambda: swarm.market.client.xlen(f"{PROBES}:log") > seen + 2, "the others are probed")
        assert len(server.asked(STATUS)) == 1


def test_without_a_key_the_market_api_is_skipped_and_that_is_said(swarm: Swarm) -> None:
    """It is no failure."""
    swarm.seed()
    swarm.start("massive").ready()
    found = eventually(lambda: result(swarm, "massive-api"), "a result")
    assert (found["ok"], found["step"]) == (None, None)
    assert found["reason"].startswith("no key: set MASSIVE_API_KEY as a variable or a credential of massive")
    shown = swarm.command("marketswarm", "probes")
    assert shown.returncode == 0
    assert "massive-api  skipped" in shown.stdout


def test_probes_exits_by_what_it_shows(swarm: Swarm) -> None:
    """1 where something fails, 3 where it cannot be told."""
    port = free_port()
    swarm.seed(probing(target(port)))
    shown = swarm.command("marketswarm", "probes")
    assert (shown.returncode, "broker  waiting" in shown.stdout) == (1, True)
    assert "massive does not beat" in shown.stdout
    swarm.start("massive").ready()
    eventually(lambda: announced(swarm), "probe_failed")
    eventually(lambda: (result(swarm) or {}).get("failed"), "it is in the result")
    shown = swarm.command("marketswarm", "probes")
    assert shown.returncode == 1
    assert "broker       FAILED" in shown.stdout
    assert "connection refused; " in shown.stdout
    away = swarm.command("marketswarm", "probes", "--json", MARKET_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert (away.returncode, json.loads(away.stdout)["exit_code"]) == (3, 3)


def test_it_stops_at_once_in_the_middle_of_a_probe(swarm: Swarm) -> None:
    """Within the two seconds of the contract, whatever a target does."""
    with FeedServer() as server:
        server.set("/hangs", hang())
        swarm.seed(probing({"name": "hangs", "url": server.url("/hangs"), "timeout_sec": 60}))
        massive = swarm.start("massive").ready()
        eventually(lambda: server.asked("/hangs"), "it hangs")
        massive.signal(signal.SIGTERM)
        assert massive.exit_code(within_sec=2) == 0
    assert "Traceback" not in massive.log


def test_the_last_target_that_leaves_the_truth_while_it_fails_is_dropped_too(swarm: Swarm) -> None:
    """Nothing is probed then, and nothing is left of it but its history."""
    swarm.seed(probing(target(free_port())))
    massive = swarm.start("massive", POLYGON_TEST_REST="0").ready()
    eventually(lambda: announced(swarm), "probe_failed")
    swarm.seed(probing())
    eventually(lambda: len(announced(swarm)) > 1, "probe_ok")
    eventually(lambda: swarm.market.client.exists(PROBES) == 0, "its result is gone")
    assert swarm.system.client.exists(TOLD) == 0
    assert "STATUS=beating; nothing to probe (services.massive.probes, NET_URL)" in massive.notified()


def test_where_alerts_go_does_not_concern_massive(swarm: Swarm) -> None:
    """That is for those to know who pass them on: its work goes on over a truth that says so, and it publishes none."""
    port = free_port()
    document = probing(target(port))
    swarm.seed(document)
    with accepting(port):
        massive = swarm.start("massive").ready()
        document["services"]["healer"]["access_points"]["publish_to"] = [{"bus": "system-redis", "key": "ops:alerts"}]
        swarm.seed(document)
        massive.logs("its work goes on")
        assert announced(swarm) == []
    with listening(swarm.system, "healer:alerts", "ops:alerts") as heard:
        eventually(lambda: announced(swarm), "probe_failed")
        swarm.market.client.delete(PROBES)
        eventually(lambda: result(swarm), "it probes on")
        assert heard() == []
    assert "its work begins anew" not in massive.log


def test_a_strict_start_is_not_over_when_a_new_truth_cuts_it_off(swarm: Swarm) -> None:
    """The targets of the new one have to be reached as well."""
    closed = free_port()
    with FeedServer() as server:
        server.set("/hangs", hang())
        slow = {"name": "slow", "url": server.url("/hangs"), "timeout_sec": 60}
        swarm.seed(probing(slow))
        massive = swarm.start("massive", NET_PROBE_STRICT="1")
        eventually(lambda: server.asked("/hangs"), "it hangs")
        swarm.seed(probing(target(closed)))
        assert massive.exit_code() == 69
    assert "NET_PROBE_STRICT is set" in massive.log


def test_a_key_of_another_kind_in_the_place_of_the_history_is_said(swarm: Swarm) -> None:
    """A refusal within a transaction is one; results wait until somebody has made room."""
    port = free_port()
    with accepting(port):
        swarm.seed(probing(target(port)))
        swarm.market.client.set(f"{PROBES}:log", "a string")
        massive = swarm.start("massive").ready().logs("WRONGTYPE")
        assert massive.log.count("WRONGTYPE") == 1
        swarm.market.client.delete(f"{PROBES}:log")
        eventually(lambda: swarm.market.client.xlen(f"{PROBES}:log") > 1, "those that have waited come")
    assert not massive.ended()
