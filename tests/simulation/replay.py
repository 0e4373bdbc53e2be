"""Runs of plans, and what a run that breaks a promise leaves: the plan, made as short as it gets, to be replayed."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from simulation.drawing import draw
from simulation.plan import EVENTS, Plan
from simulation.timeline import BEGIN_SEC
from simulation.world import World

SHRINKS = 200
"""How many runs a failing plan may cost until it is short."""


def replay(what: int | Plan) -> list[str]:
    """Run a seed or a plan; returns what healer told. Raises AssertionError where a promise is broken."""
    plan = draw(what) if isinstance(what, int) else what
    world = World(plan.seed, plan.swarm, latency_sec=plan.latency_sec, pace_sec=plan.pace_sec)
    try:
        for event in plan.events:
            world.timeline.at(BEGIN_SEC + event.at, partial(EVENTS[event.what], world, event))
        world.run_to(BEGIN_SEC + plan.length_sec)
        world.finish()
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), "told:", *world.said])) from error
    finally:
        world.close()
    return world.said


def failure(plan: Plan) -> str:
    """Say how a plan fails; empty where it does not."""
    try:
        replay(plan)
    except AssertionError as error:
        return str(error)
    return ""


def shrunk(plan: Plan, fails: Callable[[Plan], str] = failure) -> Plan:
    """Leave out what a failure does not need: events, then the services that are named last."""
    left = SHRINKS
    changed = True
    while changed and left > 0:
        changed = False
        for number in reversed(range(len(plan.events))):
            shorter = replace(plan, events=plan.events[:number] + plan.events[number + 1 :])
            left -= 1
            if fails(shorter):
                plan, changed = shorter, True
        last = len(plan.swarm) - 1
        if last > 0 and all(event.svc < last for event in plan.events):
            shorter = replace(plan, swarm=plan.swarm[:last])
            left -= 1
            if fails(shorter):
                plan, changed = shorter, True
    return plan


def check(seeds: range) -> None:
    """Run seeds; the first that fails is reported with all that it takes to see it again."""
    for seed in seeds:
        plan = draw(seed)
        if failure(plan):
            plan = shrunk(plan)
            raise AssertionError(
                f"seed {seed} breaks a promise; again: replay({seed}), or shorter:\nreplay({plan})\n{failure(plan)}"
            )
