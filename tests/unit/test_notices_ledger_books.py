"""How a ledger is kept on a bus: what is done when, what is taken back, what is no alert, and when to look again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import START, Script, made

from marketswarm.notices.incidents import Incident, decode_incident, key
from marketswarm.notices.items import Changes
from marketswarm.notices.ledger import BATCH, Ledger
from marketswarm.notices.policy import Policy
from marketswarm.notices.remembered import LIMIT
from marketswarm.notices.silences import Pauses, Silence

EAGER = Policy(rate_limit_sec=0.0, remind_sec=None)


def taken(*lines: str, policy: Policy = EAGER) -> Ledger:
    """Begin a ledger with alerts of the first second, whose entries are 1, 2, .."""
    ledger = Ledger(policy)
    for place, words in enumerate(lines, 1):
        ledger.take(str(place), made(words, START), START)
    return ledger


def tell(ledger: Ledger, now: float = START) -> None:
    """Have all of it told."""
    ledger.told(ledger.batch(), now)


def test_nothing_is_settled_before_it_is_told() -> None:
    """So that it is found again after a restart."""
    ledger = taken("miss a")
    assert not ledger.changes()
    tell(ledger)
    changes = ledger.changes()
    assert (changes.done, list(changes.keep), changes.forget) == (["1"], ["service a"], [])
    assert not ledger.changes()


def test_what_is_on_its_way_holds_up_its_own_incident_alone() -> None:
    """The books of another are settled meanwhile."""
    ledger = taken("miss a", "miss b")
    tell(ledger)
    ledger.take("3", made("ok a", START + 1), START + 1)
    changes = ledger.changes()
    assert (changes.done, list(changes.keep)) == (["2"], ["service b"])
    tell(ledger)
    assert ledger.changes().done == ["1", "3"]


def test_entries_are_done_in_the_order_in_which_they_were_read() -> None:
    """Told, dropped, and not understood alike."""
    ledger = taken("miss a", "miss b g", "failed c")
    ledger.take("4", b'{"type":"of_tomorrow"}', START)
    tell(ledger)
    assert ledger.changes().done == ["2", "4", "1", "3"]


def test_changes_that_could_not_be_stored_come_again_before_the_later_ones() -> None:
    """With what was forgotten."""
    ledger = taken("miss a", "miss b")
    tell(ledger)
    first = ledger.changes()
    ledger.put_back(first)
    ledger.take("3", made("ok b", START + 1), START + 1)
    tell(ledger)
    ledger.step(START + 1)
    again = ledger.changes()
    assert (again.done, list(again.keep), again.forget) == (["1", "2", "3"], ["service a"], ["service b"])
    ledger.put_back(again)
    assert ledger.changes() == again


def test_changes_that_come_again_still_wait_for_their_incident() -> None:
    """A miss is not done before the bus knows its incident: a restart would forget that people know."""
    ledger = taken("miss a")
    tell(ledger)
    ledger.put_back(ledger.changes())
    ledger.take("2", made("ok a", START + 1), START + 1)
    assert not ledger.changes()


def test_changes_are_true_where_there_are_some() -> None:
    """Of any kind."""
    incident = Incident("{}")
    assert [bool(one) for one in (Changes(), Changes(["1"]), Changes(keep={"a": incident}), Changes(forget=["a"]))] == [
        False,
        True,
        True,
        True,
    ]


def test_everything_is_kept_once_more_for_a_bus_that_has_lost_it() -> None:
    """Also what had been settled."""
    ledger = taken("miss a", "miss b g")
    tell(ledger)
    ledger.changes()
    ledger.keep_all()
    assert set(ledger.changes().keep) == {"service a", "service b"}


def test_a_message_has_so_many_things_at_most() -> None:
    """The first of them; what was on its way goes first, and alone."""
    ledger = taken(*(f"miss svc_{place:03}" for place in range(BATCH + 1)))
    assert (len(ledger.batch()), ledger.waiting) == (BATCH, BATCH + 1)
    last = key(made(f"miss svc_{BATCH:03}", START))
    assert [item.key for item in ledger.batch([last])] == [last]
    assert ledger.batch(["of nothing here"]) == ledger.batch()
    assert [item.about for item in ledger.batch()] == [f"service svc_{place:03}" for place in range(BATCH)]
    tell(ledger)
    assert [item.key for item in ledger.batch()] == [last]


def test_it_knows_who_is_down() -> None:
    """By themselves or with their group; not who is back, held back, or no service."""
    ledger = taken("miss c", "miss a g", "miss b", "ok b", "lost bus", "failed unit")
    ledger.pauses = Pauses({"d": Silence("d", START, START + 9)})
    ledger.take("9", made("miss d", START), START)
    assert (ledger.down(), ledger.held) == (["a", "c"], 1)


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"type":"of_tomorrow","svc":"a","ts":1}',
        b'{"type":"heartbeat_miss","svc":"a"}',
        b'{"type":"healer_ok","svc":"a","ts":1,"more":"\xff"}',
        b'{"type":"healer_ok","svc":"a","ts":1' + b"0" * 400 + b"}",
    ],
)
def test_what_is_no_alert_is_done_with_at_once(event: bytes) -> None:
    """And disturbs nobody: not text, of a newer version, of a time beyond all numbers."""
    ledger = Ledger(EAGER)
    ledger.take("1", event, START)
    ledger.take("", event, START)
    assert (ledger.waiting, ledger.changes()) == (0, Changes(["1"]))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"\xff", b'{"event":"{}"}', b'{"event":5}', b'{"event":"{\\"type\\":\\"of_tomorrow\\"}"}'],
)
def test_an_incident_that_is_none_is_left_out(raw: bytes) -> None:
    """Of a newer version, or garbage."""
    assert decode_incident(raw) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_too_much(event: bytes) -> None:
    """Whatever somebody writes to the log."""
    ledger = Ledger(EAGER)
    ledger.take("1", event, START)
    assert ledger.waiting + len(ledger.changes().done) == 1


def test_what_may_have_been_told_before_a_restart_is_told_in_a_silence() -> None:
    """People may know of it, and would not be told of its end."""
    event = made("miss a", START)
    ledger = Ledger(EAGER, sending=[key(event)])
    ledger.pauses = Pauses({"*": Silence("*", START, START + 900)})
    ledger.take("1", event, START)
    ledger.take("2", made("miss b", START), START)
    ledger.take("3", made("ok a", START + 9), START + 9)
    assert [item.entry for item in ledger.batch()] == ["1", "3"]


def test_what_was_told_is_known_after_a_crash_while_its_end_is_on_its_way() -> None:
    """A silence that begins with the restart cannot keep the end of what people know from them."""
    before = Ledger(EAGER)
    before.take("1", made("miss a", START), START)
    told = before.batch()
    before.take("2", made("ok a", START + 9), START + 9)
    before.told(told, START + 9)
    assert before.changes().done == [], "its end is on its way"
    after = Ledger(EAGER, sending=before.unsettled())
    after.pauses = Pauses({"*": Silence("*", START, START + 900)})
    after.take("1", made("miss a", START), START + 10)
    after.take("2", made("ok a", START + 9), START + 10)
    assert [item.entry for item in after.batch()] == ["1", "2"]
    before.told(before.batch(), START + 10)
    assert before.unsettled() == ()


def test_it_remembers_so_many_of_the_things_that_were_told() -> None:
    """The latest of them."""
    ledger = Ledger(EAGER)
    for number in range(LIMIT + 1):
        ledger.take("", made(f"ok svc_{number}", START), START)
        tell(ledger)
    ledger.take("", made("ok svc_1", START), START)
    assert ledger.waiting == 0
    ledger.take("", made("ok svc_0", START), START)
    assert ledger.waiting == 1


def test_what_was_refused_or_told_elsewhere_is_not_told_of_twice() -> None:
    """An item that is no longer to be told changes nothing."""
    ledger = taken("miss a")
    batch = ledger.batch()
    ledger.told(batch, START)
    ledger.changes()
    ledger.told(batch, START + 9)
    assert not ledger.changes()


@pytest.mark.parametrize(
    ("policy", "script", "due"),
    [
        (EAGER, "0 end", math.inf),
        (EAGER, "0 miss a", math.inf),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 miss a; 20 end", 60),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 lost a; 20 end", 60),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 failed a; 20 end", math.inf),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 miss a; 20 silence a 90", 90),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 miss a; 20 ack a", math.inf),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 away; 0 miss a; 20 end", math.inf),
        (Policy(rate_limit_sec=0.0, remind_sec=60.0), "0 miss a; 10 away; 70 end", math.inf),
        (EAGER, "0 silence a 90; 0 miss a; 20 end", 90),
        (EAGER, "0 silence a 90; 0 miss a; 0 miss b; 0 silence b 80; 20 end", 90),
        (Policy(rate_limit_sec=60.0), "0 miss a; 1 ok a; 2 miss a; 20 end", 60),
        (Policy(rate_limit_sec=60.0), "0 miss a; 1 ok a; 2 silence a 90; 2 miss a; 20 end", 90),
        (Policy(rate_limit_sec=60.0), "0 miss a; 1 ok a; 2 silence a 30; 2 miss a; 20 end", 60),
        (Policy(delay_sec=60.0), "0 miss a; 20 end", 60),
        (Policy(delay_sec=60.0), "0 miss a; 20 ack a", math.inf),
        (Policy(delay_sec=60.0), "0 miss a g; 20 end", math.inf),
    ],
)
def test_it_says_when_to_look_again(policy: Policy, script: str, due: float) -> None:
    """To the second of the next reminder, or of the end of what holds something back; never where only news helps."""
    played = Script(policy)
    played.play(script)
    assert played.ledger.next_at(played.now) == START + due
