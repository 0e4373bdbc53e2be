"""Faults of a host: damaged files, a full disk, starvation, a kill by the kernel, a bad setting."""

import contextlib
import functools
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host.conftest import Boot, Figure
from host.layout import BUSES, TIMEOUT_SEC, UNITS, document, pids, unit
from host.machine import MARKET, SYSTEM, Machine, eventually, seconds
from testkit import SERVICES, leave_out

DATA = "/var/lib/private/marketswarm/redis"
GROUPS = Path("/sys/fs/cgroup")
LEASES = [f"{service}:heartbeat" for service in SERVICES]
STARVED_SEC = 10
FILL = "for i = 1, ARGV[1] do redis.call('SET', 'big:' .. i, string.rep('x', 500000)) end"
"""A script that writes so many times half a megabyte."""
EAR = "ear.service"
WATCH_SEC = 2
"""How long a unit is watched that must not be started again."""


def test_a_bus_whose_file_lost_its_tail_starts_and_loses_nothing_else(swarm: Machine, figure: Figure) -> None:
    """As a power cut leaves it: the write that is not whole is gone, all before it is there, and nobody is missed."""
    before = pids(swarm)
    sha = swarm.redis("GET", "truth:sha256")
    for port in (SYSTEM, MARKET):
        write(swarm, port, "early", 100)
        swarm.redis("SET", "last", "not whole", port=port)
    swarm.systemctl("stop", *BUSES)
    for bus in ("system", "market"):
        cut_in(swarm, bus, b"not whole")
    began = time.monotonic()
    swarm.systemctl("start", *BUSES)
    for port in (SYSTEM, MARKET):
        eventually(functools.partial(holds, swarm, port, sha), f"the truth on port {port}", 5)
        assert count(swarm, port, "early") == 100
    figure(f"tail cut: both buses back with their truth after {time.monotonic() - began:.2f} s")
    for port in (SYSTEM, MARKET):
        assert swarm.redis("EXISTS", "last", port=port) == "0"
    for bus in BUSES:
        assert "loaded anyway" in swarm.journal(bus)
        assert swarm.show(bus, "NRestarts") == ("0",)
    time.sleep(TIMEOUT_SEC)
    assert missed(swarm) == set()
    assert pids(swarm) == before


def test_a_damaged_file_is_refused_once_and_mended_by_what_the_journal_says(swarm: Machine, figure: Figure) -> None:
    """A flipped byte, with the truth behind it: no storm, one alert, and the two commands of the line bring it back."""
    bus = BUSES[1]
    before = pids(swarm)
    sha = swarm.redis("GET", "truth:sha256", port=MARKET)
    # So that the mending cuts the truth off, and the bus has to be given it anew.
    swarm.redis("FLUSHALL", port=MARKET)
    write(swarm, MARKET, "early", 400)
    swarm.run("marketswarm-seed")
    write(swarm, MARKET, "late", 400)
    swarm.systemctl("stop", bus)
    flip_a_byte(swarm, "market", before=b"early:200")
    assert swarm.tries("systemctl", "start", bus).returncode != 0
    swarm.alerted(bus, "unit_failed")
    time.sleep(WATCH_SEC)
    assert swarm.states(bus) == ["failed"]
    assert swarm.show(bus, "NRestarts", "ExecMainStatus") == ("0", "1")
    said = swarm.journal(bus)
    assert said.count("Bad file format") == 1
    mend = re.search(r"(redis-check-aof --fix \S+)\. Then: (systemctl start \S+)", said)
    assert mend, said
    # It asks whether it shall.
    swarm.run("sh", "-euc", f"echo y | {mend[1]}")
    began = time.monotonic()
    swarm.run("sh", "-euc", mend[2])
    eventually(functools.partial(holds, swarm, MARKET, sha), "the bus has its truth", 5)
    figure(f"byte flipped: after the two commands back with its truth in {time.monotonic() - began:.2f} s")
    assert count(swarm, MARKET, "early") == 199
    assert count(swarm, MARKET, "late") == 0
    assert swarm.alert_types(bus) == ["unit_failed"]
    assert missed(swarm) == set()
    assert pids(swarm) == before


def test_a_full_disk_loses_no_alert_and_all_recovers_alone(boot: Boot, figure: Figure) -> None:
    """Nothing can be stored: alerts are published and healer says so; once there is room they are stored, each once."""
    host = boot(document(), small_disk)
    host.active(*UNITS)
    listen(host)
    before = pids(host)
    fill_disk(host)
    stored = host.alert_types()
    host.systemctl("stop", unit("mesh"))
    heard_of(host, "mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    host.logs(unit("healer"), "alerts are published but cannot be stored")
    assert "No space left on device" in host.journal(unit("healer"))
    assert host.alert_types() == stored == []
    host.run("rm", f"{DATA}/system/filler")
    took = seconds(lambda: host.alert_types("mesh") == ["heartbeat_miss"], "the alert is stored", 10)
    figure(f"disk full: alerts lost 0, stored {took:.2f} s after there was room")
    host.logs(unit("rss_agg"), "keeps leases again")
    host.systemctl("start", unit("mesh"))
    host.alerted("mesh", "heartbeat_miss", "heartbeat_ok")
    heard_of(host, "mesh", "heartbeat_miss", "heartbeat_ok")
    assert missed(host) == {"mesh"}
    assert_untouched(host, before, *BUSES, but="mesh")


def test_a_bus_that_dies_on_a_full_disk_comes_back_at_once(boot: Boot, figure: Figure) -> None:
    """SIGKILL while nothing can be written: it starts with what it had, the truth among it, and nobody is missed."""
    bus = BUSES[0]
    host = boot(document(), small_disk)
    host.active(*UNITS)
    before = pids(host)
    sha = host.redis("GET", "truth:sha256")
    fill_disk(host)
    host.signal(bus, "KILL")
    took = seconds(functools.partial(holds, host, SYSTEM, sha), "the bus is back with its truth", 5)
    figure(f"bus killed on a full disk: back with its truth after {took:.2f} s")
    time.sleep(TIMEOUT_SEC)
    host.run("rm", f"{DATA}/system/filler")
    eventually(lambda: host.redis("EXISTS", *LEASES) == str(len(LEASES)), "everybody has a lease again", 10)
    assert host.show(bus, "NRestarts") == ("1",)
    assert [kind for kind in host.alert_types() if "bus" not in kind] == []
    assert pids(host) == before


def test_a_bus_out_of_memory_carries_beats_and_alerts(swarm: Machine, figure: Figure) -> None:
    """No lease can be kept, and yet nobody is missed but who stops; what could not be stored is stored later."""
    listen(swarm)
    before = pids(swarm)
    swarm.redis("EVAL", FILL, "0", "16")
    used = int(re.findall(r"used_memory:(\d+)", swarm.redis("INFO", "memory"))[0])
    # Connections give some of theirs back when they are idle.
    assert swarm.redis("CONFIG", "SET", "maxmemory", str(used - 2_000_000)) == "OK"
    eventually(lambda: swarm.redis("EXISTS", *LEASES) == "0", "all leases have run out", TIMEOUT_SEC + 5)
    for service in SERVICES:
        swarm.logs(unit(service), "beats go on without a lease")
    swarm.systemctl("stop", unit("mesh"))
    heard_of(swarm, "mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    swarm.logs(unit("healer"), "alerts are published but cannot be stored")
    swarm.systemctl("start", unit("mesh"))
    heard_of(swarm, "mesh", "heartbeat_miss", "heartbeat_ok")
    assert swarm.alert_types() == []
    swarm.redis("CONFIG", "SET", "maxmemory", "256mb")
    took = seconds(lambda: swarm.alert_types() == ["heartbeat_miss", "heartbeat_ok"], "the alerts are stored", 10)
    figure(f"maxmemory reached: alerts lost 0, stored {took:.2f} s after there was memory")
    eventually(lambda: swarm.redis("EXISTS", *LEASES) == str(len(LEASES)), "everybody has a lease again", 5)
    heard_of(swarm, "mesh", "heartbeat_miss", "heartbeat_ok")
    assert missed(swarm) == {"mesh"}
    assert_untouched(swarm, before, *BUSES, but="mesh")


def test_a_starved_healer_misses_nobody_who_lives_and_finds_who_stops(swarm: Machine, figure: Figure) -> None:
    """It shares 5 % of a CPU with a busy loop for 10 s: no false miss, no watchdog, and a stopped service is found."""
    before = pids(swarm)
    with group("cpu", swarm.name) as starved, busy() as loop:
        put(starved, "cpu.cfs_period_us", 100_000)
        put(starved, "cpu.cfs_quota_us", 5_000)
        put(starved, "cgroup.procs", loop)
        put(starved, "cgroup.procs", outside(swarm, before["healer"]))
        began = time.monotonic()
        swarm.systemctl("stop", unit("mesh"))
        swarm.alerted("mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
        time.sleep(max(0.0, began + STARVED_SEC - time.monotonic()))
        stat = dict(line.split() for line in (starved / "cpu.stat").read_text(encoding="ascii").splitlines())
    assert int(stat["nr_throttled"]) > int(stat["nr_periods"]) / 2, f"it was not starved: {stat}"
    (miss,) = swarm.alerts()
    figure(f"healer starved: false 0, a stop found {miss['late_sec']:.2f} s after the last beat, timeout {TIMEOUT_SEC}")
    swarm.systemctl("start", unit("mesh"))
    swarm.alerted("mesh", "heartbeat_miss", "heartbeat_ok")
    assert missed(swarm) == {"mesh"}
    assert_untouched(swarm, before, *BUSES, but="mesh")


def test_a_stalled_healer_misses_nobody_who_lives_and_finds_who_stopped(swarm: Machine, figure: Figure) -> None:
    """SIGSTOP for two timeouts: sentinel tells of it, systemd leaves it, and of the others only the dead is missed."""
    before = pids(swarm)
    swarm.signal(unit("healer"), "STOP")
    began = time.monotonic()
    swarm.alerted("healer", "healer_miss", within_sec=TIMEOUT_SEC + 5)
    swarm.systemctl("stop", unit("mesh"))
    time.sleep(max(0.0, began + 2 * TIMEOUT_SEC - time.monotonic()))
    assert missed(swarm) == {"healer"}
    swarm.signal(unit("healer"), "CONT")
    took = seconds(lambda: swarm.alert_types("mesh"), "the stopped one is missed", TIMEOUT_SEC + 1)
    figure(f"healer stalled for {2 * TIMEOUT_SEC} s: false 0, a stop found {took:.2f} s after its return")
    swarm.alerted("healer", "healer_miss", "healer_ok")
    time.sleep(max(0.0, TIMEOUT_SEC - took))
    swarm.systemctl("start", unit("mesh"))
    swarm.alerted("mesh", "heartbeat_miss", "heartbeat_ok")
    assert missed(swarm) == {"healer", "mesh"}
    assert_untouched(swarm, before, *BUSES, but="mesh")


def test_a_bus_that_the_kernel_killed_for_its_memory_is_started_once_more(swarm: Machine, figure: Figure) -> None:
    """The OOM killer takes system-redis: back with its truth, one restart, and nobody is missed."""
    bus = BUSES[0]
    before = pids(swarm)
    sha = swarm.redis("GET", "truth:sha256")
    with group("memory", swarm.name) as small:
        put(small, "memory.limit_in_bytes", 32 * 1024 * 1024)
        put(small, "cgroup.procs", outside(swarm, swarm.pid(bus)))
        swarm.tries(*swarm.redis_cli(), "EVAL", FILL, "0", "256")
        began = time.monotonic()
        assert re.search(r"^oom_kill [1-9]", (small / "memory.oom_control").read_text("ascii"), re.MULTILINE)
    eventually(functools.partial(holds, swarm, SYSTEM, sha), "the bus is back with its truth", 5)
    figure(f"system-redis killed for its memory: back with its truth after {time.monotonic() - began:.2f} s")
    assert "code=killed, status=9/KILL" in swarm.journal(bus)
    time.sleep(TIMEOUT_SEC)
    assert swarm.show(bus, "NRestarts") == ("1",)
    assert count(swarm, SYSTEM, "big") == 0
    assert [kind for kind in swarm.alert_types() if "bus" not in kind] == []
    assert pids(swarm) == before


def test_a_bad_setting_ends_a_service_for_good_and_is_told(swarm: Machine, figure: Figure) -> None:
    """Exit code 78, no restart, an alert with the reason, the variable in `systemctl status`; corrected, it beats."""
    name = unit("mesh")
    settings = "/etc/marketswarm/mesh.env"
    swarm.run("sh", "-euc", f"echo LOG_LEVEL=LOUD > {settings}")
    began = time.monotonic()
    assert swarm.tries("systemctl", "restart", name).returncode != 0
    swarm.alerted(name, "unit_failed")
    figure(f"bad setting: people know {time.monotonic() - began:.2f} s after the restart")
    (told,) = [alert for alert in swarm.alerts() if alert["type"] == "unit_failed"]
    assert "a setting cannot be used (exit status 78)" in told["reason"]
    swarm.alerted("mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    assert swarm.states(name) == ["failed"]
    assert swarm.show(name, "NRestarts", "ExecMainStatus") == ("0", "78")
    status = swarm.tries("systemctl", "status", name).stdout
    assert "LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, is 'LOUD'" in status
    swarm.run("sh", "-euc", f"echo LOG_LEVEL=INFO > {settings}")
    swarm.systemctl("start", name)
    swarm.alerted("mesh", "heartbeat_miss", "heartbeat_ok", within_sec=5)
    assert swarm.alert_types(name) == ["unit_failed"]
    assert missed(swarm) == {"mesh"}


# --- what is on the buses ---


def holds(host: Machine, port: int, sha: str) -> bool:
    """Whether a bus answers, and has the truth of that hash."""
    return host.tries("redis-cli", "-p", str(port), "GET", "truth:sha256").stdout.strip() == sha


def write(host: Machine, port: int, stem: str, number: int) -> None:
    """Set keys, each by a write of its own."""
    lines = f"for i in $(seq {number}); do echo SET {stem}:$i $i; done"
    host.run("sh", "-euc", f"{lines} | {shlex.join(host.redis_cli(port))} > /dev/null")


def count(host: Machine, port: int, stem: str) -> int:
    """How many such keys there are."""
    return len(host.redis("KEYS", f"{stem}:*", port=port).split())


def cut_in(host: Machine, bus: str, value: bytes) -> None:
    """End a bus's file in the middle of a value: what the services wrote after it goes with it."""
    path = appended(host, bus)
    held = path.read_bytes()
    path.write_bytes(held[: held.index(value) + len(value) // 2])


def flip_a_byte(host: Machine, bus: str, before: bytes) -> None:
    """Flip a bit of the byte with which the write of that key begins in a bus's file: of what is no value."""
    path = appended(host, bus)
    held = bytearray(path.read_bytes())
    held[held.rindex(b"*3\r\n", 0, held.index(before))] ^= 1
    path.write_bytes(held)


def appended(host: Machine, bus: str) -> Path:
    """The file to which a bus appends its writes."""
    (path,) = (host.root / DATA.lstrip("/") / bus / "appendonlydir").glob("*.incr.aof")
    return path


def small_disk(root: Path) -> None:
    """Give the system bus a file system of its own."""
    (root / "etc/fstab").write_text(f"tmpfs {DATA}/system tmpfs size=4m,mode=0700 0 0\n", encoding="ascii")


def fill_disk(host: Machine) -> None:
    """Fill it, and wait until the bus has noticed."""
    host.tries("dd", "if=/dev/zero", f"of={DATA}/system/filler", "bs=4k")
    eventually(lambda: "aof_last_write_status:err" in host.redis("INFO", "persistence"), "the bus cannot write", 10)


def missed(host: Machine) -> set[str]:
    """Of whom it was ever said that they went dark."""
    return {alert["svc"] for alert in host.alerts() if alert["type"] in ("heartbeat_miss", "healer_miss")}


def assert_untouched(host: Machine, before: dict[str, int], *units: str, but: str) -> None:
    """Check that nothing was started again: no service except one, and none of the units."""
    assert {service for service, pid in pids(host).items() if pid != before[service]} == {but}
    for name in (*units, *map(unit, SERVICES)):
        assert host.show(name, "NRestarts") == ("0",), name


# --- who hears alerts, whatever is stored of them ---


def listen(host: Machine) -> None:
    """Subscribe to the alerts; the journal of a unit keeps what is heard."""
    host.run("systemd-run", "--quiet", f"--unit={EAR}", "redis-cli", "SUBSCRIBE", "healer:alerts")
    eventually(lambda: host.redis("PUBSUB", "NUMSUB", "healer:alerts").split()[1] == "1", "somebody listens", 10)


def heard_of(host: Machine, service: str, *types: str, within_sec: float = 15.0) -> None:
    """Wait until the published alerts of a service are these and no others."""

    def heard() -> list[dict[str, Any]]:
        return [json.loads(line) for line in host.journal(EAR).splitlines() if line.startswith("{")]

    eventually(
        lambda: [alert["type"] for alert in heard() if alert.get("svc") == service] == list(types),
        lambda: f"published of {service} are {types}; heard were {heard()}",
        within_sec,
    )


# --- limits from outside: those that systemd sets do not hold in a container ---


@contextlib.contextmanager
def group(controller: str, name: str) -> Iterator[Path]:
    """Make a control group on this machine; who is left in it goes back to the root of the hierarchy."""
    root = GROUPS / controller
    if not (root / "tasks").exists():
        leave_out(f"LEFT OUT: limits on a host need the {controller} hierarchy of cgroup v1 in {root}")
    place = root / f"marketswarm-{name}"
    place.mkdir()
    try:
        yield place
    finally:
        for pid in (place / "cgroup.procs").read_text(encoding="ascii").split():
            with contextlib.suppress(ProcessLookupError):
                put(root, "cgroup.procs", int(pid))
        eventually(lambda: removed(place), f"{place} is empty", 10)


def removed(place: Path) -> bool:
    """Whether a group could be removed: one that has just lost a process is busy for a moment."""
    with contextlib.suppress(OSError):
        place.rmdir()
    return not place.exists()


def put(place: Path, name: str, value: int) -> None:
    """Write a setting of a group."""
    (place / name).write_text(str(value), encoding="ascii")


@contextlib.contextmanager
def busy() -> Iterator[int]:
    """Run a process that takes all the time it can get."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def outside(host: Machine, pid: int) -> int:
    """The number by which this machine knows a process of a host."""
    space = host.run("readlink", "/proc/1/ns/pid").strip()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "ns/pid").readlink()) == space:
                status = (entry / "status").read_text(encoding="utf-8", errors="replace")
                if re.search(rf"^NSpid:.*\t{pid}$", status, re.MULTILINE):
                    return int(entry.name)
    raise AssertionError(f"{host.name} has no process {pid}")
