"""How long after its true deadline a dead service is announced, at 10,000 beats a second.

The true deadline is the moment at which the service's last beat was handed to the kernel, plus its timeout; the end is
the miss at a listener on healer:alerts. Up to 100,000 services all of them beat in turn, and a timeout is a turn and a
half, at least 2 s. At a million a turn would take 100 s, and the run many minutes. There a million are watched, 20,000
of them beat every 2 s with a timeout of 4 s, and the others have an hour: the detector looks at 5,000 deadlines a
second, about as many as if all beat with a timeout of 200 s.

Once more at 100,000 with a webhook that takes each message and never answers: telling people must not delay detecting.

Deaths begin when the monitor has settled: it has heard everyone, and the deadlines that all had from its start on have
passed, and it has had the time to store how everyone stands.
"""

import json
import socket
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.alerts import Alerts
from benchmarks.figures import Bar, Figure
from benchmarks.lab import Lab
from benchmarks.plan import Plan, say
from benchmarks.program import Program, RunError, options
from benchmarks.subjects import HEALER, PATIENCE_SEC, Terms, command, unheard

RATE = 10_000
GRACE_SEC = 1.5
"""How long is waited for a miss after its deadline."""
LEAST_TIMEOUT_SEC = 2.0
SETTLE_SEC = 2.0
"""And as long again for each 100,000 services."""


@dataclass(frozen=True, slots=True)
class Case:
    """So many watched, of whom ``ring`` beat; deaths come one by one. ``bars`` are of p99 and maximum, in ms.

    ``hanging``: people are told, by a target that hangs.
    """

    services: int
    ring: int
    deaths: int
    every_ms: int
    bars: tuple[float | None, float | None] = (None, None)
    hanging: bool = False

    @property
    def where(self) -> str:
        """What a figure's row says of it."""
        return f"{self.services:,} services{', target hangs' if self.hanging else ''}"

    @property
    def terms(self) -> Terms:
        """Of those that beat."""
        turn_sec = self.ring / RATE
        if self.ring < self.services:
            return Terms(turn_sec, 2 * turn_sec)
        return Terms(turn_sec, max(1.5 * turn_sec, LEAST_TIMEOUT_SEC))


CASES = (
    Case(100, 100, 40, 400),
    Case(1_000, 1_000, 200, 80),
    Case(10_000, 10_000, 1000, 20),
    Case(100_000, 100_000, 1000, 20, (5, 60)),
    Case(100_000, 100_000, 1000, 20, (5, 60), hanging=True),
    Case(1_000_000, 20_000, 1000, 20, (100, None)),
)


def measure(lab: Lab, plan: Plan) -> Iterator[Figure]:
    """Give the figures."""
    for case in CASES:
        say(f"overshoot: {case.where}, {case.deaths} of them die")
        yield from _figures(case, *_watch_them_die(lab, case, 0.25 if plan.quick else 1))


def _figures(case: Case, late_ms: list[float], wrong: int) -> Iterator[Figure]:
    where = case.where
    p99, most = (Bar("<", limit) if limit else None for limit in case.bars)
    yield Figure(f"overshoot, {where}, median", "ms", statistics.median(late_ms))
    yield Figure(f"overshoot, {where}, p99", "ms", _quantile(late_ms, 0.99), bar=p99)
    yield Figure(f"overshoot, {where}, most", "ms", max(late_ms), bar=most)
    yield Figure(f"early, false, double and untold misses, {where}", "of them", wrong, bar=Bar("==", 0))


def _watch_them_die(lab: Lab, case: Case, share: float) -> tuple[list[float], int]:
    """Milliseconds from deadline to miss, and how many misses were wrong or did not come."""
    deaths = round(case.deaths * share)
    turn_sec, timeout_sec = case.terms.interval_sec, case.terms.timeout_sec
    settle_sec = turn_sec + timeout_sec + SETTLE_SEC * (1 + case.services / 100_000)
    lasts_sec = settle_sec + deaths * case.every_ms / 1000 + timeout_sec + GRACE_SEC
    dying = options(kills=deaths, kill_every=case.every_ms, kill_after=round(settle_sec * 1000))
    beating = options(port=lab.port, services=case.ring, rate=RATE, beats=round(lasts_sec * RATE))
    words = command(lab, HEALER, case.ring, case.terms, others=case.services - case.ring)
    # The kernel takes connections and what is sent on them; nobody accepts any.
    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        Program(
            *words, *(["--webhook", f"http://127.0.0.1:{target.getsockname()[1]}"] if case.hanging else [])
        ) as healer,
        Alerts(lab.port) as alerts,
    ):
        healer.expect("ready", PATIENCE_SEC)
        with Program(str(lab.publisher), "paced", *beating, *dying) as publisher:
            publisher.expect("warm", PATIENCE_SEC)
            publisher.go()
            # Whatever comes after the publisher's end is right: then all are silent.
            alerts.until(lambda: publisher.ended, lasts_sec + PATIENCE_SEC)
            if healer.ended:
                healer.line(0)
            said = [json.loads(line) for line in publisher.said()]
    if not said or "published" not in said[-1]:
        raise RunError("the publisher ended early")
    unheard(said.pop())
    deadlines = {told["svc"]: told["last"] + timeout_sec for told in said}
    late_ms = [(alerts.misses[svc] - at) * 1000 for svc, at in deadlines.items() if svc in alerts.misses]
    untold = len(deadlines) - len(late_ms)
    false = len(alerts.misses.keys() - deadlines.keys())
    early = sum(late < 0 for late in late_ms)
    if not late_ms:
        raise RunError(f"none of {deaths} deaths was told of; alerts that came: {alerts.others[:3]}")
    return late_ms, untold + false + early + alerts.again


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
