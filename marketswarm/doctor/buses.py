"""Whether each bus is there, takes what it is given and keeps it, by PING and INFO; nothing is written to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marketswarm.address import Address
from marketswarm.bus import StoredTruth
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, fail, ok, skip, warn
from marketswarm.errors import BusRefusedError, MarketSwarmError, NotRedisError
from marketswarm.trouble import of_bus, of_tls

NEARLY_FULL = 0.9
_MIB = 1024 * 1024
_KEEPS_ALL = "noeviction"


@dataclass(frozen=True, slots=True)
class BusFound:
    """What one bus answered; an error stands where there is no answer."""

    bus: str
    address: Address
    ping_sec: float | MarketSwarmError
    info: Mapping[str, Any] | MarketSwarmError
    stored: StoredTruth | MarketSwarmError | None
    listener: str | None = None
    """Who has its port, where it is one of this machine and there was no PONG."""

    @property
    def answers(self) -> bool:
        """Whether it says PONG."""
        return not isinstance(self.ping_sec, MarketSwarmError)


def why(error: MarketSwarmError) -> str:
    """Say in a few words what an error of a bus comes from; which bus it is stands beside it."""
    return of_bus(error.__cause__ or error)


def judge_bus(found: BusFound, remedies: Remedies) -> list[Check]:
    """Judge one bus by what it answered."""
    checks = [_answer(found, remedies)]
    if isinstance(found.info, MarketSwarmError):
        if found.answers:
            checks.append(skip(f"{found.bus} keeps", f"it gives no INFO: {why(found.info)}"))
        return checks
    groups = {
        "writes": (_refusals, "accepts writes"),
        "keeps": (_losses, "every write goes to its append-only file"),
        "memory": (_shortages, f"{_used(found.info)}, evicts nothing"),
    }
    for word, (judge, well) in groups.items():
        name = f"{found.bus} {word}"
        checks += list(judge(name, found, found.info, remedies)) or [ok(name, well)]
    return checks


def _answer(found: BusFound, remedies: Remedies) -> Check:
    bus, at, error = found.bus, found.address, found.ping_sec
    if not isinstance(error, MarketSwarmError):
        version = "" if isinstance(found.info, MarketSwarmError) else f", Redis {found.info.get('redis_version', '?')}"
        return ok(bus, f"{at} answers in {error * 1000:.1f} ms{version}")
    answers_info = not isinstance(found.info, MarketSwarmError)
    if not isinstance(found.info, MarketSwarmError) and found.info.get("loading"):
        return warn(bus, f"{at} is loading its file and refuses all else meanwhile", remedies.await_loading(at))
    who = found.listener
    if isinstance(error, NotRedisError):
        return fail(bus, f"{who or 'what listens'} at {at} is no Redis", remedies.free_port(bus, at))
    if isinstance(error, BusRefusedError):
        remedy = remedies.see_bus(bus, at) if answers_info else remedies.log_in(bus)
        return fail(bus, f"{at} refuses: {why(error)}", remedy)
    because = why(error)
    if who and not of_tls(because):
        return fail(bus, f"{at} does not answer ({because}); {who} has its port", remedies.restart_bus(bus, at))
    remedy = remedies.mend_tls(at, because) if of_tls(because) else remedies.start_bus(bus, at)
    return fail(bus, f"{at} does not answer ({because})", remedy)


def _refusals(name: str, found: BusFound, info: Mapping[str, Any], remedies: Remedies) -> Iterator[Check]:
    at = found.address
    if info.get("role") == "slave":
        leader = f"{info.get('master_host')}:{info.get('master_port')}"
        yield fail(name, f"it is a replica of {leader}, which takes no writes", remedies.detach_replica(at))
    if info.get("aof_last_write_status", "ok") != "ok":
        yield fail(name, "refuses writes: the last one did not reach its disk", remedies.free_disk(at))
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        remedy = remedies.save_again(at, "BGSAVE")
        yield warn(name, "the last snapshot failed, and Redis may refuse writes for that", remedy)
    if _share_used(info) >= 1 and info.get("maxmemory_policy") == _KEEPS_ALL:
        full = f"its memory is full ({_used(info)}): what is new is refused"
        yield fail(name, full, remedies.free_memory(found.bus, at, info["maxmemory"]))


def _losses(name: str, found: BusFound, info: Mapping[str, Any], remedies: Remedies) -> Iterator[Check]:
    if not info.get("aof_enabled"):
        remedy = remedies.set_option(found.bus, found.address, "appendonly", "yes")
        yield warn(name, "no append-only file: when it ends, what it holds is lost", remedy)
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        remedy = remedies.save_again(found.address, "BGREWRITEAOF")
        yield warn(name, "the last rewrite of its append-only file failed, so it grows", remedy)


def _shortages(name: str, found: BusFound, info: Mapping[str, Any], remedies: Remedies) -> Iterator[Check]:
    policy = info.get("maxmemory_policy", _KEEPS_ALL)
    if policy != _KEEPS_ALL:
        remedy = remedies.set_option(found.bus, found.address, "maxmemory-policy", _KEEPS_ALL)
        yield warn(name, f"its policy is {policy}: when it is full, it throws truth and leases away", remedy)
    if info.get("evicted_keys"):
        evicted = f"{info['evicted_keys']} key(s) were evicted since it was started"
        yield warn(name, evicted, remedies.seed_and_forget(found.address))
    if NEARLY_FULL <= _share_used(info) < 1:
        remedy = remedies.free_memory(found.bus, found.address, info["maxmemory"])
        yield warn(name, f"nearly full: {_used(info)}", remedy)


def _share_used(info: Mapping[str, Any]) -> float:
    """What part of its memory is used; 0 where it has no limit."""
    limit: int = info.get("maxmemory", 0)
    return info.get("used_memory", 0) / limit if limit else 0.0


def _used(info: Mapping[str, Any]) -> str:
    limit: int = info.get("maxmemory", 0)
    of = f"{limit / _MIB:.1f} MiB" if limit else "no limit"
    return f"{info.get('used_memory', 0) / _MIB:.1f} MiB of {of}"
