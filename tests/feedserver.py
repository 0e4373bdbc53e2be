"""A web server for feeds, which serves some hundreds of paths and, on any of them, does what a test wants.

    with FeedServer() as server:
        server.put("/a.xml", b"<rss/>")                      # a document; 304 to whoever has it already
        server.put("/a.xml", b"<rss></rss>")                 # replaced, with validators of its own
        server.set("/old.xml", redirect("/a.xml", 301))      # any behaviour of this module
        server.then("/a.xml", status(503, {"Retry-After": "5"}), hang())  # the next requests; then as before
        ...fetch server.url("/a.xml")...
        assert [asked.headers.get("If-None-Match") for asked in server.asked("/a.xml")] == [None]

It runs in a thread of its own, on a free port of 127.0.0.1, or of another address of this machine. Its methods may be
called from any thread at any time.
"""

import asyncio
import gzip
import hashlib
import ssl
import threading
import time
import zlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from typing import Final, Self

import brotli

DRIP_SEC = 0.2
CHUNK: Final = 64 << 10
_A_DAY_SEC: Final = 86_400
_NOBODY: Final = frozenset({204, 304})
_PACKERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": lambda body: body,
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=4),
}


@dataclass(frozen=True)
class Asked:
    """A request that came: path with its query, headers by lower-case names, monotonic time."""

    path: str
    headers: Mapping[str, str]
    at: float


@dataclass
class Exchange:
    """One request and the way back to who asked. What a behaviour sends, it sends through here."""

    asked: Asked
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "FeedServer"
    keep: bool = True
    """Whether the connection may be used for another request."""

    async def send(self, data: bytes) -> None:
        """Send bytes, as fast as they are taken. Raises OSError when the client has gone."""
        self.writer.write(data)
        await self.writer.drain()
        self.server.sent += len(data)

    async def reply(self, code: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a whole answer, with its length."""
        length = {} if code in _NOBODY else {"Content-Length": str(len(body))}
        await self.send(head(code, {**headers, **length}) + body)


Behaviour = Callable[[Exchange], Awaitable[None]]
"""What is done with one request. When it returns with ``keep`` unset, the connection is closed."""


def head(code: int, headers: Mapping[str, str]) -> bytes:
    """Return the head of an answer."""
    lines = [f"HTTP/1.1 {code} {responses.get(code, 'X')}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def document(body: bytes, headers: Mapping[str, str], *, encoding: str = "", chunked: bool = False) -> Behaviour:
    """Answer with a document, or with 304 where one of its validators in ``headers`` matches.

    ``encoding`` is "", "gzip", "deflate" or "br"; ``chunked`` leaves out the length.
    """
    known = {name.lower(): value for name, value in headers.items()}
    packed = _PACKERS[encoding](body)
    sent = {**headers, **({"Content-Encoding": encoding} if encoding else {})}

    async def act(exchange: Exchange) -> None:
        have = exchange.asked.headers
        etag, modified = have.get("if-none-match"), have.get("if-modified-since")
        unchanged = etag == known.get("etag", "") if etag else modified == known.get("last-modified", "")
        if unchanged:
            await exchange.reply(304, headers)
        elif chunked:
            frames = (packed[at : at + CHUNK] for at in range(0, len(packed), CHUNK))
            await exchange.send(
                head(200, {**sent, "Transfer-Encoding": "chunked"})
                + b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames)
                + b"0\r\n\r\n"
            )
        else:
            await exchange.reply(200, sent, packed)

    return act


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Answer with a status: 404, 410, 500, and 429 or 503 with {"Retry-After": "5"}."""

    async def act(exchange: Exchange) -> None:
        await exchange.reply(code, headers or {}, body)

    return act


def redirect(to: str, code: int = 302) -> Behaviour:
    """Send the client elsewhere: a path, or a whole URL."""
    return status(code, {"Location": to})


def raw(data: bytes) -> Behaviour:
    """Send bytes as they are, and close. Without any it just closes; a promised body is so cut off."""

    async def act(exchange: Exchange) -> None:
        exchange.keep = False
        await exchange.send(data)

    return act


def cut_off(body: bytes, of_bytes: int | None = None) -> Behaviour:
    """Promise ``of_bytes`` of a body, twice what there is if not said, send what there is, and close."""
    return raw(head(200, {"Content-Length": str(of_bytes or 2 * len(body))}) + body)


def hang() -> Behaviour:
    """Take the request and say nothing until the client or the server goes."""

    async def act(exchange: Exchange) -> None:
        exchange.keep = False
        await exchange.reader.read()

    return act


def drip(body: bytes, headers: Mapping[str, str] | None = None, *, pause_sec: float = DRIP_SEC) -> Behaviour:
    """Answer with the head at once and the body a byte at a time."""

    async def act(exchange: Exchange) -> None:
        await exchange.send(head(200, {**(headers or {}), "Content-Length": str(len(body))}))
        for byte in body:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(pause_sec)

    return act


def endless(start: bytes = b"HTTP/1.1 200 OK\r\n\r\n", piece: bytes = b"x" * CHUNK) -> Behaviour:
    """Send ``start`` and then the same piece for ever, as fast as it is taken: a body, or headers."""

    async def act(exchange: Exchange) -> None:
        exchange.keep = False
        await exchange.send(start)
        while True:
            await exchange.send(piece)

    return act


def bomb(encoding: str, size: int = 1 << 32) -> Behaviour:
    """Answer with ``size`` bytes of nothing, 4 GiB if not said, packed a piece at a time by gzip, deflate or br."""

    def pieces() -> Iterator[bytes]:
        zeros = bytes(4 << 20)
        if encoding == "br":
            packer = brotli.Compressor(quality=1)
            for _ in range(0, size, len(zeros)):
                yield packer.process(zeros)
            yield packer.finish()
            return
        deflater = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS)
        for _ in range(0, size, len(zeros)):
            yield deflater.compress(zeros)
        yield deflater.flush()

    async def act(exchange: Exchange) -> None:
        exchange.keep = False
        await exchange.send(head(200, {"Content-Encoding": encoding, "Connection": "close"}))
        for piece in pieces():
            await exchange.send(piece)
            await asyncio.sleep(0)

    return act


class _Connection(asyncio.StreamReaderProtocol):
    """A connection that is known by its transport from its first moment on."""

    def __init__(
        self,
        connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        transports: set[asyncio.WriteTransport],
    ) -> None:
        super().__init__(asyncio.StreamReader(), connected)
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._own = transport
        self._transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._transports.discard(self._own)
        super().connection_lost(exc)


class FeedServer:
    """See the module. ``requests`` are all that came, in order; ``sent`` counts bytes; a path nobody set is a 404."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, address: str = "127.0.0.1") -> None:
        self.address = address
        self.requests: list[Asked] = []
        self.sent = 0
        self.connections = 0
        self._tls = tls
        self._always: dict[str, Behaviour] = {}
        self._next: defaultdict[str, deque[Behaviour]] = defaultdict(deque)
        self._by_path: defaultdict[str, list[Asked]] = defaultdict(list)
        self._version = 0
        self._born = time.time()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="feedserver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def url(self, path: str, *, login: str = "") -> str:
        """The URL of a path; ``login`` is "user:password"."""
        return f"{'https' if self._tls else 'http'}://{login}{'@' if login else ''}{self.address}:{self.port}{path}"

    def put(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/rss+xml",
        headers: Mapping[str, str] | None = None,
        etag: bool = True,
        last_modified: bool = True,
        encoding: str = "",
        chunked: bool = False,
    ) -> None:
        """Serve a document, or another one than before.

        Its ETag is made of the body, and its Last-Modified is a second later than that of the one put before, whatever
        the clock says; ``headers``, such as Cache-Control or an ETag of your own, come last.
        """
        self._version += 1
        modified = formatdate(self._born - _A_DAY_SEC + self._version, usegmt=True)
        own = {
            "Content-Type": content_type,
            **({"ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'} if etag else {}),
            **({"Last-Modified": modified} if last_modified else {}),
        }
        self.set(path, document(body, own | dict(headers or {}), encoding=encoding, chunked=chunked))

    def set(self, path: str, behaviour: Behaviour) -> None:
        """Treat every request of a path so, from now on."""
        self._always[path] = behaviour

    def then(self, path: str, *behaviours: Behaviour) -> None:
        """Treat the next requests of a path so, one each, and those after them as before."""
        self._next[path].extend(behaviours)

    def asked(self, path: str) -> list[Asked]:
        """The requests of a path, whatever their query, so far and in order."""
        return list(self._by_path[path])

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        transports: set[asyncio.WriteTransport] = set()
        server = await self._loop.create_server(
            lambda: _Connection(self._connected, transports), self.address, 0, ssl=self._tls, backlog=512
        )
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        # asyncio leaks the sockets that it accepted in the turn in which its server is closed: no more of them first.
        self._loop.remove_reader(server.sockets[0])
        await asyncio.sleep(0)
        server.close()
        ended = {asyncio.current_task()}
        while transports or len(asyncio.all_tasks()) > 1:
            begun = asyncio.all_tasks()
            await asyncio.sleep(0)
            for transport in transports:
                transport.abort()
            for task in begun - ended:
                task.cancel()
            ended |= begun

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # A client that breaks off is what tests are about, and a cancelled one is nothing to log.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Treat one request; returns whether another one may come."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        target = first.split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(target, headers, time.monotonic())
        path = target.partition("?")[0]
        self.requests.append(asked)
        self._by_path[path].append(asked)
        scripted = self._next[path]
        behaviour = scripted.popleft() if scripted else self._always.get(path, status(404))
        exchange = Exchange(asked, reader, writer, self, keep=headers.get("connection", "") != "close")
        await behaviour(exchange)
        return exchange.keep
