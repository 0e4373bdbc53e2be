"""Services that hang: systemd ends the watchers among them, and the heartbeat of any stops."""

import time

import pytest
from host import hooks
from host.conftest import Boot, Figure
from host.layout import TIMEOUT_SEC, UNITS, document, pids, unit
from host.machine import Machine, eventually
from testkit import SERVICES, WORKERS

WATCHDOG_SEC = 30


@pytest.fixture
def hooked(boot: Boot) -> Machine:
    """A swarm whose services can be wedged by a signal."""
    host = boot(document(), hooks.put_in)
    host.active(*UNITS)
    return host


@pytest.mark.parametrize(
    ("hung", "miss", "ok"),
    [
        ("healer", "healer_miss", "healer_ok"),
        ("sentinel", "heartbeat_miss", "heartbeat_ok"),
    ],
)
def test_a_stopped_watcher_is_restarted_alone_and_the_other_one_reports(
    swarm: Machine, figure: Figure, hung: str, miss: str, ok: str
) -> None:
    """SIGSTOP: systemd restarts just that one within WatchdogSec + 5 s; people hear of it meanwhile, and of its end."""
    before = pids(swarm)
    assert swarm.show(unit(hung), "WatchdogUSec") == (f"{WATCHDOG_SEC}s",)
    swarm.signal(unit(hung), "STOP")
    began = time.monotonic()
    swarm.alerted(hung, miss, within_sec=TIMEOUT_SEC + 5)
    assert swarm.pid(unit(hung)) == before[hung], "it still hangs when it is reported"
    eventually(lambda: swarm.show(unit(hung), "NRestarts") == ("1",), "a restart", WATCHDOG_SEC + 5)
    swarm.active(unit(hung), within_sec=WATCHDOG_SEC + 5 - (time.monotonic() - began))
    figure(f"{hung} stopped by SIGSTOP: up again after {time.monotonic() - began:.1f} s")
    swarm.alerted(hung, miss, ok)
    assert {service for service in SERVICES if before[service] != swarm.pid(unit(service))} == {hung}
    assert "Watchdog timeout" in swarm.run("journalctl", "-u", unit(hung))


@pytest.mark.parametrize("how", [hooks.BLOCKED_LOOP, hooks.BLOCKED_WORK])
def test_a_wedged_worker_stops_beating_and_is_missed_while_it_lives(hooked: Machine, figure: Figure, how: str) -> None:
    """All four at once, in two ways: healer reports each at its timeout, and no process has ended."""
    before = pids(hooked)
    for service in WORKERS:
        hooked.signal(unit(service), how)
    for service in WORKERS:
        hooked.alerted(service, "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    assert pids(hooked) == before
    misses = [alert for alert in hooked.alerts() if alert["type"] == "heartbeat_miss"]
    assert [miss["reason"] for miss in misses] == ["wedged"] * len(WORKERS)
    late = [miss["late_sec"] for miss in misses]
    figure(f"wedged by {how}: reported {min(late):.2f} to {max(late):.2f} s after the last beat, timeout {TIMEOUT_SEC}")


def test_a_wedged_watcher_leaves_its_stack_in_the_journal(hooked: Machine) -> None:
    """Healer's loop blocks: sentinel reports, the watchdog ends it, and the journal shows where it hung."""
    hooked.signal(unit("healer"), hooks.BLOCKED_LOOP)
    hooked.alerted("healer", "healer_miss", within_sec=TIMEOUT_SEC + 5)
    hooked.alerted("healer", "healer_miss", "healer_ok", within_sec=WATCHDOG_SEC + 5)
    assert "block_loop" in hooked.journal(unit("healer"))
