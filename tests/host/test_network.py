"""A network that cuts off, in one direction or both, or loses packets: between a service and its bus, by nftables.

The services go to their buses as to those of another host, over TCP.
"""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from host.conftest import Boot, Figure
from host.images import ROOT
from host.layout import DROP_INS, INTERVAL_SEC, TIMEOUT_SEC, UNITS, document, unit
from host.machine import SYSTEM, Machine, eventually, seconds

AWAY = f"ct mark {{mark}} tcp dport {SYSTEM} drop"
"""What a service sends to the bus is lost."""
BACK = f"ct mark {{mark}} tcp sport {SYSTEM} drop"
"""What the bus sends to a service is lost; what the service sends arrives, and is not confirmed."""
CUTS = {"rss_agg": (AWAY,), "massive": (BACK,), "vexy_ai": (AWAY, BACK)}
LONG_SEC = 30
LOSSY_SEC = 20
BACK_WITHIN_SEC = 1.0


@pytest.fixture
def host(boot: Boot) -> Machine:
    """A swarm, with nft at hand; the workers have the timeout of the shipped truth."""
    wanted = document()
    for service in CUTS:
        wanted["services"][service]["heartbeat"]["timeout_sec"] = LONG_SEC
    machine = boot(wanted, over_the_network)
    machine.active(*UNITS)
    machine.run("apt-get", "-qq", "-y", "install", "--no-install-recommends", "nftables")
    return machine


def test_workers_cut_off_are_back_within_a_second_and_missed_only_past_their_timeout(
    host: Machine, figure: Figure
) -> None:
    """Three at once, each in its own direction, for 5, 20 and 40 s at a timeout of 30 s."""
    for cut_sec in (5, 20, 40):
        with cut(host, CUTS):
            time.sleep(cut_sec)
            healed = time.time()
        late = [back_at(host, service) - healed for service in CUTS]
        figure(f"workers cut off for {cut_sec} s: beat again within {max(late):.2f} s of healing")
        assert max(late) < INTERVAL_SEC + BACK_WITHIN_SEC
        expected = [] if cut_sec < LONG_SEC else ["heartbeat_miss", "heartbeat_ok"]
        for service in CUTS:
            host.alerted(service, *expected)
    assert {alert["svc"] for alert in host.alerts() if "svc" in alert} == set(CUTS)
    assert host.alert_types("system-redis") == ["mass_miss", "mass_ok"], "three of the five are most: one message"


def test_healer_cut_off_convicts_nobody_and_finds_who_died_meanwhile(host: Machine, figure: Figure) -> None:
    """One bus_lost and one bus_ok each time, no false miss; the dead one is found within its timeout."""
    for number, (cut_sec, how) in enumerate(((5, (AWAY,)), (20, (BACK,)), (40, (AWAY, BACK))), start=1):
        with cut(host, {"healer": how}):
            time.sleep(cut_sec)
            if number == 3:
                host.systemctl("stop", unit("mesh"))
            healed = time.time()
        host.alerted("system-redis", *["bus_lost", "bus_ok"] * number)
        took = logged_at(host, "healer", "bus_ok system-redis") - healed
        figure(f"healer cut off for {cut_sec} s: hears again {took:.2f} s after healing")
        assert took < BACK_WITHIN_SEC
    took = seconds(lambda: host.alert_types("mesh") == ["heartbeat_miss"], "the dead one is found", TIMEOUT_SEC + 1)
    figure(f"died while healer was cut off: found {took:.2f} s after healing, timeout {TIMEOUT_SEC}")
    time.sleep(TIMEOUT_SEC)
    assert {alert.get("svc") for alert in host.alerts() if alert["type"] == "heartbeat_miss"} == {"mesh"}


def test_a_beat_that_was_held_up_does_not_bring_the_dead_back(host: Machine) -> None:
    """A service sends into a cut network and dies: what its host still holds is never delivered."""
    with cut(host, {"mesh": (AWAY, BACK)}):
        time.sleep(INTERVAL_SEC + 0.5)
        host.systemctl("stop", unit("mesh"))
        host.alerted("mesh", "heartbeat_miss")
    time.sleep(2 * TIMEOUT_SEC)
    assert host.alert_types() == ["heartbeat_miss"]


def test_on_a_lossy_network_nobody_is_missed_but_who_stops(host: Machine, figure: Figure) -> None:
    """Each fifth packet of the bus is lost, both ways."""
    nft(host, received=[f"tcp {way}port {SYSTEM} numgen random mod 100 < 20 counter drop" for way in "sd"])
    time.sleep(LOSSY_SEC)
    host.systemctl("stop", unit("mesh"))
    host.logs(unit("healer"), "heartbeat_miss mesh", within_sec=TIMEOUT_SEC + 15)
    said = host.run("nft", "list", "ruleset")
    assert all(int(count) > 20 for count in re.findall(r"packets (\d+)", said)), said
    host.run("nft", "flush", "ruleset")
    host.alerted("mesh", "heartbeat_miss")
    (miss,) = [alert for alert in host.alerts() if alert["type"] == "heartbeat_miss"]
    lost = host.alert_types("system-redis").count("bus_lost")
    figure(f"20 % loss: false 0, bus_lost {lost}, a stop found after {miss['late_sec']:.2f} s, timeout {TIMEOUT_SEC}")
    host.systemctl("start", unit("mesh"))
    host.alerted("mesh", "heartbeat_miss", "heartbeat_ok")


def over_the_network(root: Path) -> None:
    """Let all units go to buses on a network, by the drop-in of the operator's page; here to the ports of loopback."""
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8").partition("\n### A bus on another host\n")[2]
    (lines,) = re.findall(r"^```ini\n(.*?)^```", page.partition("\n### ")[0], re.MULTILINE | re.DOTALL)
    for folder in ("marketswarm@.service.d", "marketswarm-.service.d"):
        place = root / DROP_INS / folder
        place.mkdir(parents=True)
        (place / "remote-buses.conf").write_text(re.sub(r"10\.[\d.]+", "127.0.0.1", lines), encoding="ascii")
    with (root / "etc/marketswarm/marketswarm.env").open("a", encoding="ascii") as environment:
        environment.write("REDIS_SOCKETS=\n")


def nft(host: Machine, *, sent: Sequence[str] = (), received: Sequence[str]) -> None:
    """Load rules instead of those there are; what is lost is lost on its way, where the sender does not see it."""
    chains = [
        "\n".join((f"chain {hook} {{", f"type filter hook {hook} priority 0;", *rules, "}"))
        for hook, rules in (("output", sent), ("input", received))
    ]
    text = "\n".join(("flush ruleset", "table inet faults {", *chains, "}", ""))
    (host.root / "srv/faults.nft").write_text(text, encoding="ascii")
    host.run("nft", "-f", "/srv/faults.nft")


@contextlib.contextmanager
def cut(host: Machine, services: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
    """Cut services off; a connection counts as a service's from the first packet on that its user sends.

    The marks stay: with the last rule that needs it the kernel ends its tracking of connections, and one that is opened
    in that moment may escape the next cut.
    """
    marks, losses = [], []
    for mark, (service, how) in enumerate(services.items(), start=1):
        user = host.run("stat", "-c", "%u", f"/proc/{host.pid(unit(service))}").strip()
        marks.append(f"meta skuid {user} tcp dport {SYSTEM} ct mark set {mark}")
        losses += [rule.format(mark=mark) for rule in how]
    nft(host, sent=marks, received=losses)
    try:
        yield
    finally:
        host.run("nft", "flush", "chain", "inet", "faults", "input")


def back_at(host: Machine, service: str) -> float:
    """Wait for a lease that was not there, or is newer than a moment ago; returns when its beat was sent."""
    began = time.time()

    def sent() -> float | None:
        found = re.search(r'"ts":\s*([\d.]+)', host.redis("GET", f"{service}:heartbeat"))
        return float(found[1]) if found and float(found[1]) > began - INTERVAL_SEC else None

    return eventually(sent, f"{service} beats again", 10)


def logged_at(host: Machine, service: str, text: str) -> float:
    """When a line was last logged, in seconds since the epoch."""
    lines = host.run("journalctl", "--no-pager", "-u", unit(service), "-o", "short-unix").splitlines()
    return float([line for line in lines if text in line][-1].split()[0])
