"""The judge of one bus: hears its services, and convicts one only after making sure that it is not deaf itself."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable

from marketswarm import host, names
from marketswarm.bus import Bus, client_name
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.firehose import Beats, Firehose, Oddities
from marketswarm.liveness import Detector, Silence, State, Terms, Transition
from marketswarm.pacing import until_tick
from marketswarm.services.watching.causes import Causes
from marketswarm.services.watching.findings import Finding, Legacy, Recalled, Reports, Target, Verdicts
from marketswarm.services.watching.groups import Groups
from marketswarm.services.watching.leases import Leases
from marketswarm.services.watching.oddities import OddityLog
from marketswarm.services.watching.stalls import Stalls
from marketswarm.services.watching.standings import Standings

RETRY_SEC = 0.25
STALE_SEC = 0.25
"""Evidence that has waited longer for the rest is asked for again."""
QUIET_SEC = 1.0
"""A subscription that has brought nothing for so long is asked whether it still hears."""
LOSS_SEC = 10.0
"""A loss is known later than it began, by less than this."""
RETURN_SEC = 1.0
"""How long after a bus's return what it brings may be old: senders give a beat up after as long."""
TOLD = 500
"""How many are convicted in one go: of a crowd the first are stored while the others are still judged."""
_log = logging.getLogger(__name__)


class Judge:
    """Watches the services that beat on one bus. ``tried`` is set once that bus was heard, or found lost."""

    def __init__(
        self,
        bus: Bus,
        targets: Iterable[Target],
        *,
        watcher: str,
        clock: Clock,
        verdicts: Verdicts,
        pace_sec: float,
        mark: Callable[[], None],
        recalled: Recalled,
        before: Legacy | None = None,
    ) -> None:
        """``mark`` is called at each turn; ``before`` is of who judged this bus until the truth changed."""
        self.tried = asyncio.Event()
        self._bus = bus
        self._bus.loud = False  # the subscription tells of a loss, and does so once
        self._clock = clock
        self._verdicts = verdicts
        self._pace_sec = pace_sec
        self._mark = mark
        self._lost_at: float | None = None
        self._ask_all = False
        self._wake = asyncio.Event()
        self._channels: dict[bytes, int] = {}
        self.detector = Detector(self._enrol(targets), clock.monotonic(), host=host.name())
        self.detector.freeze()  # until the subscription stands
        self._causes = Causes(bus, self.detector)
        self._groups = Groups(bus.name, self.detector, verdicts)
        self._standings = Standings(self.detector, self._groups.flaps)
        self._oddities = OddityLog(self.detector.services)
        self._leases = Leases(bus, self.detector)
        self._stalls = Stalls(clock, (terms.interval_sec for terms in self.detector.kinds), pace_sec)
        self._late_since: float | None = None
        self._asking = False
        self._crowd = asyncio.Lock()
        self._recall(recalled, before)
        self._firehose = Firehose(
            self._bus.address,
            self._channels,
            self.detector.services,
            client_name=client_name(watcher),
            canary=names.canary_channel(watcher),
            publish=self._bus.publish,
            on_beats=self._hear,
            on_live=self._live,
            on_lost=self._lost,
            chance=random.random,
        )

    async def run(self) -> None:
        """Listen and judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._firehose.run())
            while True:
                now = self._clock.monotonic()
                self._notice_stall(now)
                self._mark()
                self._turn(now)
                if suspects := self.detector.due(now):
                    # A task of its own: waiting for a bus that hangs must not hold up the other deadlines.
                    group.create_task(self._judge(suspects))
                await self._until(self.detector.next_deadline())

    def report(self, to: Reports) -> None:
        """Tell how each service stands: a part of all of them at each call, and those of whom something has changed."""
        self._standings.report(to)

    async def certain(self, rows: Iterable[int]) -> bool:
        """Take in all that the bus knows of these; whether the silence of who is silent even then is their own."""
        hears, told = await asyncio.gather(self._firehose.verify(), self._ask(rows))
        return hears and told and self._late_since is None

    def legacy(self) -> Legacy:
        """What the next judge of this bus goes on with."""
        return Legacy(self.detector.known(), self._groups.flapping(), self._lost_at)

    def _enrol(self, targets: Iterable[Target]) -> Iterable[tuple[str, Terms]]:
        for row, target in enumerate(targets):
            self._channels[target.channel.encode()] = row
            yield target.service, target.terms

    def _recall(self, recalled: Recalled, before: Legacy | None) -> None:
        for row, service in enumerate(self.detector.services):
            if service in recalled.missed:
                self.detector.recall_missed(row)
            if service in recalled.tallies:
                self.detector.numbers.recall(row, recalled.tallies[service])
        flapping = recalled.flapping | (before.flapping if before else frozenset())
        self._groups.recall(recalled.missed, flapping, self._clock.monotonic())
        if before:
            self.detector.inherit(before.known)
            self._lost_at = before.lost_at
            if before.lost_at is not None:
                self._late_since = before.lost_at - LOSS_SEC

    def _turn(self, now: float) -> None:
        """Do what is to be done from time to time."""
        if self._ask_all:
            self._ask_all = False
            self._group.create_task(self._ask(range(len(self.detector.services))))
        quiet_sec = now - self._firehose.heard_at
        if quiet_sec >= QUIET_SEC and not self._asking:
            self._asking = True
            self._group.create_task(self._make_sure())
        self._standings.changed(self._groups.turn(now))
        for row in self.detector.numbers.calm(now, lambda row: 2 * self.detector.terms(row).silence_sec):
            _log.info("%s: one process beats under this name again", self.detector.services[row])

    async def _until(self, deadline: float | None) -> None:
        self._wake.clear()
        now = self._clock.monotonic()
        self._notice_stall(now)
        wait_sec = until_tick(now, self._pace_sec)
        if deadline is not None:
            wait_sec = min(wait_sec, max(0.0, deadline - now))
        self._stalls.plan(now, wait_sec)
        try:
            async with asyncio.timeout(wait_sec):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _notice_stall(self, now: float) -> None:
        """Find out that this process, or the whole machine, was stopped for a while.

        What is read from now on may have waited, and nobody is judged by what happened meanwhile.
        """
        if stood_sec := self._stalls.notice(now):
            text = "%s: this process stood still for %.1f s; what it missed is read first"
            _log.warning(text, self._bus.name, stood_sec)
            self._late_since = self._stalls.turned_at if self._late_since is None else self._late_since
            self.detector.spare(now)
            self._group.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        """Read what has waited; from then on a beat is as old as its arrival."""
        if await self._firehose.verify():
            self._trust()
            self._ask_all = True
            self._wake.set()

    async def _make_sure(self) -> None:
        """Find out whether a subscription that is quiet still hears; the firehose tells if not."""
        try:
            await self._firehose.verify()
        finally:
            self._asking = False

    async def _judge(self, suspects: list[int]) -> None:
        """Convict those of whom the bus knows nothing newer; where it cannot be asked, judge later."""
        began = self._clock.monotonic()
        hears, told, causes = await asyncio.gather(
            self._firehose.verify(), self._ask(suspects), self._causes.look(suspects)
        )
        now = self._clock.monotonic()
        self._notice_stall(now)
        if hears and told and now - began > STALE_SEC:
            began, told = now, await self._ask(suspects)
            now = self._clock.monotonic()
        if not (hears and told) or self._late_since is not None:
            for row in suspects:
                self.detector.postpone(row, now + RETRY_SEC)
            self._wake.set()
            return
        # One after the other: the first to come asks for all, and tells of all.
        async with self._crowd:
            if silence := self._mass_silence(self._clock.monotonic()):
                # Before so many are convicted, the bus is asked about all of them, not just about those who are due.
                await self._ask(set(silence.rows).difference(suspects))
                silence = self._mass_silence(self._clock.monotonic())
        for first in range(0, len(suspects), TOLD):
            self._convict(suspects[first : first + TOLD], began, silence, causes)
            await asyncio.sleep(0)
        self._wake.set()  # whom new evidence has spared has another deadline

    def _convict(self, suspects: list[int], asked: float, silence: Silence | None, causes: set[str]) -> None:
        """Convict and tell in one go: a beat that comes in between would end a miss that nobody was told of."""
        now = self._clock.monotonic()
        missed = [miss for row in suspects if (miss := self.detector.convict(row, now, asked=asked))]
        if missed and silence and not self._groups.storming(now):
            self._groups.begin(silence, now, self._clock.wall())
        for miss in missed:
            reason = self._causes.of(miss.row, causes)
            self._tell(Finding(miss, reason, self._groups.of_miss(miss, now)))

    def _mass_silence(self, now: float) -> Silence | None:
        """Who is silent, where that is most of the bus's services and nobody was told of it yet."""
        return None if self._groups.storming(now) else self.detector.silence(now)

    async def _ask(self, rows: Iterable[int]) -> bool:
        """Take in what the leases say; False where the bus does not tell."""
        try:
            async for unheard in self._leases.unheard(rows):
                now = self._clock.monotonic()
                for row, beat, age_sec, dated in unheard:
                    late_since = self._late_since if dated else float("-inf")
                    if transition := self.detector.evidence(row, beat, now - age_sec, now, late_since):
                        self._returned(transition, now)
                self._tell_news()
        except (BusUnreachableError, BusRefusedError):
            return False
        return True

    def _hear(self, beats: Beats, oddities: Oddities) -> None:
        now = self._clock.monotonic()
        if self._stalls.overdue(now):
            self._notice_stall(now)
        for transition in self.detector.hear(beats, now, late_since=self._late_since):
            self._returned(transition, now)
        if self.detector.numbers.news:
            self._tell_news()
        self._oddities.take(oddities, now)

    def _returned(self, transition: Transition, now: float) -> None:
        group = self._groups.of_return(transition.row, now) if transition.old is State.MISSED else ""
        self._tell(Finding(transition, group=group))
        self._wake.set()  # its deadline may be nearer than what is waited for

    def _tell(self, finding: Finding) -> None:
        self._standings.changed((finding.transition.row,))
        self._verdicts.turned(finding)

    def _tell_news(self) -> None:
        news, self.detector.numbers.news = self.detector.numbers.news, []
        for row, event in news:
            self._verdicts.happened(self.detector.services[row], event, self.detector.numbers.tally(row))

    def _live(self) -> None:
        now = self._clock.monotonic()
        if self._lost_at is not None:
            self._verdicts.bus_ok(self._bus.name, now - self._lost_at)
        if self._late_since is not None:
            asyncio.get_running_loop().call_later(RETURN_SEC, self._trust)
        if self.tried.is_set():
            self._verdicts.bus_again(self._bus.name)
        if self._lost_at is not None or not self.tried.is_set():
            self.detector.thaw(now)
        self._lost_at = None
        self._ask_all = True
        self._wake.set()
        self.tried.set()

    def _trust(self) -> None:
        """What is heard from now on is new: all that had waited was read, or carried out by the bus.

        Whose clock went back meanwhile has seemed older than it is, so each has a warm-up to be heard once more.
        """
        if self._lost_at is None and self._late_since is not None:
            self._late_since = None
            self.detector.spare(self._clock.monotonic())

    def _lost(self, reason: str) -> None:
        self.detector.freeze()
        self.tried.set()
        if self._late_since is None:
            self._late_since = self._clock.monotonic() - LOSS_SEC
        if self._lost_at is None:  # else it was told, before the truth changed
            self._lost_at = self._clock.monotonic()
            self._verdicts.bus_lost(self._bus.name, reason)
