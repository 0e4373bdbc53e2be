"""The world as a state machine: hypothesis decides what happens, and makes short what breaks a promise."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from simulation.plan import EVENTS, Event, Plan
from simulation.senders import Member
from simulation.timeline import BEGIN_SEC
from simulation.world import World

SERVICES = st.integers(0, 5)
SECONDS = st.sampled_from((0.3, 1.0, 2.5, 5.0, 12.0))
STEPS = st.sampled_from((-86_400.0, -60.0, -7.0, -1.0, 1.0, 60.0, 86_400.0))
MEMBERS = st.builds(
    Member,
    interval_sec=st.sampled_from((0.5, 1.0, 2.0)),
    timeout_sec=st.sampled_from((2.4, 4.0, 6.0)),
    misses=st.sampled_from((1, 2)),
    recover_beats=st.sampled_from((1, 2)),
    flap_changes=st.sampled_from((0, 4)),
    lease=st.booleans(),
    boot=st.booleans(),
    hasty=st.booleans(),
    skew_sec=st.sampled_from((0.0, -3600.0)),
    begins_sec=st.sampled_from((-1.0, 0.0, 3.0)),
)


class WorldMachine(RuleBasedStateMachine):
    """Anything may happen at any time, and after all of it everything comes to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.plan = Plan(0, (), ())

    @initialize(
        seed=st.integers(0, 1000),
        swarm=st.lists(MEMBERS, min_size=1, max_size=5),
        pace_sec=st.sampled_from((0.5, 2.0)),
        latency_sec=st.sampled_from((0.0002, 0.04)),
    )
    def begin(self, seed: int, swarm: list[Member], pace_sec: float, latency_sec: float) -> None:
        """Begin to watch."""
        self.plan = Plan(seed, tuple(swarm), (), pace_sec, latency_sec)
        self.world = World(seed, swarm, latency_sec=latency_sec, pace_sec=pace_sec)

    @rule(sec=st.sampled_from((0.05, 0.4, 1.0, 3.0, 10.0)))
    def wait(self, sec: float) -> None:
        """Let time pass."""
        if self.world:
            self.world.run_to(self.world.timeline.now + sec)

    @rule(what=st.sampled_from(("die", "say goodbye")), svc=SERVICES)
    def end(self, what: str, svc: int) -> None:
        """End a service."""
        self._happens(what, svc)

    @rule(what=st.sampled_from(("restart", "double", "pause")), svc=SERVICES, sec=SECONDS)
    def disturb(self, what: str, svc: int, sec: float) -> None:
        """Let a service go and come."""
        self._happens(what, svc, sec)

    @rule(what=st.sampled_from(("hang the bus", "part the network", "fill the bus")), sec=SECONDS)
    def trouble(self, what: str, sec: float) -> None:
        """Bring the bus into trouble."""
        self._happens(what, 0, sec)

    @rule(sec=SECONDS, keep=st.booleans())
    def kill(self, sec: float, *, keep: bool) -> None:
        """Kill the bus."""
        self._happens("kill the bus", 0, sec, float(keep))

    @rule(sec=SECONDS, probability=st.sampled_from((0.2, 1.0)))
    def lose(self, sec: float, probability: float) -> None:
        """Lose messages."""
        self._happens("lose messages", 0, sec, probability)

    @rule(what=st.sampled_from(("cut", "change the truth")))
    def begin_anew(self, what: str) -> None:
        """Have healer subscribe anew."""
        self._happens(what)

    @rule(what=st.sampled_from(("stop healer", "restart healer", "suspend the machine")), sec=SECONDS)
    def stop(self, what: str, sec: float) -> None:
        """Let healer be away for a while."""
        self._happens(what, 0, sec)

    @rule(sec=SECONDS, readings=st.integers(0, 40))
    def stop_amid_work(self, sec: float, readings: int) -> None:
        """Stop healer after so many readings of its clock."""
        self._happens("stop healer amid its work", 0, sec, readings)

    @rule(
        what=st.sampled_from(("step its clock", "step the bus' clock", "step healer's clock")), svc=SERVICES, sec=STEPS
    )
    def step_clock(self, what: str, svc: int, sec: float) -> None:
        """Step a clock."""
        self._happens(what, svc, sec)

    @precondition(lambda self: self.world and self.plan.events)
    @rule()
    def rest(self) -> None:
        """Let everything come to rest, and look whether what healer says is the truth."""
        if self.world:
            self.world.run_to(self.world.timeline.now + 15.0 + self.plan.quiet_sec)
            self.world.finish()

    def teardown(self) -> None:
        """Rest, and leave nothing behind."""
        if self.world:
            try:
                self.rest()
            finally:
                self.world.close()

    def _happens(self, what: str, svc: int = 0, sec: float = 0.0, more: float = 0.0) -> None:
        if self.world:
            at = self.world.timeline.now - BEGIN_SEC
            event = Event(at, what, svc % len(self.plan.swarm), sec, more)
            self.plan = replace(self.plan, events=(*self.plan.events, event))
            EVENTS[what](self.world, event)
