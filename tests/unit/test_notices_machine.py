"""The ledger against what people were told, through restarts at any point; and faults that the machine has to find."""

from collections.abc import Collection, Iterable

import ledgers
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from notices_machine import LedgerMachine

from marketswarm.messages import Alert
from marketswarm.notices.items import Changes, Item
from marketswarm.notices.ledger import Ledger
from marketswarm.notices.remembered import Remembered
from marketswarm.notices.silences import Pauses

pytestmark = pytest.mark.timeout(300)  # a fault is looked for in many runs, beside other tests

STEADY = settings(database=None, derandomize=True, suppress_health_check=list(HealthCheck))
"""The same runs each time."""

TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(STEADY, max_examples=150, stateful_step_count=30)


@seed(42)
class Finder(LedgerMachine):
    """With this seed each fault is found soon; with others some take a thousand runs."""


class SettlesBeforeItTells(Ledger):
    """Is done with an entry as soon as it is to be told."""

    def _tell(self, item: Item) -> None:
        self._done.append(("", item.entry))
        super()._tell(item)


class KeepsWhatIsOnItsWay(Ledger):
    """Keeps an incident while something of it is not told yet."""

    def changes(self) -> Changes:
        """Take out everything."""
        done, self._done = [entry for _, entry in self._done], []
        dirty, self._dirty = self._dirty, set()
        kept = {about: self._incidents[about] for about in dirty if about in self._incidents}
        return Changes(done, kept, [about for about in dirty if about not in kept])


class KnowsNoRateLimit(Ledger):
    """Forgets when it told of something last."""

    def told(self, batch: Iterable[Item], now: float) -> None:
        """Note it without a time."""
        super().told(batch, now)
        for incident in self._incidents.values():
            incident.last = 0.0


class SilencesRecoveries(Ledger):
    """Keeps an end from people who know of the beginning."""

    def _ends(self, item: Item, now: float) -> bool:
        incident = self._incidents.get(item.about)
        if incident and self.policy.wanted_at(incident, self.pauses, now) > now:
            self._end_untold(item, incident)
            return False
        return super()._ends(item, now)


class RemindsOfWhatIsOver(Ledger):
    """Leaves a reminder where it was going."""

    def _recall_reminders(self, about: str) -> None:
        pass


class HeedsNoAcknowledgement(Ledger):
    """Goes on as if nobody knew."""

    def step(self, now: float) -> None:
        """Let go what should not be."""
        self.pauses = Pauses(self.pauses.silences)
        super().step(now)


class KnowsNothingAgain(Ledger):
    """Takes what was told from memory for new when the log has it."""

    def take(self, entry: str, event: bytes, now: float) -> None:
        """Take it in as if it were the first."""
        self._known = Remembered()
        super().take(entry, event, now)


class TellsTheLatestFirst(Ledger):
    """Turns a message round."""

    def batch(self, first: Collection[str] = ()) -> tuple[Item, ...]:
        """Give what the next message tells."""
        return super().batch(first)[::-1]


class DropsWhatItHolds(Ledger):
    """Is done with what has to wait, instead of keeping it until then."""

    def _let_go(self, about: str, now: float) -> None:
        super()._let_go(about, now)
        if about in self._held:
            self._forgo(about, self._incidents[about])
            self._remove(about)


class ForgetsWhoIsLeft(Ledger):
    """Leaves those who are still down with a group that is over."""

    def _release(self, alert: Alert, *, told: bool) -> None:
        pass


class CountsNoReminders(Ledger):
    """Reminds as if for the first time."""

    def told(self, batch: Iterable[Item], now: float) -> None:
        """Note it, but for reminders."""
        super().told(batch, now)
        for incident in self._incidents.values():
            incident.reminded, incident.reminders = 0.0, 0


@pytest.mark.parametrize(
    "fault",
    [
        SettlesBeforeItTells,
        KeepsWhatIsOnItsWay,
        KnowsNoRateLimit,
        SilencesRecoveries,
        RemindsOfWhatIsOver,
        HeedsNoAcknowledgement,
        KnowsNothingAgain,
        TellsTheLatestFirst,
        DropsWhatItHolds,
        ForgetsWhoIsLeft,
        CountsNoReminders,
    ],
)
def test_a_fault_is_found(fault: type[Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine can fail: what is known to be wrong breaks a promise."""
    monkeypatch.setattr(ledgers, "Ledger", fault)
    tries = settings(STEADY, max_examples=2000, stateful_step_count=40, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Finder, settings=tries)
