"""``marketswarm up``: the swarm in the foreground, until Ctrl-C."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from marketswarm import names
from marketswarm.errors import MarketSwarmError
from marketswarm.local.console import Console
from marketswarm.local.control import listening, serve, socket_path
from marketswarm.local.signals import until_signalled
from marketswarm.local.swarm import Swarm, private_swarm
from marketswarm.local.waiting import first_of
from marketswarm.term import Paint

VERBS = ("start", "stop", "kill", "ps")


async def up(
    truth_raw: bytes, *, services: Sequence[str], environ: Mapping[str, str], paint: Paint, out: TextIO
) -> int:
    """Run ``services`` over two private servers until SIGINT, SIGTERM or SIGHUP; returns the exit status.

    ``environ`` is the caller's environment. Raises MarketSwarmError where another ``up`` of this user runs, no server
    can be had, the truth is refused, or a server ends.
    """
    return await until_signalled(_up(truth_raw, services, environ, Console(services, paint, out)), then=0)


async def answer(swarm: Swarm, verb: str, service: str) -> str:
    """Do what another terminal asks for and say so. Raises MarketSwarmError for an unknown verb or service."""
    if verb == "ps":
        return "\n".join(_status_lines(swarm))
    if verb not in VERBS:
        raise MarketSwarmError(f"{verb}: not a verb of `marketswarm up`; there are {', '.join(VERBS)}")
    process = swarm.process(service)
    if verb == "start":
        await process.start()
        return f"{service} is started."
    await (process.stop() if verb == "stop" else process.kill())
    return f"{service} is down; bring it back: marketswarm up start {service}"


async def _up(truth_raw: bytes, services: Sequence[str], environ: Mapping[str, str], console: Console) -> int:
    with listening(socket_path(environ)) as listener:
        async with (
            private_swarm(truth_raw, services=services, environ=environ, say=console.say) as swarm,
            serve(listener, lambda verb, service: answer(swarm, verb, service)),
        ):
            try:
                for line in _banner(swarm, console.paint):
                    console.write(line)
                await swarm.start()
                await first_of(swarm.servers.ended(), console.closed.wait())
            except asyncio.CancelledError:
                console.write(console.paint("Stopping all of it.", "bold"))
                raise
    return 0


def _banner(swarm: Swarm, paint: Paint) -> Iterator[str]:
    servers = swarm.servers
    some = next((name for name in swarm.processes if name not in (names.HEALER, names.SENTINEL)), names.HEALER)
    yield paint(f"MarketSwarm: {len(swarm.processes)} services over two private servers", "bold")
    yield f"  {servers.label}"
    for bus, server in servers.by_bus.items():
        yield f"  {bus}  {server.address}"
    yield ""
    yield "In a second terminal, to look (marketswarm status, marketswarm alerts --follow):"
    yield "  export " + " ".join(f"{variable}={url}" for variable, url in servers.environ().items())
    yield "and to play the runbook by hand (start, stop, kill, ps):"
    yield f"  marketswarm up stop {some}"
    yield f"  marketswarm up start {some}"
    yield paint("Ctrl-C stops all of it.", "bold")
    yield ""


def _status_lines(swarm: Swarm) -> Iterator[str]:
    width = max(map(len, swarm.processes), default=0)
    for name, process in swarm.processes.items():
        pid = f"pid {process.pid}" if process.pid else ""
        yield f"{name:<{width}}  {process.state:<10}  {pid}".rstrip()
