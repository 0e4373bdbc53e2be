"""Plays the runbook on a swarm that runs, and shows each alert as it comes."""

import time
from collections.abc import Iterable

from marketswarm import messages, names
from marketswarm.inspection import InspectedBus
from marketswarm.local.console import Console
from marketswarm.local.runbook import RUNBOOK, Act, Outcome, figure, passed, summary, table
from marketswarm.local.swarm import Swarm
from marketswarm.messages import Alert

READY_SEC = 15.0
"""How long the services may take until each is known to be well."""
PATIENCE_SEC = 10.0
"""How long an act waits for its alert."""
SETTLE_SEC = 0.5
"""How long an act looks for alerts that nobody awaits, once its own has come."""
_READ_SEC = 0.25


class Play:
    """One play of RUNBOOK. ``bus`` is the one that holds the alert log; times are shown since ``began`` (monotonic)."""

    def __init__(self, swarm: Swarm, bus: InspectedBus, console: Console, began: float) -> None:
        self._swarm = swarm
        self._bus = bus
        self._console = console
        self._paint = console.paint
        self._read_to = "0"
        self._began = began

    async def run(self) -> list[Outcome]:
        """Play all acts, up to the first whose alert does not come; ends with a table and a line that sums up."""
        outcomes: list[Outcome] = []
        if await self._all_well():
            for act in RUNBOOK:
                outcomes.append(await self._play(act))
                if outcomes[-1].alert is None:
                    self._show_tails([act.service, act.watcher])
                    break
        self._console.write()
        for line in table(outcomes):
            self._console.write(f"  {line}")
        self._console.write()
        line = summary(outcomes, time.monotonic() - self._began)
        self._console.write(self._paint(line, "bold green" if passed(outcomes) else "bold red"))
        return outcomes

    async def _all_well(self) -> bool:
        """Wait until healer and sentinel know of every service that it is well; alerts up to then are the start's."""
        deadline = time.monotonic() + READY_SEC
        while unwell := await self._unwell():
            for alert in await self._read(_READ_SEC):
                self._show(alert, "dim", "the start, before the first act: ")
            if time.monotonic() >= deadline:
                self._tell(self._paint(f"not known to be well after {READY_SEC:g} s: {', '.join(unwell)}", "bold red"))
                self._show_tails([*unwell, names.HEALER])
                return False
        await self._read(_READ_SEC)
        self._tell(self._paint(f"all {len(self._swarm.processes)} services beat", "green"))
        return True

    async def _unwell(self) -> list[str]:
        health = await self._bus.health(self._swarm.processes)
        return [name for name in self._swarm.processes if not _is_ok(health.get(name))]

    async def _play(self, act: Act) -> Outcome:
        self._console.write()
        self._tell(self._paint(str(act), "bold"))
        began = time.monotonic()
        await self._do(act)
        alert, after_sec, beside = None, 0.0, 0
        deadline = began + PATIENCE_SEC
        while (left_sec := deadline - time.monotonic()) > 0:
            for found in await self._read(min(left_sec, _READ_SEC)):
                if alert is None and act.awaits(found):
                    alert, after_sec = found, time.monotonic() - began
                    deadline = time.monotonic() + SETTLE_SEC
                    self._show(found, "bold red" if isinstance(found, messages.MISSES) else "bold green")
                else:
                    beside += 1
                    self._show(found, "yellow", "nobody awaits this one: ")
        if alert is None:
            self._tell(self._paint(f"no {act.awaited} {act.service} within {PATIENCE_SEC:g} s", "bold red"))
        return Outcome(act, alert, after_sec, beside)

    async def _do(self, act: Act) -> None:
        process = self._swarm.process(act.service)
        await {"stop": process.stop, "start": process.start, "kill": process.kill}[act.verb]()

    async def _read(self, wait_sec: float) -> list[Alert | None]:
        """Read the alerts that came since the last call, waiting for the first; None is one of an unknown type."""
        entries = await self._bus.tail(names.ALERT_LOG, self._read_to, block_ms=max(1, round(1000 * wait_sec)))
        if entries:
            self._read_to = entries[-1][0]
        return [messages.decode_alert(raw) for _, raw in entries]

    def _show(self, alert: Alert | None, style: str, remark: str = "") -> None:
        if alert is None:
            self._tell(f"    {self._paint(remark + 'an alert of an unknown type', style)}")
            return
        name = f"{messages.kind(alert):<14}  {messages.subject(alert):<8}"
        self._tell(f"    {self._paint(remark + name, style)}  {figure(alert)}".rstrip())

    def _show_tails(self, services: Iterable[str]) -> None:
        for name in dict.fromkeys(services):
            tail = self._swarm.process(name).tail
            self._console.write()
            self._console.write(f"The last lines of {name}:" if tail else f"{name} said nothing.")
            for line in tail:
                self._console.write(self._paint(f"  {line}", "dim"))

    def _tell(self, line: str) -> None:
        self._console.write(f"{self._paint(f'{time.monotonic() - self._began:5.1f} s', 'dim')}  {line}")


def _is_ok(health: bytes | None) -> bool:
    alert = messages.decode_alert(health) if health else None
    return alert is not None and not isinstance(alert, messages.MISSES)
