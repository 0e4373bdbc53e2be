"""aiohttp's session as both ways out want it: without a memory, without the environment, and without mercy."""

import ssl
from typing import Final

import aiohttp
from aiohttp.connector import NEEDS_CLEANUP_CLOSED

from marketswarm.web.resolver import GuardedResolver
from marketswarm.web.unpacking import ACCEPTED

_MAX_HEADER_BYTES: Final = 16 << 10
"""Of one header; some sites have policies of 10 KB in theirs. aiohttp allows 128 of them."""

_READ_BYTES: Final = 64 << 10
"""How much lies ready before the network is kept waiting. With less of it a body of tiny chunks holds the loop less."""


def trust() -> ssl.SSLContext:
    """Read the CAs that are trusted: the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR. Takes some 30 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def open_session(user_agent: str, trusted: ssl.SSLContext, *, guarded: bool) -> aiohttp.ClientSession:
    """Open a session; where ``guarded``, its resolver hands out public addresses only. It has no timeouts of its own.

    Each request has a connection of its own: a feed is asked every few minutes, which no server waits for, and what is
    not kept is neither found broken nor reused by whom it was not checked for.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        ssl=trusted,
        resolver=GuardedResolver(guarded=guarded),
        use_dns_cache=False,
        force_close=True,
        enable_cleanup_closed=NEEDS_CLEANUP_CLOSED,
    )
    return aiohttp.ClientSession(
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
