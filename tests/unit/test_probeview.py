"""What `marketswarm probes` makes of what is kept of targets."""

import json
from dataclasses import replace
from typing import Any

import pytest
from documents import read

from marketswarm.notices.silences import Ack, Pauses, Silence
from marketswarm.probeview import NONE, OVERDUE_SEC, ProbesView, Word, as_json, render, view_of
from marketswarm.probing.result import Result
from marketswarm.term import plain

NOW = 1_762_433_458.0
URL = "tls://broker.example:4001"
STEPS = {"dns": 1.5, "tcp": 12.0, "tls": 30.5}


def result(**found: Any) -> Result:
    """A good probe of ten seconds ago, of a target that has been well for an hour, unless something else is said."""
    well = {
        "ok": True,
        "step": None,
        "reason": "",
        "ms": 44.0,
        "ts": NOW - 10,
        "steps": STEPS,
        "url": URL,
        "days": 80.0,
        "interval_sec": 30.0,
        "since": NOW - 3600,
    }
    return Result(**(well | found))


def failed(**found: Any) -> Result:
    """A probe that failed, the third in a row, and was announced."""
    bad = {"ok": False, "step": "tls", "reason": "its certificate is not valid (expired)", "fails": 3, "failed": True}
    return result(**(bad | {"since": NOW - 70} | found))


def view(found: Result | None, pauses: Pauses | None = None) -> ProbesView:
    """One target of the truth, called broker."""
    truth = read({"services": {"massive": {"probes": [{"name": "broker", "url": URL}]}}})
    return view_of(truth, {"broker": found} if found else {}, pauses or Pauses(), NOW)


@pytest.mark.parametrize(
    ("found", "word", "exit_code"),
    [
        (None, Word.WAITING, 0),
        (result(), Word.OK, 0),
        (result(days=13.9), Word.ODD, 1),
        (result(days=14.0), Word.OK, 0),
        (result(reason="answers 429, it was asked too often"), Word.ODD, 1),
        (result(ok=None, reason="no key"), Word.SKIPPED, 0),
        (failed(failed=False, fails=1), Word.BAD, 1),
        (failed(), Word.FAILED, 1),
    ],
)
def test_each_target_has_its_word(found: Result | None, word: Word, exit_code: int) -> None:
    """And the command an exit code by it."""
    shown = view(found)
    assert (shown.rows[0].word, shown.exit_code) == (word, exit_code)


def test_a_line_says_which_step_fails_since_when_and_why() -> None:
    """In columns, with a sum below."""
    head, line, _, total = render(view(failed()), plain, NOW).splitlines()
    assert head.split() == ["target", "state", "since", "step", "probed", "took", "where", "why"]
    why = "its certificate is not valid (expired); 3 times in a row"
    assert [word.strip() for word in line.split("  ")] == [
        "broker",
        "FAILED",
        "1m ago",
        "tls",
        "10s ago",
        "44 ms",
        URL,
        why,
    ]
    assert total == "1 target: 1 FAILED"


def test_a_certificate_that_ends_soon_is_pointed_out() -> None:
    """While it still holds."""
    assert "its certificate ends in 2.5 days" in render(view(result(days=2.5)), plain, NOW)


def test_who_is_silenced_and_who_is_acknowledged_is_said() -> None:
    """By the name under which people are told: massive/broker."""
    paused = Pauses.read(
        {"massive/broker": json.dumps({"subject": "massive/broker", "since": NOW - 9, "until": NOW + 600}).encode()},
        {"massive/broker": json.dumps({"subject": "massive/broker", "ts": NOW - 5, "by": "ann@h"}).encode()},
    )
    assert isinstance(paused.silences["massive/broker"], Silence)
    assert isinstance(paused.acks["massive/broker"], Ack)
    line = render(view(failed(), paused), plain, NOW)
    assert "silenced until" in line
    assert "acknowledged by ann@h" in line
    assert "acknowledged" not in render(view(result(), paused), plain, NOW)


@pytest.mark.parametrize(("late_sec", "overdue"), [(-0.1, False), (0, False), (0.1, True)])
def test_a_target_that_is_not_probed_any_more_is_pointed_out(late_sec: float, *, overdue: bool) -> None:
    """After two of its intervals, and a while."""
    shown = view(result(ts=NOW - 60 - OVERDUE_SEC - late_sec))
    assert (shown.rows[0].overdue, shown.exit_code) == (overdue, int(overdue))
    assert bool(shown.notes) is overdue


def test_nothing_is_well_while_massive_does_not_beat() -> None:
    """What stands there may be old, and somebody should know at once."""
    shown = replace(view(result()), silent=True)
    assert (shown.exit_code, len(shown.notes)) == (1, 1)
    assert "massive does not beat" in render(shown, plain, NOW)
    assert replace(ProbesView(), silent=True).exit_code == 0


def test_an_api_that_wants_to_be_left_alone_is_not_overdue() -> None:
    """It said until when."""
    assert not view(result(ts=NOW - 3600, again_at=NOW + 60)).rows[0].overdue


def test_targets_of_the_environment_come_last() -> None:
    """The truth does not know them."""
    truth = read({"services": {"massive": {"probes": [{"name": "broker", "url": URL}]}}})
    shown = view_of(truth, {"net-url": result(url="https://x.example/"), "broker": result()}, Pauses(), NOW)
    assert [(row.name, row.url) for row in shown.rows] == [("broker", URL), ("net-url", "https://x.example/")]


def test_without_targets_it_says_how_to_have_some() -> None:
    """It is no fault."""
    assert (render(ProbesView(), plain, NOW), ProbesView().exit_code) == (NONE, 0)


def test_programs_get_all_of_it() -> None:
    """With each step's time."""
    (probe,) = as_json(view(failed()))["probes"]
    assert (probe["probe"], probe["state"], probe["ok"], probe["step"]) == ("broker", "failed", False, "tls")
    assert (probe["steps"], probe["url"], probe["fails"], probe["days"]) == (STEPS, URL, 3, 80.0)
    assert as_json(view(None))["probes"] == [
        {"probe": "broker", "state": "waiting", "overdue": False, "url": URL, "silenced_until": None, "acked_by": None}
    ]


def test_what_a_stranger_wrote_on_the_bus_cannot_move_the_cursor() -> None:
    """Anybody who can write there may have."""
    shown = view_of(
        read({"services": {}}), {"\x1b[2J": failed(step="\x1b[1m", reason="\x07", url="\x1b")}, Pauses(), NOW
    )
    assert render(shown, plain, NOW).replace("\n", "").isprintable()
