"""Measures MarketSwarm beside its peers, prints one table, and exits 1 where a bar is missed.

  ingest     how fast beats come in, and CPU time for each; beside a C program over hiredis, and redis-py's asyncio
             pub/sub; 1,000 to 1,000,000 services (some 6 min)
  overshoot  from a dead service's true deadline to its miss on the wire, 100 to 1,000,000 services (some 4 min)
  storm      10,000 services die at once (some 1 min)
  memory     healer's memory and subscribing time for each of 1,000 to 1,000,000 services (some 1 min)
  feeds      from documents' bytes to the queue: entries a second, CPU and memory; beside feedparser alone (some 5 min)
  worker     vexy_ai on a full queue: items a second, memory, heartbeats; beside a bare loop with redis-py (some 3 min)
  daemons    start, memory, idle wake-ups and imports of the six daemons, beside a bare interpreter (some 2 min)

Everything runs on this machine's loopback, on redis-servers of its own. Peers take turns within one run, so ratios hold
where absolute figures would not: compare no number with one of another machine or another day. Leave the machine alone
meanwhile. What is measured is the marketswarm that this Python has installed: after a change, install it again.
"""

import argparse
import functools
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks import daemons, feeds, imports, ingest, lab, memory, overshoot, storm, worker
from benchmarks.figures import Figure, table
from benchmarks.plan import Plan, say
from benchmarks.program import RunError
from benchmarks.swarm import seeded

Suite = Callable[[lab.Lab, Plan], Iterator[Figure]]
ON_A_BUS: dict[str, Suite] = {
    "ingest": ingest.measure,
    "overshoot": overshoot.measure,
    "storm": storm.measure,
    "memory": memory.measure,
    "feeds": feeds.measure,
}
WORKER = "worker"
DAEMONS = "daemons"
ALL = (*ON_A_BUS, WORKER, DAEMONS)
RESULTS = Path(__file__).with_name("results.json")
ROUNDS, QUICK_ROUNDS = 3, 1


def main() -> int:
    """Measure what is asked for."""
    given = _arguments()
    # Ended from outside, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        lab.check()
    except lab.MissingError as error:
        print(error, file=sys.stderr)
        return 2
    if line := lab.stale():
        print(line, file=sys.stderr)
    plan = Plan(QUICK_ROUNDS if given.quick else given.rounds, quick=given.quick)
    report = Report()
    chosen = given.suites or ALL
    with lab.laboratory() as bus:
        for name in chosen:
            if name in ON_A_BUS:
                report.take(name, functools.partial(ON_A_BUS[name], bus, plan))
    if WORKER in chosen:
        report.take(WORKER, functools.partial(worker.measure, plan))
    if DAEMONS in chosen:
        with seeded() as swarm:
            report.take(DAEMONS, functools.partial(daemons.measure, swarm, plan))
            report.weigh(functools.partial(imports.measure, swarm, plan))
    say("")
    report.write(given.json, quick=given.quick)
    report.show()
    return 0 if report.good else 1


class Report:
    """What was found, suite by suite; one that breaks is told of and does not stop the others."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.imports: list[imports.Cost] = []
        self.broken: list[str] = []

    def take(self, name: str, suite: Callable[[], Iterable[Figure]]) -> None:
        """Measure one suite."""
        try:
            self.figures += suite()
        except RunError as error:
            self.broken.append(f"{name}: {error}")

    def weigh(self, measure: Callable[[], list[imports.Cost]]) -> None:
        """Weigh the imports."""
        try:
            self.imports = measure()
        except RunError as error:
            self.broken.append(f"imports: {error}")

    @property
    def good(self) -> bool:
        """Whether everything was measured and every bar holds."""
        return not self.broken and all(figure.met is not False for figure in self.figures)

    def show(self) -> None:
        """Print it."""
        print(table(self.figures))
        if self.imports:
            print("", imports.table(self.imports), sep="\n")
        for line in self.broken:
            print(f"not measured: {line}", file=sys.stderr)

    def write(self, path: Path, *, quick: bool) -> None:
        """Keep it for programs."""
        found: dict[str, Any] = {
            "versions": lab.versions(),
            "quick": quick,
            "figures": [figure.as_json() for figure in self.figures],
            "imports": [{"package": cost.package, "ms": cost.ms, "kib": cost.kib} for cost in self.imports],
            "not_measured": self.broken,
        }
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [options] [suite ...]",
    )
    parser.add_argument(
        "suites", nargs="*", metavar="suite", choices=[[], *ALL], help=f"{', '.join(ALL)}; default: all"
    )
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="where to write it (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each peer, for medians (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one short round: see that it works; rough figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
