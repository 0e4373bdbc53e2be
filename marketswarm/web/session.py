"""aiohttp's session as both ways out want it: without a memory, without the environment, and without mercy."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakSet

import aiohttp

from marketswarm.web.resolver import GuardedResolver
from marketswarm.web.unpacking import ACCEPTED

_MAX_HEADER_BYTES: Final = 16 << 10
"""Of one header; some sites have policies of 10 KB in theirs. aiohttp allows 128 of them."""

_READ_BYTES: Final = 64 << 10
"""How much lies ready before the network is kept waiting. With less of it a body of tiny chunks holds the loop less."""

_LOOK_SEC: Final = 0.01
_PARTING_LOOKS: Final = 50


def trust() -> ssl.SSLContext:
    """Read the CAs that are trusted: the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR. Takes some 30 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@asynccontextmanager
async def session(user_agent: str, trusted: ssl.SSLContext, *, guarded: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """Hold a session; where ``guarded``, its resolver hands out public addresses only. It has no timeouts of its own.

    Each request has a connection of its own: a feed is asked every few minutes, which no server waits for, and what is
    not kept is neither found broken nor reused by whom it was not checked for.
    """
    sockets: WeakSet[socket.socket] = WeakSet()

    def make(where: aiohttp.AddrInfoType) -> socket.socket:
        made = socket.socket(where[0], where[1], where[2])
        sockets.add(made)
        return made

    connector = aiohttp.TCPConnector(
        limit=0,
        ssl=trusted,
        resolver=GuardedResolver(guarded=guarded),
        use_dns_cache=False,
        force_close=True,
        socket_factory=make,
    )
    opened = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": user_agent, "Accept-Encoding": ACCEPTED},
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_READ_BYTES,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )
    try:
        yield opened
    finally:
        await opened.close()
        await _closed(sockets)


async def _closed(sockets: Iterable[socket.socket]) -> None:
    """Wait for servers to end TLS on their side too; one that does not is left to the end of this process.

    aiohttp's own way, ``enable_cleanup_closed``, fails with the Python of Debian 12.
    """
    for _ in range(_PARTING_LOOKS):
        if all(one.fileno() < 0 for one in sockets):
            return
        await asyncio.sleep(_LOOK_SEC)
