"""A connection between healer and its bus: bytes in order, each on its way for a while."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from simulation.loop import VirtualLoop
from simulation.timeline import Timeline

GIVE_UP_SEC = 1.0
"""What could not be delivered within this is never delivered, and the connection ends (TCP_USER_TIMEOUT, tcp(7))."""


class Peer(Protocol):
    """The server at the other end."""

    def receive(self, connection: "Connection", data: bytes) -> None:
        """Take in what healer has sent."""

    def left(self, connection: "Connection") -> None:
        """Take in that healer has closed the connection."""


class Link:
    """The network between healer and the bus. ``parted`` while nothing gets through, in either direction."""

    def __init__(self, timeline: Timeline, latency_sec: float) -> None:
        self.timeline = timeline
        self.latency_sec = latency_sec
        self.parted = False
        self._held: list[Callable[[], None]] = []

    def carry(self, earliest: float, deliver: Callable[[], None]) -> float:
        """Bring something over, not before ``earliest``, which keeps it behind what went before; returns when."""
        moment = max(earliest, self.timeline.now + self.latency_sec)
        self.timeline.at(moment, lambda: self._arrive(deliver))
        return moment

    def heal(self) -> None:
        """Let through what has waited, in order."""
        self.parted = False
        held, self._held = self._held, []
        for deliver in held:
            deliver()

    def _arrive(self, deliver: Callable[[], None]) -> None:
        if self.parted:
            self._held.append(deliver)
        else:
            deliver()


class _Options:
    """Stands where asyncio gives the socket."""

    def setsockopt(self, *_option: int) -> None:
        """Take an option; the link knows the one that matters."""

    def fileno(self) -> int:
        """Give the number that stands for none: there is nothing behind it to be read."""
        return -1


class Connection(asyncio.Transport):
    """Healer's end of a connection."""

    def __init__(self, loop: VirtualLoop, link: Link, peer: Peer, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.closed = False
        self.served = True
        """Whether the server still holds its end."""
        self._loop = loop
        self._link = link
        self._peer = peer
        self._protocol = protocol
        self._received = bytearray()
        self._size = 0
        """How many bytes have come in all."""
        self._on_read: deque[tuple[int, Callable[[], None]]] = deque()
        self._over: Exception | None = None
        self._deaf = False
        self._in_at = self._out_at = 0.0
        self.outstanding = 0
        """How many bytes the server has sent that were not read yet."""

    def send(self, data: bytes, on_read: Callable[[], None] | None = None) -> None:
        """Send from the server; ``on_read`` is called just before healer gets the last of it."""
        if self.served and not self.closed:
            self.outstanding += len(data)
            self._in_at = self._link.carry(self._in_at, lambda: self._take(data, on_read))

    def hang_up(self) -> None:
        """Close from the server; what it has sent still comes."""
        if self.served:
            self.served = False
            self._in_at = self._link.carry(self._in_at, lambda: self._end(ConnectionResetError("closed by the server")))

    def read(self) -> None:
        """Hand what came to the protocol."""
        if self.closed or self._deaf:
            return
        if self._received:
            self._hand_over()
            self._show()
        elif self._over:
            self._lose(self._over)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what is not there in time never arrives."""
        if self.closed:
            return
        words = bytes(data)
        sent_at = self._link.timeline.now

        def deliver() -> None:
            if self._link.timeline.now - sent_at <= GIVE_UP_SEC:
                self._peer.receive(self, words)

        self._out_at = self._link.carry(self._out_at, deliver)
        if self._link.parted:
            self._link.timeline.after(GIVE_UP_SEC, self._not_acknowledged)

    def abort(self) -> None:
        """Close at once."""
        self.close()

    def close(self) -> None:
        """Close, and tell the protocol."""
        if not self.closed:
            self.vanish()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def vanish(self) -> None:
        """Close as the end of a process does: nobody is told."""
        self.closed = True
        self._loop.readable.pop(self, None)
        self._out_at = self._link.carry(self._out_at, lambda: self._peer.left(self))

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Leave what comes where it is."""
        self._deaf = True
        self._loop.readable.pop(self, None)

    def resume_reading(self) -> None:
        """Read again."""
        self._deaf = False
        self._show()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give a socket that takes options."""
        return _Options() if name == "socket" else default

    def _take(self, data: bytes, on_read: Callable[[], None] | None) -> None:
        if self.closed or self._over:
            return
        self._received += data
        self._size += len(data)
        if on_read:
            self._on_read.append((self._size, on_read))
        self._show()

    def _end(self, error: Exception) -> None:
        self._over = self._over or error
        self._show()

    def _not_acknowledged(self) -> None:
        if self._link.parted and not self.closed:
            self._end(TimeoutError("timed out"))

    def _show(self) -> None:
        if (self._received or self._over) and not self.closed and not self._deaf:
            self._loop.readable[self] = None

    def _hand_over(self) -> None:
        protocol, received = self._protocol, self._received
        if isinstance(protocol, asyncio.BufferedProtocol):
            buffer = memoryview(protocol.get_buffer(-1))
            count = min(len(buffer), len(received))
            buffer[:count] = received[:count]
            self._consume(count)
            protocol.buffer_updated(count)
        elif isinstance(protocol, asyncio.Protocol):
            data = bytes(received)
            self._consume(len(data))
            protocol.data_received(data)

    def _consume(self, count: int) -> None:
        del self._received[:count]
        self.outstanding -= count
        read = self._size - len(self._received)
        while self._on_read and self._on_read[0][0] <= read:
            self._on_read.popleft()[1]()

    def _lose(self, error: Exception) -> None:
        self.closed = True
        self._link.carry(self._out_at, lambda: self._peer.left(self))
        self._protocol.connection_lost(error)
