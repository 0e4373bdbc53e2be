"""The daemons as a host runs them: two private buses, the shipped truth, a notification socket for each."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.lab import HERE, redis_server
from benchmarks.program import Program, RunError

BIN = Path(sys.executable).parent
MARKETSWARM = str(BIN / "marketswarm")
TRUTH = HERE.parent / "etc" / "truth.json"
READY_SEC = 30.0
BARE = "bare"
_SLEEPER = """
import os, socket, time
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(600)
"""


@dataclass(frozen=True, slots=True)
class Swarm:
    """Seeded buses, as ``environ`` tells the daemons; ``directory`` is for their notification sockets."""

    environ: dict[str, str]
    directory: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def daemon(self, command: Sequence[str]) -> Iterator[tuple[Program, float]]:
        """Run a daemon; gives it when it has said READY=1, and how many milliseconds that took."""
        path = self.directory / f"notify-{next(self._numbers)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(READY_SEC)
            began = time.perf_counter()
            with Program(*command, environ={**self.environ, "NOTIFY_SOCKET": str(path)}) as program:
                _wait(manager, program)
                yield program, (time.perf_counter() - began) * 1000


def words(service: str) -> list[str]:
    """How to start a service; ``bare`` is an interpreter that sleeps."""
    return [sys.executable, "-c", _SLEEPER] if service == BARE else [MARKETSWARM, "run", service]


@contextlib.contextmanager
def seeded(truth: Path = TRUTH) -> Iterator[Swarm]:
    """Serve both buses and seed them."""
    with (
        tempfile.TemporaryDirectory(prefix="swarm-") as name,
        redis_server(Path(name)) as (system, _),
        redis_server(Path(name)) as (market, _),
    ):
        environ = {key: value for key, value in os.environ.items() if not key.endswith("REDIS_URL")}
        environ["SYSTEM_REDIS_URL"] = f"redis://127.0.0.1:{system}"
        environ["MARKET_REDIS_URL"] = f"redis://127.0.0.1:{market}"
        seed = [str(BIN / "marketswarm-seed"), "--truth", str(truth)]
        found = subprocess.run(seed, env=environ, capture_output=True, text=True, check=False)
        if found.returncode:
            raise RunError(f"marketswarm-seed: {found.stderr.strip()}")
        yield Swarm(environ, Path(name))


def _wait(manager: socket.socket, program: Program) -> None:
    try:
        while b"READY=1" not in manager.recv(4096):
            pass
    except TimeoutError:
        tail = "\n".join(program.told().splitlines()[-5:])
        raise RunError(f"{program.name}: not ready within {READY_SEC:g} s\n{tail}") from None
