"""A simulated Redis server: as much of one as healer and the senders of heartbeats use."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hiredis
from simulation.beats import Beat
from simulation.timeline import WALL_SEC, Dice, Timeline
from simulation.wire import Connection

Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Held:
    """A key: its bytes, when it expires by the server's clock, and the beat that it is the lease of."""

    beat: Beat
    until: float


@dataclass(slots=True, eq=False)
class _Client:
    connection: Connection
    name: bytes = b""
    reader: Any = field(default_factory=hiredis.Reader)


class Server:
    """One server, which can hang (SIGSTOP), be gone, refuse leases, and lose what it publishes."""

    def __init__(self, timeline: Timeline, dice: Dice) -> None:
        self.up = True
        self.hangs = False
        self.full = False
        """Whether it refuses to store (MISCONF, OOM); it publishes all the same."""
        self.loses = 0.0
        """The probability with which a published message gets lost."""
        self.wall_offset_sec = WALL_SEC
        self.buffer_limit = 1 << 25
        """Of how many unread bytes on it healer's subscription is cut."""
        self.on_beat: Callable[[Beat], None] = lambda _: None
        """Is told of each beat just before it is carried out."""
        self.on_read: Callable[[Beat], None] = lambda _: None
        self.connected: list[bytes] = []
        """The names of the senders that are connected."""
        self._timeline = timeline
        self._dice = dice
        self._keys: dict[bytes, Held] = {}
        self._clients: dict[Connection, _Client] = {}
        self._subscribers: dict[bytes, dict[Connection, None]] = {}
        self._door: dict[object, list[Act]] = {}

    def wall(self) -> float:
        """Its clock, by which keys expire."""
        return self._timeline.now + self.wall_offset_sec

    def step_clock(self, sec: float) -> None:
        """Set its clock forward, or back; what has expired before is gone, and does not come back."""
        self._keys = {key: held for key, held in self._keys.items() if held.until > self.wall()}
        self.wall_offset_sec += sec

    def hang(self) -> None:
        """Do nothing, and let what is sent wait at the door."""
        self.hangs = True

    def go_on(self) -> None:
        """Carry out what has waited: in order on each connection, the connections in any order."""
        self.hangs = False
        door, self._door = self._door, {}
        origins = list(door)
        self._dice.shuffle(origins)
        for origin in origins:
            for act in door[origin]:
                act()

    def die(self, *, keep: bool) -> None:
        """End, and with it all connections; ``keep``: it has its keys again when it is back."""
        self.up = self.hangs = False
        self._door.clear()
        self.cut()
        if not keep:
            self._keys.clear()

    def cut(self, *, subscribers_only: bool = False) -> None:
        """Close the connections of healer (CLIENT KILL)."""
        subscribed = {connection for those in self._subscribers.values() for connection in those}
        for connection in list(self._clients):
            if connection in subscribed or not subscribers_only:
                self._close(connection)

    def meet(self, connection: Connection) -> None:
        """Take a connection."""
        self._clients[connection] = _Client(connection)

    def submit(self, origin: object, act: Act) -> None:
        """Have a command carried out that came over the connection ``origin``; after a hang where it hangs."""
        if self.hangs:
            self._door.setdefault(origin, []).append(act)
        elif self.up:
            act()

    def take(self, beat: Beat) -> None:
        """SET its lease, and PUBLISH it."""
        beat.arrived = self._timeline.now
        self.on_beat(beat)
        if beat.lease_sec and not self.full:
            self._keys[beat.key] = Held(beat, self.wall() + beat.lease_sec)
        self._publish(beat.channel, beat.raw, lambda: self.on_read(beat))

    def lease(self, key: bytes) -> Held | None:
        """Return a key that has not expired."""
        held = self._keys.get(key)
        return held if held and held.until > self.wall() else None

    def receive(self, connection: Connection, data: bytes) -> None:
        """Take in bytes from healer."""
        client = self._clients.get(connection)
        if client:
            client.reader.feed(data)
            while (words := client.reader.gets()) is not False:
                self.submit(connection, functools.partial(self._carry_out, client, words))

    def left(self, connection: Connection) -> None:
        """Take in that healer has closed a connection; what waits at the door is carried out all the same."""
        self.submit(connection, lambda: self._forget(connection))

    def _close(self, connection: Connection) -> None:
        self._forget(connection)
        connection.hang_up()

    def _forget(self, connection: Connection) -> None:
        self._clients.pop(connection, None)
        for those in self._subscribers.values():
            those.pop(connection, None)

    def _carry_out(self, client: _Client, words: list[bytes]) -> None:
        match words:
            case [b"CLIENT", b"SETNAME", name]:
                client.name = name
                client.connection.send(b"+OK\r\n")
            case [b"CLIENT", b"NO-EVICT", b"ON"]:
                client.connection.send(b"+OK\r\n")
            case [b"CLIENT", b"LIST"]:
                lines = [b"id=1 name=%b" % name for name in [*self.connected, client.name]]
                client.connection.send(_bulk(b"\n".join(lines)))
            case [b"SUBSCRIBE", *channels]:
                for count, channel in enumerate(channels, 1):
                    if client.connection in self._clients:
                        self._subscribers.setdefault(channel, {})[client.connection] = None
                    client.connection.send(b"*3\r\n%b%b:%d\r\n" % (_bulk(b"subscribe"), _bulk(channel), count))
            case [b"PUBLISH", channel, payload]:
                client.connection.send(b":%d\r\n" % self._publish(channel, payload))
            case [b"MGET", *keys]:
                found = [self.lease(key) for key in keys]
                values = b"".join(_bulk(held.beat.raw) if held else b"$-1\r\n" for held in found)
                client.connection.send(b"*%d\r\n%b" % (len(keys), values))
            case [b"PTTL", key]:
                held = self.lease(key)
                client.connection.send(b":%d\r\n" % (round((held.until - self.wall()) * 1000) if held else -2))
            case _:
                raise AssertionError(f"the simulated server does not know {words}")

    def _publish(self, channel: bytes, payload: bytes, on_read: Act | None = None) -> int:
        subscribers = list(self._subscribers.get(channel, ()))
        message = b"*3\r\n%b%b%b" % (_bulk(b"message"), _bulk(channel), _bulk(payload))
        for connection in subscribers:
            if not (self.loses and self._dice.happens(self.loses)):
                connection.send(message, on_read)
                if connection.outstanding > self.buffer_limit:
                    self._close(connection)
        return len(subscribers)


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)
