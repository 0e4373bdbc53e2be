"""What healer keeps in memory for each service, and how long it takes to subscribe to them.

Counted is what a process has more after subscribing than before it made anything, modules and the truth left out. The
peer is redis-py's pub/sub, which then knows nothing but the channels' names.
"""

from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Bar, Figure
from benchmarks.lab import Lab
from benchmarks.plan import Plan, say
from benchmarks.program import Program, options
from benchmarks.subjects import HEALER, PATIENCE_SEC, REDIS_PY, Terms, command, unheard

SIZES = {1_000: None, 100_000: None, 1_000_000: Bar("<", 300)}
TERMS = Terms(100, 300)


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    for services, bar in SIZES.items():
        if plan.quick and services == max(SIZES):
            continue
        ours, peer = (_subscribe(lab, subject, services) for subject in (HEALER, REDIS_PY))
        where = f"{services:,} services"
        each, its = (found["rss_kib"] * 1024 / services for found in (ours, peer))
        heard = ours["heard_kib"] * 1024 / services
        yield Figure(f"memory of each of {where}, subscribed", "bytes", each, its, REDIS_PY, bar)
        yield Figure(f"memory of each of {where}, each heard once", "bytes", heard)
        took = ours["subscribe_sec"], peer["subscribe_sec"]
        yield Figure(f"subscribing to {where}", "s", took[0], took[1], REDIS_PY)


def _subscribe(lab: Lab, subject: str, services: int) -> dict[str, Any]:
    """Subscribe, hear one beat of each, and ask what that took."""
    say(f"memory: {services:,} services, {subject}")
    with Program(*command(lab, subject, services, TERMS, beats=services)) as hearing:
        hearing.expect("ready", PATIENCE_SEC)
        hearing.expect("warm", PATIENCE_SEC)
        words = options(port=lab.port, services=services, beats=services)
        with Program(str(lab.publisher), "burst", "--no-warm", *words) as publishing:
            unheard(publishing.result(PATIENCE_SEC))
            return hearing.result(PATIENCE_SEC)
