"""How fast beats come in, and what each costs: the whole path with a live server, in turns with its peers."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from benchmarks.figures import Bar, Figure
from benchmarks.lab import Lab
from benchmarks.plan import Plan, say
from benchmarks.program import options
from benchmarks.subjects import HEALER, REDIS_PY, C, Heard, Run, Terms, run

SERVICES = 1000
BURST_BEATS = 600_000
BURST_TERMS = Terms(10, 30)
RATE = 10_000
PACED_BEATS = 60_000
CROWDS = {100_000: 1.5, 1_000_000: 2.5}
"""More services at the same rate, and how much more a beat may cost then."""
LEAST_TIMEOUT_SEC = 3.0

Takes: TypeAlias = dict[str, list[Heard]]


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    bursts = _turns(lab, plan, "burst", SERVICES, (C, HEALER, REDIS_PY))
    for peer, limit in ((C, 0.7), (REDIS_PY, 4)):
        yield _figure("rate, burst", "beats/s", _rates(bursts), peer, Bar(">=", limit, of_ratio=True))
    yield from _costs("CPU a beat, burst", bursts, 3)
    paced = _turns(lab, plan, "paced", SERVICES, (C, HEALER, REDIS_PY))
    yield from _costs(f"CPU a beat, {RATE:,}/s one by one", paced, 2)
    for services, limit in CROWDS.items():
        crowd = _cpus(_turns(lab, plan, "paced", services, (C, HEALER)))
        growth = {
            subject: [many / few for many, few in zip(found, _cpus(paced)[subject], strict=True)]
            for subject, found in crowd.items()
        }
        yield _figure(f"growth of that from {SERVICES:,} to {services:,} services", "times", growth, C, Bar("<", limit))


def _turns(lab: Lab, plan: Plan, mode: str, services: int, subjects: Sequence[str]) -> Takes:
    """Measure the subjects in turns."""
    takes: Takes = {subject: [] for subject in subjects}
    for round_ in range(plan.rounds):
        for subject in subjects:
            say(f"ingest: {mode}, {services:,} services, {subject}, round {round_ + 1} of {plan.rounds}")
            takes[subject].append(_take(lab, plan, mode, services, subject))
    return takes


def _take(lab: Lab, plan: Plan, mode: str, services: int, subject: str) -> Heard:
    if mode == "burst":
        return run(lab, Run(subject, services, plan.beats(BURST_BEATS), BURST_TERMS), "burst")
    interval_sec = services / RATE
    terms = Terms(interval_sec, max(3 * interval_sec, LEAST_TIMEOUT_SEC))
    paced = Run(subject, services, plan.beats(PACED_BEATS), terms, pinned=True)
    return run(lab, paced, "paced", *options(rate=RATE))


def _costs(what: str, takes: Takes, limit: float) -> Iterator[Figure]:
    yield _figure(what, "µs", _cpus(takes), C, Bar("<=", limit, of_ratio=True))
    yield _figure(what, "µs", _cpus(takes), REDIS_PY, None)


def _figure(what: str, unit: str, taken: Mapping[str, Sequence[float]], peer: str, bar: Bar | None) -> Figure:
    medians = {subject: statistics.median(found) for subject, found in taken.items()}
    return Figure(what, unit, medians[HEALER], medians[peer], peer, bar, rounds=taken[HEALER])


def _rates(takes: Takes) -> dict[str, list[float]]:
    return {subject: [take.rate for take in found] for subject, found in takes.items()}


def _cpus(takes: Takes) -> dict[str, list[float]]:
    return {subject: [take.cpu_us for take in found] for subject, found in takes.items()}
