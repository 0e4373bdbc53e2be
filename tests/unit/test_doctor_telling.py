"""What doctor says of the way to people: a table of states and what comes of them."""

import pytest

from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, Verdict
from marketswarm.doctor.telling import TellingFound, judge_answers, judge_telling
from marketswarm.errors import BusUnreachableError
from marketswarm.notices.letters import Answer, TargetState
from marketswarm.notices.message import Result

NOW = 10_000.0
REMEDIES = Remedies(managed=True)
WELL = TargetState(delivered=NOW - 90)
NEVER = TargetState()
FAILING = TargetState(delivered=NOW - 900, failing=NOW - 300, says="HTTP 503", waiting=4)
SINCE_WELL = TargetState(delivered=NOW - 10)


def judged(states: dict[str, TargetState], *, holder: str = "healer", dead: int = 0) -> list[Check]:
    """Judge what was found."""
    return list(judge_telling(TellingFound(states, holder, dead), REMEDIES, NOW))


@pytest.mark.parametrize(
    ("states", "verdict", "says"),
    [
        ({"healer webhook": WELL}, Verdict.OK, "the last delivery was 1 min 30 s ago"),
        ({"healer webhook": TargetState(delivered=NOW - 90, held=2)}, Verdict.OK, "2 held back"),
        ({"healer webhook": NEVER}, Verdict.WARN, "nothing was ever delivered"),
        ({"healer webhook": NEVER, "healer webhook test": WELL}, Verdict.OK, "1 min 30 s ago"),
        ({"healer webhook": FAILING}, Verdict.FAIL, "nothing gets through for 5 min, 4 waiting: HTTP 503"),
        ({"healer webhook": FAILING, "healer webhook test": SINCE_WELL}, Verdict.OK, "10 s ago"),
    ],
)
def test_a_target_is_judged_by_its_last_delivery_and_its_last_test(
    states: dict[str, TargetState], verdict: Verdict, says: str
) -> None:
    """What was never proved is a warning, what gets nothing a failure; a test that went well since heals both."""
    (check,) = judged(states)
    assert check.name == "telling webhook by healer"
    assert check.verdict is verdict
    assert says in check.found
    assert (check.remedy == "marketswarm notify test") is (verdict is not Verdict.OK)


def test_each_watcher_has_targets_of_its_own() -> None:
    """What healer can reach, sentinel may not."""
    checks = judged({"healer email": WELL, "healer webhook": WELL, "sentinel webhook": NEVER})
    assert [(check.name, check.verdict) for check in checks] == [
        ("telling email by healer", Verdict.OK),
        ("telling webhook by healer", Verdict.OK),
        ("telling webhook by sentinel", Verdict.WARN),
    ]


def test_no_target_is_no_fault() -> None:
    """Who reads the bus needs none; which variables make one is said."""
    (check,) = judged({})
    assert check.verdict is Verdict.SKIP
    assert "WEBHOOK_URL, SMTP_HOST, NOTIFY_URLS" in check.found


def test_targets_that_nobody_serves_are_a_failure() -> None:
    """Neither healer nor sentinel holds the lease."""
    check, _ = judged({"healer webhook": WELL}, holder="")
    assert check.verdict is Verdict.FAIL
    assert "neither healer nor sentinel is on duty" in check.found
    assert check.remedy == "systemctl restart marketswarm@healer.service"


def test_what_was_refused_is_a_warning() -> None:
    """It can be sent again, and how is said."""
    *_, check = judged({"healer webhook": WELL}, dead=3)
    assert (check.verdict, check.found) == (Verdict.WARN, "3 refused for good")
    assert check.remedy is not None
    assert "--resend" in check.remedy


def test_a_bus_that_does_not_answer_is_asked_for_nothing() -> None:
    """Its own check says so already."""
    (check,) = judge_telling(BusUnreachableError("system-redis does not answer"), REMEDIES, NOW)
    assert check.verdict is Verdict.SKIP


def test_answers_to_a_test_are_judged_one_by_one() -> None:
    """Who is only about to send is none of them."""
    answers = [
        Answer("healer", targets=("webhook", "email")),
        Answer("healer", "webhook", says="HTTP 204", sec=0.12),
        Answer("healer", "email", result=Result.PERMANENT, says="mail.test: 535"),
    ]
    checks = list(judge_answers(answers, REMEDIES))
    assert [(check.name, check.verdict, check.found) for check in checks] == [
        ("test webhook by healer", Verdict.OK, "delivered in 0.1 s: HTTP 204"),
        ("test email by healer", Verdict.FAIL, "mail.test: 535"),
    ]
    assert checks[1].remedy is not None
    assert "/etc/marketswarm/credentials" in checks[1].remedy


def test_a_test_that_nobody_sends_is_a_failure() -> None:
    """What stood in its way is the finding."""
    (check,) = judge_answers(BusUnreachableError("healer did not answer"), REMEDIES)
    assert (check.verdict, check.found) == (Verdict.FAIL, "healer did not answer")
