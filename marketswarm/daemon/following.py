"""Following the truth: found at the start, looked at ever after, and changed for a new one that is whole."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Sequence

from marketswarm import names
from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BadTruthError, BusRefusedError, BusUnreachableError, MarketSwarmError
from marketswarm.pacing import Backoff, Grace, until_tick
from marketswarm.settings import Settings
from marketswarm.truth import NOTHING, Held, Loaded, Truth, best, deviation, examine, newer, short, warnings

POLL_SEC = 4.0
WAIT_CAP_SEC = 2.0
_log = logging.getLogger(__name__)


def sources(settings: Settings) -> dict[str, Address]:
    """The buses to ask for the truth, in order: TRUTH_REDIS_URL alone, else system-redis and then market-redis."""
    if settings.truth_address:
        return {names.ENV_TRUTH_REDIS_URL: settings.truth_address}
    buses = [settings.truth_bus] if settings.truth_bus else list(names.DEFAULT_BUS_URLS)
    return {bus: settings.address(bus) for bus in buses}


class Follower:
    """Looks at the truth on the source buses, for as long as the service lives.

    It polls, for a subscription can go deaf; of a bus that does not answer it takes the last answer to hold. ``looks``
    is what each bus held at the last look, None where it did not answer. Whoever cannot wait for the next look asks.
    """

    def __init__(
        self,
        buses: Iterable[Bus],
        key: str,
        clock: Clock,
        *,
        check: Callable[[Truth], None] = lambda _: None,
        poll_sec: float = POLL_SEC,
    ) -> None:
        """``check`` raises a MarketSwarmError for a truth that this service cannot change to."""
        self.looks: dict[str, Held | None] = {}
        self.key = key
        self.running_on = ""
        """The SHA-256 of the truth that the service runs on."""
        self._buses = {bus.name: bus for bus in buses}
        self._known: dict[str, Held] = {}
        self._clock = clock
        self._check = check
        self._poll_sec = poll_sec
        self._wrong = Grace(poll_sec)  # one look more: a seed writes one bus after the other
        self._said: dict[str, str] = {}
        self._silence: dict[str, str] = {}
        """Why a bus did not answer, where ``looks`` has None for it."""
        self._asked = asyncio.Event()
        self._answering = False

    @property
    def asked(self) -> bool:
        """Whether somebody has asked for a look and has no answer yet."""
        return self._asked.is_set() or self._answering

    def ask(self) -> None:
        """Look at once, and say in one line what came of it; all who ask before that look begins have asked once."""
        self._asked.set()

    async def find(self) -> Loaded:
        """Wait until a bus has the truth.

        Raises BadTruthError where the buses that answer hold nothing but documents that cannot be used,
        BusRefusedError where a bus says no.
        """
        backoff = Backoff(random.random, cap_sec=WAIT_CAP_SEC)
        told = False
        while True:
            for bus in self._buses.values():
                self._take_in(bus, await self._ask(bus))
            answers = {bus: held for bus, held in self.looks.items() if held is not None}
            if loaded := best(answers.values()):
                for bus in self._buses.values():
                    bus.loud = False  # from now on the work's own connections tell of a loss
                return self._run_on(loaded)
            if faults := [f"{self.key} on {bus}: {fault}" for bus, held in answers.items() for fault in held.faults]:
                raise BadTruthError(faults)
            if answers and not told:
                told = True
                empty = " or ".join(f"{bus} ({self._buses[bus].address})" for bus in answers)
                _log.warning("no %s on %s yet; waiting for marketswarm-seed", self.key, empty)
            elif self._answering:
                _log.warning("no truth to begin with yet: %s", "; ".join(self._deviations()))
            await self._pause(backoff.next_sec())

    async def news(self) -> Loaded | None:
        """Wait until the buses have another truth to run on.

        None is the answer to one who asked, where they have none; it has been logged why.
        """
        while True:
            await self._pause(until_tick(self._clock.monotonic(), self._poll_sec))
            await asyncio.gather(*(self._look(bus) for bus in self._buses.values()))
            loaded = newer(self._known.values(), self.running_on)
            refusal = self._refusal(loaded) if loaded else ""
            if loaded and not refusal:
                return self._run_on(loaded)
            if self._answering:
                self._answer([refusal] if refusal else self._deviations())
                return None
            self._say()

    def judge(self, grace: Grace, wrong: Callable[[str, str], None], right: Callable[[str], None]) -> None:
        """Tell, when ``grace`` says so, which bus does not hold the truth that the service runs on, and which again."""
        now = self._clock.monotonic()
        for bus, held in self.looks.items():
            if held is None:
                grace.unknown(bus)
            elif reason := deviation(held, self.key, self.running_on):
                if grace.wrong(bus, reason, now):
                    wrong(bus, reason)
            elif grace.right(bus):
                right(bus)

    @property
    def settled(self) -> bool:
        """Whether what the service runs on is the one whole truth that the buses that answer hold."""
        return {held.sha256 for held in self.looks.values() if held and held.whole} == {self.running_on}

    async def close(self) -> None:
        """Give the connections back."""
        for bus in self._buses.values():
            await bus.close()

    async def _pause(self, sec: float) -> None:
        """Sleep, or until somebody asks; whoever asks from then on wants one look more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(sec):
                await self._asked.wait()
        self._answering = self._asked.is_set()
        self._asked.clear()

    async def _look(self, bus: Bus) -> None:
        held = None
        try:
            held = await self._ask(bus)
        except BusRefusedError as error:
            self._silence[bus.name] = f"cannot look at the truth: {error}"
            self._say_once(bus.name, self._silence[bus.name])
        else:
            self._said.pop(bus.name, None)
        self._take_in(bus, held)

    async def _ask(self, bus: Bus) -> Held | None:
        try:
            stored = await bus.truth(self.key)
        except BusUnreachableError as error:
            self._silence[bus.name] = str(error)
            return None  # the bus has logged it
        if stored is None:
            return NOTHING
        return examine(stored.raw, stored.sha256, known=self._known.values())

    def _take_in(self, bus: Bus, held: Held | None) -> None:
        self.looks[bus.name] = held
        if held is not None:
            self._known[bus.name] = held

    def _refusal(self, loaded: Loaded) -> str:
        """Say why this service cannot run on a truth; empty where it can."""
        try:
            self._check(loaded.truth)
        except MarketSwarmError as error:
            refusal = f"cannot follow the truth {short(loaded.sha256)}: {error}"
            self._say_once("check", f"{refusal}; the last good one stays")
            return refusal
        self._said.pop("check", None)
        return ""

    def _say_once(self, about: str, line: str) -> None:
        if self._said.get(about) != line:
            self._said[about] = line
            if not self._answering:  # the answer says it
                _log.error("%s", line)

    def _answer(self, reasons: Sequence[str]) -> None:
        """Say that the truth stays, and for which reasons another one does not take its place."""
        self._answering = False
        if reasons:
            _log.warning("stays on the truth %s: %s", short(self.running_on), "; ".join(reasons))
        else:
            _log.info("already on the truth %s", short(self.running_on))

    def _deviations(self) -> list[str]:
        """Say of each bus why it does not hold the truth that the service runs on, where that is so."""
        reasons = []
        for bus, held in self.looks.items():
            if held is None:
                reasons.append(self._silence[bus])
            elif reason := deviation(held, self.key, self.running_on):
                reasons.append(f"{bus} {reason}")
        return reasons

    def _run_on(self, loaded: Loaded) -> Loaded:
        self._answering = False
        for warning in warnings(loaded.truth):
            _log.debug("%s: %s", self.key, warning)
        self.running_on = loaded.sha256
        self._say()
        return loaded

    def _say(self) -> None:
        self.judge(
            self._wrong,
            wrong=lambda bus, reason: _log.warning("%s %s; the last good truth stays", bus, reason),
            right=lambda bus: _log.info("%s holds the truth again", bus),
        )
