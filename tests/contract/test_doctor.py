"""What `marketswarm doctor` finds in a swarm, off systemd."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testkit import SERVICES, WORKERS, RealServer, Swarm, free_port, truth, watching


def examine(swarm: Swarm, *words: str, **environ: str) -> dict[str, dict[str, Any]]:
    """Run the command; what it found, by the checks' names. The exit code is that of the document."""
    done = swarm.command("marketswarm", "doctor", "--json", *words, **environ)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"]
    return {check["name"]: check for check in report["checks"]} | {"": {"verdict": report["exit_code"]}}


def verdicts(found: dict[str, dict[str, Any]], *names: str) -> list[Any]:
    """The verdicts of some checks; "" is the exit code."""
    return [found[name]["verdict"] for name in names]


class Parrot(socketserver.BaseRequestHandler):
    """Greets as a web server does."""

    def handle(self) -> None:
        """Answer anything with the same."""
        self.request.recv(100)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def no_redis() -> Iterator[str]:
    """A server of another kind; the value is its URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Parrot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_swarm_that_is_well_has_nothing_to_mend(swarm: Swarm) -> None:
    """What does not apply is skipped and says why, the rest is ok, and the exit code says so."""
    document = truth()
    swarm.seed(document)
    for name in (*WORKERS, "sentinel", "healer"):
        swarm.start(name).ready()
    for name in SERVICES:
        swarm.until(name, "healer_ok" if name == "healer" else "heartbeat_ok")
    found = examine(swarm, "--truth", str(swarm.write(document)))
    wrong = {name for name, check in found.items() if check["verdict"] in ("warn", "FAIL")}
    # The tests' own servers keep no file, and a fake one does not tell; but it has no users.
    about = "keeps" if isinstance(swarm.system, RealServer) else "rights"
    assert wrong == {f"system-redis {about}", f"market-redis {about}"}
    assert verdicts(found, "") == [1]
    listening = ("healer listens", "sentinel listens", "heartbeats", "truth in use", "alerts", "clocks")
    assert set(verdicts(found, "truth file", "system-redis", "one truth", *listening)) == {"ok"}
    assert found["units"]["found"]


def test_without_healer_nobody_listens(swarm: Swarm) -> None:
    """A service that beats is up and unheard; the remedy starts healer."""
    swarm.seed(watching("rss_agg"))
    swarm.start("rss_agg").ready()
    found = examine(swarm)
    assert verdicts(found, "", "healer listens", "heartbeats") == [2, "FAIL", "ok"]
    assert found["healer listens"]["found"] == "nobody hears rss_agg:heartbeat on system-redis"
    assert found["healer listens"]["remedy"] == "stop and start again: marketswarm run healer"
    assert found["heartbeats"]["found"] == "up: rss_agg"


def test_one_fault_does_not_hide_another(swarm: Swarm) -> None:
    """A bad file, a bad variable and two buses that are gone: each is told."""
    gone = {name: f"redis://127.0.0.1:{free_port()}" for name in ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL")}
    bad = str(swarm.write({"services": {"mesh": {"heartbeat": {"interval_sec": -1}}}}))
    found = examine(swarm, "--truth", bad, LOG_LEVEL="loud", **gone)
    failed = ["environment", "truth file", "system-redis", "market-redis"]
    assert [name for name, check in found.items() if check["verdict"] == "FAIL"] == failed
    assert "services.mesh.heartbeat.interval_sec: must be > 0, is -1" in found["truth file"]["found"]
    assert found["environment"]["remedy"] == "unset LOG_LEVEL"
    assert "connection refused" in found["market-redis"]["found"]
    assert verdicts(found, "system-redis truth", "swarm") == ["skip", "skip"]


def test_who_has_the_port_of_a_bus_is_named(swarm: Swarm) -> None:
    """A program that is no Redis: its name, and how to see and end it."""
    swarm.seed()
    with no_redis() as url:
        found = examine(swarm, MARKET_REDIS_URL=url)
    assert verdicts(found, "", "system-redis", "market-redis") == [2, "ok", "FAIL"]
    assert "(pid " in found["market-redis"]["found"]
    assert "is no Redis" in found["market-redis"]["found"]
    assert (found["market-redis"]["remedy"] or "").startswith("ss -ltnp ")


def test_truths_that_differ_are_told(swarm: Swarm) -> None:
    """Edited and not seeded; written by other means; gone from one bus."""
    swarm.seed(watching("rss_agg"))
    edited = str(swarm.write(watching("mesh")))
    found = examine(swarm, "--truth", edited)
    assert verdicts(found, "system-redis truth", "market-redis truth", "one truth") == ["ok", "ok", "warn"]
    assert found["one truth"]["remedy"] == f"marketswarm truth diff {edited}; then: marketswarm-seed --truth {edited}"
    swarm.market.client.set("truth:doc", '{"services": {}}')
    assert verdicts(examine(swarm), "market-redis truth", "one truth") == ["warn", "warn"]
    swarm.market.client.delete("truth:doc")
    assert verdicts(examine(swarm), "", "system-redis truth", "market-redis truth") == [2, "ok", "FAIL"]


def test_a_log_of_another_kind_is_told(swarm: Swarm) -> None:
    """Under the alert log's key there must be a stream."""
    swarm.seed()
    swarm.system.client.set("healer:alerts:log", "junk")
    found = examine(swarm)
    assert verdicts(found, "alerts") == ["FAIL"]
    assert "TYPE healer:alerts:log" in found["alerts"]["remedy"]


def test_for_people_it_is_plain_text_in_a_pipe(swarm: Swarm) -> None:
    """A line a check, no colours, and a sum at the end."""
    swarm.seed()
    done = swarm.command("marketswarm", "doctor")
    assert done.returncode == 2
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("ok    environment")
    assert "\nFAIL  healer listens" in done.stdout
    assert " failed, " in done.stdout.splitlines()[-1]
