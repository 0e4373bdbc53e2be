"""A conversation over WebSocket (RFC 6455), in text."""

from typing import Final, Self

import wsproto.utilities
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, TextMessage

from marketswarm.place import Place
from marketswarm.reach.connecting import Stream, more
from marketswarm.reach.exchange import SWITCHING, Exchange
from marketswarm.reach.finding import FailedError
from marketswarm.reach.walk import Walk
from marketswarm.text import size
from marketswarm.trouble import BROKE_OFF

NO_WEBSOCKET: Final = "what it answers is no WebSocket"
_MAX_CHARS: Final = 1 << 20
"""Of one message, which is held until it is whole."""
_GOOD_END: Final = 1000


async def begin(stream: Stream, place: Place, walk: Walk) -> "Talk":
    """Shake hands. Raises FailedError."""
    nonce = wsproto.utilities.generate_nonce()
    exchange = Exchange(stream)
    wanted = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": nonce.decode("ascii"),
        "Sec-WebSocket-Version": "13",
    }
    walk.status, walk.headers = await exchange.ask(place, wanted)
    if walk.status != SWITCHING:
        raise FailedError(f"answers {walk.status}")
    accepted = wsproto.utilities.generate_accept_token(nonce).decode("ascii")
    if walk.headers.get("sec-websocket-accept") != accepted:
        raise FailedError(NO_WEBSOCKET)
    return Talk(stream, exchange.left)


class Talk:
    """Iterated over, it gives the texts that come, and answers pings; its end raises FailedError, whoever made it."""

    def __init__(self, stream: Stream, came: bytes) -> None:
        self._reader, self._writer = stream
        self._protocol = Connection(ConnectionType.CLIENT, trailing_data=came)
        self._pieces: list[str] = []
        self._chars = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            for event in self._protocol.events():
                if isinstance(event, TextMessage):
                    self._add(event.data)
                    if event.message_finished:
                        text, self._pieces, self._chars = "".join(self._pieces), [], 0
                        return text
                elif isinstance(event, Ping):
                    await self._send(event.response())
                elif isinstance(event, CloseConnection):
                    raise FailedError(self._end(event))
            data = await more(self._reader)
            if not data:
                raise FailedError(BROKE_OFF)
            self._protocol.receive_data(data)

    async def say(self, text: str) -> None:
        """Send a text."""
        await self._send(TextMessage(data=text))

    def close(self) -> None:
        """Say goodbye, so that the server does not note an accident; an answer is not waited for."""
        self._writer.write(self._protocol.send(CloseConnection(code=_GOOD_END)))

    def _add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._chars += len(piece)
        if self._chars > _MAX_CHARS:
            raise FailedError(f"answers more than {size(_MAX_CHARS)}")

    async def _send(self, event: Event) -> None:
        self._writer.write(self._protocol.send(event))
        await self._writer.drain()

    def _end(self, event: CloseConnection) -> str:
        if self._protocol.state is not ConnectionState.REMOTE_CLOSING:  # it is wsproto that wants to
            return NO_WEBSOCKET
        return f"it closed the connection ({int(event.code)})"
