"""Real servers that messages are sent to, which a test makes answer, hang, drip, break off or refuse."""

import asyncio
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.client import HTTPMessage, parse_headers
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

HANG_SEC = 120.0
DRIP_SEC = 0.2


class Trust:
    """A CA of the tests' own. ``environ`` makes a process trust it, and nobody else."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self._path = directory / f"ca-{time.monotonic_ns()}.pem"
        authority.cert_pem.write_to_path(str(self._path))
        self.environ = {"SSL_CERT_FILE": str(self._path), "SSL_CERT_DIR": str(directory / "no-such")}
        self._authority = authority

    def server(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        """Make the context of a server that can prove to be ``name``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context


@dataclass
class Request:
    """What was asked. ``at`` is monotonic; ``body`` is None where the answer did not wait for it, or it never came.

    ``taken``: the answer says that it was.
    """

    method: str
    path: str
    headers: HTTPMessage
    at: float
    body: bytes | None = None
    taken: bool = False

    @property
    def json(self) -> Any:
        """The body, parsed."""
        assert self.body is not None
        return json.loads(self.body)


@dataclass(frozen=True)
class Behaviour:
    """What is done with one request; ``early``: as soon as its head is there; ``takes``: by a status of 2xx."""

    act: Callable[["_Exchange"], None]
    early: bool = False
    takes: bool = False


def answer(status: int = 204, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Answer and close."""
    return Behaviour(lambda exchange: exchange.send(_head(status, headers, len(body)) + body), takes=status // 100 == 2)


def answer_after(event: threading.Event, status: int = 204) -> Behaviour:
    """Answer and close, but not before that has happened."""

    def act(exchange: "_Exchange") -> None:
        event.wait(HANG_SEC)
        exchange.send(_head(status, None, 0))

    return Behaviour(act)


def redirect(to: str, status: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return answer(status, {"Location": to})


def raw(data: bytes) -> Behaviour:
    """Send bytes as they are, and close."""
    return Behaviour(lambda exchange: exchange.send(data))


def hang() -> Behaviour:
    """Take the request and say nothing until the receiver closes."""

    def act(exchange: "_Exchange") -> None:
        exchange.wait(HANG_SEC)

    return Behaviour(act)


def drip(status: int = 204, *, body: bytes | None = None, pause_sec: float = DRIP_SEC) -> Behaviour:
    """Answer a byte at a time; with a ``body`` its head comes at once, and only the body drips."""

    def act(exchange: "_Exchange") -> None:
        head = _head(status, None, len(body or b""))
        if body is not None:
            exchange.send(head)
        for byte in head if body is None else body:
            exchange.send(bytes([byte]))
            if exchange.wait(pause_sec):
                return

    return Behaviour(act)


def disconnect(*, reset: bool = False, early: bool = False) -> Behaviour:
    """Close without an answer, by a TCP reset if wanted; ``early``: before the body is read."""
    return Behaviour(lambda exchange: exchange.disconnect(reset=reset), early=early)


def endless(status: int = 200, size: int = 1 << 30) -> Behaviour:
    """Answer with a body of ``size`` bytes, as fast as they are taken."""

    def act(exchange: "_Exchange") -> None:
        exchange.send(_head(status, None, size))
        chunk = bytes(1 << 20)
        for _ in range(0, size, len(chunk)):
            exchange.send(chunk)
            exchange.receiver.sent += len(chunk)

    return Behaviour(act)


def _head(status: int, headers: Mapping[str, str] | None, length: int) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, f"Content-Length: {length}", "Connection: close", "", ""]).encode("latin-1")


class HttpReceiver:
    """A web server on a free port of loopback.

    Each request is treated as the next behaviour of ``script`` says, and as ``otherwise`` says when there is none left.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0
        """Bytes of endless bodies that were taken."""
        self.script: deque[Behaviour] = deque()
        self.otherwise = answer()
        self.closing = threading.Event()
        self.tls = tls
        self._server = _Listener(self)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def then(self, *behaviours: Behaviour) -> Self:
        """Go on with these, a request each."""
        self.script.extend(behaviours)
        return self

    def always(self, behaviour: Behaviour) -> Self:
        """Treat every request so that has no other in the script."""
        self.otherwise = behaviour
        return self

    @property
    def bodies(self) -> list[Any]:
        """The parsed bodies that came, in order; a request that was cut off before its own has none."""
        return [request.json for request in self.requests if request.body is not None]

    def close(self) -> None:
        """Let go of whoever hangs, and listen no more."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: HttpReceiver) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that breaks off is what tests are about."""


class _Exchange(socketserver.StreamRequestHandler):
    """One connection, one request."""

    server: _Listener

    def setup(self) -> None:
        self.receiver = self.server.receiver
        self.receiver.connections += 1
        if self.receiver.tls:
            self.request = self.receiver.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        line = self.rfile.readline(65536).decode("latin-1").split()
        if len(line) < 2:
            return
        receiver = self.receiver
        request = Request(line[0], line[1], parse_headers(self.rfile), time.monotonic())
        behaviour = receiver.script.popleft() if receiver.script else receiver.otherwise
        if not behaviour.early:
            length = int(request.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            # Of a client that is killed while it sends there is no body, and nobody to take an answer.
            request.body = body if len(body) == length else None
        request.taken = behaviour.takes and request.body is not None
        receiver.requests.append(request)
        with suppress(OSError):
            behaviour.act(self)

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()
        self.request.close()

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError where the client has gone."""
        self.request.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Wait, no longer than the receiver is there; returns whether it closes."""
        return self.receiver.closing.wait(seconds)

    def disconnect(self, *, reset: bool) -> None:
        """Close at once; SO_LINGER of 0 makes it a reset."""
        if reset:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


@dataclass
class MailReceiver:
    """A mail server on a free port of loopback. What it answers is in the fields, an empty text is its usual answer.

    ``login`` is the user and the password that it wants, None where it offers no login; ``starttls`` is offered where
    ``tls`` is given and ``wrapped`` is not set, which means TLS from the first byte.
    """

    tls: ssl.SSLContext | None = None
    wrapped: bool = False
    login: tuple[str, str] | None = None
    at_login: str = ""
    at_sender: str = ""
    at_recipient: dict[str, str] = field(default_factory=dict)
    at_data: str = ""
    hang_at_data: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """Whether each mail came through TLS."""
    port: int = 0

    async def handle_MAIL(
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a sender."""
        if self.at_sender:
            return self.at_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient."""
        if address in self.at_recipient:
            return self.at_recipient[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Any, envelope: Envelope) -> str:
        """Take a mail."""
        if self.hang_at_data:
            await asyncio.sleep(HANG_SEC)
        if self.at_data:
            return self.at_data
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        self.encrypted.append(self.wrapped or session.ssl is not None)
        return "250 OK"

    def _authenticate(self, *given: Any) -> AuthResult:
        data = given[-1]
        if self.at_login:
            return AuthResult(success=False, handled=False, message=self.at_login)
        pair = (data.login.decode(), data.password.decode())
        return AuthResult(success=pair == self.login, handled=False)

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            tls_context=None if self.wrapped else self.tls,
            authenticator=self._authenticate if self.login or self.at_login else None,
            # Without TLS it then offers no login at all.
            auth_require_tls=self.login is None or (self.tls is not None and not self.wrapped),
            loop=asyncio.get_running_loop(),
        )

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until told to stop."""
        context = self.tls if self.wrapped else None
        server = await asyncio.get_running_loop().create_server(self._protocol, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()


@contextmanager
def receiving_mail(receiver: MailReceiver) -> Iterator[MailReceiver]:
    """Serve, in a thread of its own."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(receiver.serve(ready, stop))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
