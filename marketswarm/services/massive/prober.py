"""Probes each target in its turn, keeps what came of it, and has people told where a target fails or is back."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from marketswarm import names
from marketswarm.clock import steady
from marketswarm.daemon import Daemon
from marketswarm.errors import ProbesFailedError
from marketswarm.feeds.politeness import BUSY_CAP_SEC
from marketswarm.messages import DROPPED, Alert, ProbeFailed, ProbeOk
from marketswarm.patience import until_taken
from marketswarm.probebook import ProbeBook
from marketswarm.probing.market import Outcome
from marketswarm.probing.result import Result
from marketswarm.probing.standing import Standing, Turn
from marketswarm.services.massive.diary import Diary
from marketswarm.services.massive.methods import Methods
from marketswarm.services.massive.targets import Kind, Target
from marketswarm.services.massive.told import Told
from marketswarm.text import listed

AT_ONCE: Final = 32
"""How many targets are probed at a time: each has a deadline, so that one that hangs gives its place back."""
API_PAUSE_SEC: Final = 12.0
"""The market API is not asked sooner again, over restarts as well: the free tier allows five requests a minute."""
STALL_SEC: Final = 1.0
"""A probe has a deadline: one that took longer than that and this was not slow, but this process stood still."""
STOOD_STILL: Final = "this process stood still meanwhile, so nothing is known of it"
_NAMED: Final = 3
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Memory:
    """What is known of the targets beyond one truth, by their names, but for ``due``."""

    standings: dict[str, Standing] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    """When a target that fails began to, on the monotonic clock; of what a process before has told, that is unknown."""
    said: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """The step and the reason of those that fail, as they were logged."""
    due: dict[Target, float] = field(default_factory=dict)
    """When the next probe is, on the monotonic clock; a target of which something has changed is another."""
    told: Told = field(default_factory=Told)


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
        self._memory = memory
        memory.due = self._due = {target: memory.due[target] for target in targets if target in memory.due}
        self._methods = methods
        self._book = book
        self._diary = Diary(book)
        self._announce = announce
        self._places = asyncio.Semaphore(AT_ONCE)

    def recall(self, told: Mapping[str, ProbeFailed]) -> None:
        """Take over from the process before this one which targets fail, and ``told`` so."""
        self._memory.told.recall(told)
        for name, alert in told.items():
            self._memory.standings.setdefault(name, Standing(alert.fails, alert.since, told=True))

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
            self._daemon.started()
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
            self._due[target] = self._clock.monotonic() + max(self._spread_sec(target), await self._barred_sec(target))
        while True:
            await asyncio.sleep(self._due[target] - self._clock.monotonic())
            # Before it is asked: a new truth may cut this off, and the next life must not ask at once.
            self._due[target] = self._clock.monotonic() + target.interval_sec
            result = await self._find(target)
            self._take(target, result)
            wait_sec = wait_of(result, self._clock.wall())
            self._due[target] = max(self._due[target], self._clock.monotonic() + wait_sec)

    async def _barred_sec(self, target: Target) -> float:
        """For how long the market API may not be asked yet, by what the bus has kept, if that is there to tell."""
        try:
            async with asyncio.timeout(API_PAUSE_SEC):
                before = (await until_taken(self._book.latest)).get(target.name)
        except TimeoutError:
            return 0.0  # whoever asked before did so longer ago
        return wait_of(before, self._clock.wall()) if before else 0.0

    async def _find(self, target: Target) -> Result:
        """Probe a target; what a process that stood still meanwhile finds says nothing of it."""
        async with self._places:
            began = steady(self._clock)
            found = await self._methods.probe(target)
            stood_still = steady(self._clock) - began > target.timeout_sec + STALL_SEC
        if not (stood_still and found.bad):
            return found
        _log.warning("%s: this process stood still while it was probed", target.name)
        return replace(found, ok=None, step=None, reason=STOOD_STILL)

    def _take(self, target: Target, found: Result) -> None:
        """Take in what came of a probe."""
        memory, name = self._memory, target.name
        before = memory.standings.get(name, Standing())
        # That it was asked too often says nothing of what is wrong with it.
        unknown = before.fails and found.outcome == Outcome.THROTTLED
        after, turn = before.after(ok=None if unknown else found.ok, ts=found.ts, limit=target.fails)
        memory.standings[name] = after
        result = replace(
            found, fails=after.fails, since=after.since, failed=after.told, interval_sec=target.interval_sec
        )
        self._diary.write(name, result)
        if after.fails and not before.fails:
            memory.began[name] = self._clock.monotonic() - found.ms / 1000
        if turn is Turn.FAILED:
            who, step, ts = self._daemon.name, str(found.step), self._now()
            alert = ProbeFailed(who, name, step, found.reason, after.fails, ts, after.since)
            memory.told.failed(alert, self._announce)
        elif turn is Turn.OK:
            self._tell_end(name, before)
        self._log_change(name, after, found)

    def _log_change(self, name: str, after: Standing, found: Result) -> None:
        """Log what has changed about a target, where nothing is announced of that."""
        said = self._memory.said
        if not after.fails:
            if said.pop(name, None) is not None:
                _log.info("%s: works again", name)
        elif found.bad and said.get(name) != (found.step, found.reason):
            said[name] = (found.step, found.reason)
            _log.warning("%s: fails at %s: %s", name, found.step, found.reason)

    def _drop_others(self) -> None:
        """Say of targets that failed and are probed no more that nobody knows of them any longer."""
        standings = self._memory.standings
        for name in standings.keys() - {target.name for target in self._targets}:
            standing = standings.pop(name)
            self._memory.said.pop(name, None)
            if standing.told:
                self._tell_end(name, standing, DROPPED)

    def _tell_end(self, name: str, failed: Standing, reason: str = "") -> None:
        began = self._memory.began.pop(name, None)
        # Of what another process has found the wall clock alone tells, which may have been set since.
        lasted_sec = self._clock.monotonic() - began if began is not None else self._clock.wall() - failed.since
        end = ProbeOk(self._daemon.name, name, round(max(0.0, lasted_sec), 3), self._now(), reason)
        self._memory.told.ended(end, name, self._announce)

    def _spread_sec(self, target: Target) -> float:
        return 0.0 if self._daemon.settings.probing.on_start else target.interval_sec * self._chance()

    def _says(self) -> str:
        if not self._targets:
            return f"beating; nothing to probe (services.massive.probes, {names.ENV_NET_URL})"
        standings = self._memory.standings
        failed = [target.name for target in self._targets if standings.get(target.name, Standing()).told]
        which = f": {listed(failed, _NAMED)}" if failed else ""
        return f"{len(self._targets)} target(s), {len(failed)} failed{which}"

    def _now(self) -> int:
        return int(self._clock.wall())


def wait_of(result: Result, now: float) -> float:
    """For how many seconds the market API may not be asked after this result; ``now`` in seconds since the epoch."""
    if result.ok is None:
        return 0.0
    if result.ts > now:  # kept by a clock that has been set back since
        return API_PAUSE_SEC
    return min(max(result.ts + API_PAUSE_SEC, result.again_at) - now, BUSY_CAP_SEC)
