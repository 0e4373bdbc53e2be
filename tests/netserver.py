r"""Servers on loopback that do to a connection, or to a question for a name, whatever a test wants.

    with NetServer(says(b"HTTP/1.1 204 X\r\n\r\n")) as server, NameServer({"good.test": ("127.0.0.1",)}) as names:
        ...go to server.port, ask names.address...

Each connection has a thread of its own, which ends when the client has gone or the server closes.
"""

import functools
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
import trustme
from testkit import free_port
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Request

from marketswarm.reach import connecting

DRIP_SEC: Final = 0.05
SILENT: Final = "silent"
TRUNCATED: Final = "truncated"
"""Of the answer there is as much by UDP as fits: nothing."""


class Connection:
    """One that was accepted: through TLS where the server has it. ``received`` is what came so far."""

    def __init__(self, server: "NetServer", sock: socket.socket) -> None:
        self.server = server
        self.socket = sock
        self.received = b""

    def receive(self) -> bytes:
        """Wait for data; none where the client has gone."""
        data = self.socket.recv(65_536)
        self.received += data
        return data

    def request(self) -> None:
        """Wait for the end of a request. Raises ConnectionError where the client goes before that."""
        while b"\r\n\r\n" not in self.received:
            if not self.receive():
                raise ConnectionAbortedError
        self.server.requests.append(self.received)

    def close(self, *, reset: bool = False) -> None:
        """Close at once, whoever waits; SO_LINGER of 0 makes it a reset."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait(self) -> None:
        """Wait until the client has gone."""
        while self.receive():
            pass


Behaviour = Callable[[Connection], None]


def says(data: bytes) -> Behaviour:
    """Answer a request, and close."""

    def act(connection: Connection) -> None:
        connection.request()
        connection.socket.sendall(data)

    return act


def answers(status: int, headers: str = "", body: bytes = b"") -> Behaviour:
    """Answer with a status; ``headers`` are lines with their ends."""
    length = "" if status in (204, 304) else f"Content-Length: {len(body)}\r\n"
    return says(f"HTTP/1.1 {status} X\r\n{headers}{length}\r\n".encode() + body)


def hangs(start: bytes = b"") -> Behaviour:
    """Answer a request with ``start``, or with nothing, and no more."""

    def act(connection: Connection) -> None:
        connection.request()
        connection.socket.sendall(start)
        connection.wait()

    return act


def repeats(start: bytes, piece: bytes, pause_sec: float = 0.0) -> Behaviour:
    """Answer a request with ``start`` and then with ``piece`` for ever."""

    def act(connection: Connection) -> None:
        connection.request()
        connection.socket.sendall(start)
        while not connection.server.closing.wait(pause_sec):
            connection.socket.sendall(piece)

    return act


def silent(connection: Connection) -> None:
    """Listen and say nothing, not even in a handshake."""
    connection.wait()


def deaf(connection: Connection) -> None:
    """Do nothing, and do not notice either that the client goes."""
    connection.server.closing.wait()


def greets(connection: Connection) -> None:
    """Speak first, and not in TLS."""
    connection.socket.sendall(b"220 mail.test ESMTP\r\n")
    connection.wait()


def closes(connection: Connection) -> None:
    """Close when something has come."""
    connection.receive()


def resets(connection: Connection) -> None:
    """Reset the connection when something has come."""
    connection.receive()
    connection.close(reset=True)


def websocket(*script: Event | Behaviour) -> Behaviour:
    """Shake hands, send what is to be sent, do what is to be done, and wait until the client has gone."""

    def act(connection: Connection) -> None:
        connection.request()
        protocol = WSConnection(ConnectionType.SERVER)
        protocol.receive_data(connection.received)
        assert isinstance(next(protocol.events()), Request)
        connection.socket.sendall(protocol.send(AcceptConnection()))
        for one in script:
            if isinstance(one, Event):
                connection.socket.sendall(protocol.send(one))
            else:
                one(connection)
        while data := connection.receive():
            protocol.receive_data(data)
            connection.server.events.extend(protocol.events())

    return act


class NetServer:
    """A server on a free port of ``host``; ``requests`` are what was asked, ``events`` what came over WebSocket."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[bytes] = []
        self.events: list[Event] = []
        self.connections = 0
        self.closing = threading.Event()
        self._behaviour = behaviour
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # which ends accept()
        self._threads[0].join()
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                self._open.add(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        # A client that goes is what tests are about.
        with sock, suppress(OSError):
            if self._tls is None:
                self._behaviour(Connection(self, sock))
            else:
                with self._tls.wrap_socket(sock, server_side=True) as inner:
                    self._open.add(inner)
                    self._behaviour(Connection(self, inner))
                    self._open.discard(inner)
        self._open.discard(sock)


class FullServer:
    """A port whose queue of connections is full: the next one hangs."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._listener.getsockname()[1]
        self._queued = [socket.socket() for _ in range(3)]
        for one in self._queued:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", self.port))
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self._queued, self._listener):
            one.close()


def full(_: Connection) -> None:
    """Of a server whose queue is full nobody gets a connection."""


def serve(behaviour: Behaviour, tls: ssl.SSLContext | None, host: str = "127.0.0.1") -> NetServer | FullServer:
    """Make a server that does that."""
    return FullServer() if behaviour is full else NetServer(behaviour, tls, host)


class NameServer:
    """A DNS server on loopback: addresses of a name, or what it says to it: an RCODE's name, SILENT or TRUNCATED.

    ``names`` may have "AAAA name" as well, for what is said to that question alone. ``asked`` are all questions.
    """

    def __init__(self, names: Mapping[str, tuple[str, ...] | str]) -> None:
        self.names = dict(names)
        self.asked: list[str] = []
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._tcp = socket.create_server(("127.0.0.1", port))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", port))
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._by_udp, self._by_tcp)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._udp.sendto(b"", self._udp.getsockname())
        self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _by_udp(self) -> None:
        while True:
            wire, client = self._udp.recvfrom(65_535)
            if not wire:
                return
            answer = self._answer(wire, by_udp=True)
            if answer:
                self._udp.sendto(answer, client)

    def _by_tcp(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._tcp.accept()
                with sock, sock.makefile("rb") as stream:
                    answer = self._answer(stream.read(int.from_bytes(stream.read(2), "big")), by_udp=False)
                    sock.sendall(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, wire: bytes, *, by_udp: bool) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{kind} {name}")
        known = self.names.get(f"{kind} {name}", self.names.get(name, "NXDOMAIN"))
        answer = dns.message.make_response(query)
        if known == SILENT:
            return b""
        if known == TRUNCATED and by_udp:
            answer.flags |= dns.flags.TC
        elif isinstance(known, str) and known != TRUNCATED:
            answer.set_rcode(dns.rcode.from_text(known))
        else:
            addresses = ("127.0.0.1", "::1") if known == TRUNCATED else known
            fitting = [address for address in addresses if (":" in address) == (kind == "AAAA")]
            if fitting:
                answer.answer = [dns.rrset.from_text(question.name, 60, "IN", kind, *fitting)]
        return answer.to_wire()


class Certificates:
    """Those of servers: good ones for ``name``, and others, each for one reason."""

    def __init__(self, directory: Path, name: str) -> None:
        authority, other = trustme.CA(), trustme.CA()
        path = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        self._environ = {"SSL_CERT_FILE": str(path), "SSL_CERT_DIR": str(directory / "no-such")}
        past = datetime.now(UTC) - timedelta(days=1)
        self.good = _context(authority.issue_cert(name, not_after=datetime.now(UTC) + timedelta(days=40)))
        self.expired = _context(authority.issue_cert(name, not_after=past))
        self.for_another = _context(authority.issue_cert("another.test"))
        self.untrusted = _context(other.issue_cert(name))
        self.self_signed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with other.private_key_pem.tempfile() as key, other.cert_pem.tempfile() as certificate:
            self.self_signed.load_cert_chain(certificate, key)

    def trusted(self, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Have the CA of the good ones trusted, and no other, while a test lasts."""
        for name, value in self._environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(connecting, "trust", functools.cache(connecting.trust.__wrapped__))
        return self


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
