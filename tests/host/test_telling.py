"""Alerts reach people from closed units: by a webhook whose address is a secret, over TLS, to a host found by name."""

import json
import secrets
from typing import Any

import pytest
import trustme
from host.layout import TIMEOUT_SEC, unit
from host.machine import Machine, eventually

WATCHERS = (unit("healer"), unit("sentinel"))
NAME = "hooks.test"
ADDRESS = "127.0.0.2"
"""Of this host, and none that a unit reaches: whoever delivers there has a way out, and this address opened."""
PORT = 8443
FIRST_TO_GO = "500"
"""What a delivery asks the kernel for, and may have in a closed unit: it ends before any watcher does."""
CREDENTIAL = "/etc/marketswarm/credentials/WEBHOOK_URL"
NOBODY = ("setpriv", "--reuid=65534", "--clear-groups")
"""What runs a command as an ordinary user."""
RECEIVER = f"""
import http.server, json, os, ssl, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if os.path.exists("/srv/hang"):
            while os.path.exists("/srv/hang"):
                time.sleep(0.05)
            return
        with open("/srv/told", "a") as told:
            told.write(json.dumps({{"path": self.path, "key": self.headers["Idempotency-Key"], "body": body}}) + "\\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("{ADDRESS}", {PORT}), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@pytest.fixture
def opened() -> dict[str, str]:
    """The receiver is on the host itself, which is closed to both."""
    return {"healer": ADDRESS, "sentinel": ADDRESS}


@pytest.fixture
def secret() -> str:
    """What nobody may see."""
    return secrets.token_hex()


@pytest.fixture
def telling(swarm: Machine, secret: str) -> Machine:
    """A swarm that tells people by a webhook, set up as the operator's page has it; the receiver is on this host."""
    (swarm.root / "srv/receiver.py").write_text(RECEIVER, encoding="ascii")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(swarm.root / "usr/local/share/ca-certificates/hooks.crt"))
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(str(swarm.root / "srv/server.pem"))
    swarm.run("update-ca-certificates")
    with (swarm.root / "etc/hosts").open("a", encoding="ascii") as hosts:
        hosts.write(f"{ADDRESS} {NAME}\n")
    swarm.run("systemd-run", "--quiet", "--unit=receiver", "python3", "/srv/receiver.py")
    (swarm.root / CREDENTIAL.lstrip("/")).write_text(f"https://{NAME}:{PORT}/{secret}\n", encoding="ascii")
    swarm.systemctl("restart", *WATCHERS)
    swarm.logs(unit("healer"), "on duty: tells people")
    return swarm


def told(host: Machine) -> list[dict[str, Any]]:
    """Everything that has arrived."""
    place = host.root / "srv/told"
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()] if place.exists() else []


def titles(host: Machine) -> list[tuple[str, str]]:
    """Who told what, in order."""
    prefix = "[MarketSwarm] "
    return [
        (one["body"]["sender"].partition("@")[0], one["body"]["title"].removeprefix(prefix).partition(",")[0])
        for one in told(host)
    ]


def test_a_target_is_proved_and_told_of_an_outage_and_its_end(telling: Machine) -> None:
    """An ordinary user has a test sent by both; healer tells what it announces; sentinel, which may, tells nothing."""
    said = telling.run("marketswarm", "notify", "test")
    assert said.count("delivered: HTTP 204") == 2, said
    tests = titles(telling)
    assert sorted(sender for sender, _ in tests) == ["healer", "sentinel"]
    assert {title for _, title in tests} == {"TEST: this is how an alert reaches you"}
    telling.systemctl("stop", unit("rss_agg"))
    eventually(lambda: len(told(telling)) > 2, "the outage is told", TIMEOUT_SEC + 5)
    telling.systemctl("start", unit("rss_agg"))
    eventually(lambda: len(told(telling)) > 3, "its end is told", TIMEOUT_SEC + 5)
    assert titles(telling)[2:] == [("healer", "DOWN: rss_agg"), ("healer", "UP: rss_agg")]
    down = told(telling)[2]
    assert down["body"]["told"][0]["key"] == down["body"]["key"] == down["key"]
    assert "First: somebody stopped it" in down["body"]["text"]


def test_what_healer_leaves_sentinel_delivers_and_nobody_sees_the_address(telling: Machine, secret: str) -> None:
    """Healer is stopped while the receiver hangs: sentinel tells that under the same key, and then of healer itself."""
    telling.run("touch", "/srv/hang")
    telling.systemctl("stop", unit("mesh"))
    eventually(lambda: scores(telling) == [FIRST_TO_GO], "a delivery is under way, and gives way", TIMEOUT_SEC + 5)
    assert secret not in telling.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true")
    telling.systemctl("stop", unit("healer"))
    assert scores(telling) == [], "no delivery outlives who has begun it"
    telling.run("rm", "/srv/hang")
    eventually(lambda: len(told(telling)) > 1, "sentinel has told all", TIMEOUT_SEC + 10)
    assert titles(telling) == [("sentinel", "DOWN: mesh"), ("sentinel", "DOWN: healer")]
    telling.systemctl("start", unit("healer"))
    eventually(lambda: len(told(telling)) > 2, "the end is told", TIMEOUT_SEC + 5)
    assert [title for _, title in titles(telling)[2:]] == ["UP: healer"]
    assert {one["path"] for one in told(telling)} == {f"/{secret}"}
    for command in (
        ("journalctl", "--no-pager", "--output=export"),
        ("systemctl", "show", "*"),
        ("marketswarm", "status"),
        ("marketswarm", "doctor"),
        ("marketswarm", "alerts", "--undelivered"),
        ("grep", "-r", "-a", "hooks.test", "/var/lib/private/marketswarm"),
    ):
        assert secret not in telling.tries(*command).stdout, command
    assert telling.tries(*NOBODY, "cat", CREDENTIAL).returncode != 0


def scores(host: Machine) -> list[str]:
    """The OOM score of each process that delivers."""
    pids = host.tries("pgrep", "--full", "marketswarm[.]notifier").stdout.split()
    return [host.tries("cat", f"/proc/{pid}/oom_score_adj").stdout.strip() for pid in pids]
