"""File descriptors run out: a process's own, or those of a bus."""

import time
from pathlib import Path

from host.conftest import Boot, Figure
from host.layout import BUSES, TIMEOUT_SEC, UNITS, document, pids, unit
from host.machine import SYSTEM, Machine, eventually, seconds
from testkit import SERVICES

FLOOD = "flood.service"
FLOOD_CODE = f"""
import socket, time
held = []
while True:
    one = socket.create_connection(("127.0.0.1", {SYSTEM}))
    one.settimeout(0.01)
    try:
        one.recv(100)  # the refusal, and no end of the connection: it is one of those that a bus has no room for
    except TimeoutError:
        held.append(one)
"""
FEW = 64
"""Of which redis-server keeps 32 for itself."""
MAX_CPU = 0.25
CONNECTIONS = 2
"""One to look for the truth by, and the work's own: each says once that it has no room."""


def test_a_healer_without_descriptors_says_so_and_waits_for_better_times(swarm: Machine, figure: Figure) -> None:
    """Its connections are cut and it can make no other: a clear line, no spinning, no false miss; then all is well."""
    before = pids(swarm)
    healer = str(before["healer"])
    old = swarm.run("prlimit", "--pid", healer, "--nofile", "--raw", "--noheadings", "--output=SOFT").strip()
    swarm.run("prlimit", "--pid", healer, "--nofile=3:")
    swarm.redis("CLIENT", "KILL", "TYPE", "pubsub")
    swarm.redis("CLIENT", "KILL", "TYPE", "normal")
    used, began = cpu_sec(swarm, healer), time.monotonic()
    swarm.logs(unit("healer"), "bus_lost system-redis")
    (line,) = [line for line in swarm.journal(unit("healer")).splitlines() if "bus_lost" in line]
    assert "no file descriptor left" in line
    swarm.alerted("healer", "healer_miss", within_sec=TIMEOUT_SEC + 5)
    share = (cpu_sec(swarm, healer) - used) / (time.monotonic() - began)
    assert share < MAX_CPU
    assert swarm.journal(unit("healer")).count("no file descriptor left") <= CONNECTIONS
    swarm.run("prlimit", "--pid", healer, f"--nofile={old}:")
    took = seconds(lambda: swarm.alert_types("healer") == ["healer_miss", "healer_ok"], "healer beats again", 5)
    figure(f"healer without descriptors: {share:.0%} of a CPU meanwhile, back {took:.2f} s after it has some")
    swarm.alerted("system-redis", "bus_lost", "bus_ok")
    time.sleep(TIMEOUT_SEC)
    assert {alert.get("svc") for alert in swarm.alerts() if "bus" not in alert} == {"healer"}
    assert pids(swarm) == before


def test_who_finds_no_room_on_a_bus_says_so_and_is_there_once_there_is_some(boot: Boot, figure: Figure) -> None:
    """A stranger takes each connection that a bus with few descriptors can have; a killed healer waits for its turn."""
    host = boot(document(), few_descriptors)
    host.active(*UNITS)
    before = pids(host)
    assert host.redis("CONFIG", "GET", "maxclients").split()[1] == str(FEW - 32)
    (host.root / "srv/flood.py").write_text(FLOOD_CODE, encoding="ascii")
    host.run("systemd-run", "--quiet", f"--unit={FLOOD}", "python3", "/srv/flood.py")
    full = "max number of clients reached"
    eventually(lambda: full in host.tries("redis-cli", "PING").stdout, "the bus is full", 10)
    host.signal(unit("healer"), "KILL")
    host.logs(unit("healer"), "system-redis at /run/marketswarm/system/redis.sock", within_sec=10)
    host.logs(unit("healer"), f"{full}); see by `redis-cli CLIENT LIST`")
    host.logs(unit("sentinel"), "healer_miss", within_sec=TIMEOUT_SEC + 5)
    assert host.journal(unit("healer")).count(full) <= CONNECTIONS
    host.systemctl("stop", FLOOD)
    took = seconds(lambda: host.alert_types() == ["healer_miss", "healer_ok"], "healer beats again", 10)
    figure(f"bus without descriptors: healer back {took:.2f} s after there was room")
    host.active(*UNITS)
    time.sleep(TIMEOUT_SEC)
    assert host.alert_types() == ["healer_miss", "healer_ok"]
    assert host.show(unit("healer"), "NRestarts") == ("1",)
    after = pids(host)
    assert {service for service in SERVICES if before[service] != after[service]} == {"healer"}


def few_descriptors(root: Path) -> None:
    """Limit the system bus."""
    folder = root / f"etc/systemd/system/{BUSES[0]}.d"
    folder.mkdir(parents=True)
    (folder / "few.conf").write_text(f"[Service]\nLimitNOFILE={FEW}\n", encoding="ascii")


def cpu_sec(host: Machine, pid: str) -> float:
    """The CPU time that a process has used, proc(5)."""
    fields = host.run("cat", f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / int(host.run("getconf", "CLK_TCK"))
