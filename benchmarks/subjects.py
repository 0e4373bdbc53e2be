"""Who hears the beats: the C program, redis-py, and healer's path; and one measured run of any of them."""

import sys
from dataclasses import dataclass
from typing import Any

from benchmarks.lab import HERE, Lab, pin
from benchmarks.program import Program, RunError, options

PATIENCE_SEC = 180.0
C = "C"
REDIS_PY = "redis-py"
HEALER = "healer"
SUBJECT_CPU = 0
PUBLISHER_CPU = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What a subject took: beats a second from the first to the last, and its CPU time for each."""

    rate: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Terms:
    """How often the services beat, and how long they may be silent."""

    interval_sec: float
    timeout_sec: float


@dataclass(frozen=True, slots=True)
class Run:
    """Who hears how many beats of how many services.

    Of paced beats most of the cost is being woken, four times as much where the server runs on another CPU than the
    subject: ``pinned`` puts these two on one and the publisher on another, else chance decides from run to run. A burst
    costs the same either way.
    """

    subject: str
    services: int
    beats: int
    terms: Terms
    pinned: bool = False


def command(lab: Lab, subject: str, services: int, terms: Terms, **more: int) -> list[str]:
    """The words that start a subject; only healer judges by terms."""
    common = options(port=lab.port, services=services, **more)
    if subject == C:
        return [str(lab.subscriber), *common]
    if subject == REDIS_PY:
        return [sys.executable, str(HERE / "redis_py_path.py"), *common]
    judging = options(timeout_sec=terms.timeout_sec, interval_sec=terms.interval_sec)
    return [sys.executable, str(HERE / "healer_path.py"), *common, *judging]


def run(lab: Lab, run_: Run, *how: str) -> Heard:
    """Let a subject that has heard every service once hear beats that are published as the words ``how`` say."""
    hears = command(lab, run_.subject, run_.services, run_.terms, warm=run_.services, beats=run_.beats)
    beats = [*how, *options(port=lab.port, services=run_.services, beats=run_.beats)]
    with Program(*hears) as hearing:
        hearing.expect("ready", PATIENCE_SEC)
        with Program(str(lab.publisher), *beats) as publishing:
            publishing.expect("warm", PATIENCE_SEC)
            hearing.expect("warm", PATIENCE_SEC)
            if run_.pinned:
                pin(lab.server_pid, SUBJECT_CPU)
                pin(hearing.pid, SUBJECT_CPU)
                pin(publishing.pid, PUBLISHER_CPU)
            publishing.go()
            result = hearing.result(PATIENCE_SEC)
            unheard(publishing.result(PATIENCE_SEC))
    pin(lab.server_pid, None)
    return Heard(result["beats"] / (result["last"] - result["first"]), result["cpu_sec"] / result["beats"] * 1e6)


def unheard(published: dict[str, Any]) -> None:
    """Raise RunError where beats reached nobody: the subject had lost its subscription."""
    if published["unheard"]:
        raise RunError(f"{published['unheard']} of {published['published']} beats reached no subscriber")
