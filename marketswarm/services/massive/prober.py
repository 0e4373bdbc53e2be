"""Probes each target in its turn, keeps what came of it, and has people told where a target fails or is back."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from marketswarm import names
from marketswarm.daemon import Daemon
from marketswarm.errors import ProbesFailedError
from marketswarm.messages import DROPPED, Alert, ProbeFailed, ProbeOk
from marketswarm.patience import until_taken
from marketswarm.probebook import ProbeBook
from marketswarm.probing.result import Result
from marketswarm.probing.standing import Standing, Turn
from marketswarm.services.massive.diary import Diary
from marketswarm.services.massive.methods import Methods
from marketswarm.services.massive.targets import Kind, Target

AT_ONCE: Final = 32
"""How many targets are probed at a time: each has a deadline, so that one that hangs gives its place back."""
API_PAUSE_SEC: Final = 12.0
"""The market API is not asked sooner again, over restarts as well: the free tier allows five requests a minute."""
_NAMED: Final = 3
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Memory:
    """What is known of the targets beyond one truth: how each stands, by its name, and when it is probed next."""

    standings: dict[str, Standing] = field(default_factory=dict)
    due: dict[Target, float] = field(default_factory=dict)
    """On the monotonic clock; a target of which something has changed is another."""


class Prober:
    """The targets of one truth."""

    def __init__(
        self,
        daemon: Daemon,
        targets: Sequence[Target],
        *,
        memory: Memory,
        methods: Methods,
        book: ProbeBook,
        announce: Callable[[Alert], None],
    ) -> None:
        self._daemon = daemon
        self._clock = daemon.clock
        self._chance = random.random
        self._targets = targets
        self._standings = memory.standings
        self._due = {target: memory.due[target] for target in targets if target in memory.due}
        memory.due = self._due
        self._methods = methods
        self._book = book
        self._diary = Diary(book)
        self._announce = announce
        self._places = asyncio.Semaphore(AT_ONCE)

    def recall(self, told: Mapping[str, ProbeFailed]) -> None:
        """Take over from the process before this one which targets fail, and ``told`` so."""
        for name, alert in told.items():
            self._standings.setdefault(name, Standing(alert.fails, alert.since, told=True))

    async def insist(self) -> None:
        """Probe every target on the network before anything else. Raises ProbesFailedError where one fails."""
        targets = [target for target in self._targets if target.kind is Kind.NETWORK]
        results = await asyncio.gather(*(self._find(target) for target in targets))
        bad = [
            f"{target.name} fails at {result.step}: {result.reason}"
            for target, result in zip(targets, results, strict=True)
            if result.bad
        ]
        if bad:
            why = f"{names.ENV_NET_PROBE_STRICT} is set, so {self._daemon.name} does not start"
            raise ProbesFailedError(f"{'; '.join(bad)}; {why}")
        for target, result in zip(targets, results, strict=True):
            self._take(target, result)
            self._due[target] = self._clock.monotonic() + target.interval_sec

    async def run(self) -> None:
        """Probe until cancelled."""
        self._drop_others()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._diary.run([target.name for target in self._targets]))
            group.create_task(self._daemon.report(self._says))
            for target in self._targets:
                attend = self._attend if target.kind is Kind.NETWORK else self._attend_market
                group.create_task(attend(target))
            while True:
                self._daemon.progress.mark()
                await self._daemon.pause()

    async def _attend(self, target: Target) -> None:
        """Probe a target each time that it is due; where a probe took longer than the interval, at once."""
        due = self._due
        due.setdefault(target, self._clock.monotonic() + self._spread_sec(target))
        while True:
            await asyncio.sleep(due[target] - self._clock.monotonic())
            self._take(target, await self._find(target))
            due[target] = max(due[target] + target.interval_sec, self._clock.monotonic())

    async def _attend_market(self, target: Target) -> None:
        """Probe the market API each time that it is due, and never sooner than it may be: restarts count too."""
        if target not in self._due:
            before = (await until_taken(self._book.latest)).get(target.name)
            wait_sec = allowed_at(before) - self._clock.wall() if before else 0.0
            # What was kept by a clock that has been set back since must not hold it up.
            wait_sec = API_PAUSE_SEC if before and before.ts > self._clock.wall() else wait_sec
            self._due[target] = self._clock.monotonic() + max(self._spread_sec(target), wait_sec)
        while True:
            await asyncio.sleep(self._due[target] - self._clock.monotonic())
            # Before it is asked: a new truth may cut this off, and the next life must not ask at once.
            self._due[target] = self._clock.monotonic() + target.interval_sec
            result = await self._find(target)
            self._take(target, result)
            wait_sec = allowed_at(result) - self._clock.wall()
            self._due[target] = max(self._due[target], self._clock.monotonic() + wait_sec)

    async def _find(self, target: Target) -> Result:
        async with self._places:
            return await self._methods.probe(target)

    def _take(self, target: Target, found: Result) -> None:
        """Take in what came of a probe."""
        before = self._standings.get(target.name, Standing())
        after, turn = before.after(ok=found.ok, ts=found.ts, limit=target.fails)
        self._standings[target.name] = after
        result = replace(
            found, fails=after.fails, since=after.since, failed=after.told, interval_sec=target.interval_sec
        )
        self._diary.write(target.name, result)
        if turn is Turn.FAILED:
            who, step, ts = self._daemon.name, str(found.step), self._now()
            self._announce(ProbeFailed(who, target.name, step, found.reason, after.fails, ts, after.since))
        elif turn is Turn.OK:
            lasted_sec = round(found.ts - before.since, 3)
            self._announce(ProbeOk(self._daemon.name, target.name, lasted_sec, self._now()))
        elif found.bad and not before.fails:
            _log.warning("%s: fails at %s: %s", target.name, found.step, found.reason)

    def _drop_others(self) -> None:
        """Say of targets that failed and are probed no more that nobody knows of them any longer."""
        for name in self._standings.keys() - {target.name for target in self._targets}:
            standing = self._standings.pop(name)
            if standing.told:
                lasted_sec = round(self._clock.wall() - standing.since, 3)
                self._announce(ProbeOk(self._daemon.name, name, lasted_sec, self._now(), reason=DROPPED))

    def _spread_sec(self, target: Target) -> float:
        return 0.0 if self._daemon.settings.probing.on_start else target.interval_sec * self._chance()

    def _says(self) -> str:
        failed = [target.name for target in self._targets if self._standings.get(target.name, Standing()).told]
        named = ", ".join(failed[:_NAMED]) + ", ..." * (len(failed) > _NAMED)
        return f"{len(self._targets)} target(s), {len(failed)} failed" + (f": {named}" if failed else "")

    def _now(self) -> int:
        return int(self._clock.wall())


def allowed_at(result: Result) -> float:
    """When the market API may be asked again after this result at the soonest, in seconds since the epoch."""
    return 0.0 if result.ok is None else max(result.ts + API_PAUSE_SEC, result.again_at)
