"""What one target has still to be told, and what it was told.

A ledger takes the entries of the alert log in their order. Each leaves it in one of three ways: told, refused for good,
or dropped because nobody wants to hear of it any more; what is held back stays until then. Times are epoch seconds.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping
from itertools import chain, islice

from marketswarm.messages import Alert, MassOk, Stable, decode_alert, group_of
from marketswarm.notices.incidents import SERVICE, Incident, Part, key, name, of_service, part
from marketswarm.notices.items import Changes, Item, Kind
from marketswarm.notices.policy import Pauses, Policy

BATCH = 50
"""How many things one message tells at most."""
_REMEMBERED = 1000
"""How many of the things that were told are known again when they are read once more."""


class Ledger:
    """The books of one target.

    What it decides reaches the bus in an order that bears a restart at any point: of an incident of which something is
    on its way, nothing is kept before that has arrived.
    """

    def __init__(self, policy: Policy, incidents: Mapping[str, Incident] | None = None) -> None:
        """``incidents`` are those that the bus has kept."""
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
        self._told: OrderedDict[str, None] = OrderedDict()
        self._done: list[tuple[str, str]] = []
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
        """Give what the next message tells; what has a key in ``first`` alone, if there is any."""
        again = tuple(item for item in self._queue.values() if item.key in first)
        return again or tuple(islice(self._queue.values(), BATCH))

    def down(self) -> list[str]:
        """Name the services that people know to be down, by themselves or with their group."""
        known = (about for about, found in self._incidents.items() if not found.over and about not in self._held)
        return sorted(about.removeprefix(f"{SERVICE} ") for about in known if about.startswith(f"{SERVICE} "))

    def take(self, entry: str, event: bytes, now: float) -> None:
        """Take in an entry of the alert log; ``entry`` is empty where the log does not have it yet."""
        alert = decode_alert(event)
        found = key(event)
        if found in self._queue:
            self._queue[found].entry = entry or self._queue[found].entry
        elif alert is None or found in self._told:  # programs know an alert of a newer version; people were told
            self._drop("", entry)
        elif part(alert) is Part.CLOSES:
            self._close(Item(Kind.RECOVERY, found, event, alert, entry), now)
        else:
            self._open(Incident(event.decode(), entry, group=group_of(alert)), alert, now)

    def step(self, now: float) -> None:
        """Let go what need not be held back any longer, remind of what lasts, forget what nothing depends on."""
        for about in sorted(self._held, key=lambda held: self._incidents[held].entry):
            self._let_go(about, now)
        for about in sorted(self._standing):
            incident = self._incidents[about]
            if self._reminds(about) and self.policy.remind_at(incident, self.pauses, now) <= now and incident.alert:
                reminder = f"{incident.key}-{incident.reminders + 1}"
                self._tell(Item(Kind.REMINDER, reminder, incident.event.encode(), incident.alert))
        for about in [about for about in self._over if self.policy.allowed_at(self._incidents[about], now) <= now]:
            self._remove(about)

    def next_at(self, now: float) -> float:
        """When ``step`` will find something to tell; infinity where only an alert, or a person, brings that about."""
        held = (
            max(self.policy.wanted_at(found, self.pauses, now), self.policy.allowed_at(found, now))
            for found in (self._incidents[about] for about in self._held)
        )
        standing = (
            self.policy.remind_at(self._incidents[about], self.pauses, now)
            for about in self._standing
            if self._reminds(about)
        )
        return min(chain(held, standing), default=math.inf)

    def told(self, batch: Iterable[Item], now: float) -> None:
        """Note that these were told, or refused for good, which comes to the same here."""
        for item in (found for item in batch if (found := self._queue.pop(item.key, None))):
            self._queued[item.about] -= 1
            self._drop(item.about, item.entry)
            self._remember(item.key)
            self._dirty.add(item.about)
            if incident := self._incidents.get(item.about):
                _tell_of(incident, item, now)
                self._put(item.about, incident)

    def leave(self, known: Collection[str]) -> None:
        """Drop what concerns services that are none of ``known``: nobody watches them any more."""
        for about in [about for about in self._incidents if about.startswith(f"{SERVICE} ")]:
            if about.removeprefix(f"{SERVICE} ") not in known and not self._queued[about]:
                self._drop(about, self._incidents[about].entry)
                self._remove(about)

    def changes(self) -> Changes:
        """Take out what the bus should hold by now; what is on its way holds up the rest of its incident."""
        ripe = {about for about in self._dirty if not self._queued[about]}
        found = Changes(
            [entry for about, entry in self._done if not self._queued[about]],
            {about: self._incidents[about] for about in ripe if about in self._incidents},
            [about for about in ripe if about not in self._incidents],
        )
        self._dirty -= ripe
        self._done = [(about, entry) for about, entry in self._done if self._queued[about]]
        return found

    def put_back(self, changes: Changes) -> None:
        """Take changes back that could not be stored."""
        self._dirty |= changes.keep.keys() | set(changes.forget)
        self._done = [("", entry) for entry in changes.done] + self._done

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
            incident = known
        elif known:
            incident.last = known.last
            if about in self._held:
                self._drop(about, known.entry)  # the newer one says as much
        self._put(about, incident)
        if incident.group:
            self._drop(about, incident.entry)
        else:
            self._let_go(about, now)

    def _let_go(self, about: str, now: float) -> None:
        incident = self._incidents[about]
        wanted_at = self.policy.wanted_at(incident, self.pauses, now)
        if max(wanted_at, self.policy.allowed_at(incident, now)) <= now and incident.alert:
            self._held.discard(about)
            self._tell(Item(Kind.ALERT, incident.key, incident.event.encode(), incident.alert, incident.entry))

    def _close(self, item: Item, now: float) -> None:
        incident = self._incidents.get(item.about)
        self._recall_reminders(item.about)
        if incident is None or incident.over:
            tells = not group_of(item.alert)
            if tells:
                self._tell(item)
            else:
                self._drop(item.about, item.entry)
        elif incident.group or group_of(item.alert):
            tells = False
            self._end_untold(item, incident)
        elif item.about not in self._held:
            tells = True
            self._end(item, incident)
        elif self.policy.wanted_at(incident, self.pauses, now) <= now:
            # Only the rate limit holds it back, and the end of an incident passes that.
            tells = True
            self._drop(item.about, incident.entry)
            self._end(item, incident)
        else:
            tells = False
            self._end_untold(item, incident)
        self._release(item.alert, told=tells)

    def _end(self, item: Item, incident: Incident) -> None:
        incident.over = True
        self._put(item.about, incident)
        item.opened = incident.alert
        self._tell(item)

    def _end_untold(self, item: Item, incident: Incident) -> None:
        self._drop(item.about, incident.entry)
        self._drop(item.about, item.entry)
        self._remove(item.about)

    def _release(self, alert: Alert, *, told: bool) -> None:
        """Free those who are still down when their group ends; where its end is told, so are they."""
        members: Iterable[str] = ()
        if isinstance(alert, MassOk):
            members = [about for about, found in self._incidents.items() if found.group == alert.group]
        elif isinstance(alert, Stable):
            members = [of_service(alert.svc)]
        for about in members:
            incident = self._incidents.get(about)
            if incident and incident.group:
                incident.group, incident.told = "", float(alert.ts) if told else 0.0
                self._put(about, incident)

    def _reminds(self, about: str) -> bool:
        return about.startswith(f"{SERVICE} ") and not self._queued[about]

    def _recall_reminders(self, about: str) -> None:
        if self._queued[about]:
            for found in [item for item in self._queue.values() if item.kind is Kind.REMINDER and item.about == about]:
                del self._queue[found.key]
                self._queued[about] -= 1

    def _tell(self, item: Item) -> None:
        self._queue[item.key] = item
        self._queued[item.about] += 1

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

    def _remember(self, told: str) -> None:
        self._told[told] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)


def _tell_of(incident: Incident, item: Item, now: float) -> None:
    """Note in an incident that something of it was told, be it of one before it."""
    if item.kind is Kind.REMINDER:
        incident.reminded, incident.reminders = now, incident.reminders + 1
    elif item.kind is Kind.ALERT:
        incident.last = now
        if incident.event.encode() == item.event and not incident.over:
            incident.told = now
            incident.over = part(item.alert) is Part.STANDS
