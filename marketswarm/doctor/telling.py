"""Whether alerts reach people: what those who tell them say of their targets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from marketswarm import names
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, fail, ok, skip, warn
from marketswarm.durations import spoken
from marketswarm.errors import MarketSwarmError
from marketswarm.notices.letters import Answer, TargetState
from marketswarm.notices.message import Result
from marketswarm.text import printable


@dataclass(frozen=True, slots=True)
class TellingFound:
    """What system-redis holds: each watcher's targets, their last tests, who is on duty, how much was refused."""

    states: Mapping[str, TargetState] = field(default_factory=dict)
    holder: str = ""
    dead: int = 0


def judge_telling(found: TellingFound | MarketSwarmError, remedies: Remedies, now: float) -> Iterator[Check]:
    """Judge each target of each watcher, by its last delivery and its last test."""
    if isinstance(found, MarketSwarmError):
        yield skip("telling people", f"{names.SYSTEM_BUS} does not tell")
        return
    targets = [name.split() for name in sorted(found.states)]
    own = [(watcher, target) for watcher, target, *rest in targets if not rest]
    if not own:
        yield skip(
            "telling people", f"no target is set, alerts stay on the bus; set one of {', '.join(names.TARGET_ENV)}"
        )
        return
    if not found.holder:
        yield fail(
            "telling people", "nobody does: neither healer nor sentinel is on duty", remedies.restart([names.HEALER])
        )
    for watcher, target in own:
        state = found.states[names.state_of(watcher, target)]
        proof = found.states.get(names.proof_of(watcher, target), TargetState())
        yield _target(f"telling {target} by {watcher}", state, max(state.delivered, proof.delivered), remedies, now)
    if found.dead:
        yield warn("refused alerts", f"{found.dead} refused for good", remedies.see_undelivered())


def _target(name: str, state: TargetState, delivered: float, remedies: Remedies, now: float) -> Check:
    says = printable(state.says)
    if state.failing > delivered:
        waits = f", {state.waiting} waiting" if state.waiting else ""
        return fail(name, f"nothing gets through for {spoken(now - state.failing)}{waits}: {says}", remedies.prove())
    if not delivered:
        return warn(name, "nothing was ever delivered, so nobody knows whether it works", remedies.prove())
    held = f"; {state.held} held back" if state.held else ""
    return ok(name, f"the last delivery was {spoken(now - delivered)} ago{held}")


def judge_answers(answers: list[Answer] | MarketSwarmError, remedies: Remedies) -> Iterator[Check]:
    """Judge what the targets answered to a test."""
    if isinstance(answers, MarketSwarmError):
        yield fail("test message", str(answers), remedies.restart([names.HEALER]))
        return
    for answer in answers:
        name, says = f"test {printable(answer.target)} by {answer.watcher}", printable(answer.says)
        if not answer.target:
            continue
        if answer.result is Result.DELIVERED:
            yield ok(name, f"delivered in {answer.sec:.1f} s: {says}")
        else:
            yield fail(name, says, remedies.set_target())
