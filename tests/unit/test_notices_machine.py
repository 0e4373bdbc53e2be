"""The ledger against what people were told, through restarts at any point; and faults that the machine has to find."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from notices_machine import LedgerMachine

from marketswarm.messages import Alert
from marketswarm.notices import ledger as module
from marketswarm.notices.incidents import Incident
from marketswarm.notices.items import Changes, Item
from marketswarm.notices.ledger import Ledger
from marketswarm.notices.policy import Pauses
from marketswarm.notices.remembered import Remembered

QUIET = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
Fault = Callable[[pytest.MonkeyPatch], None]

TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(QUIET, max_examples=150, stateful_step_count=30)


def settles_before_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be done with an entry as soon as it is to be told."""
    tell = Ledger._tell

    def tell_and_drop(ledger: Ledger, item: Item) -> None:
        ledger._done.append(("", item.entry))
        tell(ledger, item)

    monkeypatch.setattr(Ledger, "_tell", tell_and_drop)


def keeps_what_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep an incident while something of it is not told yet."""

    def all_of_it(ledger: Ledger) -> Changes:
        done, ledger._done = [entry for _, entry in ledger._done], []
        dirty, ledger._dirty = ledger._dirty, set()
        kept = {about: ledger._incidents[about] for about in dirty if about in ledger._incidents}
        return Changes(done, kept, [about for about in dirty if about not in kept])

    monkeypatch.setattr(Ledger, "changes", all_of_it)


def forgets_when_it_told_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no rate limit after a recovery."""
    note = module.note_told

    def note_and_forget(incident: Incident, item: Item, now: float) -> None:
        note(incident, item, now)
        incident.last = 0.0

    monkeypatch.setattr(module, "note_told", note_and_forget)


def silences_recoveries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep an end from people who know of the beginning."""
    ends = Ledger._ends

    def ends_silently(ledger: Ledger, item: Item, now: float) -> bool:
        incident = ledger._incidents.get(item.about)
        if incident and ledger.policy.wanted_at(incident, ledger.pauses, now) > now:
            ledger._end_untold(item, incident)
            return False
        return ends(ledger, item, now)

    monkeypatch.setattr(Ledger, "_ends", ends_silently)


def reminds_of_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a reminder where it was going."""
    monkeypatch.setattr(Ledger, "_recall_reminders", lambda *_: None)


def does_not_heed_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on as if nobody knew."""
    monkeypatch.setattr(Pauses, "acked", lambda *_: False)


def knows_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what was told from memory for new when the log has it."""
    monkeypatch.setattr(Remembered, "__contains__", lambda *_: False)


def tells_the_latest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn a message round."""
    batch = Ledger.batch
    monkeypatch.setattr(Ledger, "batch", lambda ledger, first=(): batch(ledger, first)[::-1])


def drops_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be done with what has to wait, instead of keeping it until then."""
    let_go = Ledger._let_go

    def let_go_or_drop(ledger: Ledger, about: str, now: float) -> None:
        let_go(ledger, about, now)
        if about in ledger._held:
            ledger._forgo(about, ledger._incidents[about])
            ledger._remove(about)

    monkeypatch.setattr(Ledger, "_let_go", let_go_or_drop)


def holds_back_what_may_have_been_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin anew without a thought for what was on its way."""
    init = Ledger.__init__

    def init_blank(ledger: Ledger, *args: object, **_: object) -> None:
        init(ledger, *args[:2])  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "__init__", init_blank)


def forgets_who_is_left_of_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave those who are still down with a group that is over."""

    def release_nobody(_ledger: Ledger, _alert: Alert, *, told: bool) -> None:
        pass

    monkeypatch.setattr(Ledger, "_release", release_nobody)


def notes_reminders_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remind again at once."""
    told = Ledger.told

    def forget_reminders(ledger: Ledger, batch: Iterable[Item], now: float) -> None:
        told(ledger, batch, now)
        for incident in ledger._incidents.values():
            incident.reminded, incident.reminders = 0.0, 0

    monkeypatch.setattr(Ledger, "told", forget_reminders)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (settles_before_it_tells, "never told"),
        (keeps_what_is_on_its_way, ""),
        (forgets_when_it_told_last, "within the rate limit"),
        (silences_recoveries, "never told"),
        (reminds_of_what_is_over, "it is over"),
        (does_not_heed_acknowledgements, "somebody knows"),
        (knows_nothing_again, "told twice"),
        (tells_the_latest_first, "not in order"),
        (drops_what_it_holds, "never told"),
        (holds_back_what_may_have_been_told, "never told"),
        (forgets_who_is_left_of_a_group, ""),
        (notes_reminders_as_nothing, ""),
    ],
)
def test_a_fault_is_found(fault: Fault, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine can fail: what is known to be wrong breaks a promise."""
    fault(monkeypatch)
    with pytest.raises(AssertionError) as raised:
        run_state_machine_as_test(
            LedgerMachine, settings=settings(QUIET, max_examples=2000, stateful_step_count=40, phases=[Phase.generate])
        )
    print(raised.value)
