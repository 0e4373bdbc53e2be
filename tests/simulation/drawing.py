"""Plans drawn from a seed: swarms of a few services, and trouble that tends to come together."""

from simulation.plan import Event, Plan
from simulation.senders import Member
from simulation.timeline import Dice

OF_SERVICES = ("die", "say goodbye", "restart", "restart", "double", "pause", "step its clock")
OF_BUS = ("hang the bus", "hang the bus", "kill the bus", "part the network", "lose messages", "cut", "fill the bus")
OF_BUS_SELDOM = ("tighten the buffer", "step the bus' clock")
OF_HEALER = ("stop healer", "stop healer", "stop healer amid its work", "starve healer", "restart healer")
OF_HEALER_SELDOM = ("change the truth", "step healer's clock", "suspend the machine")
KINDS = (OF_SERVICES, OF_SERVICES, OF_BUS, OF_HEALER, OF_BUS_SELDOM, OF_HEALER_SELDOM)
LENGTHS_SEC = (0.3, 1.0, 2.5, 5.0, 12.0)
STEPS_SEC = (1.0, 7.0, 60.0, 3600.0, 86_400.0)


def draw(seed: int) -> Plan:
    """Draw a run."""
    dice = Dice(seed)
    swarm = tuple(_member(dice) for _ in range(dice.choice((1, 2, 3, 4, 4, 6))))
    moment, events = 0.0, []
    for _ in range(dice.randint(1, 9)):
        # Some of it comes in short order, where it can meet, and some after a rest.
        moment += dice.expovariate(1.0) * dice.choice((0.3, 2.0, 8.0))
        events.append(_event(dice, round(moment, 3), len(swarm)))
    plan = Plan(
        seed,
        swarm,
        tuple(events),
        pace_sec=dice.choice((0.5, 2.0, 2.0)),
        latency_sec=dice.choice((0.0002, 0.0002, 0.003, 0.04)),
    )
    return closed(plan)


def closed(plan: Plan) -> Plan:
    """Give a plan the length after which everything has come to rest."""
    over = max((event.at + _lasting_sec(event) for event in plan.events), default=0.0)
    begun = max((member.begins_sec or 0.0 for member in plan.swarm), default=0.0)
    return Plan(
        plan.seed,
        plan.swarm,
        plan.events,
        plan.pace_sec,
        plan.latency_sec,
        round(max(over, begun) + plan.quiet_sec, 3),
    )


def _lasting_sec(event: Event) -> float:
    return 0.0 if "clock" in event.what or event.what == "suspend the machine" else event.sec + 3.0


def _member(dice: Dice) -> Member:
    interval_sec = dice.choice((0.5, 1.0, 2.0, 2.0, 5.0))
    lease = dice.happens(0.7)
    return Member(
        interval_sec=interval_sec,
        timeout_sec=round(interval_sec * dice.choice((1.2, 2.0, 3.0, 3.0, 5.0)), 3),
        misses=dice.choice((1, 1, 1, 2, 3)),
        recover_beats=dice.choice((1, 1, 1, 2)),
        flap_changes=dice.choice((0, 0, 4)),
        lease=lease,
        boot=dice.happens(0.8),
        hasty=dice.happens(0.3),
        skew_sec=dice.choice((0.0, 0.0, -3600.0, 86_400.0)),
        drift=dice.choice((0.0, 1e-4, -1e-4)),
        begins_sec=dice.choice((-1.0, round(dice.uniform(0.0, 10.0), 3), round(interval_sec * dice.random(), 3), None)),
    )


def _event(dice: Dice, at: float, services: int) -> Event:
    what = dice.choice(dice.choice(KINDS))
    svc = dice.randrange(services) if what in OF_SERVICES else 0
    sec = round(dice.choice(LENGTHS_SEC) * dice.uniform(0.5, 1.5), 3)
    more = 0.0
    match what:
        case "step its clock" | "step the bus' clock" | "step healer's clock":
            sec = dice.choice(STEPS_SEC) * dice.choice((1, -1))
        case "die" | "say goodbye" | "cut" | "change the truth":
            sec = 0.0
        case "kill the bus":
            more = dice.choice((0, 1))
        case "lose messages":
            more = dice.choice((0.2, 0.5, 1.0))
        case "tighten the buffer":
            sec, more = 0.0, dice.choice((500, 2000))
        case "stop healer amid its work":
            more = dice.randrange(40)
        case "starve healer":
            more = dice.choice((0.02, 0.1, 0.3))
    return Event(at, what, svc, sec, more)
