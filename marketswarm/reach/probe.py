"""Going to a place. Each way ends in a Finding, within its deadline; nothing is raised but cancellation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Final

from marketswarm import lookup
from marketswarm.place import Place, Step
from marketswarm.reach import connecting, talk
from marketswarm.reach.connecting import Stream
from marketswarm.reach.exchange import Exchange
from marketswarm.reach.finding import FailedError, Finding, Way
from marketswarm.reach.walk import Walk

Say = Callable[[str], Awaitable[None]]
Script = Callable[[AsyncIterator[str], Say], Awaitable[str]]
"""What is said, and listened for, over WebSocket: returns why that failed, "" where it did not."""
_ASKED: Final = ("http", "https")
_HTTP: Final = ("https", "wss")
_BAD: Final = 400


async def reach(place: Place, way: Way) -> Finding:
    """Go as far as the scheme says: dns looks up, tcp connects, tls shakes hands, http asks and reads the head.

    A status of 400 and more is a failure.
    """

    async def go(walk: Walk) -> None:
        if place.scheme == "dns":
            walk.address = (await _addresses(place, way, walk))[0][1]
        elif place.scheme == "tcp":
            addresses = await _addresses(place, way, walk)
            with walk.step(Step.TCP):
                connected, walk.address = await connecting.connect(addresses, place.port)
            connected.close()
        else:
            async with _stream(place, way, walk) as stream:
                if place.scheme in _ASKED:
                    with walk.step(Step.HTTP):
                        walk.status, walk.headers = await Exchange(stream).ask(place, {})
                        if walk.status >= _BAD:
                            raise FailedError(f"answers {walk.status}")

    return await _found(way, go)


async def get(place: Place, way: Way, headers: Mapping[str, str], max_bytes: int) -> Finding:
    """Ask for a document over http or https. The caller judges its status; a body above the cap is a failure."""

    async def go(walk: Walk) -> None:
        async with _stream(place, way, walk) as stream:
            with walk.step(Step.HTTP):
                exchange = Exchange(stream)
                walk.status, walk.headers = await exchange.ask(place, headers)
                walk.body = await exchange.body(max_bytes)

    return await _found(way, go)


async def converse(place: Place, way: Way, script: Script) -> Finding:
    """Talk over ws or wss. The handshake is the step http, and the script the step api.

    A connection that ends before the script does is a failure, which the script need not notice.
    """

    async def go(walk: Walk) -> None:
        async with _stream(place, way, walk) as stream:
            with walk.step(Step.HTTP):
                conversation = await talk.begin(stream, place, walk)
            with walk.step(Step.API):
                reason = await script(conversation, conversation.say)
                if reason:
                    raise FailedError(reason)
                conversation.close()

    return await _found(way, go)


async def _found(way: Way, go: Callable[[Walk], Awaitable[None]]) -> Finding:
    walk = Walk(way.timeout_sec)
    reason = ""
    try:
        async with asyncio.timeout(way.timeout_sec):
            await go(walk)
    except FailedError as error:
        reason = str(error)
    except TimeoutError:
        reason = walk.late
    return walk.finding(reason)


async def _addresses(place: Place, way: Way, walk: Walk) -> list[lookup.Address]:
    if place.is_address:
        return [(AF_INET6 if ":" in place.host else AF_INET, place.host)]
    if not way.resolvers:
        with walk.step(Step.DNS):
            return await lookup.addresses(place.host, place.port, AF_UNSPEC)
    from marketswarm.reach import resolving

    with walk.step(Step.DNS, late=resolving.silence(way.resolvers)):
        return await resolving.addresses(place.host, way.resolvers, way.timeout_sec)


@asynccontextmanager
async def _stream(place: Place, way: Way, walk: Walk) -> AsyncIterator[Stream]:
    """Hold a connection, with TLS if that leads there."""
    trusted = connecting.trust(http=place.scheme in _HTTP) if place.secure else None  # read before anything is timed
    addresses = await _addresses(place, way, walk)
    with walk.step(Step.TCP):
        connected, walk.address = await connecting.connect(addresses, place.port)
        if trusted is None:
            stream = await connecting.take_over(connected)
    if trusted is not None:
        with walk.step(Step.TLS):
            stream = await connecting.shake_hands(connected, trusted, place.host, way.timeout_sec)
    try:
        walk.days = connecting.days_left(stream[1])
        yield stream
    finally:
        stream[1].transport.abort()
