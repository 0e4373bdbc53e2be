"""What doctor says of feeds and of the queue of their items."""

import json
from typing import Any

import pytest

from marketswarm.doctor.reading import ReadingFound, judge_reading
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Verdict
from marketswarm.errors import BusUnreachableError, MarketSwarmError
from marketswarm.feeds.state import FeedState
from marketswarm.feedview import FeedsView, Row
from marketswarm.queueing import Group, QueueView
from marketswarm.truth import Truth

REMEDIES = Remedies(managed=True)
GONE = BusUnreachableError("market-redis does not answer")
URL = "https://a.test/rss"
BOTH: dict[str, Any] = {"rss_agg": {"feeds": [{"name": "a", "url": URL}]}, "vexy_ai": {}}
OK = FeedState(url=URL, fetched=1.0)
BROKEN = FeedState(url=URL, fetched=1.0, failures=1)


def judged(
    feeds: FeedsView | MarketSwarmError, queue: QueueView | MarketSwarmError, services: dict[str, Any] = BOTH
) -> list[Check]:
    """Judge what was found, with a truth."""
    truth = Truth.model_validate_json(json.dumps({"services": services}))
    return list(judge_reading(ReadingFound(feeds, queue), truth, REMEDIES))


def feeds(*states: FeedState, overdue: bool = False) -> FeedsView:
    """Feeds called f0, f1 ..."""
    return FeedsView(tuple(Row(f"f{number}", URL, kept, overdue=overdue) for number, kept in enumerate(states)))


def queue(*groups: Group, **found: Any) -> QueueView:
    """A queue."""
    usual: dict[str, Any] = {"length": 7, "own": "vexy_ai"}
    return QueueView("market-redis", "rss:queue", groups=groups, **(usual | found))


NOTHING = queue(exists=False, length=0)


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        (feeds(OK), Verdict.OK, "1 feed, none broken"),
        (feeds(OK, FeedState(url=URL)), Verdict.OK, "2 feeds, none broken; 1 not fetched yet"),
        (feeds(OK, BROKEN, BROKEN), Verdict.WARN, "3 feeds, 2 broken: f1, f2"),
        (feeds(*[BROKEN] * 9), Verdict.WARN, "9 feeds, 9 broken: f0, f1, f2, f3, f4, f5, f6, f7, ..."),
        (feeds(OK, overdue=True), Verdict.WARN, "1 feed overdue: does rss_agg run"),
        (GONE, Verdict.SKIP, "their bus does not tell"),
    ],
)
def test_feeds_are_judged_as_one(found: FeedsView | MarketSwarmError, verdict: Verdict, says: str) -> None:
    """Those that are broken are named, as far as a line has room."""
    (check,) = judged(found, NOTHING)
    assert (check.name, check.verdict) == ("feeds", verdict)
    assert check.found.startswith(says)
    assert check.remedy == ("marketswarm feeds" if verdict is Verdict.WARN else None)


@pytest.mark.parametrize(
    ("found", "checks"),
    [
        (NOTHING, []),
        (GONE, [("queue", Verdict.SKIP, "its bus does not tell")]),
        (
            queue(Group("vexy_ai", 0, 0, None, ())),
            [("queue", Verdict.OK, "rss:queue: 0 of 7 entries wait, none dead")],
        ),
        (
            queue(),
            [("queue", Verdict.WARN, "rss:queue: what waits for the group vexy_ai has no living worker")],
        ),
        (
            queue(Group("vexy_ai", 0, 95, 1.0, ()), dead=2, maxlen=100),
            [
                ("queue", Verdict.WARN, "rss:queue: what waits for the group vexy_ai has no living worker"),
                ("queue", Verdict.WARN, "rss:queue: 95 of about 100 entries wait, and then nothing more is fetched"),
                ("dead items", Verdict.WARN, "2 that no worker could work through"),
            ],
        ),
    ],
)
def test_the_queue_is_judged(found: QueueView | MarketSwarmError, checks: list[tuple[str, Verdict, str]]) -> None:
    """Each thing that is wrong by itself; of a queue that is not there nothing is said."""
    assert [(check.name, check.verdict, check.found) for check in judged(feeds(OK), found)[1:]] == checks


def test_who_has_to_be_started_is_said() -> None:
    """For the group of vexy_ai that service; who serves another, nobody knows."""
    other = Group("other", 1, 0, None, ())
    own, foreign, dead = judged(feeds(OK), queue(Group("vexy_ai", 1, 0, None, ()), other, dead=1))[1:]
    assert own.remedy == "systemctl start marketswarm@vexy_ai.service"
    assert foreign.remedy == "marketswarm queue"
    assert (dead.remedy or "").startswith("marketswarm queue --dead;")


@pytest.mark.parametrize(
    ("services", "named"), [({"mesh": {}}, []), ({"rss_agg": {}}, ["queue"]), (BOTH, ["feeds", "queue"])]
)
def test_of_what_the_truth_does_not_have_nothing_is_said(services: dict[str, Any], named: list[str]) -> None:
    """Who uses no feeds is not bothered."""
    assert [check.name for check in judged(GONE, GONE, services)] == named
