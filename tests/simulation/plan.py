"""What happens in a run, written so that it can be read, pasted and replayed."""

from collections.abc import Callable
from dataclasses import dataclass

from simulation.senders import Member
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Event:
    """At so many seconds of the run something happens.

    ``what`` is a name of ``EVENTS``; ``svc`` the service by its number; ``sec`` how long it lasts, or by how much a
    clock is stepped; ``more`` a figure that the event explains.
    """

    at: float
    what: str
    svc: int = 0
    sec: float = 0.0
    more: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run: who is watched, how, and what happens. ``seed`` decides on what is left to chance."""

    seed: int
    swarm: tuple[Member, ...]
    events: tuple[Event, ...]
    pace_sec: float = 2.0
    latency_sec: float = 0.0003
    length_sec: float = 60.0

    def __str__(self) -> str:
        swarm = "".join(f"        {member},\n" for member in self.swarm)
        events = "".join(f"        {event},\n" for event in self.events)
        figures = f"pace_sec={self.pace_sec}, latency_sec={self.latency_sec}, length_sec={self.length_sec}"
        return f"Plan(\n    {self.seed},\n    (\n{swarm}    ),\n    (\n{events}    ),\n    {figures},\n)"

    @property
    def quiet_sec(self) -> float:
        """How long after the last event everything has come to rest."""
        longest_sec = max((m.terms.silence_sec + m.recover_beats * m.interval_sec for m in self.swarm), default=0.0)
        return 2 * longest_sec + 8.0


EVENTS: dict[str, Callable[[World, Event], None]] = {
    "die": lambda world, it: world.die(world.services[it.svc]),
    "say goodbye": lambda world, it: world.say_goodbye(world.services[it.svc]),
    "restart": lambda world, it: world.restart(world.services[it.svc], it.sec),
    "double": lambda world, it: world.double(world.services[it.svc], it.sec),
    "pause": lambda world, it: world.pause(world.services[it.svc], it.sec),
    "step its clock": lambda world, it: world.services[it.svc].step_clock(it.sec),
    "hang the bus": lambda world, it: world.hang(it.sec),
    "kill the bus": lambda world, it: world.kill_bus(it.sec, keep=it.more > 0),
    "part the network": lambda world, it: world.part(it.sec),
    "lose messages": lambda world, it: world.lose(it.sec, it.more),
    "cut": lambda world, _: world.cut(),
    "fill the bus": lambda world, it: world.fill(it.sec),
    "tighten the buffer": lambda world, it: world.tighten(int(it.more)),
    "step the bus' clock": lambda world, it: world.step_bus_clock(it.sec),
    "stop healer": lambda world, it: world.stop_healer(it.sec),
    "stop healer amid its work": lambda world, it: world.stop_healer(it.sec, readings=int(it.more)),
    "starve healer": lambda world, it: world.starve(it.sec, it.more),
    "restart healer": lambda world, it: world.restart_healer(it.sec),
    "change the truth": lambda world, _: world.change_truth(),
    "step healer's clock": lambda world, it: world.step_healer_clock(it.sec),
    "suspend the machine": lambda world, it: world.suspend(it.sec),
}
