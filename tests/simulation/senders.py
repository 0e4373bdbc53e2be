"""The simulated services: processes that beat, each with a clock of its own."""

from dataclasses import dataclass

from simulation.beats import Beat
from simulation.server import Server
from simulation.timeline import WALL_SEC, Dice, Timeline

from marketswarm.liveness import Terms
from marketswarm.messages import Heartbeat, encode

ANSWER_SEC = 1.0
"""How long a sender waits for the bus, before it gives the connection up."""
RETRY_SEC = 0.25


@dataclass(frozen=True, slots=True)
class Member:
    """What is drawn of a service before the run.

    ``lease``: it holds one; else it only publishes. ``boot``: its beats say which process they are of. ``hasty``: while
    its bus hangs, it puts a beat at the door with each try, not only with the first. ``skew_sec`` and ``drift`` are of
    its clock. ``begins_sec``: when it beats first, below 0 before healer watches; None: never.
    """

    interval_sec: float
    timeout_sec: float
    misses: int = 1
    recover_beats: int = 1
    flap_changes: int = 0
    lease: bool = True
    boot: bool = True
    hasty: bool = False
    skew_sec: float = 0.0
    drift: float = 0.0
    begins_sec: float | None = 0.0

    @property
    def terms(self) -> Terms:
        """What truth says of it."""
        flap_window_sec = 4 * self.flap_changes * self.timeout_sec
        return Terms(
            self.interval_sec, self.timeout_sec, self.misses, self.recover_beats, self.flap_changes, flap_window_sec
        )


class Service:
    """One service: whatever processes of it there are."""

    def __init__(self, number: int, member: Member, timeline: Timeline, server: Server, dice: Dice) -> None:
        self.number = number
        self.member = member
        self.name = f"svc_{number}"
        self.terms = member.terms
        self.processes: list[Process] = []
        self.started = 0
        """How many processes of it there have been."""
        self._timeline = timeline
        self._server = server
        self._dice = dice
        self._wall_offset_sec = WALL_SEC + member.skew_sec
        self.stepped = False
        """Whether its clock was stepped since its last beat."""

    @property
    def beats(self) -> bool:
        """Whether a process of it goes on."""
        return any(process.goes_on for process in self.processes)

    def start(self) -> None:
        """Start a process of it."""
        self.started += 1
        process = Process(self, self._timeline, self._server, f"{self._dice.getrandbits(64):016x}")
        self.processes.append(process)
        process.go_on()

    def die(self) -> None:
        """End its processes (SIGKILL)."""
        for process in self.processes:
            process.stop()
        self.processes.clear()

    def end(self) -> None:
        """End its processes as a service manager does; they say goodbye."""
        for process in self.processes:
            process.say_goodbye()
        self.die()

    def leaves(self, process: "Process") -> None:
        """End one of its processes (SIGKILL)."""
        process.stop()
        if process in self.processes:
            self.processes.remove(process)

    def pause(self) -> None:
        """Stop its processes (SIGSTOP)."""
        for process in self.processes:
            process.stop()

    def go_on(self) -> None:
        """Let its processes go on (SIGCONT)."""
        for process in self.processes:
            process.go_on()

    def step_clock(self, sec: float) -> None:
        """Set its clock forward, or back."""
        self._wall_offset_sec += sec
        self.stepped = True

    def wall(self) -> float:
        """Its clock."""
        return self._timeline.now * (1 + self.member.drift) + self._wall_offset_sec


class Process:
    """One process of a service, which beats for as long as it goes on."""

    def __init__(self, service: Service, timeline: Timeline, server: Server, boot: str) -> None:
        self._service = service
        self._timeline = timeline
        self._server = server
        self._boot = boot if service.member.boot else ""
        self._count = 0
        self._spell = 0
        """Which time it goes on; what was put off in an earlier one does not happen."""
        self._connection = object()
        self._connected = True
        self.goes_on = False

    def stop(self) -> None:
        """Do nothing more, until it goes on."""
        self._spell += 1
        self.goes_on = False

    def go_on(self) -> None:
        """Beat now, and from now on."""
        self._spell += 1
        self.goes_on = True
        self._next()

    def say_goodbye(self) -> None:
        """Send the last beat, which a bus that is away does not get."""
        self._count += 1
        self._hand_in(bye=True)

    def _next(self) -> None:
        self._count += 1
        self._try()

    def _try(self) -> None:
        """Send the beat; a bus that does not take it is tried again, with the same number and a new time of day."""
        if self._hand_in():
            self._later(self._service.member.interval_sec, again=False)
        else:
            self._later(RETRY_SEC + (ANSWER_SEC if self._server.hangs else 0.0), again=True)

    def _later(self, sec: float, *, again: bool) -> None:
        spell = self._spell

        def act() -> None:
            if spell == self._spell:
                (self._try if again else self._next)()

        self._timeline.after(sec, act)

    def _hand_in(self, *, bye: bool = False) -> bool:
        """Give the beat to the bus; False where there is no answer, and it may come to nothing or be done later."""
        server = self._server
        if server.up and not server.hangs:
            self._connected = True
            server.take(self._beat(bye=bye))
            return True
        if server.hangs and (self._connected or self._service.member.hasty):
            beat = self._beat(bye=bye)
            server.submit(self._connection, lambda: server.take(beat))
        # What is asked on the next connection begins with a login, which is not answered, so nothing follows it.
        self._connected, self._connection = False, object()
        return False

    def _beat(self, *, bye: bool) -> Beat:
        service = self._service
        honest, service.stepped = not service.stepped, False
        heartbeat = Heartbeat(
            svc=service.name,
            i=self._count,
            ts=round(service.wall(), 3),
            boot=self._boot,
            host="elsewhere",
            pid=1,
            bye=bye,
        )
        lease_sec = service.member.timeout_sec if service.member.lease else 0.0
        return Beat(service.number, service.name, encode(heartbeat), self._timeline.now, lease_sec, honest)
