"""The simulated world: services, a bus, a network and healer, and all that can happen to them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from simulation.healer import Healer, connect, seed_chance
from simulation.loop import VirtualLoop
from simulation.oracle import Oracle
from simulation.senders import Member, Service
from simulation.server import Server
from simulation.spans import Span, Spans
from simulation.telling import Teller
from simulation.timeline import Dice, Timeline
from simulation.wire import Connection, Link

from marketswarm.services.watching.findings import Legacy, Verdicts

ASKING_TURNS = 6
"""So many turns of healer's loop a judgement takes, from its question to its end."""
STOP_SEC = 0.05
"""A stop of healer that is shorter than this does nothing that anybody promises about."""


class World:
    """One run. Everything that happens in it follows from its arguments and from what is done to it."""

    def __init__(self, seed: int, swarm: Sequence[Member], *, latency_sec: float, pace_sec: float) -> None:
        self.timeline = Timeline()
        self.said: list[str] = []
        """All that healer has told, a line each."""
        self.spans = Spans()
        dice = Dice(seed)
        self.link = Link(self.timeline, latency_sec)
        self.server = Server(self.timeline, dice)
        self.services = [
            Service(number, member, self.timeline, self.server, dice) for number, member in enumerate(swarm)
        ]
        self.server.connected = [b"marketswarm:%b" % service.name.encode() for service in self.services]
        self.oracle = Oracle(self.services, self.spans, lambda: self.timeline.now)
        self.server.on_beat, self.server.on_read = self.oracle.arrives, self.oracle.read
        self.oracle.standing = self._standing
        self.oracle.lease_lag_sec = 4 * latency_sec + 0.01
        self.loop = VirtualLoop(self.timeline, self._connect)
        self.loop.on_stop = self._stopped
        self.loop.set_exception_handler(lambda _loop, context: self.oracle.breaks(f"healer's loop: {context}"))
        self.healer = Healer(self.loop, self.timeline, self.services, self._verdicts)
        self.healer.pace_sec = pace_sec
        self._memory = self.healer.memory
        self._teller: Teller | None = None
        self._undone: list[Callable[[], None]] = []
        self._restore_chance = seed_chance(seed)
        self._late_sec = min(1.0, max(0.1, min((member.interval_sec for member in swarm), default=1.0) / 2))
        self._down: Span | None = None
        for service in self.services:
            self._begin(service)
        self._start(None)

    def run_to(self, moment: float) -> None:
        """Let the world go on up to a moment; raises AssertionError as soon as a promise is broken."""
        self.timeline.at(moment, self.loop.pause)
        while self.timeline.now < moment or self._undone:
            self.loop.go()
            undone, self._undone = self._undone, []
            for act in undone:
                act()
            if how := self.healer.ended():
                self.oracle.breaks(f"the judge has ended: {how}")
            assert not self.oracle.broken, "\n".join(self.oracle.broken)

    def finish(self) -> None:
        """Look whether what is known at the end is the truth."""
        self.oracle.finish()
        pace_sec = self.healer.pace_sec
        if self.healer.longest_turn_sec > pace_sec + 0.5:
            self.oracle.breaks(f"healer's loop did not turn for {self.healer.longest_turn_sec:.3f} s")
        if self._teller is None or self._teller.lost:
            self.oracle.breaks("the bus is well, and still said to be lost")
        assert not self.oracle.broken, "\n".join(self.oracle.broken)

    def close(self) -> None:
        """Leave nothing behind."""
        self.healer.vanish()
        self.healer.bury()
        self.loop.close()
        self._restore_chance()

    # Services.

    def die(self, service: Service) -> None:
        """SIGKILL, and nobody starts it again."""
        service.die()

    def say_goodbye(self, service: Service) -> None:
        """Stop it as it should be."""
        service.end()

    def restart(self, service: Service, sec: float) -> None:
        """End it, and start it so much later."""
        service.die()
        self.timeline.after(sec, lambda: None if service.processes else service.start())

    def double(self, service: Service, sec: float) -> None:
        """Let a second process beat under its name, for so long."""
        service.start()
        process = service.processes[-1]
        self.timeline.after(sec, lambda: service.leaves(process))

    def pause(self, service: Service, sec: float) -> None:
        """SIGSTOP, and SIGCONT so much later."""
        service.pause()
        self.timeline.after(sec, service.go_on)

    # The bus.

    def hang(self, sec: float) -> None:
        """SIGSTOP, and SIGCONT so much later."""
        if self.server.up and not self.server.hangs:
            self.server.hang()
            self._trouble(sec, lambda: self.server.go_on() if self.server.hangs else None, frees=sec >= 1.0)

    def kill_bus(self, sec: float, *, keep: bool) -> None:
        """SIGKILL, and a new one so much later; ``keep``: with the keys of the old one."""
        if self.server.up:
            self.server.die(keep=keep)

            def back() -> None:
                self.server.up = True

            self._trouble(sec, back)

    def part(self, sec: float) -> None:
        """Let nothing through between healer and the bus for so long."""
        if not self.link.parted:
            self.link.parted = True
            self._trouble(sec, self.link.heal)

    def lose(self, sec: float, probability: float) -> None:
        """Lose published messages for so long, the canary's too."""
        self.server.loses = probability

        def keep() -> None:
            self.server.loses = 0.0

        self._trouble(sec, keep)

    def cut(self) -> None:
        """Close healer's subscription (CLIENT KILL)."""
        self.server.cut(subscribers_only=True)
        self.spans.open(self.timeline.now, self.timeline.now, frees=False)

    def fill(self, sec: float) -> None:
        """Let the bus refuse to store for so long."""
        self.server.full = True

        def room() -> None:
            self.server.full = False

        self.timeline.after(sec, room)

    def tighten(self, limit: int) -> None:
        """Have the bus cut who has more than so many unread bytes on it."""
        self.server.buffer_limit = limit

    def step_bus_clock(self, sec: float) -> None:
        """Set the bus' clock forward, or back."""
        self.server.step_clock(sec)
        self.spans.steps_of_bus_clock.append(self.timeline.now)

    # Healer.

    def stop_healer(self, sec: float, *, readings: int | None = None) -> None:
        """SIGSTOP, and SIGCONT so much later; with ``readings`` amid its work."""
        if self._down is None and sec >= STOP_SEC:
            self.loop.stop_for(sec, readings=readings)
            if readings is None:
                self._stopped(sec)

    def starve(self, sec: float, turn_sec: float) -> None:
        """Let each turn of healer's loop wait for a processor, for so long."""
        if self.loop.slow_sec:
            return
        self.loop.slow_sec = turn_sec
        self.oracle.lease_lag_sec += ASKING_TURNS * turn_sec

        def fed() -> None:
            self.loop.slow_sec = 0.0
            self.oracle.lease_lag_sec -= ASKING_TURNS * turn_sec

        # So slow, it may take its own lateness for the bus'.
        self.spans.open(self.timeline.now, self.timeline.now + sec + 10 * turn_sec, of_bus=True)
        self.timeline.after(sec, fed)

    def restart_healer(self, sec: float) -> None:
        """SIGKILL, and a new one so much later."""
        if self._down is None:
            self._down = self.spans.open(self.timeline.now)
            self._end()
            self._do(self.healer.bury)
            self.timeline.after(sec, lambda: self._do(self._start_again))

    def change_truth(self) -> None:
        """End healer's work and begin it anew in the same process."""
        if self._down is None:
            legacy = self._end()
            self.spans.open(self.timeline.now, self.timeline.now)
            self._do(self.healer.bury)
            self._do(partial(self._start, legacy))

    def step_healer_clock(self, sec: float) -> None:
        """Set the clock on healer's wall forward, or back."""
        self.healer.clocks.wall_offset_sec += sec

    def suspend(self, sec: float) -> None:
        """Let the whole machine sleep: nothing happens, and the clocks on the wall and the count of sleep go on."""
        self.spans.open(self.timeline.now, self.timeline.now)
        self.spans.steps_of_bus_clock.append(self.timeline.now)
        self.spans.sleeps.append((self.timeline.now, sec))
        self.healer.clocks.suspended_sec += sec
        self.healer.clocks.wall_offset_sec += sec
        self.server.step_clock(sec)
        for service in self.services:
            service.step_clock(sec)

    def _stopped(self, sec: float) -> None:
        self.spans.open(self.timeline.now, self.timeline.now + sec, frees=sec >= self._late_sec)

    def _begin(self, service: Service) -> None:
        begins_sec = service.member.begins_sec
        if begins_sec is None:
            return
        if begins_sec < 0:
            self.timeline.at(self.timeline.now, service.start)
        else:
            self.timeline.after(begins_sec, service.start)

    def _trouble(self, sec: float, end: Callable[[], None], *, frees: bool = True) -> None:
        self.spans.open(self.timeline.now, self.timeline.now + sec, frees=frees, of_bus=True)
        self.timeline.after(sec, end)

    def _do(self, act: Callable[[], None]) -> None:
        """Have something done that healer's loop must not be running for."""
        self._undone.append(act)
        self.loop.pause()

    def _start(self, before: Legacy | None) -> None:
        if before is None:
            self.oracle.process += 1
            self.spans.open(self.timeline.now, self.timeline.now, of_bus=True)
        lost = before is not None and before.lost_at is not None
        self.healer.start(before)
        assert self._teller
        self._teller.lost = lost
        if lost:
            self.oracle.lost()
        else:
            self.oracle.begins()

    def _start_again(self) -> None:
        if self._down:
            self._down.end, self._down = self.timeline.now, None
            self._start(None)

    def _end(self) -> Legacy | None:
        if self._teller:
            self._teller.silent = True
        return self.healer.end()

    def _verdicts(self, _life: int) -> Verdicts:
        self._teller = Teller(self.oracle, self._memory, self.said)
        return self._teller

    def _standing(self, beat: Any) -> bool:
        held = self.server.lease(beat.key)
        return held is not None and held.beat is beat

    async def _connect(self, factory: Callable[[], Any]) -> tuple[Connection, Any]:
        protocols: list[Any] = []

        def make() -> Connection | None:
            if not self.server.up:
                return None
            protocols.append(factory())
            connection = Connection(self.loop, self.link, self.server, protocols[0])
            self.server.meet(connection)
            protocols[0].connection_made(connection)
            return connection

        connection = await connect(self.healer, self.link, make)
        return connection, protocols[0]
