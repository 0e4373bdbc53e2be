"""A ledger in any sequence of alerts, silences, failed deliveries and restarts, against what people were told."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from ledgers import START, KeptOn
from notices_world import Announced, World

from marketswarm.notices.incidents import Part, key
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.policy import Policy
from marketswarm.notices.silences import Ack, Pauses, Silence

SERVICES = ("a", "b")
services = st.sampled_from(SERVICES)
spans = st.sampled_from((1, 10, 60, 150, 700))


class LedgerMachine(RuleBasedStateMachine):
    """Whole seconds, so that every boundary is met exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.world = World()
        self.bus = KeptOn()
        self.pauses = Pauses()
        self.sending: tuple[str, ...] = ()
        self.blind = False
        self.unstored: list[Announced] = []
        self.place_of: dict[str, int] = {}
        self.told_at: dict[str, float] = {}
        self.reminders: dict[str, int] = {}
        self.restarts = 0

    @initialize(
        rate_limit_sec=st.sampled_from((0.0, 60.0)),
        delay_sec=st.sampled_from((0.0, 0.0, 120.0)),
        remind_sec=st.sampled_from((None, 300.0)),
    )
    def begin(self, rate_limit_sec: float, delay_sec: float, remind_sec: float | None) -> None:
        """Begin with an empty bus."""
        self.policy = Policy(rate_limit_sec=rate_limit_sec, remind_sec=remind_sec, delay_sec=delay_sec)
        self.ledger = self.bus.ledger(self.policy, self.pauses, self.now)

    @rule(service=services)
    def turn(self, service: str) -> None:
        """Go down, or come back."""
        group = " flapping" if f"flapping {service}" in self.world.open else ""
        self.announce(f"{'ok' if f'service {service}' in self.world.open else 'miss'} {service}{group}")

    @rule(service=services)
    def flap(self, service: str) -> None:
        """Begin to flap, or settle."""
        if f"flapping {service}" in self.world.open:
            self.announce(f"stable {service} {'down' if f'service {service}' in self.world.open else 'up'}")
        else:
            self.announce(f"flapping {service}")

    @rule(service=services)
    def happen(self, service: str) -> None:
        """Do what has no end."""
        self.announce(f"restarted {service}")

    def announce(self, words: str) -> None:
        """Store an alert, or keep it in memory."""
        self.now += 1
        one = self.world.announce(words, self.now)
        if self.blind:
            self.unstored.append(one)
        else:
            one.entry = self.bus.store(one.event)
        self.mark()

    @rule(about=st.sampled_from((*SERVICES, "*")), span=spans)
    def silence(self, about: str, span: int) -> None:
        """Silence somebody."""
        silence = Silence(about, self.now, self.now + span)
        self.pauses = Pauses({**self.pauses.silences, about: silence}, self.pauses.acks)
        self.mark()

    @rule()
    def unsilence(self) -> None:
        """Take all silences back."""
        self.pauses = Pauses({}, self.pauses.acks)

    @rule(service=services)
    def ack(self, service: str) -> None:
        """Know of it."""
        self.pauses = Pauses(self.pauses.silences, {**self.pauses.acks, service: Ack(service, self.now)})
        self.mark()

    @rule(span=spans)
    def wait(self, span: int) -> None:
        """Let time pass: nothing comes up before its time, and something or a later time at it."""
        due, waiting = self.ledger.next_at(self.now), self.ledger.waiting
        self.now += span
        self.ledger.step(self.now)
        assert self.now >= due or self.ledger.waiting == waiting
        assert self.ledger.next_at(self.now) > self.now
        self.mark()

    @rule()
    def look(self) -> None:
        """Read and decide, as one turn of a courier."""
        self.mark()
        self.ledger.pauses = self.pauses
        for entry, event in [("", one.event) for one in self.unstored] if self.blind else self.bus.read():
            self.ledger.take(entry, event, self.now)
        self.ledger.step(self.now)
        assert self.ledger.next_at(self.now) > self.now
        self.settle(refuses=self.blind)

    @precondition(lambda self: not self.blind)
    @rule()
    def lose_the_bus(self) -> None:
        """Have alerts come from memory."""
        self.look()
        self.blind = True

    @precondition(lambda self: self.blind)
    @rule()
    def find_the_bus(self) -> None:
        """Have it store what it missed."""
        self.blind = False
        for one in self.unstored:
            one.entry = self.bus.store(one.event)
        self.unstored = []

    @rule(ends=st.sampled_from(("fails", "arrives", "arrives", "is not settled", "is cut off")))
    def deliver(self, ends: str) -> None:
        """Send a message; ``cut off`` is a restart between its arrival and the books."""
        self.look()
        batch = self.ledger.batch(self.sending)
        if not batch:
            return
        self.sending = tuple(item.key for item in batch)
        self.settle(refuses=self.blind)
        if ends == "fails":
            return
        for item in batch:
            self.hear(item)
        if ends == "is cut off" and not self.blind:
            self.restart()
            return
        self.sending = ()
        self.ledger.told(batch, self.now)
        self.settle(refuses=self.blind or ends == "is not settled")

    def settle(self, *, refuses: bool) -> None:
        """Have the bus hold what was decided, if it takes that."""
        changes = self.ledger.changes()
        if refuses:
            self.ledger.put_back(changes)
        else:
            self.bus.settle(changes, (*self.sending, *self.ledger.unsettled()))

    @precondition(lambda self: not self.blind)
    @rule()
    def restart(self) -> None:
        """Go on with what the bus has."""
        self.restarts += 1
        self.mark()
        for one in self.world.announced:
            if not self.bus.settled(one.entry):
                one.repeats = one.told
                one.known = one.known and key(one.event) in self.bus.sending
                self.place_of.pop(one.about, None)
                self.told_at.pop(one.about, None)
        self.sending = self.bus.sending
        self.ledger = self.bus.ledger(self.policy, self.pauses, self.now)

    def hear(self, item: Item) -> None:
        """Be told, which may not be wrong."""
        if item.kind is Kind.REMINDER:
            self.be_reminded(item)
            return
        one = self.world.by_key[item.key]
        assert one.told <= one.repeats, "told twice"
        assert one.place > self.place_of.get(one.about, -1), "not in order"
        assert not one.grouped or one.freed_by, "its group is told instead"
        told_at = self.told_at.get(one.about)
        if item.kind is Kind.ALERT:
            spaced = told_at is None or one.at <= told_at or self.now >= told_at + self.policy.rate_limit_sec
            assert spaced, "within the rate limit"
            self.told_at[one.about] = self.now
        one.told, one.known, one.said_at = one.told + 1, True, self.now
        self.place_of[one.about] = one.place

    def be_reminded(self, item: Item) -> None:
        """Be told that it lasts."""
        one = self.world.by_key[key(item.event)]
        assert self.world.open.get(one.about) is one, "it is over"
        assert one.told or one.freed_by, "nobody knows of it"
        assert not self.silent(one), "silent"
        assert not self.acked(one), "somebody knows"
        assert self.policy.remind_sec is not None
        assert self.reminders.get(item.key, -1) < self.restarts, "reminded twice"
        again = item.key in self.reminders
        said_at = one.said_at or (one.freed_by.at if one.freed_by else 0.0)
        assert again or self.now - said_at >= self.policy.remind_sec, "too early"
        self.reminders[item.key] = self.restarts
        one.said_at = self.now

    def silent(self, one: Announced) -> bool:
        """Whether nobody is to hear of it now."""
        return self.pauses.silenced_until(one.subject, self.now) is not None

    def acked(self, one: Announced) -> bool:
        """Whether somebody knows of it."""
        return self.pauses.acked_by(one.subject, one.at) is not None

    def mark(self) -> None:
        """Note of whom nobody wants to hear by now."""
        for one in self.world.announced:
            delayed = self.now < one.at + self.policy.delay_sec
            acked = self.acked(one)
            one.excused = one.excused or self.silent(one) or acked or delayed

    @rule()
    def calm_down(self) -> None:
        """Let everything arrive: what was not told then was dropped for a reason, and nothing is left behind."""
        if self.blind:
            self.find_the_bus()
        self.unsilence()
        for _ in range(3):
            self.now += 1000
            self.look()
            while self.ledger.waiting:
                self.deliver("arrives")
        for one in self.world.announced:
            assert one.told or self.may_be_untold(one), f"{one.about} was never told"
        unknown = [one for one in self.world.open.values() if self.acked(one) and not one.known]
        assert set(self.bus.pending) <= {one.entry for one in unknown}, "left unsettled"
        assert self.bus.kept.keys() <= self.world.open.keys(), "left in the books"
        assert self.ledger.down() == self.bus.ledger(self.policy, self.pauses, self.now).down()
        down = {about.removeprefix("service ") for about in self.world.open if about.startswith("service ")}
        held = {one.subject for one in unknown if not one.grouped or one.freed_by}
        assert down - held <= set(self.ledger.down()) <= down

    def may_be_untold(self, one: Announced) -> bool:
        """Whether there is a reason."""
        if one.grouped:
            return True
        if one.part is Part.STANDS:
            return one.ended is not None or self.acked(one)
        if one.part is Part.CLOSES:
            opened = one.opened
            return opened is not None and not opened.people_know and (opened.excused or opened.grouped)
        if one.ended is None:
            return self.acked(one)
        return one.excused or one.ended.grouped or one.ended.told > 0

    def teardown(self) -> None:
        """Every run ends in peace."""
        if hasattr(self, "ledger"):
            self.calm_down()
