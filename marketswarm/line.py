"""A bare connection to a Redis server: batches of commands out, their answers back in order, at the parser's speed.

redis-py awaits each answer by itself, which costs more than the answer; a storm of verdicts and a judgement in time
cannot pay that.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import hiredis

from marketswarm import tls
from marketswarm.address import Address

Command = tuple[str | bytes | int, ...]
Refusal = hiredis.ReplyError
"""An answer that says no; ``str()`` of it is the server's sentence."""
NotRedis = hiredis.ProtocolError
# hiredis' stub says that a command has one word.
_pack = cast("Callable[[Command], bytes]", hiredis.pack_command)
HEAR_SEC = 0.5
"""How long it is waited for what a server says that has ended a connection, before that passes for all that it says."""
_DROPPED_WHEN_CLOSED = struct.pack("ii", 1, 0)
"""Else the kernel goes on to deliver what the process has given up; see socket(7)."""
_LAST_BYTES = 4096
_P = TypeVar("_P", bound=asyncio.BaseProtocol)


def pack(commands: Iterable[Command]) -> bytes:
    """Put commands into the bytes that go over the wire (RESP2)."""
    return b"".join(map(_pack, commands))


def first_refusal(answers: Sequence[Any]) -> Refusal | None:
    """Find the first answer that says no; those of a transaction are within that of its end."""
    last = answers[-1] if answers and isinstance(answers[-1], list) else []
    return next((answer for answer in (*answers, *last) if isinstance(answer, Refusal)), None)


def refused_command(commands: Sequence[Command], answers: Sequence[Any]) -> Command | None:
    """Find what is refused first, best one that names a key; of a transaction it stands within the last answer."""
    last = answers[-1] if answers and isinstance(answers[-1], list) else []
    pairs = (*zip(commands, answers, strict=True), *zip(commands[1:], last, strict=False))
    refused = [command for command, answer in pairs if isinstance(answer, Refusal)]
    return next((command for command in refused if len(command) > 1), refused[0] if refused else None)


def login(to: Address, client_name: str) -> list[Command]:
    """The commands with which a connection begins."""
    commands: list[Command] = []
    if to.password is not None:
        commands.append(("AUTH", to.username, to.password) if to.username else ("AUTH", to.password))
    commands.append(("CLIENT", "SETNAME", client_name))
    if to.db:
        commands.append(("SELECT", to.db))
    return commands


async def connect(to: Address, factory: Callable[[], _P], give_up_sec: float) -> _P:
    """Open a connection within the time that its address allows.

    What could not be delivered within ``give_up_sec`` is never delivered. Raises OSError, TimeoutError among them.
    """
    loop = asyncio.get_running_loop()
    context = tls.context(to.tls_files) if to.tls else None
    async with asyncio.timeout(to.connect_sec):
        if to.path:
            _, protocol = await loop.create_unix_connection(factory, to.path)
            return protocol
        transport, protocol = await loop.create_connection(factory, to.host, to.port, ssl=context)
    # The kernel would deliver a beat of a partition's begin at its end, also for a process that has died meanwhile;
    # see tcp(7).
    _set(transport, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(give_up_sec * 1000))
    return protocol


async def hear_why(to: Address, timeout_sec: float) -> None:
    """Raise what a server says that ends connections over TLS as soon as they stand; nothing where it says nothing.

    One that does not take the certificate of its client says so, and closes (TLS 1.3). Where that is quicker than the
    login, what is sent then is answered by a reset, and what the server has said is never read. So this sends nothing.
    Raises OSError; Refusal and NotRedis where it says that in words of Redis, or in others.
    """
    wire = await connect(to, _Wire, timeout_sec)
    try:
        await asyncio.wait({wire.lost}, timeout=HEAR_SEC)
        if wire.lost.done():
            wire.lost.result()
    finally:
        wire.end(ConnectionAbortedError("not opened"))


def _set(transport: asyncio.BaseTransport, level: int, option: int, value: int | bytes) -> None:
    """Set an option of a connection; one that is over, as TLS knows no more when it tells of the end, needs none."""
    with contextlib.suppress(OSError):
        if wire := transport.get_extra_info("socket"):
            wire.setsockopt(level, option, value)


class Line:
    """One connection; opened when it is first used, and again after it broke."""

    def __init__(self, address: Address, *, client_name: str, timeout_sec: float) -> None:
        self._address = address
        self._login = login(address, client_name)
        self._timeout_sec = timeout_sec
        self._wire: _Wire | None = None
        self._opening: asyncio.Task[_Wire] | None = None

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one go and return their answers; one that says no is a Refusal among them.

        Raises OSError (TimeoutError, ConnectionError) where there is no answer, and then it is not known what was
        carried out; NotRedis for one that is none; Refusal where the login is refused.
        """
        if not commands:
            return []
        wire = self._wire
        if wire is None or wire.ended:
            wire = await self._opened()
        return await wire.ask(commands, self._timeout_sec)

    def close(self) -> None:
        """Give the connection back."""
        if self._opening:
            self._opening.cancel()
        if self._wire:
            self._wire.end(ConnectionAbortedError("closed"))

    async def _opened(self) -> "_Wire":
        """Open it; who asks meanwhile waits for the same attempt, and fails with it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(lambda opening: opening.cancelled() or opening.exception())
        return await asyncio.shield(self._opening)

    async def _open(self) -> "_Wire":
        wire = await connect(self._address, _Wire, self._timeout_sec)
        try:
            await self._log_in(wire)
        except BaseException as error:  # cancelled, too: nobody else knows of it
            wire.end(ConnectionAbortedError("not opened"))
            if self._address.tls and isinstance(error, ConnectionError):
                await hear_why(self._address, self._timeout_sec)
            raise
        self._wire = wire  # here, and not where it was waited for: who asks before those wake up has it too
        return wire

    async def _log_in(self, wire: "_Wire") -> None:
        # Each by itself, though in one go: a server that has too many clients answers the first, and closes.
        asked = (wire.ask([command], self._timeout_sec) for command in self._login)
        for answers in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answers, BaseException):
                raise answers
            if refusal := first_refusal(answers):
                raise refusal


@dataclass(slots=True)
class _Question:
    wanted: int
    answers: list[Any]
    done: asyncio.Future[list[Any]]


class _Wire(asyncio.Protocol):
    """The connection itself; several questions may be under way."""

    _transport: asyncio.Transport  # from connection_made() on, which comes first

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Has the error with which it ended, once it has."""
        self._reader = hiredis.Reader()
        self._questions: deque[_Question] = deque()
        self._outgoing: list[bytes] = []

    @property
    def ended(self) -> bool:
        return self.lost.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def ask(self, commands: Sequence[Command], timeout_sec: float) -> list[Any]:
        if self.lost.done():
            self.lost.result()  # it ended before anybody asked
        question = _Question(len(commands), [], asyncio.get_running_loop().create_future())
        self._questions.append(question)
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._send)
        self._outgoing.append(pack(commands))
        # asyncio.wait looks at the answer after the time is up: one that waited in the socket while this process was
        # stopped counts.
        await asyncio.wait({question.done}, timeout=timeout_sec)
        if not question.done.done():
            self.end(TimeoutError("no answer in time"))
        return question.done.result()

    def _send(self) -> None:
        """Send what was asked in this turn of the loop: one wake-up of the server, and one of this process."""
        if not self.ended:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._take(answer)
        except hiredis.ProtocolError as error:
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ConnectionError):
            self._read_last()
        self.end(exc if isinstance(exc, OSError) else ConnectionResetError("closed by the server"))

    def _read_last(self) -> None:
        """Read what a server said before it closed, as where it has too many clients: a write may have failed first."""
        wire = self._transport.get_extra_info("socket")
        if wire is not None and self._transport.get_extra_info("sslcontext") is None:
            with contextlib.suppress(OSError):
                self.data_received(os.read(wire.fileno(), _LAST_BYTES))

    def end(self, error: Exception) -> None:
        """Close now, without waiting for a server that may hang; whoever waits for an answer gets the error.

        What has not reached the server by then never does.
        """
        if not self.lost.done():
            self.lost.set_exception(error)
            self.lost.exception()  # whoever asks gets it; nobody has to
        if self._questions:
            _set(self._transport, socket.SOL_SOCKET, socket.SO_LINGER, _DROPPED_WHEN_CLOSED)
        while self._questions:
            question = self._questions.popleft()
            if not question.done.done():
                question.done.set_exception(error)
                question.done.exception()  # whoever waits gets it; nobody has to
        self._transport.abort()

    def _take(self, answer: Any) -> None:
        if not self._questions:  # a server that has too many clients says so unasked
            self.end(answer if isinstance(answer, Exception) else ConnectionResetError("an answer to no question"))
            return
        question = self._questions[0]
        question.answers.append(answer)
        if len(question.answers) == question.wanted:
            self._questions.popleft()
            if not question.done.done():
                question.done.set_result(question.answers)
