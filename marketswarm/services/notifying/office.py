"""Which of healer and sentinel tells people: the one that holds a lease on system-redis."""

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import Clock
from marketswarm.errors import BusRefusedError, BusUnreachableError


class Office:
    """One watcher's hold on the lease.

    It holds under the watcher's name, so that a process that was started anew has it at once. By its own clock the
    holder knows when it may have lost it; the bus alone says who has it then.
    """

    def __init__(self, bus: Bus, watcher: str, clock: Clock, *, lease_sec: float) -> None:
        """``lease_sec`` is how long it holds without being renewed."""
        self.held = False
        self.closing = False
        """Whether it is about to be left: what is under way may end, and nothing new begins."""
        self._bus = bus
        self.watcher = watcher
        self._clock = clock
        self._lease_sec = lease_sec
        self._until = 0.0

    @property
    def fresh(self) -> bool:
        """Whether the lease is held and was renewed a short while ago: less than a third of it is over."""
        return self.held and self._clock.monotonic() < self._until - 2 / 3 * self._lease_sec

    async def take(self) -> bool:
        """Take the lease or renew it; whether it is held.

        While the bus does not answer, or takes no writes, nobody else can get it there: who had it goes on.
        """
        asked = self._clock.monotonic()
        px = max(1, round(self._lease_sec * 1000))
        try:
            (holder,) = await self._bus.ask([("SET", names.NOTIFY_LEASE, self.watcher, "NX", "GET", "PX", px)])
            if holder == self.watcher.encode():
                # Between the two it may run out and become somebody else's, whom this gives a little more time.
                _, holder = await self._bus.ask([("PEXPIRE", names.NOTIFY_LEASE, px), ("GET", names.NOTIFY_LEASE)])
        except (BusUnreachableError, BusRefusedError):
            return self.held
        self.held = holder in (None, self.watcher.encode())
        self._until = asked + self._lease_sec
        return self.held

    async def confirm(self) -> bool:
        """Whether the lease is held still; the bus is asked only where it may have run out."""
        if self.held and self._clock.monotonic() < self._until:
            return True
        return self.held and await self.take()

    async def may_begin(self) -> bool:
        """Whether something may be told from now on."""
        return not self.closing and await self.confirm()

    async def leave(self) -> None:
        """Give the lease back."""
        self.closing = False
        if not self.held:
            return
        self.held = False
        try:
            (holder,) = await self._bus.ask([("GET", names.NOTIFY_LEASE)])
            if holder == self.watcher.encode():
                await self._bus.ask([("DEL", names.NOTIFY_LEASE)])
        except (BusUnreachableError, BusRefusedError):
            return
