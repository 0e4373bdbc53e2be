"""The members of the swarm: who should be there, who is, and what of that is not told yet."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from marketswarm.liveness.states import State
from marketswarm.messages import LEFT_TRUTH, FullHeartbeat, Member, Presence

TOMBSTONE_SEC: Final = 86_400.0
"""How long a service that has left the truth is kept in it."""


def presence(old: Presence, state: State, *, goodbye: bool, quiet: bool, silent: bool) -> Presence:
    """Say how a member stands that stood so, by what its judge holds of it and whether its last beat was a goodbye.

    ``quiet``: it is silent for longer than says nothing. ``silent``: so it is, but that may be no fault of its own, for
    it could not be heard for a while; whoever was suspected stays so until the next beat.
    """
    match state:
        case State.ALIVE if goodbye:
            return Presence.LEFT
        case State.ALIVE:
            return Presence.SUSPECTED if quiet or (silent and old is Presence.SUSPECTED) else Presence.ALIVE
        case State.MISSED if old is not Presence.UNSEEN:
            return Presence.LEFT if goodbye or old is Presence.LEFT else Presence.FAILED
        case _:
            return old  # nothing was heard since this was known


_PROCESS = ("boot", "host", "pid", "version", "truth")
_LAST_BEAT = ("i", "ts")


class Members:
    """All of them, and the tombstones of those that have left the truth.

    ``now`` is on a clock that nobody sets; ``wall``, in seconds since the epoch, is what people are told.
    """

    def __init__(self, known: Iterable[Member], now: float, wall: float) -> None:
        """Begin with what the bus holds; what is from the future by this clock has just been."""
        self._of = {member.svc: member for member in known}
        self._stored = dict(self._of)
        """What the bus holds, or would if it had not been emptied."""
        self._stale: set[str] = set()
        """Whose entry there may be out of date."""
        self._buried_until: dict[str, float] = {}
        for member in self._stored.values():
            if member.since > wall:
                self._put(replace(member, since=int(wall)))
            if member.buried:
                self._buried_until[member.svc] = now + TOMBSTONE_SEC - max(0.0, wall - member.since)

    def enrol(self, places: Mapping[str, tuple[str, str]], now: float, wall: float) -> None:
        """Take in who is in the truth, and on which bus and channel each should beat."""
        for service in self._of.keys() - places.keys() - self._buried_until.keys():
            self._put(replace(self._of[service], state=Presence.LEFT, since=int(wall), reason=LEFT_TRUTH))
            self._buried_until[service] = now + TOMBSTONE_SEC
        for service, (bus, channel) in places.items():
            self._buried_until.pop(service, None)
            known = self._of.get(service)
            if known is None or known.buried:
                known = Member(svc=service, state=Presence.UNSEEN, since=int(wall))
            self._put(replace(known, bus=bus, channel=channel))

    def presence(self, service: str) -> Presence:
        """How a member stands."""
        return self._of[service].state

    def all(self) -> Iterable[Member]:
        """Give those of the truth."""
        return (member for service, member in self._of.items() if service not in self._buried_until)

    def turn(self, service: str, to: Presence, wall: float, reason: str = "") -> None:
        """Take in how a member stands; ``reason`` is why it failed."""
        member = self._of[service]
        if member.state is not to:
            self._put(replace(member, state=to, since=int(wall), reason=reason if to is Presence.FAILED else ""))

    def identify(self, service: str, identity: FullHeartbeat | None, wall: float, *, anew: bool) -> None:
        """Take in what a member's lease says of its process.

        A lease that is gone says nothing, but where its service has begun ``anew``: then it does so without one. What
        a process left that said goodbye is not of the one that came after it.
        """
        member = self._of[service]
        there = member.state in (Presence.ALIVE, Presence.SUSPECTED)
        if identity is None or (identity.bye and there):
            identity = FullHeartbeat(service, 0, 0.0) if anew and there else None
        if identity is None:
            return
        another = identity.boot != member.boot and (member.boot or anew) and there
        found = {name: getattr(identity, name) for name in (*_PROCESS, *_LAST_BEAT)}
        if any(getattr(member, name) != value for name, value in found.items()):
            self._put(replace(member, since=int(wall) if another else member.since, **found))

    def stand_by(self, standbys: Mapping[str, tuple[str, ...]]) -> None:
        """Take in who waits to take a member's place: the host of each, by the member."""
        for service, hosts in standbys.items():
            if self._of[service].standbys != hosts:
                self._put(replace(self._of[service], standbys=hosts))

    def share(self, singletons: Collection[str]) -> None:
        """Take in who is a singleton: for the place of nobody else, a tombstone's neither, does anybody wait."""
        self.stand_by(dict.fromkeys(self._of.keys() - singletons, ()))

    def forget(self, now: float) -> list[str]:
        """Drop the tombstones that are old enough; returns whose they were, as long as the bus may have them."""
        for service in [service for service, until in self._buried_until.items() if until <= now]:
            del self._buried_until[service], self._of[service]
            self._stale.add(service)
        return [service for service in self._stale if service not in self._of]

    def emptied(self) -> None:
        """Take in that the bus no longer holds what it held, or may not."""
        self._stale |= self._of.keys()

    @property
    def stored(self) -> int:
        """How many entries the bus should hold."""
        return len(self._stored)

    def stale(self) -> list[Member]:
        """Who is to be stored."""
        return [self._of[service] for service in self._stale if service in self._of]

    def news(self, member: Member) -> str | None:
        """The state that one who is to be stored was told to be in; None where nothing is to be told of it."""
        told = self._stored.get(member.svc)
        if told is None:
            return ""
        differs = any(getattr(told, name) != getattr(member, name) for name in ("state", *_PROCESS))
        return told.state if differs else None

    def keep(self, members: Iterable[Member], gone: Iterable[str] = ()) -> None:
        """Take in that the bus holds these, and has lost those."""
        for member in members:
            self._stored[member.svc] = member
            if self._of.get(member.svc) == member:
                self._stale.discard(member.svc)
        for service in gone:
            self._stored.pop(service, None)
            self._stale.discard(service)

    def _put(self, member: Member) -> None:
        """Keep it, and whether that is to be stored: numbers of beats alone are not."""
        self._of[member.svc] = member
        told = self._stored.get(member.svc)
        if told is None or replace(told, i=member.i, ts=member.ts) != member:
            self._stale.add(member.svc)
