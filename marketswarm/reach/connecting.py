"""TCP to whichever address takes it first, and TLS over it."""

import asyncio
import errno
import functools
import re
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final

from aiohappyeyeballs import start_connection
from aiohappyeyeballs.types import AddrInfoType

from marketswarm import trouble
from marketswarm.lookup import Address
from marketswarm.reach.finding import FailedError

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_NEXT_ADDRESS_SEC: Final = 0.25
"""So long an address is waited for before the next is tried beside it (RFC 8305, section 5)."""
_READ_BYTES: Final = 4 << 10
"""So much is worked through in one go: frames and chunks may have a byte each."""
_NUMBER: Final = re.compile(r"\[Errno ([0-9]+)\]")
_A_DAY_SEC: Final = 86_400


async def connect(addresses: Sequence[Address], port: int) -> tuple[socket.socket, str]:
    """Connect, and return the address that took it with its socket. Raises FailedError."""
    made: dict[socket.socket, str] = {}

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, where = info
        one = socket.socket(family, kind, proto)
        made[one] = str(where[0])
        return one

    infos = [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)) for family, address in addresses]
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        sock = await start_connection(infos, happy_eyeballs_delay=_NEXT_ADDRESS_SEC, socket_factory=make)
    except OSError as error:
        raise FailedError(_reason(error)) from None
    if task and task.cancelling() > before:  # which gets lost where the losers of a race are called back
        sock.close()
        raise asyncio.CancelledError
    return sock, made[sock]


async def take_over(sock: socket.socket) -> Stream:
    """Make a stream of a connection."""
    return await _stream(sock)


async def shake_hands(sock: socket.socket, trusted: ssl.SSLContext, host: str, timeout_sec: float) -> Stream:
    """Make a stream of a connection, with TLS. Raises OSError."""
    return await _stream(sock, ssl=trusted, server_hostname=host, ssl_handshake_timeout=timeout_sec)


async def _stream(sock: socket.socket, **tls: Any) -> Stream:
    """Do as asyncio.open_connection(), and leave nothing open in any case.

    Cancelled just as the handshake ends, that says goodbye, and waits half a minute for the server to do so too.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = _Protocol(reader)
    try:
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock, **tls)
    except BaseException:
        if protocol.made:
            protocol.made.abort()
        raise
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


class _Protocol(asyncio.StreamReaderProtocol):
    """Knows its transport as soon as there is one."""

    made: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if isinstance(transport, asyncio.WriteTransport):
            self.made = transport


async def more(reader: asyncio.StreamReader) -> bytes:
    """Read what is there, or wait for it; b"" is the end. Others get a turn, however much is there. Raises OSError."""
    await asyncio.sleep(0)
    return await reader.read(_READ_BYTES)


@functools.cache
def trust(*, http: bool) -> ssl.SSLContext:
    """Read the CAs that are trusted: the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR. Takes some 30 ms."""
    context = ssl.create_default_context()
    if http:
        context.set_alpn_protocols(["http/1.1"])
    return context


def days_left(writer: asyncio.StreamWriter) -> float | None:
    """Say how many days the server's own certificate still holds."""
    certificate = writer.get_extra_info("peercert") or {}
    until = certificate.get("notAfter")
    return round((ssl.cert_time_to_seconds(until) - time.time()) / _A_DAY_SEC, 2) if until else None


def _reason(error: OSError) -> str:
    """Where several addresses fail, each in its own way, the numbers are in the text alone; one that answers tells."""
    refused = str(errno.ECONNREFUSED) in _NUMBER.findall(str(error))
    return trouble.REFUSED if refused else trouble.of_connection(error)
