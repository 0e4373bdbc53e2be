"""Carries alerts to one target: reads the log, asks the ledger what to tell when, and settles what came of it.

Nothing here waits for another target, and no detector waits for anything here.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError, NoGroupError
from marketswarm.messages import MISSES, decode_alert, encode, subject
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.ledger import Ledger
from marketswarm.notices.letters import DeadLetter, TargetState
from marketswarm.notices.message import Message, Outcome, Result
from marketswarm.notices.policy import Policy
from marketswarm.notices.silences import Pauses
from marketswarm.notices.wording import Words
from marketswarm.outbox import Outbox
from marketswarm.pacing import Backoff
from marketswarm.services.notifying.office import Office

RETRY_BASE_SEC: Final = 1.0
RETRY_CAP_SEC: Final = 60.0
GRACE_SEC: Final = 0.7
"""How long a delivery that is under way may go on when the process is told to stop, within the two seconds it has."""
Send = Callable[[Message], Awaitable[Outcome]]
_log = logging.getLogger(__name__)


class Courier:
    """One target's courier, for one time on duty. ``send`` never raises, and ends within the target's own timeout."""

    def __init__(
        self, target: str, bus: Bus, send: Send, office: Office, *, policy: Policy, words: Words, clock: Clock
    ) -> None:
        self.target = target
        self._bus = bus
        self._send = send
        self._office = office
        self._policy = policy
        self._words = words
        self._clock = clock
        self._outbox = Outbox(bus, target, office.watcher)
        self._ledger = Ledger(policy)
        self._sending: tuple[str, ...] = ()
        self._backoff = Backoff(random.random, RETRY_BASE_SEC, RETRY_CAP_SEC)
        self._retry_at = 0.0
        """When to try again, on the monotonic clock."""
        self._letters: list[DeadLetter] = []
        """What was refused for good, and is not stored yet."""
        self._state = TargetState()
        self._kept_state: TargetState | None = None
        self.blind = False
        """Whether the log of alerts could not be read when last looked at."""

    async def begin(self, known: Collection[str]) -> None:
        """Take over what was left undone, by whomever; ``known`` are the services that are watched. Raises as Bus."""
        await self._outbox.open()
        recalled = await self._outbox.recall()
        now = self._clock.wall()
        self._ledger = Ledger(self._policy, recalled.incidents, recalled.sending)
        self._ledger.pauses = await self._pauses()
        self._ledger.leave(known)
        for entry, event in recalled.pending:
            self._ledger.take(entry, event, now)
        self._sending, self._state = recalled.sending, recalled.state
        if recalled.lost:
            _log.error(
                "%s: %d alert(s) fell out of the log before it could be told of them", self.target, recalled.lost
            )
        if self._ledger.waiting:
            _log.info("%s: %d alert(s) of before are to be told yet", self.target, self._ledger.waiting)

    async def turn(self, unstored: Sequence[bytes]) -> None:
        """Do what there is to do now. ``unstored`` are alerts that the bus does not take: they go out from memory."""
        await self._read(unstored)
        self._ledger.step(self._clock.wall())
        due = self._ledger.waiting and self._clock.monotonic() >= self._retry_at
        if due and await self._office.may_begin():
            await self._whole()
        await self._settle()

    def wait_sec(self) -> float:
        """Seconds until there may be something to do without a new alert; infinity where there is nothing."""
        if self._ledger.waiting:
            return max(0.0, self._retry_at - self._clock.monotonic())
        now = self._clock.wall()
        return max(0.0, self._ledger.next_at(now) - now)

    @property
    def holds_back(self) -> bool:
        """Whether something is held back that a person may set free at any time."""
        return self._ledger.held > 0

    async def _read(self, unstored: Sequence[bytes]) -> None:
        try:
            try:
                await self._read_all()
            except NoGroupError:
                _log.warning("%s: the bus has lost what it held of it; every alert that it has now is new", self.target)
                await self._outbox.open("0")
                self._ledger.keep_all()
                await self._read_all()
            self.blind = False
        except (BusUnreachableError, BusRefusedError):
            self.blind = True
        for event in unstored:
            self._ledger.take("", event, self._clock.wall())

    async def _read_all(self) -> None:
        self._ledger.pauses = await self._pauses()
        while entries := await self._outbox.take():
            for entry, event in entries:
                self._ledger.take(entry, event, self._clock.wall())
            await asyncio.sleep(0)

    async def _pauses(self) -> Pauses:
        return Pauses.read(await self._bus.fields(names.SILENCES), await self._bus.fields(names.ACKS))

    async def _whole(self) -> None:
        """Deliver, and see it settled also where this process is told to stop meanwhile: else it would go out twice."""
        delivery = asyncio.create_task(self._deliver())
        try:
            await asyncio.shield(delivery)
        except asyncio.CancelledError:
            await asyncio.wait({delivery}, timeout=GRACE_SEC)
            delivery.cancel()
            await asyncio.wait({delivery})
            raise

    async def _deliver(self) -> None:
        batch = await self._fresh(self._ledger.batch(self._sending))
        if not batch:  # reminders, and nobody to ask whether they still hold
            self._retry_at = self._clock.monotonic() + RETRY_BASE_SEC
            return
        keys = tuple(item.key for item in batch)
        if keys != self._sending:
            # Whoever comes after this process tries the same message again, under the same key.
            self._sending = keys
            await self._settle(force=True)
        outcome = await self._send(self._words.message(batch, self._ledger.down(), self._clock.wall()))
        if not await self._office.confirm():
            return  # this process was stopped meanwhile: the other watcher has taken it over, and its books are right
        if outcome.result is Result.TRANSIENT:
            self._failed(outcome)
        else:
            self._backoff.reset()
            self._sending = ()
            self._ledger.told(batch, self._clock.wall())
            if outcome.result is Result.PERMANENT:
                self._refused(batch, outcome)
            else:
                self._delivered(batch, outcome)
            await self._settle(force=True)

    async def _fresh(self, batch: tuple[Item, ...]) -> tuple[Item, ...]:
        """Look once more before reminding anybody: a recovery that was never recorded is told instead."""
        reminders = [item for item in batch if item.kind is Kind.REMINDER and isinstance(item.alert, MISSES)]
        if not reminders:
            return batch
        try:
            health = await self._bus.health(subject(item.alert) for item in reminders)
        except (BusUnreachableError, BusRefusedError):
            return tuple(item for item in batch if item not in reminders)
        now = self._clock.wall()
        for item in reminders:
            raw = health.get(subject(item.alert), b"")
            if isinstance(decode_alert(raw), MISSES):
                continue
            if raw:
                self._ledger.take("", raw, now)
            else:  # nobody knows: later
                self._ledger.told([item], now)
        return self._ledger.batch(self._sending)

    def _failed(self, outcome: Outcome) -> None:
        delay_sec = max(self._backoff.next_sec(), outcome.retry_after_sec or 0.0)
        self._retry_at = self._clock.monotonic() + delay_sec
        if self._state.says != outcome.says or not self._state.failing:
            _log.warning("%s: not delivered (%s); it is tried again until it is", self.target, outcome.says)
        failing = self._state.failing or self._clock.wall()
        self._state = msgspec.structs.replace(self._state, failing=failing, says=outcome.says)

    def _refused(self, batch: Sequence[Item], outcome: Outcome) -> None:
        if self._state.says != outcome.says:
            _log.error("%s: refused for good (%s); see: marketswarm alerts --undelivered", self.target, outcome.says)
        failing = self._state.failing or self._clock.wall()
        self._state = msgspec.structs.replace(self._state, failing=failing, says=outcome.says)
        self._letters += [
            DeadLetter(
                target=self.target,
                kind=item.kind,
                key=item.key,
                event=item.event.decode(),
                why=outcome.says,
                opened=encode(item.opened).decode() if item.opened else "",
            )
            for item in batch
            if item.kind is not Kind.REMINDER
        ]

    def _delivered(self, batch: Sequence[Item], outcome: Outcome) -> None:
        now = self._clock.wall()
        if self._state.failing:
            _log.info("%s: delivers again after %.0f s", self.target, now - self._state.failing)
        _log.info("%s: told %d thing(s) (%s)", self.target, len(batch), outcome.says)
        self._state = msgspec.structs.replace(self._state, delivered=now, failing=0.0, says=outcome.says)

    async def _settle(self, *, force: bool = False) -> None:
        """Have the bus hold what was decided; where it does not take that, it is for the next time."""
        if not self._office.held:
            return
        changes = self._ledger.changes()
        self._state = msgspec.structs.replace(self._state, waiting=self._ledger.waiting, held=self._ledger.held)
        if not (changes or force or self._letters or self._state != self._kept_state):
            return
        try:
            sending = (*self._sending, *self._ledger.unsettled())
            await self._outbox.settle(changes, sending, self._letters, self._state)
        except (BusUnreachableError, BusRefusedError) as error:
            self._ledger.put_back(changes)
            _log.debug("%s: not settled: %s", self.target, error)
        else:
            self._kept_state = self._state
            self._letters.clear()
