"""``marketswarm demo``: the swarm plays its runbook with second-scale timing and says whether every alert came."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TextIO

from marketswarm import names
from marketswarm.errors import MarketSwarmError
from marketswarm.inspection import InspectedBus
from marketswarm.local.console import Console
from marketswarm.local.play import Play
from marketswarm.local.retime import INTERVAL_SEC, TIMEOUT_SEC, retime
from marketswarm.local.runbook import RUNBOOK, passed
from marketswarm.local.signals import until_signalled
from marketswarm.local.swarm import Swarm, private_swarm
from marketswarm.term import Paint

INTERRUPTED = 130
"""The exit status of a play that Ctrl-C ended, as shells give it: 128 and SIGINT's number."""
_OUTSIDE = (
    "WEBHOOK_",
    "SMTP_",
    "DEADMAN_",
    names.ENV_NOTIFY_URLS,
    names.ENV_RATE_LIMIT_SEC,
    names.ENV_CREDENTIALS_DIRECTORY,
)
_OVERRIDES = frozenset({names.ENV_HB_INTERVAL_SEC, names.ENV_HEALER_HEARTBEAT_CHANNEL, names.ENV_SENTINEL_TIMEOUT_SEC})


async def demo(
    truth_raw: bytes,
    *,
    services: Sequence[str],
    environ: Mapping[str, str],
    paint: Paint,
    out: TextIO,
    verbose: bool = False,
    server_args: Sequence[str] = (),
) -> int:
    """Play RUNBOOK on a private swarm; returns 0 only if each alert came, in order, and none beside them.

    ``verbose`` shows what the services say meanwhile; ``server_args`` are further arguments for the two servers.
    Raises MarketSwarmError where the swarm cannot be had.
    """
    missing = {act.service for act in RUNBOOK} - set(services)
    if missing:
        raise MarketSwarmError(f"demo: needs {', '.join(sorted(missing))} in truth; add them, or use the default truth")
    console = Console(services, paint, out)
    swarm = private_swarm(
        retime(truth_raw),
        services=services,
        environ=demo_environ(environ),
        say=console.say if verbose else _keep_quiet,
        server_args=server_args,
    )
    return await until_signalled(_demo(swarm, console), then=INTERRUPTED)


def demo_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what would send a demonstration's alerts to people, and what would win over the truth's timing."""
    return {name: value for name, value in environ.items() if not name.startswith(_OUTSIDE) and name not in _OVERRIDES}


async def _demo(preparing: AbstractAsyncContextManager[Swarm], console: Console) -> int:
    began = time.monotonic()
    async with preparing as swarm:
        servers = swarm.servers
        title = f"MarketSwarm demo: {len(swarm.processes)} services over two private servers"
        console.write(console.paint(title, "bold"))
        console.write(f"  {servers.label}: " + ", ".join(f"{s.bus} {s.address}" for s in servers.by_bus.values()))
        healer_sec = 3 * INTERVAL_SEC
        console.write(
            f"  a beat each {INTERVAL_SEC:g} s, dark after {TIMEOUT_SEC:g} s without (healer: {healer_sec:g} s)"
        )
        console.write()
        await swarm.start()
        system = servers.by_bus[names.SYSTEM_BUS]
        bus = InspectedBus(system.bus, system.address, client_name="marketswarm-demo")
        try:
            outcomes = await Play(swarm, bus, console, began).run()
        finally:
            await bus.close()
    return 0 if passed(outcomes) else 1


def _keep_quiet(_name: str, _line: str) -> None:
    """Show nothing; a Process keeps its last lines by itself."""
