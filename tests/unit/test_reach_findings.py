"""What is found on a way, and how the steps are taken."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from netserver import (
    SILENT,
    Certificates,
    Connection,
    FullServer,
    NameServer,
    NetServer,
    answers,
    hangs,
    says,
    silent,
    websocket,
)
from testkit import eventually, free_port
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from marketswarm.place import Step, place_of
from marketswarm.reach import connecting
from marketswarm.reach.finding import Finding, Way
from marketswarm.reach.probe import Say, Script, converse, get, reach
from marketswarm.version import agent

SECRET: Final = "hunter2"
PATIENCE: Final = Way(30.0)
HEAD: Final = b"HTTP/1.1 200 X\r\n"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """A host that trusts the CA of the tests, and no other."""
    return Certificates(tmp_path, "good.test").trusted(monkeypatch)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A server of names."""
    with NameServer({"good.test": ("127.0.0.1",), "both.test": ("127.0.0.1", "::1")}) as server:
        yield server


def got(url: str, headers: dict[str, str] | None = None, max_bytes: int = 100, way: Way = PATIENCE) -> Finding:
    """Ask for a document."""
    return asyncio.run(get(place_of(url), way, headers or {}, max_bytes))


def reached(url: str, *resolvers: str) -> Finding:
    """Go to a place."""
    return asyncio.run(reach(place_of(url), Way(PATIENCE.timeout_sec, resolvers)))


def talked(server: NetServer, script: Script) -> Finding:
    """Talk to a server."""
    return asyncio.run(converse(place_of(f"ws://127.0.0.1:{server.port}/x?key={SECRET}"), PATIENCE, script))


def test_a_finding_has_what_became_known_on_the_way(trusted: Certificates, names: NameServer) -> None:
    """The address, the status, the headers, and how long the certificate holds."""
    headers = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nRetry-After: 5\r\nRetry-After: 7\r\nX: 1\r\n"
    with NetServer(answers(503, headers), trusted.good) as server:
        found = reached(f"https://good.test:{server.port}/", names.address)
    assert (found.step, found.status, found.address, found.body) == (Step.HTTP, 503, "127.0.0.1", b"")
    assert found.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert found.headers["retry-after"] == "5"
    assert found.days is not None
    assert 39.9 < found.days <= 40
    assert found.days == round(found.days, 2)
    assert found.ms >= sum(found.steps.values()) - 0.05


@pytest.mark.parametrize(
    ("url", "resolved", "address"),
    [
        ("dns://good.test", True, "127.0.0.1"),
        ("dns://both.test", True, "::1"),
    ],
)
def test_a_lookup_finds_the_first_address(names: NameServer, url: str, address: str, *, resolved: bool) -> None:
    """Of both families IPv6 comes first; of an address nobody is asked."""
    found = reached(url, names.address)
    assert (found.step, found.address, list(found.steps)) == (None, address, ["dns"] * resolved)
    assert bool(names.asked) == resolved


def test_what_is_asked_says_who_asks() -> None:
    """One GET for the whole target, and no connection that is kept."""
    with NetServer(answers(204)) as server:
        assert reached(f"http://127.0.0.1:{server.port}/a/b?c=d").step is None
        asked = server.requests[0].decode().split("\r\n")
    assert asked[0] == "GET /a/b?c=d HTTP/1.1"
    assert {line.lower() for line in asked[1:] if line} == {
        f"host: 127.0.0.1:{server.port}",
        f"user-agent: {agent()}",
        "accept: */*",
        "connection: close",
    }


@pytest.mark.parametrize("status", [200, 301, 400, 401, 429, 503])
def test_of_a_document_any_status_is_an_answer(status: int) -> None:
    """Whoever asks judges it, by its body too; headers of the caller's own go along, and win."""
    with NetServer(answers(status, body=b'{"status": "ERROR"}')) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        found = got(url, {"authorization": f"Bearer {SECRET}", "accept": "application/json"})
        asked = server.requests[0].decode().lower()
    assert (found.step, found.reason, found.status, found.body) == (None, "", status, b'{"status": "ERROR"}')
    assert f"authorization: bearer {SECRET}\r\n" in asked
    assert asked.count("accept: ") == 1


@pytest.mark.parametrize(
    "frame",
    [
        lambda body: b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
        lambda body: b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        lambda body: b"Connection: close\r\n\r\n" + body,
    ],
    ids=["length", "chunked", "close"],
)
@pytest.mark.parametrize(("size", "step"), [(99, None), (100, None), (101, Step.HTTP)])
def test_a_body_is_read_up_to_a_cap(frame: Callable[[bytes], bytes], size: int, step: Step | None) -> None:
    """However it is sent."""
    with NetServer(says(HEAD + frame(b"x" * size))) as server:
        found = got(f"http://127.0.0.1:{server.port}/")
    assert (found.step, found.status) == (step, 200)
    assert found.reason == ("answers more than 100 bytes" if step else "")
    assert found.body == (b"" if step else b"x" * size)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HEAD + b"Content-Length: 50\r\n\r\nabc", "the connection broke off"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "the connection broke off"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "what it answers is no HTTP"),
    ],
)
def test_a_body_that_is_broken_is_a_failure(answer: bytes, reason: str) -> None:
    """Of the step http."""
    with NetServer(says(answer)) as server:
        found = got(f"http://127.0.0.1:{server.port}/")
    assert (found.step, found.reason, found.status) == (Step.HTTP, reason, 200)


def test_an_endless_body_costs_no_more_than_the_cap() -> None:
    """In words of KiB, where it is some."""
    with NetServer(says(HEAD + b"\r\n" + b"x" * (1 << 20))) as server:
        found = got(f"http://127.0.0.1:{server.port}/", max_bytes=64 << 10)
    assert (found.step, found.reason) == (Step.HTTP, "answers more than 64 KiB")


@pytest.mark.parametrize("key", [f"{SECRET}\n", f"{SECRET}\0", f"{SECRET}\u20ac"])
def test_a_header_that_cannot_be_sent_is_told_without_it(key: str) -> None:
    """A key that was pasted with a newline, for one."""
    with NetServer(answers(200)) as server:
        found = got(f"http://127.0.0.1:{server.port}/{SECRET}", {"Authorization": f"Bearer {key}"})
    assert server.requests == []
    assert (found.step, found.reason) == (Step.HTTP, "no request can be made of what it is given")


def test_only_http_is_offered_http_by_tls(trusted: Certificates, names: NameServer) -> None:
    """A mail server may refuse who speaks of HTTP in its handshake."""
    trusted.good.set_alpn_protocols(["http/1.1"])
    chosen: list[str | None] = []

    def note(connection: Connection) -> None:
        assert isinstance(connection.socket, ssl.SSLSocket)
        chosen.append(connection.socket.selected_alpn_protocol())

    with NetServer(note, trusted.good) as server:
        for scheme in ("tls", "https"):
            reached(f"{scheme}://good.test:{server.port}", names.address)
            eventually(lambda: server.connections == len(chosen), "the handshake is over")
    assert chosen == [None, "http/1.1"]


def test_without_resolvers_the_host_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that /etc/hosts counts; what it says no to is told in its words."""

    def answer(host: str, *_: object) -> list[tuple[object, ...]]:
        if host == "good.test":
            return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]
        raise socket.gaierror(socket.EAI_NONAME if host == "no.test" else socket.EAI_AGAIN, "no")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with NetServer(silent) as server:
        found = reached(f"tcp://good.test:{server.port}")
    assert (found.step, found.address, list(found.steps)) == (None, "127.0.0.1", ["dns", "tcp"])
    assert (reached("dns://no.test").step, reached("dns://no.test").reason) == (Step.DNS, "no such host")
    assert reached("dns://later.test").reason == "its name cannot be looked up now"


def test_an_address_that_hangs_holds_up_no_other() -> None:
    """The next one is tried beside it, and the one that takes it is named."""
    with (
        NameServer({"twice.test": ("127.0.0.1", "127.0.0.2")}) as names,
        FullServer() as full,
        socket.create_server(("127.0.0.2", full.port)),
    ):
        found = reached(f"tcp://twice.test:{full.port}", names.address)
    assert (found.step, found.address) == (None, "127.0.0.2")


@pytest.mark.parametrize("before", ["REFUSED", "SERVFAIL", SILENT, "closed"])
def test_the_next_server_is_asked_where_one_is_no_help(names: NameServer, before: str) -> None:
    """Whether it refuses, says nothing, or is not there."""
    with NameServer({"good.test": before}) as first:
        address = f"127.0.0.1:{free_port()}" if before == "closed" else first.address
        found = reached("dns://good.test", address, names.address)
        assert (found.step, found.address) == (None, "127.0.0.1")
        assert sorted(first.asked) == ([] if before == "closed" else ["A good.test", "AAAA good.test"])
    assert sorted(names.asked) == ["A good.test", "AAAA good.test"]


def test_servers_that_are_not_there_are_not_waited_for() -> None:
    """All are named."""
    servers = [f"127.0.0.1:{free_port()}", f"[::1]:{free_port()}"]
    found = reached("dns://good.test", *servers)
    assert (found.step, found.reason) == (Step.DNS, f"the name servers do not answer ({', '.join(servers)})")


def test_a_name_that_does_not_exist_is_not_asked_for_elsewhere(names: NameServer) -> None:
    """Another server would say the same, or something that is wrong."""
    with NameServer({}) as first:
        found = reached("dns://good.test", first.address, names.address)
    assert (found.step, found.reason, names.asked) == (Step.DNS, "no such host", [])


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        ((Ping(payload=b"p"), TextMessage(data="hello")), [Pong(payload=b"p"), TextMessage(data=SECRET)]),
        ((BytesMessage(data=b"x"), TextMessage(data="hello")), [TextMessage(data=SECRET)]),
    ],
    ids=["ping", "binary"],
)
def test_a_conversation_answers_pings_and_ends_with_a_goodbye(
    script: tuple[Ping | BytesMessage | TextMessage, ...], sent: list[Pong | TextMessage]
) -> None:
    """What is no text is passed over."""

    async def talk(messages: AsyncIterator[str], say: Say) -> str:
        async for text in messages:
            await say(SECRET)
            return "" if text == "hello" else "it says no"
        return "it says nothing"

    with NetServer(websocket(*script)) as server:
        found = talked(server, talk)
        eventually(lambda: len(server.events) == len(sent) + 1, "the goodbye")
    assert (found.step, found.reason, found.status) == (None, "", 101)
    assert server.events[:-1] == sent
    assert isinstance(server.events[-1], CloseConnection)
    assert server.events[-1].code == 1000


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError(SECRET), "what it answers cannot be used (KeyError)"),
        (ValueError(SECRET), "what it answers cannot be used (ValueError)"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(SECRET), "the connection broke off"),
    ],
)
def test_an_error_of_a_script_is_a_failure_of_the_api(error: Exception, reason: str) -> None:
    """And its text, which may hold a key, is left out."""

    async def fail(*_: object) -> str:
        raise error

    with NetServer(websocket()) as server:
        found = talked(server, fail)
    assert (found.step, found.reason) == (Step.API, reason)


def test_many_at_once_do_not_wait_for_each_other(trusted: Certificates, names: NameServer) -> None:
    """Fifty that hang hold up none of fifty that do not."""
    with NetServer(hangs()) as dead, NetServer(answers(204), trusted.good) as live:
        way = Way(PATIENCE.timeout_sec, (names.address,))

        async def all_of_them() -> list[Finding]:
            hung = [asyncio.create_task(reach(place_of(f"http://127.0.0.1:{dead.port}"), way)) for _ in range(50)]
            found = await asyncio.gather(*(reach(place_of(f"https://good.test:{live.port}"), way) for _ in range(50)))
            assert not any(one.done() for one in hung)
            for one in hung:
                one.cancel()
            await asyncio.gather(*hung, return_exceptions=True)
            return found

        assert [(one.step, one.status) for one in asyncio.run(all_of_them())] == [(None, 204)] * 50


def test_the_trust_is_read_once(trusted: Certificates) -> None:
    """It takes 30 ms, in which nothing else runs."""
    assert connecting.trust(http=True) is connecting.trust(http=True)
    assert connecting.trust(http=True) is not connecting.trust(http=False)


def test_the_package_does_without_what_is_heavy() -> None:
    """Its user is watched for its memory: 20 MiB of aiohttp, and dnspython where nobody names a resolver."""
    program = (
        "import asyncio, json, sys;"
        "import marketswarm.place as place; from marketswarm.reach import probe, finding;"
        "asyncio.run(probe.reach(place.place_of('https://127.0.0.1:1/'), finding.Way(9)));"
        "print(json.dumps([name for name in ('aiohttp', 'pydantic', 'dns', 'msgspec') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
