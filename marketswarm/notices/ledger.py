"""What one target has still to be told, and what it was told.

A ledger takes the entries of the alert log in their order. Each leaves it in one of three ways: told, refused for good,
or dropped because nobody wants to hear of it any more; what is held back stays until then. Times are epoch seconds.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from marketswarm.messages import Alert, MassOk, Stable, group_of
from marketswarm.notices.incidents import SERVICE, Incident, Part, key, name, of_service, part, read
from marketswarm.notices.items import Changes, Item, Kind, note_told, once_more
from marketswarm.notices.policy import Policy
from marketswarm.notices.remembered import Remembered
from marketswarm.notices.silences import Pauses

BATCH = 50
"""How many things one message tells at most."""


class Ledger:
    """The books of one target.

    What it decides reaches the bus in an order that bears a restart at any point: of an incident of which something is
    on its way, nothing is kept before that has arrived.
    """

    def __init__(
        self, policy: Policy, incidents: Mapping[str, Incident] | None = None, sending: Collection[str] = ()
    ) -> None:
        """``incidents`` are those that the bus has kept, ``sending`` the keys of what may have been told already."""
        self.policy = policy
        self.pauses = Pauses()
        self._incidents: dict[str, Incident] = {}
        self._held: set[str] = set()
        self._standing: set[str] = set()
        """Those that were told, and are not over."""
        self._over: set[str] = set()
        self._queue: dict[str, Item] = {}
        """What is to be told now, in order, by its key."""
        self._queued: Counter[str] = Counter()
        """How much of that is of one incident."""
        self._sending = frozenset(sending)
        self._known = Remembered()
        """What was told, or dropped, and is not to be taken for new where it is read once more."""
        self._late: dict[str, str] = {}
        """What was told, and is not kept since more of its incident is on its way: the incident by the key."""
        self._done: list[tuple[str, str]] = []
        self._taken_out: list[tuple[str, str]] = []
        self._dirty: set[str] = set()
        for about, incident in (incidents or {}).items():
            self._put(about, incident)
        self._dirty.clear()

    @property
    def waiting(self) -> int:
        """How many things are to be told now."""
        return len(self._queue)

    @property
    def held(self) -> int:
        """How many incidents are held back."""
        return len(self._held)

    def batch(self, first: Collection[str] = ()) -> tuple[Item, ...]:
        """Give what the next message tells; only what has a key in ``first``, if there is any and its order allows."""
        return tuple(once_more(list(self._queue.values()), first)[:BATCH])

    def down(self) -> list[str]:
        """Name the services that people know to be down, by themselves or with their group."""
        known = (about for about, found in self._incidents.items() if not found.over and about not in self._held)
        return sorted(about.removeprefix(f"{SERVICE} ") for about in known if about.startswith(f"{SERVICE} "))

    def take(self, entry: str, event: bytes, now: float) -> None:
        """Take in an entry of the alert log; ``entry`` is empty where the log does not have it yet."""
        alert, found = read(event), key(event)
        if queued := self._queue.get(found):
            self._find(queued, queued.about, entry)
        elif alert is None or found in self._known:  # programs know an alert of a newer version; people were told
            self._drop(name(alert) if alert else "", entry)
        elif part(alert) is Part.CLOSES:
            self._close(Item(Kind.RECOVERY, found, event, alert, entry), now)
        else:
            group = "" if found in self._sending else group_of(alert)  # people may know of it by itself
            self._open(Incident(event.decode(), entry, group=group), alert, now)

    def step(self, now: float) -> None:
        """Let go what need not be held back any longer, remind of what lasts, forget what nothing depends on."""
        for about in {item.about for item in self._queue.values() if item.kind is Kind.REMINDER}:
            if self._remind_at(about, now) > now:
                self._recall_reminders(about)
        for about in sorted(self._held, key=lambda held: self._incidents[held].entry):
            self._let_go(about, now)
        for about in sorted(self._standing):
            incident = self._incidents[about]
            # What a stepped clock has put in the future would put off reminders until then.
            incident.told, incident.reminded = min(incident.told, now), min(incident.reminded, now)
            if not self._queued[about] and self._remind_at(about, now) <= now and incident.alert:
                reminder = f"{incident.key}-{incident.reminders + 1}"
                self._tell(Item(Kind.REMINDER, reminder, incident.event.encode(), incident.alert))
        for about in [about for about in self._over if not self._queued[about]]:
            if self.policy.allowed_at(self._incidents[about], now) <= now:
                self._remove(about)

    def next_at(self, now: float) -> float:
        """When ``step`` will find something to tell; infinity where only an alert, or a person, brings that about."""
        held = (self._free_at(self._incidents[about], now) for about in self._held)
        standing = (self._remind_at(about, now) for about in self._standing if not self._queued[about])
        return min(chain(held, standing), default=math.inf)

    def told(self, batch: Iterable[Item], now: float) -> None:
        """Note that these were told, or refused for good, which comes to the same here."""
        for item in (found for item in batch if (found := self._unqueue(item.key))):
            self._drop(item.about, item.entry)
            self._known.add(item.key)
            self._dirty.add(item.about)
            self._late[item.key] = item.about
            if incident := self._incidents.get(item.about):
                note_told(incident, item, now)
                self._put(item.about, incident)

    def unsettled(self) -> tuple[str, ...]:
        """Give the keys of what was told and is not kept yet: who comes after a crash must know that people know."""
        self._late = {told: about for told, about in self._late.items() if self._queued[about]}
        return tuple(self._late)

    def leave(self, known: Collection[str]) -> None:
        """Drop what concerns services that are none of ``known``: nobody watches them any more."""
        for about in [about for about in self._incidents if about.startswith(f"{SERVICE} ")]:
            if about.removeprefix(f"{SERVICE} ") not in known and not self._queued[about]:
                self._forgo(about, self._incidents[about])
                self._remove(about)

    def changes(self) -> Changes:
        """Take out what the bus should hold by now; what is on its way holds up the rest of its incident."""
        ripe = {about for about in self._dirty if not self._queued[about]}
        self._taken_out = [(about, entry) for about, entry in self._done if not self._queued[about]]
        found = Changes(
            [entry for _, entry in self._taken_out],
            {about: self._incidents[about] for about in ripe if about in self._incidents},
            [about for about in ripe if about not in self._incidents],
        )
        self._dirty -= ripe
        self._done = [(about, entry) for about, entry in self._done if self._queued[about]]
        return found

    def put_back(self, changes: Changes) -> None:
        """Take the latest changes back, since they could not be stored."""
        self._dirty |= changes.keep.keys() | set(changes.forget)
        self._done, self._taken_out = self._taken_out + self._done, []

    def keep_all(self) -> None:
        """Have everything kept once more: the bus has lost what it held."""
        self._dirty |= self._incidents.keys()

    def _open(self, incident: Incident, alert: Alert, now: float) -> None:
        about = name(alert)
        known = self._incidents.get(about)
        if known and known.event == incident.event:  # read once more
            if about not in self._held:
                self._drop(about, incident.entry)
                return
            self._find(known, about, incident.entry)
            incident = known
        elif known:
            incident.last = known.last
            if about in self._held:
                self._forgo(about, known)  # the newer one says as much
            elif self._says_no_more(incident, alert, known, now):
                self._forgo(about, incident)
                return
            self._recall_reminders(about)
        self._put(about, incident)
        if incident.group:
            self._forgo(about, incident)
        else:
            self._let_go(about, now)

    def _says_no_more(self, incident: Incident, alert: Alert, known: Incident, now: float) -> bool:
        """Whether it has to wait, or is of a group, while people know the trouble: their ``known`` is what must end."""
        if part(alert) is Part.STANDS or known.over or known.group:
            return False
        return bool(incident.group) or self._free_at(incident, now) > now

    def _remind_at(self, about: str, now: float) -> float:
        return self.policy.remind_at(self._incidents[about], self.pauses, now)

    def _free_at(self, incident: Incident, now: float) -> float:
        if incident.key in self._sending:  # people may know of it, so its end must not be kept from them
            return now
        return max(self.policy.wanted_at(incident, self.pauses, now), self.policy.allowed_at(incident, now))

    def _let_go(self, about: str, now: float) -> None:
        incident = self._incidents[about]
        alert, free_at = incident.alert, self._free_at(incident, now)
        if alert and free_at <= now:
            self._held.discard(about)
            self._tell(Item(Kind.ALERT, incident.key, incident.event.encode(), alert, incident.entry))
        elif alert and math.isinf(free_at) and part(alert) is Part.STANDS:
            # Somebody knows of it, and no end of it will come.
            incident.over = True
            self._put(about, incident)
            self._forgo(about, incident)

    def _close(self, item: Item, now: float) -> None:
        self._recall_reminders(item.about)
        self._release(item.alert, told=self._ends(item, now))

    def _ends(self, item: Item, now: float) -> bool:
        """Take in an end; returns whether people are told of it."""
        incident = self._incidents.get(item.about)
        if incident is None or incident.over:
            if item.group:
                self._forgo(item.about, item)
            else:
                self._tell(item)
            return not item.group
        grouped = bool(incident.group or item.group)
        if item.about in self._held and not grouped:
            self._let_go(item.about, now)
        held = item.about in self._held
        if grouped or (held and self.policy.wanted_at(incident, self.pauses, now) > now):
            self._end_untold(item, incident)
            return False
        if held:  # by the rate limit alone, and an end passes that
            self._forgo(item.about, incident)
        self._end(item, incident)
        return True

    def _end(self, item: Item, incident: Incident) -> None:
        incident.over = True
        self._put(item.about, incident)
        item.opened = incident.alert
        self._tell(item)

    def _end_untold(self, item: Item, incident: Incident) -> None:
        self._forgo(item.about, incident)
        self._forgo(item.about, item)
        incident.over = True
        self._put(item.about, incident)
        if not (incident.last or self._queued[item.about]):
            self._remove(item.about)

    def _release(self, alert: Alert, *, told: bool) -> None:
        """Free those who are still down when their group ends; where its end is told, so are they."""
        if not isinstance(alert, MassOk | Stable):
            return
        stands = {of_service(alert.svc)} if isinstance(alert, Stable) else self._incidents.keys()
        for about in stands & self._incidents.keys():
            incident = self._incidents[about]
            if incident.group and (isinstance(alert, Stable) or incident.group == alert.group):
                incident.group, incident.told = "", float(alert.ts) if told else 0.0
                self._put(about, incident)

    def _recall_reminders(self, about: str) -> None:
        if self._queued[about]:
            for found in [item for item in self._queue.values() if item.kind is Kind.REMINDER and item.about == about]:
                self._unqueue(found.key)

    def _tell(self, item: Item) -> None:
        self._queue[item.key] = item
        self._queued[item.about] += 1

    def _unqueue(self, found: str) -> Item | None:
        item = self._queue.pop(found, None)
        if item:
            self._queued[item.about] -= 1
        return item

    def _put(self, about: str, incident: Incident) -> None:
        self._remove(about)
        self._incidents[about] = incident
        if incident.over:
            self._over.add(about)
        elif incident.told:
            self._standing.add(about)
        elif not incident.group and incident.key not in self._queue:
            self._held.add(about)

    def _remove(self, about: str) -> None:
        self._incidents.pop(about, None)
        for names in (self._held, self._standing, self._over):
            names.discard(about)
        self._dirty.add(about)

    def _drop(self, about: str, entry: str) -> None:
        if entry:
            self._done.append((about, entry))

    def _find(self, found: Incident | Item, about: str, entry: str) -> None:
        """Note where the log has what came from memory; what it has twice is done with one of them."""
        if found.entry and found.entry != entry:
            self._drop(about, entry)
        found.entry = found.entry or entry

    def _forgo(self, about: str, found: Incident | Item) -> None:
        self._drop(about, found.entry)
        self._known.add(found.key)
