"""Each way to fail, and to be well: which step is named, and in which words."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from netserver import (
    SILENT,
    TRUNCATED,
    Behaviour,
    Certificates,
    NameServer,
    answers,
    closes,
    full,
    greets,
    hangs,
    repeats,
    resets,
    says,
    serve,
    silent,
    websocket,
)
from testkit import free_port
from wsproto.events import CloseConnection, Ping, TextMessage

from marketswarm.place import Step, place_of
from marketswarm.reach.finding import Finding, Way
from marketswarm.reach.probe import Say, converse, reach

SECRET: Final = "hunter2"
PATIENCE_SEC: Final = 30.0
SOON_SEC: Final = 1.0
LATE: Final = "took longer than 1 s"
NAMES: Final[dict[str, tuple[str, ...] | str]] = {
    "good.test": ("127.0.0.1",),
    "six.test": ("::1",),
    "both.test": ("::1", "127.0.0.1"),
    "broadcast.test": ("127.255.255.255",),
    "refused.test": ("127.255.255.255", "127.0.0.1"),
    "empty.test": (),
    "long.test": TRUNCATED,
    "broken.test": "SERVFAIL",
    "private.test": "REFUSED",
    "silent.test": SILENT,
    "AAAA half.test": SILENT,
    "A half.test": ("127.0.0.1",),
    "AAAA lame.test": "SERVFAIL",
    "A lame.test": ("127.0.0.1",),
}
NO_CERTIFICATE: Final = "its certificate is not valid"
NO_HTTP: Final = "what it answers is no HTTP"
NO_WEBSOCKET: Final = "what it answers is no WebSocket"
BROKE_OFF: Final = "the connection broke off"
OK: Final = b"HTTP/1.1 200 X\r\n"
SWITCH: Final = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


LAST: Final = {
    "dns": "dns",
    "tcp": "tcp",
    "tls": "tls",
    "http": "http",
    "https": "http",
    "ws": "api",
    "wss": "api",
}
"""Where each scheme ends, if all is well."""


@dataclass(frozen=True)
class Case:
    """A place, what is there, and what is found. ``url`` names a port by ``{port}``; ``tls`` one of Certificates.

    ``soon``: only the deadline ends it.
    """

    name: str
    url: str
    server: Behaviour | None
    step: Step | None
    reason: str
    tls: str = ""
    soon: bool = False
    host: str = "127.0.0.1"


DNS: Final = [
    Case("a name", "dns://good.test", None, None, ""),
    Case("an IPv6 name", "dns://six.test", None, None, ""),
    Case("by TCP", "dns://long.test", None, None, ""),
    Case("one family is not answered", "dns://half.test", None, None, ""),
    Case("one family is refused", "dns://lame.test", None, None, ""),
    Case("NXDOMAIN", "dns://no-such.test", None, Step.DNS, "no such host"),
    Case("a label too long", f"dns://{'a' * 64}.test", None, Step.DNS, "no such host"),
    Case("no address", "https://empty.test/", None, Step.DNS, "it has no address"),
    Case("SERVFAIL", "tls://broken.test", None, Step.DNS, "the name servers refuse (SERVFAIL)"),
    Case("REFUSED", "tcp://private.test:1", None, Step.DNS, "the name servers refuse (REFUSED)"),
    Case("no answer", "dns://silent.test", None, Step.DNS, "the name servers do not answer ({resolver})", soon=True),
]
TCP: Final = [
    Case("it listens", "tcp://good.test:{port}", silent, None, ""),
    Case("by address", "tcp://127.0.0.1:{port}", silent, None, ""),
    Case("by IPv6 address", "tcp://[::1]:{port}", silent, None, "", host="::1"),
    Case("IPv6 is refused", "tcp://both.test:{port}", silent, None, ""),
    Case("IPv4 is refused", "tcp://both.test:{port}", silent, None, "", host="::1"),
    Case("it closes", "tcp://good.test:{port}", closes, None, ""),
    Case("refused", "tcp://good.test:{port}", None, Step.TCP, "connection refused"),
    Case("refused twice", "tcp://both.test:{port}", None, Step.TCP, "connection refused"),
    Case("no way", "tcp://broadcast.test:{port}", None, Step.TCP, "it cannot be reached"),
    Case("no way and refused", "tcp://refused.test:{port}", None, Step.TCP, "connection refused"),
    Case("its queue is full", "https://good.test:{port}", full, Step.TCP, LATE, soon=True),
]
TLS: Final = [
    Case("good", "tls://good.test:{port}", silent, None, "", tls="good"),
    Case("expired", "tls://good.test:{port}", silent, Step.TLS, f"{NO_CERTIFICATE} (expired)", tls="expired"),
    Case("other", "https://good.test:{port}", silent, Step.TLS, f"{NO_CERTIFICATE} (for another host)", "for_another"),
    Case("other IP", "tls://127.0.0.1:{port}", silent, Step.TLS, f"{NO_CERTIFICATE} (for another address)", "good"),
    Case("self-signed", "tls://good.test:{port}", silent, Step.TLS, f"{NO_CERTIFICATE} (self-signed)", "self_signed"),
    Case(
        "untrusted",
        "wss://good.test:{port}",
        silent,
        Step.TLS,
        f"{NO_CERTIFICATE} (of a CA that is not trusted)",
        "untrusted",
    ),
    Case("no TLS", "tls://good.test:{port}", greets, Step.TLS, "TLS failed (wrong version number)"),
    Case("closes", "tls://good.test:{port}", closes, Step.TLS, BROKE_OFF),
    Case("resets", "tls://good.test:{port}", resets, Step.TLS, BROKE_OFF),
    Case("hangs", "tls://good.test:{port}", silent, Step.TLS, LATE, soon=True),
]
HTTP: Final = [
    *(
        Case(str(status), "https://good.test:{port}/x?key=" + SECRET, answers(status), None, "", tls="good")
        for status in (200, 204, 301, 304, 399)
    ),
    *(
        Case(
            str(status),
            "https://good.test:{port}/x?key=" + SECRET,
            answers(status),
            Step.HTTP,
            f"answers {status}",
            tls="good",
        )
        for status in (400, 401, 403, 404, 429, 500, 503)
    ),
    Case("without TLS", "http://good.test:{port}/", answers(200), None, ""),
    Case("1xx first", "http://good.test:{port}/", says(b"HTTP/1.1 103 X\r\n\r\n" + OK + b"\r\n"), None, ""),
    Case("by HTTP/1.0", "http://good.test:{port}/", says(b"HTTP/1.0 200 OK\r\n\r\n"), None, ""),
    Case("SSH", "http://good.test:{port}/", hangs(b"SSH-2.0-OpenSSH_9.2\r\n"), Step.HTTP, NO_HTTP),
    Case("binary", "http://good.test:{port}/", hangs(b"\x15\x03\x01\0\x02\x02\x46"), Step.HTTP, NO_HTTP),
    Case("bad headers", "http://good.test:{port}/", says(OK + b"no colon\r\n\r\n"), Step.HTTP, NO_HTTP),
    Case("HTTP/2", "http://good.test:{port}/", says(b"HTTP/2 200\r\n\r\n"), Step.HTTP, NO_HTTP),
    Case("unasked switch", "http://good.test:{port}/", says(SWITCH + b"\r\n"), Step.HTTP, NO_HTTP),
    Case("closes", "https://good.test:{port}/", says(b""), Step.HTTP, BROKE_OFF, tls="good"),
    Case("resets", "http://good.test:{port}/", resets, Step.HTTP, BROKE_OFF),
    Case("broken off", "http://good.test:{port}/", says(OK + b"Date:"), Step.HTTP, BROKE_OFF),
    Case("headers", "http://good.test:{port}/", repeats(OK, b"A: b\r\n" * 999), Step.HTTP, "its headers are too long"),
    Case("drips", "http://good.test:{port}/", repeats(OK, b"A: b\r\n", 0.05), Step.HTTP, LATE, soon=True),
    Case("hangs", "https://good.test:{port}/", hangs(), Step.HTTP, LATE, tls="good", soon=True),
]
API: Final = [
    Case("answers", "wss://good.test:{port}/x", websocket(TextMessage(data="hello")), None, "", tls="good"),
    Case("without TLS", "ws://good.test:{port}/x", websocket(TextMessage(data="hello")), None, ""),
    Case("ping first", "ws://good.test:{port}/", websocket(Ping(payload=b"p"), TextMessage(data="hello")), None, ""),
    Case(
        "in pieces",
        "ws://good.test:{port}/",
        websocket(TextMessage(data="hel", message_finished=False), TextMessage(data="lo")),
        None,
        "",
    ),
    Case("says no", "ws://good.test:{port}/", websocket(TextMessage(data="no")), Step.API, "it says no"),
    Case("403", "wss://good.test:{port}/" + SECRET, answers(403), Step.HTTP, "answers 403", tls="good"),
    Case("200", "ws://good.test:{port}/" + SECRET, answers(200), Step.HTTP, "answers 200"),
    Case("no WebSocket", "ws://good.test:{port}/", says(SWITCH + b"\r\n"), Step.HTTP, NO_WEBSOCKET),
    Case(
        "wrong proof",
        "ws://good.test:{port}/",
        says(SWITCH + b"Sec-WebSocket-Accept: x\r\n\r\n"),
        Step.HTTP,
        NO_WEBSOCKET,
    ),
    Case("no HTTP", "ws://good.test:{port}/", says(b"+PONG\r\n"), Step.HTTP, NO_HTTP),
    Case("no answer", "ws://good.test:{port}/", closes, Step.HTTP, BROKE_OFF),
    Case("hangs", "wss://good.test:{port}/", hangs(), Step.HTTP, LATE, tls="good", soon=True),
    Case(
        "says goodbye",
        "ws://good.test:{port}/",
        websocket(CloseConnection(code=1008)),
        Step.API,
        "it closed the connection (1008)",
    ),
    Case("closes", "ws://good.test:{port}/", websocket(lambda one: one.close()), Step.API, BROKE_OFF),
    Case("resets", "ws://good.test:{port}/", websocket(lambda one: one.close(reset=True)), Step.API, BROKE_OFF),
    Case(
        "no frames",
        "ws://good.test:{port}/",
        websocket(lambda one: one.socket.sendall(b"\xff" * 9)),
        Step.API,
        NO_WEBSOCKET,
    ),
    Case(
        "too large",
        "ws://good.test:{port}/",
        websocket(TextMessage(data="x" * (1 << 20) + "x")),
        Step.API,
        "answers more than 1 MiB",
    ),
    Case("says nothing", "wss://good.test:{port}/", websocket(), Step.API, LATE, tls="good", soon=True),
]
"""Asked by a script that waits for one text."""
CASES: Final = [("dns", DNS), ("tcp", TCP), ("tls", TLS), ("http", HTTP), ("api", API)]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """A host that trusts the CA of the tests, and no other."""
    return Certificates(tmp_path, "good.test").trusted(monkeypatch)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A server of names."""
    with NameServer(NAMES) as server:
        yield server


async def greeting(messages: AsyncIterator[str], say: Say) -> str:
    """Say a secret, and wait for a greeting."""
    await say(SECRET)
    return "" if await anext(messages) == "hello" else "it says no"


def find(url: str, way: Way) -> Finding:
    """Go to a place as far as it goes."""
    place = place_of(url)
    going = converse(place, way, greeting) if place.scheme in ("ws", "wss") else reach(place, way)
    return asyncio.run(going)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{kind}: {case.name}") for kind, cases in CASES for case in cases]
)
def test_each_way_to_fail_is_told_by_its_step_and_a_reason(
    case: Case, trusted: Certificates, names: NameServer
) -> None:
    """All steps up to the one that failed are timed, none behind it, and nothing secret is in the reason."""
    tls = getattr(trusted, case.tls) if case.tls else None
    with serve(case.server or silent, tls, case.host) as there:
        url = case.url.format(port=there.port if case.server else free_port())
        found = find(url, Way(SOON_SEC if case.soon else PATIENCE_SEC, (names.address,)))
    assert (found.step, found.reason) == (case.step, case.reason.format(resolver=names.address))
    assert SECRET not in found.reason
    steps = ["tcp", "tls", "http", "api"] if place_of(url).secure else ["tcp", "http", "api"]
    if not place_of(url).is_address:
        steps.insert(0, "dns")
    last = case.step or LAST[place_of(url).scheme]
    assert list(found.steps) == steps[: steps.index(last) + 1 if last in steps else 0]
    assert all(0 <= ms <= found.ms and ms == round(ms, 2) for ms in found.steps.values())
