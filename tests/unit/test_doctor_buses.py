"""What the doctor makes of a bus's answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from marketswarm.address import Address
from marketswarm.doctor.buses import BusFound, judge_bus
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Verdict
from marketswarm.errors import BusRefusedError, BusUnreachableError, MarketSwarmError, NotRedisError

WELL: Mapping[str, Any] = {
    "redis_version": "7.0.15",
    "loading": 0,
    "role": "master",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "maxmemory": 100 * 1024 * 1024,
    "used_memory": 1024 * 1024,
    "maxmemory_policy": "noeviction",
    "evicted_keys": 0,
}
GONE = BusUnreachableError("no answer in time")
EXPIRED = BusUnreachableError("its certificate is not valid (expired)")
ALIEN = NotRedisError("it greets with HTTP")
LOCKED = BusRefusedError("NOAUTH")
MIB = 1024 * 1024


def judge(
    ping_sec: float | MarketSwarmError = 0.0005,
    info: Mapping[str, Any] | MarketSwarmError = WELL,
    listener: str | None = None,
    *,
    managed: bool = False,
) -> list[Check]:
    """Judge system-redis at its usual address."""
    found = BusFound("system-redis", Address("127.0.0.1", 6379), ping_sec, info, None, listener)
    return judge_bus(found, Remedies(managed))


def test_a_good_bus_has_nothing_to_mend() -> None:
    """Each group says in a line what is well."""
    assert [(check.name, check.verdict, check.found, check.remedy) for check in judge()] == [
        ("system-redis", "ok", "127.0.0.1:6379 answers in 0.5 ms, Redis 7.0.15", None),
        ("system-redis writes", "ok", "accepts writes", None),
        ("system-redis keeps", "ok", "every write goes to its append-only file", None),
        ("system-redis memory", "ok", "1.0 MiB of 100.0 MiB, evicts nothing", None),
    ]


@pytest.mark.parametrize(
    ("change", "name", "verdict", "found", "remedy"),
    [
        ({"role": "slave", "master_host": "h", "master_port": 1}, "writes", "FAIL", "replica of h:1", "REPLICAOF NO"),
        ({"aof_last_write_status": "err"}, "writes", "FAIL", "did not reach its disk", "df -h"),
        ({"rdb_last_bgsave_status": "err"}, "writes", "warn", "snapshot failed", "BGSAVE"),
        ({"used_memory": 100 * MIB}, "writes", "FAIL", "full (100.0 MiB of 100.0 MiB)", "maxmemory 209715200"),
        ({"used_memory": 100 * MIB - 1}, "memory", "warn", "nearly full", "maxmemory 209715200"),
        ({"used_memory": 90 * MIB}, "memory", "warn", "nearly full", "maxmemory 209715200"),
        ({"aof_enabled": 0}, "keeps", "warn", "no append-only file", "CONFIG SET appendonly yes"),
        ({"aof_last_bgrewrite_status": "err"}, "keeps", "warn", "rewrite", "BGREWRITEAOF"),
        ({"maxmemory_policy": "allkeys-lru"}, "memory", "warn", "allkeys-lru", "CONFIG SET maxmemory-policy noevic"),
        ({"evicted_keys": 3}, "memory", "warn", "3 key(s) were evicted", "CONFIG RESETSTAT"),
    ],
)
def test_one_thing_wrong_makes_one_line(
    change: Mapping[str, Any], name: str, verdict: str, found: str, remedy: str
) -> None:
    """Whatever is wrong with a bus that answers is one check that is not ok, and it says what to type."""
    (wrong,) = [check for check in judge(info={**WELL, **change}) if check.verdict is not Verdict.OK]
    assert (wrong.name, wrong.verdict) == (f"system-redis {name}", verdict)
    assert found in wrong.found
    assert remedy in (wrong.remedy or "")


@pytest.mark.parametrize(
    "change",
    [{"used_memory": 90 * MIB - 1}, {"maxmemory": 0, "used_memory": 10**12}],
    ids=["just below", "no limit"],
)
def test_memory_is_no_matter_before_nine_tenths(change: Mapping[str, Any]) -> None:
    """Nor where nobody set a limit."""
    assert {check.verdict for check in judge(info={**WELL, **change})} == {Verdict.OK}


def test_a_full_bus_that_evicts_refuses_nothing() -> None:
    """What is wrong with it is that it evicts."""
    full = judge(info={**WELL, "used_memory": 200 * MIB, "maxmemory_policy": "allkeys-lru"})
    assert [check.name for check in full if check.verdict is not Verdict.OK] == ["system-redis memory"]


def test_on_a_host_a_setting_is_mended_in_the_file_of_its_bus() -> None:
    """In the running server first: one that starts with the append-only file newly on would start empty."""
    (wrong,) = [check for check in judge(info={**WELL, "aof_enabled": 0}, managed=True) if check.remedy]
    assert wrong.remedy == (
        "redis-cli -p 6379 CONFIG SET appendonly yes; "
        "for its next start, in /etc/marketswarm/redis/system.conf: appendonly yes"
    )


@pytest.mark.parametrize(
    ("answers", "verdict", "found", "remedy"),
    [
        ((GONE, GONE), "FAIL", "does not answer (no answer in time)", "systemctl start"),
        ((GONE, GONE, "nginx (pid 7)"), "FAIL", "nginx (pid 7) has its port", "systemctl restart"),
        ((ALIEN, ALIEN, "nginx (pid 7)"), "FAIL", "nginx (pid 7) at 127.0.0.1:6379 is no Redis", "'sport = :6379'"),
        ((ALIEN, ALIEN), "FAIL", "is no Redis", "'sport = :6379'"),
        ((LOCKED, LOCKED), "FAIL", "NOAUTH", "export SYSTEM_REDIS_URL="),
        ((EXPIRED, EXPIRED, "redis-server (pid 7)"), "FAIL", "does not answer (its certificate is not", "renew it"),
        ((BusRefusedError("MISCONF"), WELL), "FAIL", "MISCONF", "journalctl -u marketswarm-redis@system"),
        ((GONE, {**WELL, "loading": 1}), "warn", "is loading", "INFO persistence"),
    ],
)
def test_a_bus_without_a_pong_says_why(answers: tuple[Any, ...], verdict: str, found: str, remedy: str) -> None:
    """Gone, hung, no Redis, locked, loading: each has a verdict and a remedy of its own."""
    first = judge(*answers, managed=True)[0]
    assert (first.name, first.verdict) == ("system-redis", verdict)
    assert found in first.found
    assert remedy in (first.remedy or "")


def test_a_bus_without_a_pong_still_tells_of_its_disk() -> None:
    """On a full disk PING is refused and INFO is not."""
    names = [check.name for check in judge(BusRefusedError("x"), {**WELL, "aof_last_write_status": "err"})]
    assert names == ["system-redis", "system-redis writes", "system-redis keeps", "system-redis memory"]


def test_a_bus_that_gives_no_info_fails_for_nothing() -> None:
    """Not every server has INFO, and not everybody may ask for it."""
    answer, rest = judge(info=BusRefusedError("unknown command"))
    assert (answer.verdict, answer.found) == ("ok", "127.0.0.1:6379 answers in 0.5 ms")
    assert (rest.verdict, rest.found) == ("skip", "it gives no INFO: unknown command")
