"""The gate through which every connection to a named host goes: it is made to an address that was judged, and no other.

The name is looked up once, its addresses are judged, and aiohttp connects to those that are left. So a name that
answers differently a moment later (DNS rebinding) changes nothing.
"""

import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from marketswarm import lookup
from marketswarm.web import guard
from marketswarm.web.places import RefusedError

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class GuardedResolver(AbstractResolver):
    """Looks names up; where ``guarded``, hands out public addresses only. Raises RefusedError, OSError."""

    def __init__(self, *, guarded: bool) -> None:
        self._guarded = guarded

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses to connect to."""
        found = await lookup.addresses(host, port, family)
        if self._guarded:
            refused = [guard.refusal(address) for _, address in found]
            found = [one for one, why in zip(found, refused, strict=True) if why is None]
            if not found:
                raise RefusedError(next(filter(None, refused)))
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=_NUMERIC)
            for kind, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
