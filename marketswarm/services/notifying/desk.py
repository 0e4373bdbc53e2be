"""One watcher's desk: it has a courier for each target while it is on duty, passes on, and answers commands."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from marketswarm import host, names, notifier, settings
from marketswarm.bus import Bus, client_name
from marketswarm.daemon import Daemon, own_position
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.notices.channels import Channel
from marketswarm.notices.message import Message, Outcome
from marketswarm.notices.policy import Policy
from marketswarm.notices.wording import Words, test_message
from marketswarm.services.notifying.bell import PATIENCE_SEC, RUNG_BY, ring
from marketswarm.services.notifying.courier import Courier, Send
from marketswarm.services.notifying.deadman import Deadman
from marketswarm.services.notifying.office import Office
from marketswarm.services.notifying.proof import Proofs
from marketswarm.services.notifying.relay import Passed, Relay
from marketswarm.truth import maintenance_until

GATHER_SEC: Final = 0.3
"""How long the first of several alerts waits for the others, to become one message with them."""
LEASE_CAP_SEC: Final = 15.0
HAND_OVER_SEC: Final = 5.0
"""How long healer waits for its office, at most, while a message of sentinel's is under way."""
IDLE_SEC: Final = 60.0
AGAIN_SEC: Final = 5.0
_log = logging.getLogger(__name__)


class Desk:
    """Tells people what its watcher, and who else writes to the alert log, announces.

    healer is on duty whenever it can be, sentinel while healer is down: so nothing is told by both, and what one of
    them has not got rid of, the other one does.
    """

    def __init__(
        self, daemon: Daemon, unstored: Callable[[], Sequence[bytes]], healer_down: Callable[[], bool] | None
    ) -> None:
        """``unstored`` are the watcher's alerts that the bus has not taken; ``healer_down`` is for sentinel to say."""
        self._daemon = daemon
        self._unstored = unstored
        self._healer_down = healer_down
        self._bus = daemon.bus(names.SYSTEM_BUS)
        self._outward = daemon.settings.outward
        self._sends = {channel.name: self._send_to(channel) for channel in self._outward.channels}
        telling = daemon.truth.telling()
        self._telling = telling
        self._words = Words(
            lambda ts: datetime.fromtimestamp(ts).astimezone(),
            sender=f"{daemon.name}@{host.name()}",
            texts=telling.texts,
            runbooks=telling.runbooks,
        )
        healer = own_position(names.HEALER, daemon.truth, daemon.settings)
        # By the time that healer is missed its lease has run out.
        self._lease_sec = min(LEASE_CAP_SEC, healer.timeout_sec / 2)
        self._office = Office(self._bus, daemon.name, daemon.clock, lease_sec=self._lease_sec)
        self._proofs = Proofs(self._bus, self._sends, self._words, watcher=daemon.name)
        where = daemon.truth.alerts_to(daemon.settings.alert_channel)
        self._relay = Relay(self._bus, daemon.bus(where.bus), where.key, daemon.clock, daemon.keep(Passed))
        self._news = {target: asyncio.Event() for target in self._sends}
        self._asked = asyncio.Event()
        self._at_work = {target: asyncio.Lock() for target in self._sends}
        """Held while a courier works."""

    async def run(self) -> None:
        """Work until cancelled. What goes wrong here is logged and begun anew: the detector must not end with it."""
        self._say()
        while True:
            work = asyncio.create_task(self._work())
            try:
                await asyncio.wait({work})
            finally:
                work.cancel()
                await asyncio.wait({work})
            _log.error("telling people failed, which is a bug; it begins anew", exc_info=work.exception())
            await asyncio.sleep(AGAIN_SEC)

    def _say(self) -> None:
        if self._sends:
            _log.info("tells %s", ", ".join(self._sends))
        elif self._healer_down is None:
            _log.info("nobody is told of alerts but who reads the bus; set one of %s", ", ".join(names.TARGET_ENV))

    async def _work(self) -> None:
        address = self._bus.address
        name = client_name(self._daemon.name)
        await self._forget_targets()
        bell = Bus(names.SYSTEM_BUS, address, client_name=name, loud=False, timeout_sec=PATIENCE_SEC)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ring(bell, RUNG_BY, self._ring))
                group.create_task(self._answer())
                group.create_task(self._relay.run())
                if self._sends:
                    group.create_task(self._keep_office())
                for target in self._sends:
                    group.create_task(self._tell(target))
                if self._healer_down and self._outward.deadman:
                    group.create_task(self._deadman(self._outward.deadman, self._healer_down))
        finally:
            await bell.close()

    def _send_to(self, channel: Channel) -> Send:
        async def send(message: Message) -> Outcome:
            return await notifier.deliver(channel, message, settings.inherited())

        return send

    def _ring(self) -> None:
        self._wake()
        self._asked.set()
        self._relay.ring()

    def _wake(self) -> None:
        """Have every courier look at what there is to do."""
        for news in self._news.values():
            news.set()

    async def _keep_office(self) -> None:
        while True:
            before = self._office.held
            if self._healer_down and not self._healer_down():
                await self._hand_over()
            elif not self._office.fresh:
                await self._office.take()
            if self._office.held is not before:
                _log.info("on duty: tells people" if self._office.held else "off duty: healer tells people")
            # Of a bus that is away no bell rings: what it does not take has to go out from memory.
            if self._office.held is not before or self._unstored():
                self._wake()
            await self._daemon.pause()

    async def _hand_over(self) -> None:
        """Leave the office to healer; what is under way is seen to its end first, or healer would tell it again."""
        self._office.closing = await self._office.confirm()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(HAND_OVER_SEC, self._lease_sec / 3)):
                for at_work in self._at_work.values():
                    async with at_work:
                        pass
        await self._office.leave()

    async def _forget_targets(self) -> None:
        """Take targets that are no longer set out of what doctor looks at."""
        own = f"{self._daemon.name} "
        with contextlib.suppress(BusUnreachableError, BusRefusedError):
            kept = await self._bus.fields(names.NOTIFY_STATE)
            gone = [name for name in kept if name.startswith(own) and name.split()[1] not in self._sends]
            await self._bus.drop_fields(names.NOTIFY_STATE, gone)

    async def _tell(self, target: str) -> None:
        courier: Courier | None = None
        news = self._news[target]
        while True:
            news.clear()
            if not self._office.held:
                courier = None
                await news.wait()
            elif courier is None:
                courier = await self._begin(target)
            else:
                async with self._at_work[target]:
                    await courier.turn(self._unstored())
                await self._pause(courier, news)

    async def _begin(self, target: str) -> Courier | None:
        """Put a courier on the way; None, after a while, where the bus does not let it begin."""
        policy = Policy(
            rate_limit_sec=self._outward.rate_limit_sec,
            remind_sec=self._telling.remind_sec,
            delay_sec=self._telling.delays.get(target, 0.0),
            maintained_until=lambda about, now: maintenance_until(self._telling.windows, about, now, None),
        )
        courier = Courier(
            target,
            self._bus,
            self._sends[target],
            self._office,
            policy=policy,
            words=self._words,
            clock=self._daemon.clock,
        )
        try:
            await courier.begin(self._known())
        except (BusUnreachableError, BusRefusedError) as error:
            _log.debug("%s: %s", target, error)
            await self._daemon.pause()
            return None
        return courier

    def _known(self) -> set[str]:
        truth = self._daemon.truth
        return {*truth.services, *(at.service for at in truth.watched()), names.HEALER}

    async def _pause(self, courier: Courier, news: asyncio.Event) -> None:
        """Wait for news, or for what the courier waits for; a person may set free at any time what is held back."""
        wait_sec = min(courier.wait_sec(), IDLE_SEC)
        if courier.blind or courier.holds_back:
            wait_sec = min(wait_sec, max(self._daemon.pace_sec, GATHER_SEC))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_sec):
                await news.wait()
            await asyncio.sleep(GATHER_SEC)

    async def _answer(self) -> None:
        while True:
            self._asked.clear()
            await self._proofs.turn(on_duty=self._office.held)
            await self._asked.wait()

    async def _deadman(self, channel: Channel, healer_down: Callable[[], bool]) -> None:
        ping = partial(self._send_to(channel), test_message("deadman", self._words.sender))
        deadman = Deadman(self._bus, ping, self._daemon.clock, healer_beats=lambda: not healer_down())
        await deadman.run(self._outward.deadman_sec)
