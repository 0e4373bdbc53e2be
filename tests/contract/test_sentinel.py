"""Sentinel's promises, and healer's towards sentinel."""

from testkit import HEALER_INTERVAL_SEC, TIMEOUT_SEC, Swarm, watching


def test_a_dead_healer_is_announced_and_so_is_its_return(swarm: Swarm) -> None:
    """healer_miss after three of healer's intervals, healer_ok on recovery: Appendix A's shapes, once each."""
    swarm.seed(watching())
    healer = swarm.start("healer").ready()
    swarm.start("sentinel").ready()
    swarm.until("healer", "healer_ok")
    assert swarm.system.alerts() == []
    healer.kill()
    swarm.until("healer", "healer_miss")
    swarm.start("healer").ready()
    swarm.until("healer", "healer_ok")
    miss, ok = swarm.system.alerts()
    assert list(miss) == ["type", "svc", "late_sec", "timeout_sec", "ts", "reason"]
    assert (miss["type"], miss["svc"], miss["timeout_sec"]) == ("healer_miss", "healer", 3 * HEALER_INTERVAL_SEC)
    assert list(ok) == ["type", "svc", "ts"]
    assert (ok["type"], ok["svc"]) == ("healer_ok", "healer")


def test_sentinel_timeout_sec_wins(swarm: Swarm) -> None:
    """The variable says how long sentinel waits, also where healer's lease would last longer."""
    swarm.seed(watching())
    healer = swarm.start("healer", SENTINEL_TIMEOUT_SEC="30").ready()
    swarm.start("sentinel", SENTINEL_TIMEOUT_SEC="2").ready()
    swarm.until("healer", "healer_ok")
    healer.kill()
    swarm.until("healer", "healer_miss", within_sec=4)
    assert swarm.system.alerts()[0]["timeout_sec"] == 2


def test_healer_watches_sentinel(swarm: Swarm) -> None:
    """Nobody is without a watcher."""
    swarm.seed(watching("sentinel"))
    sentinel = swarm.start("sentinel").ready()
    swarm.start("healer").ready()
    swarm.until("sentinel", "heartbeat_ok")
    sentinel.kill()
    swarm.until("sentinel", "heartbeat_miss")
    # On a busy machine sentinel may have missed healer before that started.
    (miss,) = [alert for alert in swarm.system.alerts() if alert["type"] == "heartbeat_miss"]
    assert miss["timeout_sec"] == TIMEOUT_SEC
