"""What the tests of the ledger share: the bus it is kept on, and small scripts that say what is told when."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    ServiceRestarted,
    Stable,
    TruthDrift,
    UnitFailed,
    encode,
    kind,
    subject,
)
from marketswarm.notices.incidents import decode_incident
from marketswarm.notices.items import Changes, Item, Kind
from marketswarm.notices.ledger import Ledger
from marketswarm.notices.policy import Policy
from marketswarm.notices.silences import Ack, Pauses, Silence

START = 1_700_000_000.0
"""The time of day at second 0 of a script."""
_WORDS = {"heartbeat_miss": "DOWN", "heartbeat_ok": "UP", "healer_miss": "DOWN", "healer_ok": "UP"}


@dataclass(slots=True)
class KeptOn:
    """What a bus holds of one target, as the outbox writes it: a log, what was read and not settled, incidents."""

    log: list[tuple[str, bytes]] = field(default_factory=list)
    pending: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    sending: tuple[str, ...] = ()
    _read: int = 0

    def store(self, event: bytes) -> str:
        """Append an alert to the log."""
        self.log.append((f"{START:.0f}{len(self.log):06}-0", event))
        return self.log[-1][0]

    def read(self) -> list[tuple[str, bytes]]:
        """Read what nobody has read yet; it is pending from then on."""
        fresh = self.log[self._read :]
        self._read = len(self.log)
        self.pending |= fresh
        return fresh

    def settled(self, entry: str) -> bool:
        """Whether a restart will not see an alert again."""
        return entry in {read for read, _ in self.log[: self._read]} and entry not in self.pending

    def settle(self, changes: Changes, sending: tuple[str, ...] = ()) -> None:
        """Take in what a ledger has decided."""
        self.sending = sending
        for entry in changes.done:
            self.pending.pop(entry, None)
        self.kept |= {name: encode(incident) for name, incident in changes.keep.items()}
        for name in changes.forget:
            self.kept.pop(name, None)

    def ledger(self, policy: Policy, pauses: Pauses, now: float, known: set[str] | None = None) -> Ledger:
        """Begin anew with what is here."""
        incidents = {name: found for name, raw in self.kept.items() if (found := decode_incident(raw))}
        ledger = Ledger(policy, incidents, self.sending)
        ledger.pauses = pauses
        if known is not None:
            ledger.leave(known)
        for entry, event in sorted(self.pending.items()):
            ledger.take(entry, event, now)
        return ledger


_MAKERS: Mapping[str, Callable[..., Alert]] = {
    "miss": lambda ts, svc, *group: HeartbeatMiss(svc, 31.0, 30.0, ts, group=" ".join(group)),
    "ok": lambda ts, svc, *group: HeartbeatOk(svc, 0.1, ts, group=" ".join(group)),
    "healer-miss": lambda ts: HealerMiss("healer", 31.0, 30.0, ts),
    "healer-ok": lambda ts: HealerOk("healer", ts),
    "storm": lambda ts, bus, group: MassMiss(bus, 3, 4, ("a", "b", "c"), group, ts),
    "calm": lambda ts, bus, group: MassOk(bus, 2, 1, ("a",), group, ts),
    "flapping": lambda ts, svc: Flapping(svc, 4, 600.0, ts),
    "stable": lambda ts, svc, state: Stable(svc, state, ts),
    "lost": lambda ts, bus: BusLost(bus, "refused", ts),
    "heard": lambda ts, bus: BusOk(bus, 5.0, ts),
    "restarted": lambda ts, svc: ServiceRestarted(svc, 1, ts),
    "doubled": lambda ts, svc: DuplicateInstance(svc, ts),
    "drifted": lambda ts, bus: TruthDrift(bus, "another", ts),
    "bad": lambda ts, probe: ProbeFailed("massive", probe, "tls", "expired", 3, ts, ts - 60.0),
    "good": lambda ts, probe, *reason: ProbeOk("massive", probe, 60.0, ts, reason=" ".join(reason)),
    "failed": lambda ts, unit: UnitFailed(unit, "oom-kill", ts),
}


def made(words: str, ts: float) -> bytes:
    """Make the alert that the words of a script name, as it is published."""
    what, *whom = words.split()
    return encode(_MAKERS[what](int(ts), *whom))


class Script:
    """A target on a clock of the test's own: what is to be told arrives at once, unless the target is ``away``.

    It sleeps to when ``next_at`` says, as a courier does; with ``pace_sec`` it looks that often besides.
    """

    def __init__(self, policy: Policy, *, pace_sec: float = 0.0) -> None:
        self.policy = replace(policy, maintained_until=self._maintained)
        self.bus = KeptOn()
        self.pauses = Pauses({}, {})
        self.ledger = self.bus.ledger(self.policy, self.pauses, START)
        self.told: list[str] = []
        self.items: list[Item] = []
        self._pace_sec = pace_sec
        self._windows: dict[str, tuple[float, float]] = {}
        self._second = 0.0
        self._stepped = 0.0
        self._away = False
        self._unstored: list[bytes] = []
        self._blind = False

    @property
    def now(self) -> float:
        """What the clock shows."""
        return START + self._second + self._stepped

    def play(self, script: str) -> str:
        """Play ``second word ..; second word ..`` and say what was told, in the same form."""
        for second, words in _lines(script):
            self._sleep(second)
            self._do(words)
            self.look()
        return "; ".join(self.told)

    def look(self) -> None:
        """Read, decide, tell and settle, as one turn of a courier."""
        if self._blind:
            for event in self._unstored:
                self.ledger.take("", event, self.now)
        for entry, event in self.bus.read():
            self.ledger.take(entry, event, self.now)
        self.ledger.pauses = self.pauses
        self.ledger.step(self.now)
        while not self._away and (batch := self.ledger.batch()):
            self.told += [f"{self._second:g} {said(item)}" for item in batch]
            self.items += batch
            self.ledger.told(batch, self.now)
        if not self._blind:
            self.bus.settle(self.ledger.changes(), self.ledger.unsettled())

    def _sleep(self, second: float) -> None:
        while self._second < second:
            wake = self._second + max(0.0, self.ledger.next_at(self.now) - self.now)
            paced = self._second + self._pace_sec if self._pace_sec else second
            self._second = min(second, paced, wake) if wake > self._second else min(second, self._second + 1)
            if self._second < second:
                self.look()

    def _do(self, words: str) -> None:
        what, *rest = words.split()
        if does := getattr(self, f"do_{what}", None):
            does(*rest)
        elif what != "end":
            self._announce(made(words, self.now))

    def do_silence(self, about: str, until: str) -> None:
        """Silence somebody until that second."""
        made = Silence(about, self.now, self.now - self._second + float(until))
        self.pauses = replace(self.pauses, silences={**self.pauses.silences, about: made})

    def do_unsilence(self, about: str) -> None:
        """Take a silence back."""
        left = {subject: silence for subject, silence in self.pauses.silences.items() if subject != about}
        self.pauses = replace(self.pauses, silences=left)

    def do_ack(self, about: str) -> None:
        """Acknowledge."""
        self.pauses = replace(self.pauses, acks={**self.pauses.acks, about: Ack(about, self.now)})

    def do_maintain(self, about: str, begin: str, end: str) -> None:
        """Plan work."""
        self._windows[about] = (START + float(begin), START + float(end))

    def do_clock(self, by_sec: str) -> None:
        """Step the clock."""
        self._stepped += float(by_sec)

    def do_away(self) -> None:
        """Have the target take nothing from now on."""
        self._away = True

    def do_back(self) -> None:
        """Have it take everything again."""
        self._away = False

    def do_blind(self) -> None:
        """Have the bus take and give nothing: alerts come from memory."""
        self._blind = True

    def do_sees(self) -> None:
        """Have the bus back, and what it missed stored."""
        self._blind = False
        for event in self._unstored:
            self.bus.store(event)

    def do_restart(self, *known: str) -> None:
        """Begin anew with what the bus has; ``known`` are the services of the truth, if it matters."""
        self.ledger = self.bus.ledger(self.policy, self.pauses, self.now, set(known) if known else None)

    def do_again(self) -> None:
        """Store the last alert a second time."""
        self._announce(self.bus.log[-1][1])

    def _announce(self, event: bytes) -> None:
        if self._blind:
            self._unstored.append(event)
        else:
            self.bus.store(event)

    def _maintained(self, about: str, now: float) -> float | None:
        begin, end = self._windows.get(about, (0.0, 0.0))
        return end if begin <= now < end else None


def said(item: Item) -> str:
    """Say in two words what an item tells."""
    word = _WORDS.get(kind(item.alert), kind(item.alert))
    return f"{'STILL' if item.kind is Kind.REMINDER else word} {subject(item.alert)}"


def _lines(script: str) -> Iterator[tuple[float, str]]:
    for line in script.split(";"):
        second, words = line.split(maxsplit=1)
        yield float(second), words
