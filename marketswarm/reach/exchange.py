"""One HTTP request over a connection, and the answer to it as it comes."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeGuard

import h11

from marketswarm.place import Place
from marketswarm.reach.connecting import Stream, more
from marketswarm.reach.finding import FailedError
from marketswarm.text import size
from marketswarm.trouble import BROKE_OFF, LONG_HEADERS, NO_HTTP, NO_REQUEST
from marketswarm.version import agent

SWITCHING: Final = 101
_MAX_HEAD_BYTES: Final = 64 << 10
_TOO_LARGE: Final = 431
_START: Final = b"HTTP/"


class Exchange:
    """Made anew for each request. What it cannot make sense of raises FailedError."""

    def __init__(self, stream: Stream) -> None:
        self._reader, self._writer = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._came = b""
        self._ended = False

    async def ask(self, place: Place, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        """Ask, and return the status and the headers of the answer: a final one, or that protocols are switched."""
        own = {"Host": place.authority, "User-Agent": agent(), "Accept": "*/*", "Connection": "close"}
        wanted = own | {name.title(): value for name, value in headers.items()}
        try:
            request = h11.Request(method="GET", target=place.path, headers=list(wanted.items()))
            self._writer.write(self._http.send(request) + self._http.send(h11.EndOfMessage()))
        except (h11.LocalProtocolError, ValueError):  # a key that was pasted with a newline, for one
            raise FailedError(NO_REQUEST) from None
        while True:
            event = await self._next()
            if isinstance(event, h11.Response) or _switches(event):
                return event.status_code, _plain(event.headers)

    async def body(self, max_bytes: int) -> bytes:
        """Read the body, all of it."""
        body = bytearray()
        while isinstance(event := await self._next(), h11.Data):
            body += event.data
            if len(body) > max_bytes:
                raise FailedError(f"answers more than {size(max_bytes)}")
        return bytes(body)

    @property
    def left(self) -> bytes:
        """What came behind an answer that switches protocols."""
        return self._http.trailing_data[0]

    async def _next(self) -> h11.Event:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise FailedError(self._reason(error)) from None
            if isinstance(event, h11.Event):
                return event
            self._feed(await more(self._reader))

    def _feed(self, data: bytes) -> None:
        self._came = (self._came + data)[: len(_START)]
        if not _START.startswith(self._came):  # h11 would wait for an end of headers
            raise FailedError(NO_HTTP)
        self._ended = not data
        self._http.receive_data(data)

    def _reason(self, error: h11.RemoteProtocolError) -> str:
        if error.error_status_hint == _TOO_LARGE:
            return LONG_HEADERS
        return BROKE_OFF if self._ended else NO_HTTP


def _switches(event: h11.Event) -> TypeGuard[h11.InformationalResponse]:
    return isinstance(event, h11.InformationalResponse) and event.status_code == SWITCHING


def _plain(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name; of those that came several times, such as a Date behind a proxy, the first counts."""
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found
