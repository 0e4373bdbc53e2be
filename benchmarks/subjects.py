"""Who hears the beats: the C program, redis-py, and healer's path; and one measured run of any of them."""

import sys
from collections.abc import Sequence
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


def command(lab: Lab, subject: str, services: int, terms: Terms, **more: int) -> list[str]:
    """The words that start a subject; only healer judges by terms."""
    common = options(port=lab.port, services=services, **more)
    if subject == C:
        return [str(lab.subscriber), *common]
    if subject == REDIS_PY:
        return [sys.executable, str(HERE / "redis_py_path.py"), *common]
    judging = options(timeout_sec=terms.timeout_sec, interval_sec=terms.interval_sec)
    return [sys.executable, str(HERE / "healer_path.py"), *common, *judging]


def run(
    lab: Lab, subject: str, services: int, beats: int, how: Sequence[str], terms: Terms, *, pinned: bool = False
) -> Heard:
    """Let a subject that has heard every service once hear so many beats.

    Of paced beats most of the cost is being woken, four times as much where the server runs on another CPU than the
    subject: ``pinned`` puts these two on one and the publisher on another, else chance decides. A burst costs the same
    either way.
    """
    pin(lab.server_pid, SUBJECT_CPU if pinned else None)
    with Program(*command(lab, subject, services, terms, warm=services, beats=beats)) as hearing:
        hearing.expect("ready", PATIENCE_SEC)
        beating = [*how, *options(port=lab.port, services=services, beats=beats)]
        with Program(str(lab.publisher), *beating) as publishing:
            if pinned:
                pin(hearing.pid, SUBJECT_CPU)
                pin(publishing.pid, PUBLISHER_CPU)
            publishing.expect("warm", PATIENCE_SEC)
            hearing.expect("warm", PATIENCE_SEC)
            publishing.go()
            result = hearing.result(PATIENCE_SEC)
            unheard(publishing.result(PATIENCE_SEC))
    pin(lab.server_pid, None)
    return Heard(result["beats"] / (result["last"] - result["first"]), result["cpu_sec"] / result["beats"] * 1e6)


def unheard(published: dict[str, Any]) -> None:
    """Raise RunError where beats reached nobody: the subject had lost its subscription."""
    if published["unheard"]:
        raise RunError(f"{published['unheard']} of {published['published']} beats reached no subscriber")
