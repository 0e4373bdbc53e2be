"""The work of vexy_ai."""

import asyncio
from typing import Final

from marketswarm import host, names
from marketswarm.backlog import Backlog
from marketswarm.bus import Bus, client_name
from marketswarm.daemon import Daemon
from marketswarm.handlers import Context, open_handler
from marketswarm.patience import until_taken
from marketswarm.services.vexy_ai.bench import Bench
from marketswarm.services.vexy_ai.hand import Hand
from marketswarm.services.vexy_ai.membership import Membership
from marketswarm.services.vexy_ai.memory import BusMemory
from marketswarm.services.vexy_ai.recovery import Recovery
from marketswarm.services.vexy_ai.store import Store
from marketswarm.services.vexy_ai.worker import Worker

PATIENCE_SEC: Final = 1.0
"""How much longer than RSS_BLOCK_MS an answer with items may take."""


async def work(daemon: Daemon) -> None:
    """Work through the queue that the truth names."""
    settings = daemon.settings.working
    source, results = daemon.truth.items_from(), daemon.truth.insights_to()
    section = daemon.truth.section(names.VEXY_AI)
    bus = daemon.bus(source.bus)
    consumer = settings.consumer or f"{host.name()}-{daemon.name}"
    backlog = Backlog(bus, settings.stream or source.key, settings.group, consumer)
    membership = Membership(backlog, daemon.clock, daemon.position.timeout_sec)
    patience_sec = settings.block_ms / 1000 + PATIENCE_SEC
    name = client_name(daemon.name)
    reader = Bus(bus.name, bus.address, client_name=name, loud=False, timeout_sec=patience_sec)
    context = Context(daemon.settings, BusMemory(bus), section.work.timeout_sec)
    async with open_handler(section.work.handler, context) as handle:
        bench = Bench(handle, section.work, daemon.clock, consumer)
        hand = Hand(section.work.batch)
        store = Store(backlog, hand, results.key, section.stream.maxlen)
        recovery = Recovery(
            backlog,
            bench,
            hand,
            store,
            daemon.clock,
            max_deliveries=section.work.max_deliveries,
            renew_sec=membership.renew_sec,
        )
        daemon.status("waiting for the queue")
        # The lease first: whoever has none is taken for dead.
        await until_taken(membership.renew)
        await until_taken(backlog.open)
        await until_taken(recovery.begin)
        worker = Worker(
            daemon=daemon, backlog=backlog, reader=reader, bench=bench, hand=hand, store=store, recovery=recovery
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(membership.keep())
                group.create_task(store.run())
                group.create_task(recovery.run())
                group.create_task(worker.run())
        finally:
            await reader.close()
            await membership.leave()
