"""Who may do what on a host: its programs and its units, passwords and a change of all, and what strangers send."""

import json
import re
import time

from host.conftest import Boot, Figure
from host.layout import BUSES, TIMEOUT_SEC, UNITS, document, pids, unit
from host.machine import PASSWORDS, SYSTEM, Machine, eventually
from testkit import SERVICES

NOBODY = ("setpriv", "--reuid=65534", "--clear-groups")
RUNBOOK: tuple[tuple[str, ...], ...] = (
    ("PING",),
    ("PUBSUB", "NUMSUB", "rss_agg:heartbeat", "massive:heartbeat", "mesh:heartbeat", "vexy_ai:heartbeat"),
    ("KEYS", "health:*"),
    ("GET", "health:rss_agg"),
    ("EXISTS", "truth:doc"),
    ("GET", "truth:doc"),
    ("XREVRANGE", "healer:alerts:log", "+", "-", "COUNT", "1"),
)
FORGED: tuple[tuple[str, ...], ...] = (
    ("PUBLISH", "rss_agg:heartbeat", '{"svc":"rss_agg","i":1,"ts":1}'),
    ("PUBLISH", "healer:alerts", '{"type":"heartbeat_ok","svc":"rss_agg","age_sec":1,"ts":1}'),
    ("SET", "rss_agg:heartbeat", "{}"),
    ("DEL", "truth:doc"),
    ("SET", "health:x", "{}"),
    ("XADD", "healer:alerts:log", "*", "event", "{}"),
    ("HSET", "healer:silences", "*", "{}"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("ACL", "SETUSER", "default", "allcommands"),
)
KEPT: tuple[tuple[str, ...], ...] = (
    ("GET", "truth:doc"),
    ("GET", "truth:sha256"),
    ("XRANGE", "healer:alerts:log", "-", "+"),
    ("GET", "health:rss_agg"),
)
PARKS = """
import socket, sys
ends = []
for _ in range(40):
    end = socket.create_connection(("127.0.0.1", {port}))
    end.settimeout(2)
    end.sendall(b"*400\\r\\n$3\\r\\nGET\\r\\n")
    try:
        for _ in range(300):
            end.sendall(b"$1000000\\r\\n" + b"x" * 1000000 + b"\\r\\n")
    except OSError:
        continue
    ends.append(end)
print(len(ends))
"""
"""Half of a command of 300 MB, never ended; as often as a server lets it."""


def asked_by_nobody(host: Machine, *command: str) -> str:
    """What redis-cli prints to a plain user without a password."""
    return host.tries(*NOBODY, "redis-cli", *command).stdout.strip()


def test_a_plain_user_looks_as_the_runbooks_say_and_forges_nothing(swarm: Machine) -> None:
    """Each line works without a password; each forgery is refused, and the doctor shows who tried."""
    for command in RUNBOOK:
        said = asked_by_nobody(swarm, *command)
        assert said or command[0] == "XREVRANGE", command  # no alert yet, and so no history
        assert "NOPERM" not in said, command
    assert sorted(asked_by_nobody(swarm, "KEYS", "health:*").split()) == sorted(f"health:{name}" for name in SERVICES)
    for command in FORGED:
        assert "NOPERM" in asked_by_nobody(swarm, *command), command
    refused = swarm.tries(*NOBODY, "marketswarm", "silence", "mesh")
    assert refused.returncode == 77
    assert refused.stderr.endswith("refuses: default may not HSET healer:silences; run it as root\n")
    shown = swarm.tries("marketswarm", "doctor", "--json").stdout
    rights = next(check for check in json.loads(shown)["checks"] if check["name"] == "system-redis rights")
    assert rights["verdict"] == "ok"
    assert "default" in rights["found"]
    assert swarm.alert_types() == []


def test_a_unit_is_given_its_own_password_alone_and_shows_it_nowhere(swarm: Machine) -> None:
    """Not in its environment, its command line, the journal or the truth; nobody else may read it."""
    secret = (swarm.root / PASSWORDS / "rss_agg").read_text(encoding="ascii")
    assert swarm.run("ls", f"/run/credentials/{unit('rss_agg')}").split() == ["rss_agg"]
    main = swarm.pid(unit("rss_agg"))
    shown = (
        ("cat", f"/proc/{main}/environ", f"/proc/{main}/cmdline"),
        ("journalctl", "--no-pager", "--output=export"),
        ("systemctl", "show", unit("rss_agg")),
        ("cat", "/etc/marketswarm/acl/system.acl", "/etc/marketswarm/acl/market.acl"),
        ("redis-cli", "GET", "truth:doc"),
    )
    for command in shown:
        assert secret not in swarm.tries(*command).stdout, command
    for path in (f"/{PASSWORDS}/rss_agg", "/etc/marketswarm/acl/system.acl"):
        assert swarm.tries(*NOBODY, "cat", path).returncode != 0
        assert swarm.run("stat", "--format=%a %U", path) == "600 marketswarm\n"


def test_new_passwords_for_all_cut_nobody_off_and_alarm_nobody(swarm: Machine, figure: Figure) -> None:
    """One command: each service has a new one and runs on; the old ones are good no more, nor once a bus restarts."""
    before, buses = pids(swarm), [swarm.pid(bus) for bus in BUSES]
    old = (swarm.root / PASSWORDS / "mesh").read_text(encoding="ascii")
    began = time.monotonic()
    said = swarm.run("marketswarm", "acl", "rotate")
    figure(f"new passwords for {len(SERVICES)} services: {time.monotonic() - began:.1f} s")
    assert said.count(" has its new one") == len(SERVICES)
    swarm.active(*UNITS)
    assert all(pid != before[name] for name, pid in pids(swarm).items())
    assert [swarm.pid(bus) for bus in BUSES] == buses
    assert (swarm.root / PASSWORDS / "mesh").read_text(encoding="ascii") != old
    time.sleep(TIMEOUT_SEC)
    assert swarm.alert_types() == []
    login = ("redis-cli", "--user", "mesh", "-a", old, "--no-auth-warning", "PING")
    assert "WRONGPASS" in swarm.tries("sh", "-c", 'exec "$@" 2>&1', "sh", *login).stdout
    swarm.systemctl("restart", BUSES[0])
    eventually(lambda: swarm.tries("redis-cli", "PING").stdout == "PONG\n", "the bus is back", 10)
    assert "WRONGPASS" in swarm.tries("sh", "-c", 'exec "$@" 2>&1', "sh", *login).stdout
    time.sleep(TIMEOUT_SEC)
    assert [kind for kind in swarm.alert_types() if "bus" not in kind] == []


def test_what_a_stranger_sends_to_a_bus_does_nothing_and_is_logged(boot: Boot, figure: Figure) -> None:
    """HTTP, and halves of huge commands: beats and alerts go on, memory stays bounded, the bus's journal tells."""
    host = boot(document())
    host.active(*UNITS)
    before = pids(host)
    web = f"from urllib.request import urlopen\nurlopen('http://127.0.0.1:{SYSTEM}/', data=b'FLUSHALL', timeout=3)"
    host.tries("python3", "-c", web)
    host.logs(BUSES[0], "SECURITY ATTACK", within_sec=10)
    (host.root / "srv/parks.py").write_text(PARKS.format(port=SYSTEM), encoding="ascii")
    host.tries("python3", "/srv/parks.py", within_sec=100)
    host.logs(BUSES[0], "Evicting client", within_sec=10)
    peak = int(re.findall(r"used_memory_peak:(\d+)", host.redis("INFO", "memory"))[0])
    figure(f"memory of a bus to which 40 halves of 300 MB were sent, at most: {peak / 2**20:.0f} MiB")
    assert peak < 200 * 2**20
    time.sleep(TIMEOUT_SEC)
    assert host.redis("EXISTS", "truth:doc") == "1"
    assert pids(host) == before
    assert host.alert_types() == []


def test_what_was_written_in_transactions_is_there_after_a_kill_of_its_bus(swarm: Machine) -> None:
    """The truth, an alert and health, from the append-only file alone: it is loaded as who gives no login."""
    swarm.systemctl("stop", unit("rss_agg"))
    swarm.alerted("rss_agg", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    swarm.systemctl("mask", "--runtime", "marketswarm-reseed.service", *map(unit, ("healer", "sentinel")))
    swarm.systemctl("stop", *map(unit, SERVICES))
    before = {key: swarm.redis(*key) for key in KEPT}
    time.sleep(1.5)  # appendfsync everysec
    swarm.signal(BUSES[0], "KILL")
    eventually(lambda: asked_by_nobody(swarm, "PING") == "PONG", "the bus is back", 10)
    assert {key: swarm.redis(*key) for key in KEPT} == before
    assert all(before.values())
    assert "NOPERM" not in swarm.journal(BUSES[0])
    assert "NOPERM" in asked_by_nobody(swarm, "SET", "x", "1")
