"""What probing takes, put together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.daemon import Daemon
from marketswarm.messages import ProbeFailed, decode_alert
from marketswarm.patience import until_taken
from marketswarm.probebook import ProbeBook
from marketswarm.services.massive.methods import Methods
from marketswarm.services.massive.prober import Memory, Prober
from marketswarm.services.massive.targets import Target
from marketswarm.services.watching.recorder import Recorder


@dataclass(slots=True)
class _Past:
    """What massive's life on one truth leaves to the next."""

    recorder: Recorder | None = None
    memory: Memory = field(default_factory=Memory)


async def probe(daemon: Daemon, targets: Sequence[Target]) -> None:
    """Probe these, for ever."""
    past = daemon.keep(_Past)
    first = past.recorder is None
    where, results = daemon.truth.alerts_to(daemon.settings.alert_channel), daemon.truth.results_to()
    system = daemon.bus(names.SYSTEM_BUS)
    recorder = past.recorder = Recorder(system, daemon.bus(where.bus), where.key, before=past.recorder)
    prober = Prober(
        daemon,
        targets,
        memory=past.memory,
        methods=Methods(daemon.settings.market.api_key, daemon.clock),
        book=ProbeBook(daemon.bus(results.bus), results.key),
        announce=recorder.announce,
    )
    if first:
        told = await until_taken(lambda: system.fields(names.PROBES_TOLD))
        alerts = {name: decode_alert(raw) for name, raw in told.items()}
        prober.recall({name: alert for name, alert in alerts.items() if isinstance(alert, ProbeFailed)})
        if daemon.settings.probing.on_start and daemon.settings.probing.strict:
            await prober.insist()
    daemon.started()
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        group.create_task(prober.run())
