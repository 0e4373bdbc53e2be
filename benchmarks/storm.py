"""Ten thousand services die in one moment: how soon all are told of, and how many messages people see.

People see the mass_miss, and each heartbeat_miss that is not of its group; programs hear of every service.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.alerts import Alerts
from benchmarks.figures import Bar, Figure
from benchmarks.lab import Lab
from benchmarks.plan import Plan, say
from benchmarks.program import Program, options
from benchmarks.subjects import HEALER, PATIENCE_SEC, Terms, command, unheard

SERVICES = 10_000
TERMS = Terms(1, 3)
ROUNDS = 3
PATIENCE_AFTER_SEC = 30.0
MASS = "mass_miss"
LINGER_SEC = 1.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of one: ``last_ms`` from the last deadline to the last miss."""

    last_ms: float
    for_people: int
    wrong: int


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    storms = []
    for round_ in range(plan.rounds):
        say(f"storm: {SERVICES:,} services die, round {round_ + 1} of {plan.rounds}")
        storms.append(_storm(lab))
    what = f"{SERVICES:,} die at once"
    last = [storm.last_ms for storm in storms]
    yield Figure(f"{what}: last miss after the last deadline", "ms", statistics.median(last), bar=Bar("<", 250))
    people = max(storms, key=lambda storm: abs(storm.for_people - 1)).for_people
    yield Figure(f"{what}: what people see, worst round", "messages", people, bar=Bar("==", 1))
    wrong = max(storm.wrong for storm in storms)
    yield Figure(f"{what}: early, double and untold misses, worst round", "of them", wrong, bar=Bar("==", 0))


def _storm(lab: Lab) -> Storm:
    with Program(*command(lab, HEALER, SERVICES, TERMS)) as healer, Alerts(lab.port) as alerts:
        healer.expect("ready", PATIENCE_SEC)
        rounds = options(port=lab.port, services=SERVICES, rounds=ROUNDS, interval=round(TERMS.interval_sec * 1000))
        with Program(str(lab.publisher), "rounds", *rounds) as publisher:
            publisher.expect("warm", PATIENCE_SEC)
            publisher.go()
            told = [publisher.result(PATIENCE_SEC) for _ in range(SERVICES)]
            unheard(publisher.result(PATIENCE_SEC))
        alerts.until(lambda: len(alerts.misses) == SERVICES, TERMS.timeout_sec + PATIENCE_AFTER_SEC)
        alerts.until(lambda: False, LINGER_SEC)
        if healer.ended:
            healer.line(0)
    deadlines = {service["svc"]: service["last"] + TERMS.timeout_sec for service in told}
    early = sum(at < deadlines[service] for service, at in alerts.misses.items())
    last = max(alerts.misses.values(), default=float("inf"))
    return Storm(
        last_ms=(last - max(deadlines.values())) * 1000,
        for_people=alerts.alone + sum(alert["type"] == MASS for alert in alerts.others),
        wrong=early + alerts.again + SERVICES - len(alerts.misses),
    )
