"""What healer's imports cost, by top-level package: time by `python -X importtime`, memory by import_probe.py.

Both count for the package whose module it is, and not for the one that asked for it.
"""

import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.figures import columns
from benchmarks.lab import HERE
from benchmarks.plan import Plan, say
from benchmarks.swarm import MARKETSWARM, Swarm

HEAVIEST = 15
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one top-level package and all in it."""

    package: str
    ms: float
    kib: float


def measure(swarm: Swarm, plan: Plan) -> list[Cost]:
    """Run healer to READY, and ask what its imports cost; gives the heaviest, by time and memory alike."""
    times, sizes = [], []
    for round_ in range(plan.rounds):
        say(f"imports: round {round_ + 1} of {plan.rounds}")
        times.append(_times_ms(swarm))
        sizes.append(_sizes_kib(swarm))
    costs = [Cost(name, _median(times, name), _median(sizes, name)) for name in set().union(*times, *sizes)]
    sums = Cost("all", sum(cost.ms for cost in costs), sum(cost.kib for cost in costs))
    costs.sort(key=lambda cost: cost.ms / sums.ms + cost.kib / sums.kib, reverse=True)
    return [*costs[:HEAVIEST], sums]


def table(costs: Iterable[Cost]) -> str:
    """A row for each."""
    rows = ((cost.package, f"{cost.ms:.1f}", f"{cost.kib:,.0f}") for cost in costs)
    return columns([("healer imports", "ms", "KiB"), *rows])


def _median(runs: list[Counter[str]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def _times_ms(swarm: Swarm) -> Counter[str]:
    with swarm.daemon([sys.executable, "-X", "importtime", MARKETSWARM, "run", "healer"]) as (program, _):
        program.stop()
        return Counter(dict(_sums(program.told().splitlines())))


def _sums(lines: Iterable[str]) -> Iterator[tuple[str, float]]:
    found: Counter[str] = Counter()
    for line in lines:
        if match := _LINE.match(line):
            found[match[2].partition(".")[0]] += int(match[1])
    yield from ((name, usec / 1000) for name, usec in found.items())


def _sizes_kib(swarm: Swarm) -> Counter[str]:
    with swarm.daemon([sys.executable, str(HERE / "import_probe.py"), "run", "healer"]) as (program, _):
        program.stop()
        lines = (line.split() for line in program.said())
        return Counter({name: int(kib) for name, kib in lines})
