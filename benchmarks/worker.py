"""How fast vexy_ai works through a full queue, and how it fares meanwhile; beside a bare loop with redis-py.

Each run has buses of its own. Rates are from the first insight to the last, by the times in their ids, which the server
gives, and of the best round of each: what else the machine does only ever slows, and it slows the worker more, which
keeps two CPUs busy, its own and the server's, where the bare loop and the server take turns.

Two handlers: one that does nothing, which shows what the worker itself takes, and the default one, which asks the bus
about every item.
"""

import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from benchmarks import procfs, stories
from benchmarks.daemons import IDLE_SEC, SETTLE_SEC, WAKEUPS_BAR
from benchmarks.figures import Bar, Figure
from benchmarks.lab import HERE
from benchmarks.plan import Plan, say
from benchmarks.program import Program, RunError, options
from benchmarks.swarm import TRUTH, Swarm, seeded, words

VEXY_AI = "vexy_ai"
QUEUE, INSIGHTS, HEARTBEAT = "rss:queue", "vexy:insights", "vexy_ai:heartbeat"
NOTHING, LEXICON = "nothing", "lexicon"
ITEMS = {NOTHING: 50_000, LEXICON: 20_000}
OVERHEAD = 1.5
"""Times the time of the bare loop."""
SOON, LATE = 20_000, 100_000
GROWTH = 1.05
INTERVAL_SEC = 1
GAP_SEC = 1.25
LOOK_SEC = 0.05
PATIENCE_SEC = 600.0
REDIS_PY = "redis-py"
_CHUNK = 1000
_HANDLER = """
from contextlib import asynccontextmanager


@asynccontextmanager
async def handler(context):
    async def handle(item):
        return {}

    yield handle
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a run took: items a second, and CPU time for each in µs."""

    rate: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Seeded buses, a client of each, and a queue that is full."""

    swarm: Swarm
    system: redis.Redis
    market: redis.Redis

    def insights(self) -> int:
        """How many there are."""
        return int(self.market.xlen(INSIGHTS))

    def wait(self, count: int, program: Program) -> None:
        """Wait until there are so many insights."""
        end = time.monotonic() + PATIENCE_SEC
        while self.insights() < count:
            if program.ended or time.monotonic() > end:
                raise RunError(f"{program.name}: {self.insights()} insights of {count}\n{program.told()[-2000:]}")
            time.sleep(LOOK_SEC)

    def rate(self) -> float:
        """Insights a second, from the first to the last."""
        first: Any = self.market.xrange(INSIGHTS, count=1)
        last: Any = self.market.xrevrange(INSIGHTS, count=1)
        began, ended = (int(entries[0][0].partition(b"-")[0]) / 1000 for entries in (first, last))
        return (self.insights() - 1) / (ended - began)


def measure(plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    items = stories.items(range(plan.beats(LATE)))
    for handler, count in ITEMS.items():
        yield from _beside_peer(plan, handler, items[: plan.beats(count)])
    yield from _long(items, plan.beats(SOON))
    yield _idle(IDLE_SEC / 3 if plan.quick else IDLE_SEC)


def _beside_peer(plan: Plan, handler: str, items: Sequence[bytes]) -> Iterator[Figure]:
    ours, its = [], []
    for round_ in range(plan.rounds):
        say(f"worker: {len(items):,} items, handler {handler}, round {round_ + 1} of {plan.rounds}")
        ours.append(_ours(handler, items))
        its.append(_peer(handler, items))
    rates, cpus = [done.rate for done in ours], [done.cpu_us for done in ours]
    rate, its_rate = max(rates), max(done.rate for done in its)
    cpu, its_cpu = statistics.median(cpus), statistics.median(done.cpu_us for done in its)
    bar = Bar(">=", 1 / OVERHEAD, of_ratio=True)
    yield Figure(f"items, handler {handler}, best round", "a second", rate, its_rate, REDIS_PY, bar, rounds=rates)
    yield Figure(f"CPU an item, handler {handler}", "µs", cpu, its_cpu, REDIS_PY, rounds=cpus)


def _ours(handler: str, items: Sequence[bytes]) -> Done:
    with _bench(handler, items) as bench, bench.swarm.daemon(words(VEXY_AI)) as (program, _):
        before = procfs.cpu_sec(program.pid)
        bench.wait(len(items), program)
        return Done(bench.rate(), (procfs.cpu_sec(program.pid) - before) / len(items) * 1e6)


def _peer(handler: str, items: Sequence[bytes]) -> Done:
    with _bench(handler, items) as bench:
        told = options(port=_port(bench.swarm.environ, "MARKET"), items=len(items), handler=handler)
        command = [sys.executable, str(HERE / "redis_py_worker.py"), *told]
        with Program(*command, environ=bench.swarm.environ) as program:
            result = program.result(PATIENCE_SEC)
            return Done(bench.rate(), result["cpu_sec"] / len(items) * 1e6)


def _long(items: Sequence[bytes], soon: int) -> Iterator[Figure]:
    """Work through a long queue by the default handler: memory in between and at the end, and heartbeats meanwhile."""
    say(f"worker: memory and heartbeats over {len(items):,} items")
    with (
        _bench(LEXICON, items) as bench,
        bench.system.pubsub(ignore_subscribe_messages=True) as heartbeats,
    ):
        heartbeats.subscribe(HEARTBEAT)
        with bench.swarm.daemon(words(VEXY_AI)) as (program, _):
            beats: list[float] = []
            sizes: list[float] = []
            for count in (soon, len(items)):
                while bench.insights() < count and not program.ended:
                    if heartbeats.get_message(timeout=LOOK_SEC):
                        beats.append(time.monotonic())
                bench.wait(count, program)
                sizes.append(procfs.memory_mib(program.pid)[0])
            # The silence at the end counts too.
            beats.append(time.monotonic())
    what = f"vexy_ai: resident after {len(items):,} items"
    yield Figure(what, "MiB", sizes[1], sizes[0], f"after {soon:,}", Bar("<", GROWTH, of_ratio=True))
    gap = max(after - before for before, after in itertools.pairwise(beats))
    what = f"vexy_ai: longest between two heartbeats over {len(items):,} items, {INTERVAL_SEC} s is due"
    yield Figure(what, "s", gap, bar=Bar("<", GAP_SEC))


def _idle(idle_sec: float) -> Figure:
    """Count wake-ups on an empty queue, by the shipped truth."""
    say(f"worker: idle for {idle_sec:g} s")
    with seeded() as swarm, swarm.daemon(words(VEXY_AI)) as (program, _):
        time.sleep(SETTLE_SEC)
        before, began = procfs.wakeups(program.pid), time.monotonic()
        time.sleep(idle_sec)
        rate = (procfs.wakeups(program.pid) - before) / (time.monotonic() - began)
    return Figure("vexy_ai: wake-ups on an empty queue", "a second", rate, bar=Bar("<", WAKEUPS_BAR))


@contextlib.contextmanager
def _bench(handler: str, items: Sequence[bytes]) -> Iterator[Bench]:
    """Seed buses, fill the queue, and install the handler that does nothing, for whoever has this environment."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="marketswarm-worker-")))
        swarm = stack.enter_context(seeded(_truth(directory, handler)))
        environ = {**swarm.environ, "PYTHONPATH": _packages(directory)}
        system, market = (stack.enter_context(_client(environ, bus)) for bus in ("SYSTEM", "MARKET"))
        _fill(market, items)
        yield Bench(replace(swarm, environ=environ), system, market)


def _truth(directory: Path, handler: str) -> Path:
    """Write the shipped truth with another handler, and more heartbeats."""
    document = json.loads(TRUTH.read_text(encoding="utf-8"))
    section = document["services"][VEXY_AI]
    section["heartbeat"]["interval_sec"] = INTERVAL_SEC
    section["work"]["handler"] = handler
    path = directory / "truth.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _packages(directory: Path) -> str:
    """Install it as a user's package would be."""
    about = directory / "packages" / "benchmark-1.dist-info"
    about.mkdir(parents=True)
    (about.parent / "benchmark_handler.py").write_text(_HANDLER, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: benchmark\nVersion: 1\n", encoding="utf-8")
    group = f"[marketswarm.handlers]\n{NOTHING} = benchmark_handler:handler\n"
    (about / "entry_points.txt").write_text(group, encoding="utf-8")
    return str(about.parent)


def _client(environ: Mapping[str, str], bus: str) -> redis.Redis:
    return redis.Redis(host="127.0.0.1", port=_port(environ, bus), protocol=2)


def _port(environ: Mapping[str, str], bus: str) -> int:
    return int(environ[f"{bus}_REDIS_URL"].rpartition(":")[2])


def _fill(market: redis.Redis, items: Sequence[bytes]) -> None:
    for start in range(0, len(items), _CHUNK):
        filling = market.pipeline(transaction=False)
        for item in items[start : start + _CHUNK]:
            filling.xadd(QUEUE, {"item": item})
        filling.execute()
