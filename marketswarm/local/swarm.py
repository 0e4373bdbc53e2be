"""The swarm: two private servers, the seeded truth, and the services as processes of their own."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketswarm import names
from marketswarm.errors import BadTruthError, MarketSwarmError
from marketswarm.local.child import Child
from marketswarm.local.processes import Process, Say
from marketswarm.local.python import same_python
from marketswarm.local.servers import Servers, private_servers
from marketswarm.truth import parse

SEED_SEC = 30.0
_WATCHERS = (names.HEALER, names.SENTINEL)
_SYSTEMDS = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"})
_BUSES = frozenset({names.ENV_TRUTH_REDIS_URL, names.ENV_TRUTH_REDIS_KEY, names.ENV_REDIS_CREDENTIALS})


@dataclass(frozen=True, slots=True)
class Swarm:
    """Servers that answer, and services that start() starts."""

    servers: Servers
    processes: Mapping[str, Process]
    environ: Mapping[str, str]
    truth_file: Path

    async def start(self) -> None:
        """Seed the truth, then start the watchers, then the watched.

        Raises BadTruthError for a truth that the seed refuses, MarketSwarmError where it fails otherwise.
        """
        await self._seed()
        first = [name for name in _WATCHERS if name in self.processes]
        for name in (*first, *(name for name in self.processes if name not in first)):
            await self.processes[name].start()

    async def stop(self) -> None:
        """Stop all services at once."""
        await asyncio.gather(*(process.stop() for process in self.processes.values()))

    def process(self, service: str) -> Process:
        """Find a service's process. Raises MarketSwarmError with the names that there are."""
        try:
            return self.processes[service]
        except KeyError:
            raise MarketSwarmError(
                f"{service or 'no name'}: not a service of this swarm; there are {', '.join(self.processes)}"
            ) from None

    async def _seed(self) -> None:
        said: deque[str] = deque(maxlen=100)
        command = (*same_python(), "-m", "marketswarm", "seed", "--truth", str(self.truth_file))
        child = await Child.spawn(command, self.environ, said.append)
        try:
            async with asyncio.timeout(SEED_SEC):
                returncode = await child.wait()
        except TimeoutError:
            raise MarketSwarmError(f"seed: not done after {SEED_SEC:g} s; its last line: {_last(said)}") from None
        finally:
            await child.end(0.0)
        if returncode == BadTruthError.exit_code:
            raise BadTruthError(tuple(said))
        if returncode:
            raise MarketSwarmError(f"seed: failed with exit status {returncode}; its last line: {_last(said)}")


@asynccontextmanager
async def private_swarm(
    truth_raw: bytes,
    *,
    services: Sequence[str],
    environ: Mapping[str, str],
    say: Say,
    server_args: Sequence[str] = (),
) -> AsyncIterator[Swarm]:
    """Prepare a swarm of its own; all of it ends with the context, however that is left, and leaves no file.

    ``services`` are the names of those to run, ``say`` hears each line that they write, ``environ`` is the caller's.
    Raises BusUnreachableError where no server can be had.
    """
    with _temporary(truth_raw) as truth_file:
        truth = parse(truth_raw)
        own = child_environ(environ, {})  # what says otherwise of the caller's buses says nothing of these
        async with private_servers(own, truth_file.parent, truth, server_args=server_args) as servers:
            inner = child_environ(own, servers.environ())
            run = (*same_python(), "-m", "marketswarm", "run")
            processes = {name: Process(name, (*run, name), inner, say) for name in services}
            swarm = Swarm(servers, processes, inner, truth_file)
            try:
                yield swarm
            finally:
                await swarm.stop()


def child_environ(environ: Mapping[str, str], buses: Mapping[str, str]) -> dict[str, str]:
    """Take out of an environment what leads to other buses or to systemd, and put in where ``buses`` are."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _SYSTEMDS | _BUSES and not name.endswith(names.ENV_REDIS_URL)
    }
    return {**kept, **buses, "PYTHONUNBUFFERED": "1"}


@contextmanager
def _temporary(truth_raw: bytes) -> Iterator[Path]:
    """Keep the truth in a file, in a directory that goes when the context is left."""
    with tempfile.TemporaryDirectory(prefix="marketswarm-") as directory:
        truth_file = Path(directory, "truth.json")
        truth_file.write_bytes(truth_raw)
        yield truth_file


def _last(said: Sequence[str]) -> str:
    return said[-1] if said else "none"
