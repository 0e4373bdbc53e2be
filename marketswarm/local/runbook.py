"""The runbook that the demonstration plays: what is done, and which alert has to follow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from marketswarm import messages, names
from marketswarm.messages import Alert

RSS_AGG = "rss_agg"


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to a service, and the one alert that has to follow from it."""

    verb: Literal["stop", "start", "kill"]
    service: str
    awaited: str

    @property
    def watcher(self) -> str:
        """Who has to raise the alert."""
        return names.SENTINEL if self.service == names.HEALER else names.HEALER

    def awaits(self, alert: Alert | None) -> bool:
        """Whether this is the alert that has to follow."""
        return alert is not None and messages.kind(alert) == self.awaited and messages.subject(alert) == self.service

    def __str__(self) -> str:
        return f"{self.verb} {self.service}"


RUNBOOK = (
    Act("stop", RSS_AGG, names.HEARTBEAT_MISS),
    Act("start", RSS_AGG, names.HEARTBEAT_OK),
    Act("kill", names.HEALER, names.HEALER_MISS),
    Act("start", names.HEALER, names.HEALER_OK),
    Act("kill", names.SENTINEL, names.HEARTBEAT_MISS),
    Act("start", names.SENTINEL, names.HEARTBEAT_OK),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What followed from an act: the awaited alert, if it came, how long after, and how many came beside it."""

    act: Act
    alert: Alert | None
    after_sec: float
    beside: int


def figure(alert: Alert | None) -> str:
    """Show the alert's own figure: ``late_sec 2.10`` of a miss, ``age_sec 0.00`` of an ok; healer_ok carries none."""
    for field in ("late_sec", "age_sec"):
        value = getattr(alert, field, None)
        if value is not None:
            return f"{field} {value:.2f}"
    return ""


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lay the outcomes out in aligned lines, with a head."""
    if outcomes:
        yield f"{'act':<14}  {'alert':<24}  {'after':>6}  its own figure"
    for outcome in outcomes:
        what = f"{outcome.act.awaited} {outcome.act.service}"
        if outcome.alert is None:
            yield f"{outcome.act!s:<14}  {what:<24}  {'-':>6}  did not come"
        else:
            yield f"{outcome.act!s:<14}  {what:<24}  {outcome.after_sec:4.1f} s  {figure(outcome.alert)}".rstrip()


def summary(outcomes: Sequence[Outcome], took_sec: float) -> str:
    """Sum the play up in a line."""
    came = sum(outcome.alert is not None for outcome in outcomes)
    beside = sum(outcome.beside for outcome in outcomes)
    order = ", in order" if came == len(RUNBOOK) else ""
    return f"{came} of {len(RUNBOOK)} alerts came{order}, {beside or 'none'} beside them. {took_sec:.1f} s."


def passed(outcomes: Sequence[Outcome]) -> bool:
    """Whether every alert came and none beside them."""
    return len(outcomes) == len(RUNBOOK) and all(o.alert is not None and not o.beside for o in outcomes)
