"""The work of massive: what probing takes, put together."""

import asyncio
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.alertlog import PROBE_ALERTS
from marketswarm.daemon import Daemon
from marketswarm.messages import ProbeFailed, decode_alert
from marketswarm.patience import until_taken
from marketswarm.probebook import ProbeBook
from marketswarm.services.massive.methods import Methods
from marketswarm.services.massive.prober import Memory, Prober
from marketswarm.services.massive.targets import targets_of
from marketswarm.services.watching.recorder import Recorder


@dataclass(slots=True)
class _Past:
    """What massive's life on one truth leaves to the next."""

    recorder: Recorder | None = None
    memory: Memory = field(default_factory=Memory)
    recalled: bool = False
    """Whether it was read what the process before this one has told."""
    insisted: bool = False
    """Whether the targets of the start were all reached, where they have to be."""


async def work(daemon: Daemon) -> None:
    """Probe what the truth and the environment name, for ever."""
    past, probing = daemon.keep(_Past), daemon.settings.probing
    results = daemon.truth.results_to()
    system = daemon.bus(names.SYSTEM_BUS)
    # Only healer and sentinel write alerts: they pass on what stands there, and publish it.
    recorder = past.recorder = Recorder(system, system, "", before=past.recorder, log=PROBE_ALERTS)
    prober = Prober(
        daemon,
        targets_of(daemon.truth, daemon.settings),
        memory=past.memory,
        methods=Methods(daemon.settings.market.api_key, daemon.clock),
        book=ProbeBook(daemon.bus(results.bus), results.key),
        announce=recorder.announce,
    )
    if not past.recalled:
        told = await until_taken(lambda: system.fields(names.PROBES_TOLD))
        alerts = {name: decode_alert(raw) for name, raw in told.items()}
        prober.recall({name: alert for name, alert in alerts.items() if isinstance(alert, ProbeFailed)})
        past.recalled = True
    if probing.strict and not past.insisted:
        await prober.insist()
        past.insisted = True
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        group.create_task(past.memory.told.keep(system, daemon.clock))
        group.create_task(prober.run())
