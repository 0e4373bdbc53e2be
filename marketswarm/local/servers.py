"""Two private Redis servers on loopback, which keep nothing and end with their owner."""

import asyncio
import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from marketswarm import names, settings
from marketswarm.address import Address
from marketswarm.errors import BusUnreachableError
from marketswarm.granting import Keeper
from marketswarm.local.child import Child
from marketswarm.local.python import same_python
from marketswarm.local.signals import how_it_ended
from marketswarm.local.waiting import first_of
from marketswarm.passwords import Passwords
from marketswarm.ports import listens
from marketswarm.truth import Truth

PREFERRED_PORTS = {names.SYSTEM_BUS: 16379, names.MARKET_BUS: 16380}
PROGRAMS = ("redis-server", "valkey-server")
START_SEC = 10.0
GRACE_SEC = 2.0
_RETRY_SEC = 0.02


@dataclass(frozen=True, slots=True)
class Program:
    """A server that this machine can run: what to call it, and its command line, to which the port is appended."""

    label: str
    argv: Sequence[str]
    has_users: bool = True
    """Whether it knows users and their rights."""

    def with_users(self, file: Path) -> "Program":
        """The same with the users of an ACL file, where it knows any."""
        return replace(self, argv=(*self.argv[:-1], "--aclfile", str(file), self.argv[-1])) if self.has_users else self


@dataclass(slots=True)
class Server:
    """One running server."""

    bus: str
    label: str
    address: Address
    child: Child
    tail: deque[str]

    @property
    def url(self) -> str:
        """The address as redis-cli's ``-u`` takes it."""
        return f"redis://{self.address}"

    async def answer(self) -> None:
        """Wait for its first PONG. Raises BusUnreachableError where it dies or stays silent for START_SEC.

        Another swarm's server, started on the same port a moment earlier, would answer for it.
        """
        try:
            async with asyncio.timeout(START_SEC):
                while not (listens(self.child.pid, self.address.port) and await _pongs(self.address)):
                    if self.child.returncode is not None:
                        await self.ended()
                    await asyncio.sleep(_RETRY_SEC)
        except TimeoutError:
            raise BusUnreachableError(
                f"{self.bus}: {self.label} did not answer within {START_SEC:g} s; its last line: {self._last_line()}"
            ) from None

    async def ended(self) -> NoReturn:
        """Wait until it ends, which nobody asked it to. Raises BusUnreachableError."""
        how = how_it_ended(await self.child.wait())
        raise BusUnreachableError(f"{self.bus}: {self.label} {how}; its last line: {self._last_line()}")

    def _last_line(self) -> str:
        return self.tail[-1] if self.tail else "none"


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a swarm, by bus."""

    label: str
    by_bus: Mapping[str, Server]
    passwords: Path | None = None
    """The folder with those of their users; None for servers that have none."""

    def environ(self) -> dict[str, str]:
        """The variables that lead a program to these servers, and give it its login there."""
        found = {names.bus_env(bus): server.url for bus, server in self.by_bus.items()}
        return found | ({names.ENV_REDIS_CREDENTIALS: str(self.passwords)} if self.passwords else {})

    async def ended(self) -> None:
        """Wait until one of them ends. Raises BusUnreachableError; what they held is gone, so nothing restarts them."""
        await first_of(*(server.ended() for server in self.by_bus.values()))


@asynccontextmanager
async def private_servers(
    environ: Mapping[str, str], directory: Path, truth: Truth, *, server_args: Sequence[str] = ()
) -> AsyncIterator[Servers]:
    """Run a server for each bus, ready to answer; they end with the context, however it is left.

    ``environ`` is the servers', and its PATH is where they are looked for. ``directory`` is what they may write to.
    Their users have the rights of this ``truth``; the embedded server has none. ``server_args`` are further arguments
    for redis-server or valkey-server. Raises BusUnreachableError.
    """
    program = await find_program(environ.get("PATH", os.defpath), directory, server_args=server_args)
    passwords, files = directory / "passwords", {bus: directory / f"{bus}.acl" for bus in PREFERRED_PORTS}
    if program.has_users:
        Keeper(settings.load(environ), Passwords(passwords), files).prepare([truth])
    async with AsyncExitStack() as stack:
        by_bus = {
            bus: await _serve(bus, program.with_users(files[bus]), preferred, environ, stack)
            for bus, preferred in PREFERRED_PORTS.items()
        }
        yield Servers(program.label, by_bus, passwords if program.has_users else None)


async def _serve(
    bus: str, program: Program, preferred: int, environ: Mapping[str, str], stack: AsyncExitStack
) -> Server:
    """Start a server that ends with ``stack``, and wait until it answers.

    Somebody else, a second swarm say, may take the port between the look at it and the start: then another is tried.
    """
    while True:
        (port,) = free_ports([preferred])
        tail: deque[str] = deque(maxlen=1)
        child = await Child.spawn((*program.argv, str(port)), environ, tail.append)
        stack.push_async_callback(child.end, GRACE_SEC)
        server = Server(bus, program.label, Address("127.0.0.1", port), child, tail)
        try:
            await server.answer()
        except BusUnreachableError:
            if port != preferred or free_ports([port]) == [port]:
                raise  # it was not for the port
        else:
            return server


async def find_program(
    path: str, directory: Path, *, server_args: Sequence[str] = (), embedded: bool | None = None
) -> Program:
    """Choose the server: one of PROGRAMS on ``path``, else the embedded one of the extra ``local``.

    ``embedded`` says whether that extra is there; None finds out. Raises BusUnreachableError where there is nothing.
    """
    for name in PROGRAMS:
        if found := shutil.which(name, path=path):
            options = (
                *("--bind", "127.0.0.1", "--dir", str(directory), "--daemonize", "no", "--loglevel", "warning"),
                *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
            )
            label = f"{name} {await _version(found)} ({found})"
            return Program(label, (found, *options, *server_args, "--port"))
    if embedded if embedded is not None else importlib.util.find_spec("fakeredis"):
        label = f"the embedded server (fakeredis {importlib.metadata.version('fakeredis')})"
        return Program(label, (*same_python(), "-m", "marketswarm.local.embedded"), has_users=False)
    raise BusUnreachableError(
        f"no Redis server: {' or '.join(PROGRAMS)} is not on PATH and there is no embedded one; "
        "apt install redis-server, or pip install 'marketswarm[local]'"
    )


def free_ports(preferred: Sequence[int]) -> list[int]:
    """Find a free port on loopback for each preferred one, which is taken where it is free."""
    # All are held until the last is found, so that none comes up twice.
    with ExitStack() as held:
        return [_bound(held.enter_context(socket.socket()), port) for port in preferred]


def _bound(listener: socket.socket, port: int) -> int:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    chosen: int = listener.getsockname()[1]
    return chosen


async def _version(program: str) -> str:
    """Ask for the version: "Redis server v=7.0.15 sha=..." says 7.0.15."""
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    found = re.search(r"v=(\S+)", output.decode(errors="replace"))
    return found[1] if found else "of unknown version"


async def _pongs(address: Address) -> bool:
    """Whether a PING is answered right now. By hand: the bus would log each attempt that comes too early."""
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    try:
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()
