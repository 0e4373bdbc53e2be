"""What each daemon costs a host: start to READY, memory, wake-ups; beside an interpreter that sleeps.

Start and resident memory are of one daemon at a time, in turns with the bare interpreter. The proportional memory is
that of all six running together; six bare interpreters are its peer. Wake-ups are counted while all six run by the
shipped truth and nothing happens.
"""

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence

from benchmarks import procfs
from benchmarks.figures import Bar, Figure
from benchmarks.plan import Plan, say
from benchmarks.swarm import BARE, Swarm, words

SMALL = ("healer", "sentinel", "mesh")
SERVICES = (*SMALL, "massive", "rss_agg", "vexy_ai")
READY_BAR_MS = 350
SMALL_BAR_MIB, BAR_MIB = 42, 64
PSS_BAR_MIB = 240
WAKEUPS_BAR = 2
SETTLE_SEC = 1.0
IDLE_SEC = 30.0

Runs = dict[str, list[tuple[float, float]]]


def measure(swarm: Swarm, plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    yield from _alone(_turns(swarm, plan.rounds))
    yield from _together(swarm, IDLE_SEC / 3 if plan.quick else IDLE_SEC)


def _turns(swarm: Swarm, rounds: int) -> Runs:
    """Start each alone, in turns; gives milliseconds to READY and resident MiB. The first turn writes byte code."""
    runs: Runs = {service: [] for service in (*SERVICES, BARE)}
    for round_ in range(rounds + 1):
        for service, found in runs.items():
            say(f"daemons: {service}, round {round_} of {rounds}")
            with swarm.daemon(words(service)) as (program, ready_ms):
                time.sleep(SETTLE_SEC if round_ else 0)
                found.append((ready_ms, procfs.memory_mib(program.pid)[0]))
    return {service: found[1:] for service, found in runs.items()}


def _alone(runs: Runs) -> Iterator[Figure]:
    bare_ms, bare_mib = (_median(runs[BARE], part) for part in (0, 1))
    for service in SERVICES:
        taken = [ready_ms for ready_ms, _ in runs[service]]
        bar = Bar("<", READY_BAR_MS)
        yield Figure(f"{service}: start to READY", "ms", statistics.median(taken), bare_ms, BARE, bar, rounds=taken)
    for service in SERVICES:
        bar = Bar("<", SMALL_BAR_MIB if service in SMALL else BAR_MIB)
        yield Figure(f"{service}: resident", "MiB", _median(runs[service], 1), bare_mib, BARE, bar)


def _median(runs: Sequence[tuple[float, float]], part: int) -> float:
    return statistics.median(run[part] for run in runs)


def _together(swarm: Swarm, idle_sec: float) -> Iterator[Figure]:
    say("daemons: six bare interpreters together")
    bare = _watch(swarm, [BARE] * len(SERVICES), 0)
    say(f"daemons: all six together, idle for {idle_sec:g} s")
    ours = _watch(swarm, SERVICES, idle_sec)
    pss, bare_pss = (sum(mib for mib, _ in found) for found in (ours, bare))
    yield Figure("all six together, proportional (PSS)", "MiB", pss, bare_pss, "six bare", Bar("<", PSS_BAR_MIB))
    for service, (_, rate) in zip(SERVICES, ours, strict=True):
        yield Figure(f"{service}: idle wake-ups", "a second", rate, bar=Bar("<", WAKEUPS_BAR))


def _watch(swarm: Swarm, services: Sequence[str], idle_sec: float) -> list[tuple[float, float]]:
    """Run them together; gives each one's PSS in MiB, and its wake-ups a second."""
    with contextlib.ExitStack() as stack:
        pids = [stack.enter_context(swarm.daemon(words(service)))[0].pid for service in services]
        time.sleep(SETTLE_SEC)
        before, began = [procfs.wakeups(pid) for pid in pids], time.monotonic()
        time.sleep(idle_sec)
        lasted = max(time.monotonic() - began, 0.001)
        rates = [(procfs.wakeups(pid) - was) / lasted for pid, was in zip(pids, before, strict=True)]
        return list(zip([procfs.memory_mib(pid)[1] for pid in pids], rates, strict=True))
