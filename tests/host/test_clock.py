"""The time of day jumps: libfaketime gives every service another wall clock.

redis-server's allocator and libfaketime do not get along, so a bus is given what a step does to it: whatever expires
on it does so that much sooner or later.
"""

import functools
import re
import subprocess
import time
from pathlib import Path

from host.conftest import Boot, Figure
from host.layout import TIMEOUT_SEC, UNITS, document, pids, unit
from host.machine import Machine, eventually, seconds
from testkit import SERVICES

OFFSET = "run/faketime"
ENVIRONMENT = {
    "LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "FAKETIME_TIMESTAMP_FILE": f"/{OFFSET}",
    "FAKETIME_NO_CACHE": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
}
STEPS = {"1 h ahead": 3600, "1 h back": -3600, "1 day ahead": 86400, "1 day back": -86400}
CLOSE_SEC = 2
MOVE = """
for _, key in ipairs(redis.call('KEYS', '*')) do
    local ttl = redis.call('PTTL', key)
    if ttl > 0 then redis.call('PEXPIRE', key, ttl - ARGV[1]) end
end
"""
"""A script that moves the ends of all that expires by so many milliseconds."""


def test_a_step_of_the_wall_clock_alarms_nobody(boot: Boot, figure: Figure) -> None:
    """An hour and a day, each way, under everybody: no alert; who stops then is found, with the time as it is."""
    host = boot(document(), with_faketime)
    host.active(*UNITS)
    before = pids(host)
    known_sec = 0
    for offset_sec in STEPS.values():
        host.run("sh", "-euc", f"echo {offset_sec:+d} > /{OFFSET}.new && mv /{OFFSET}.new /{OFFSET}")
        host.redis("EVAL", MOVE, "0", str((offset_sec - known_sec) * 1000))
        known_sec = offset_sec
        for service in SERVICES:
            eventually(functools.partial(is_off, host, service, offset_sec), f"{service} has the new time", 5)
        # By then, whoever waits for a moment that is far away now would be missed.
        time.sleep(TIMEOUT_SEC + 1)
    assert host.alerts() == []
    assert pids(host) == before
    host.systemctl("stop", unit("mesh"))
    took = seconds(lambda: host.alert_types() == ["heartbeat_miss"], "the stopped one is found", TIMEOUT_SEC + 3)
    figure(f"clock stepped by {', '.join(STEPS)}: false 0, a stop found after {took:.1f} s, timeout {TIMEOUT_SEC}")
    assert abs(host.alerts()[0]["ts"] - time.time() - known_sec) < TIMEOUT_SEC


def with_faketime(root: Path) -> None:
    """Have all services run under libfaketime, with the right time to begin with."""
    (package,) = (root / "var/cache/apt/archives").glob("libfaketime_*.deb")
    with_its_files = root / "srv/libfaketime"
    subprocess.run(["dpkg-deb", "--extract", package, with_its_files], check=True)
    preload = ENVIRONMENT["LD_PRELOAD"].lstrip("/")
    (root / preload).parent.mkdir()
    (with_its_files / preload).rename(root / preload)
    folder = root / "etc/systemd/system/marketswarm@.service.d"
    folder.mkdir(parents=True)
    lines = "\n".join(f"Environment={name}={value}" for name, value in ENVIRONMENT.items())
    (folder / "faketime.conf").write_text(f"[Service]\n{lines}\n", encoding="ascii")
    tmpfiles = root / "etc/tmpfiles.d/faketime.conf"
    tmpfiles.parent.mkdir(parents=True, exist_ok=True)
    tmpfiles.write_text(f"f /{OFFSET} 0644 root root - +0\n", encoding="ascii")


def is_off(host: Machine, service: str, offset_sec: int) -> bool:
    """Whether a service's last beat is so far from the right time."""
    found = re.search(r'"ts":\s*([\d.]+)', host.redis("GET", f"{service}:heartbeat"))
    return found is not None and abs(float(found[1]) - time.time() - offset_sec) < CLOSE_SEC
