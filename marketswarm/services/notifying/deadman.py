"""A sign of life for somebody outside, given only while the whole chain works: DEADMAN_URL.

When it stays away, that somebody (healthchecks.io is one) tells people what nobody here can any more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.notices.letters import decode_state
from marketswarm.notices.message import Outcome, Result

FAILING_SEC: Final = 300.0
"""For how long a target may take nothing before the chain counts as broken."""
_log = logging.getLogger(__name__)


class Deadman:
    """Pings while healer beats, system-redis answers, somebody tells people, and every target takes what it is told."""

    def __init__(
        self, bus: Bus, ping: Callable[[], Awaitable[Outcome]], clock: Clock, healer_beats: Callable[[], bool]
    ) -> None:
        self._bus = bus
        self._ping = ping
        self._clock = clock
        self._healer_beats = healer_beats
        self._said = ""

    async def run(self, period_sec: float) -> None:
        """Ping once in ``period_sec`` while there is nothing to say against it, for ever."""
        while True:
            fault = await self.fault()
            if not fault:
                outcome = await self._ping()
                fault = "" if outcome.result is Result.DELIVERED else f"the ping failed: {outcome.says}"
            self._say(fault)
            await asyncio.sleep(period_sec)

    async def fault(self) -> str:
        """Say what is broken in the chain; empty where nothing is."""
        if not self._healer_beats():
            return "healer does not beat"
        try:
            states = await self._bus.fields(names.NOTIFY_STATE)
            (holder,) = await self._bus.ask([("GET", names.NOTIFY_LEASE)])
        except (BusUnreachableError, BusRefusedError) as error:
            return str(error)
        if not states:
            return ""
        if holder is None:
            return "nobody tells people: neither healer nor sentinel holds the lease"
        now = self._clock.wall()
        for name, raw in sorted(states.items()):
            state = decode_state(raw)
            watcher, _, target = name.partition(" ")
            if (
                watcher == holder.decode()
                and " " not in target
                and state
                and state.failing
                and now - state.failing > FAILING_SEC
            ):
                return f"{target} takes nothing: {state.says}"
        return ""

    def _say(self, fault: str) -> None:
        if fault and fault != self._said:
            _log.warning("%s is not pinged: %s", names.ENV_DEADMAN_URL, fault)
        elif self._said and not fault:
            _log.info("%s is pinged again", names.ENV_DEADMAN_URL)
        self._said = fault
