"""What the demonstration expects and how it sums up."""

import pytest

from marketswarm import names, variables
from marketswarm.local.demo import demo_environ
from marketswarm.local.runbook import RUNBOOK, Outcome, figure, passed, summary, table
from marketswarm.messages import Alert, BusLost, HealerMiss, HealerOk, HeartbeatMiss, HeartbeatOk

ALERTS: list[Alert] = [
    HeartbeatMiss("rss_agg", 2.014, 2, 0),
    HeartbeatOk("rss_agg", 0.001, 0),
    HealerMiss("healer", 1.5, 1.5, 0),
    HealerOk("healer", 0),
    HeartbeatMiss("sentinel", 2.0, 2, 0),
    HeartbeatOk("sentinel", 0.0, 0),
]
GOOD = [Outcome(act, alert, 1.5, 0) for act, alert in zip(RUNBOOK, ALERTS, strict=True)]


def test_each_act_awaits_its_own_alert_and_no_other() -> None:
    """Type and service have to match; a lost bus, or an alert of an unknown type, is never what was awaited."""
    for i, act in enumerate(RUNBOOK):
        assert [act.awaits(alert) for alert in ALERTS] == [i == k for k in range(len(ALERTS))]
        assert not act.awaits(None)
        assert not act.awaits(BusLost("system-redis", "silent", 0))


def test_a_play_passes_only_with_every_alert_and_none_beside_them() -> None:
    """All six and nothing else; one missing, one too many, or a play that ended early does not pass."""
    assert passed(GOOD)
    assert not passed([])
    assert not passed(GOOD[:5])
    assert not passed([*GOOD[:5], Outcome(RUNBOOK[5], None, 0, 0)])
    assert not passed([*GOOD[:5], Outcome(RUNBOOK[5], ALERTS[5], 0, 1)])


def test_the_summary_counts() -> None:
    """The last line says how many came, how many beside them, and how long it took."""
    assert summary(GOOD, 14.24) == "6 of 6 alerts came, in order, none beside them. 14.2 s."
    short = [GOOD[0], Outcome(RUNBOOK[1], None, 0, 2)]
    assert summary(short, 3) == "1 of 6 alerts came, 2 beside them. 3.0 s."


def test_the_table_shows_each_act_with_its_alert_and_figure() -> None:
    """A line for each act, in order; one whose alert did not come says so."""
    lines = [*table([*GOOD[:3], Outcome(RUNBOOK[3], None, 0, 0)])]
    assert [line.split() for line in lines[1:]] == [
        ["stop", "rss_agg", "heartbeat_miss", "rss_agg", "1.5", "s", "late_sec", "2.01"],
        ["start", "rss_agg", "heartbeat_ok", "rss_agg", "1.5", "s", "age_sec", "0.00"],
        ["kill", "healer", "healer_miss", "healer", "1.5", "s", "late_sec", "1.50"],
        ["start", "healer", "healer_ok", "healer", "-", "did", "not", "come"],
    ]
    assert not [*table([])]


@pytest.mark.parametrize(
    ("alert", "shown"), [(ALERTS[0], "late_sec 2.01"), (ALERTS[1], "age_sec 0.00"), (ALERTS[3], "")]
)
def test_an_alert_shows_its_own_figure(alert: Alert, shown: str) -> None:
    """A miss says how late, an ok how fresh; healer_ok carries neither."""
    assert figure(alert) == shown


def test_a_demonstration_alerts_nobody_outside_and_keeps_its_own_timing() -> None:
    """No variable with which people are told, no credential, and none that wins over truth's timing gets in."""
    kept = {"PATH": "/bin", "LOG_LEVEL": "DEBUG"}
    to_people = {name for one in variables.VARIABLES for name in one.names if one.used_by == "healer, sentinel"}
    to_people -= {names.ENV_ALERT_CHANNEL}
    outside = {*to_people, "DEADMAN_URL", "DEADMAN_SEC", "CREDENTIALS_DIRECTORY"}
    assert {"WEBHOOK_URL", "SMTP_HOST", "SMTP_PASS", "NOTIFY_URLS", "RATE_LIMIT_SEC"} < outside
    timing = {"HB_INTERVAL_SEC": "60", "HEALER_HEARTBEAT_CHANNEL": "elsewhere", "SENTINEL_TIMEOUT_SEC": "900"}
    assert demo_environ(kept | timing | dict.fromkeys(outside, "https://example.org/hook")) == kept
