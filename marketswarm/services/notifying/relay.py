"""Passes on what massive announces: out of its stream into the log of alerts, and to whoever listens.

massive may write neither of the two. healer and sentinel both pass on, at the same time and without a lease: for each
entry the bus tells one of them that it was the first.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from marketswarm import names
from marketswarm.alertlog import entries, fields_of
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import ProbeFailed, ProbeOk, decode_alert, encode
from marketswarm.pacing import RateLimit
from marketswarm.patience import until_taken, whole
from marketswarm.text import printable

BATCH: Final = 100
"""How many entries one script passes on: it blocks the bus for less than a millisecond."""
SAY_AGAIN_SEC: Final = 60.0
_LOOK_BACK: Final = 1000
_SHOWN: Final = 100
"""So much is shown of what is no alert of a probe."""
# XLEN is a question whether the log is a stream at all: if it is none, the script ends there, and what could not be
# appended is not taken out either. Once something was taken out, a bus whose memory is full lets the script go on.
_HAND_ON: Final = """
local from, log = KEYS[1], KEYS[2]
local field, maxlen, channel, mark, by = unpack(ARGV, 1, 5)
redis.call('XLEN', log)
local taken = {}
for i = 6, #ARGV, 2 do
  local entry, event = ARGV[i], ARGV[i + 1]
  if redis.call('XDEL', from, entry) == 1 then
    taken[#taken + 1] = entry
    if event ~= '' and channel ~= '' then
      redis.call('XADD', log, 'MAXLEN', '~', maxlen, '*', field, event)
      redis.call('PUBLISH', channel, event)
    elseif event ~= '' then
      redis.call('XADD', log, 'MAXLEN', '~', maxlen, '*', field, event, mark, by .. entry)
    end
  end
end
return taken
"""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Passed:
    """What this process has passed on, and has to publish on another bus: a new truth changes nothing about that."""

    unpublished: deque[bytes] = field(default_factory=deque)
    unsure: dict[str, bytes] = field(default_factory=dict)
    """By its entry, what this process may have passed on: the bus did not answer in time."""
    by: str = field(default_factory=lambda: f"{secrets.token_hex(8)}/")
    """With what it marks an entry as its own."""


class Relay:
    """One watcher's relay."""

    def __init__(self, bus: Bus, alert_bus: Bus, channel: str, clock: Clock, passed: Passed) -> None:
        """Alerts are published on ``channel`` of ``alert_bus``; ``bus`` has the stream and the log."""
        self._bus = bus
        self._alert_bus = alert_bus
        self._channel = channel
        self._clock = clock
        self._passed = passed
        self._apart = alert_bus is not bus
        self._news = asyncio.Event()
        self._to_publish = asyncio.Event()
        self._foreign = 0
        """How many were thrown away, and that is not said yet."""
        self._limit = RateLimit(SAY_AGAIN_SEC)

    def ring(self) -> None:
        """Have it look whether there is something to pass on."""
        self._news.set()

    async def run(self) -> None:
        """Pass on what there is and what comes, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass_on())
            group.create_task(self._publish())

    async def turn(self) -> None:
        """Pass on what there is. Raises as Bus; what is done by then is done."""
        if self._passed.unsure:
            await self._find_out()
        while found := await self._waiting():
            await whole(self._take(found))

    async def _pass_on(self) -> None:
        while True:
            self._news.clear()
            await until_taken(partial(_named, "what massive announces is not passed on", self.turn))
            await self._news.wait()

    async def _waiting(self) -> list[tuple[str, bytes]]:
        (answer,) = await self._bus.ask([("XRANGE", names.PROBE_ALERTS, "-", "+", "COUNT", BATCH)])
        return entries(answer)

    async def _take(self, found: Sequence[tuple[str, bytes]]) -> None:
        """Have the bus pass on these; what is no alert of a probe is only taken out."""
        alerts = {entry: _alert(raw) for entry, raw in found}
        how = (names.ALERT_LOG_FIELD, names.ALERT_LOG_MAXLEN, "" if self._apart else self._channel)
        what = (*how, names.PASSED_ON_FIELD, self._passed.by, *(word for pair in alerts.items() for word in pair))
        try:
            (answer,) = await self._bus.ask([("EVAL", _HAND_ON, 2, names.PROBE_ALERTS, names.ALERT_LOG, *what)])
        except (BusUnreachableError, BusRefusedError):
            if self._apart:
                self._passed.unsure = {entry: event for entry, event in alerts.items() if event}
            raise
        taken = {entry.decode() for entry in answer}
        if self._apart:
            self._add(event for entry, event in alerts.items() if entry in taken and event)
        self._refuse([raw for entry, raw in found if entry in taken and not alerts[entry]])

    async def _find_out(self) -> None:
        """See by the log which of those that this process may have passed on it has, and publish them."""
        unsure = self._passed.unsure
        look = ("XREVRANGE", names.ALERT_LOG, "+", "-", "COUNT", _LOOK_BACK + len(unsure))
        (answer,) = await self._bus.ask([look])
        marks = {fields_of(words).get(names.PASSED_ON_FIELD.encode()) for _, words in answer if words}
        self._add(event for entry, event in unsure.items() if f"{self._passed.by}{entry}".encode() in marks)
        self._passed.unsure = {}

    def _add(self, events: Iterable[bytes]) -> None:
        self._passed.unpublished.extend(events)
        self._to_publish.set()

    async def _publish(self) -> None:
        """Publish on the other bus, in order; that it is away holds up nothing that is passed on."""
        while True:
            self._to_publish.clear()
            while self._passed.unpublished:
                await until_taken(partial(_named, "an alert of a probe is not published", self._publish_next))
            await self._to_publish.wait()

    async def _publish_next(self) -> None:
        await whole(self._send(self._passed.unpublished[0]))

    async def _send(self, event: bytes) -> None:
        await self._alert_bus.publish(self._channel, event)
        self._passed.unpublished.popleft()

    def _refuse(self, foreign: Sequence[bytes]) -> None:
        """Say that somebody has put something there that is no alert of a probe."""
        self._foreign += len(foreign)
        if foreign and self._limit.allow(names.PROBE_ALERTS, self._clock.monotonic()):
            shown = printable(foreign[-1][:_SHOWN].decode(errors="replace"))
            _log.error(
                "%s: threw %d thing(s) away that are no alert of a probe, the last: %s; who but massive writes there?",
                names.PROBE_ALERTS,
                self._foreign,
                shown or "nothing",
            )
            self._foreign = 0


async def _named(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """Take a step, and say what it is that is refused."""
    try:
        await step()
    except BusRefusedError as error:
        raise BusRefusedError(f"{what}: {error}") from error


def _alert(raw: bytes) -> bytes:
    """Give the bytes to pass on, none where this is no alert of a probe.

    What was read is written anew, since others may read the same bytes differently: a type that is there twice, say.
    """
    alert = decode_alert(raw)
    return encode(alert) if isinstance(alert, ProbeFailed | ProbeOk) else b""
