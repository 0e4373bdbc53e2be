"""How massive asks the market API, before servers that answer as it is documented to, and otherwise."""

import asyncio
import json
import time
from typing import Any

import pytest
from netserver import Behaviour, Connection, NetServer, answers, says, websocket
from wsproto.events import CloseConnection, Event, TextMessage

from marketswarm.clock import SystemClock
from marketswarm.probing.result import Result
from marketswarm.services.massive.methods import NO_KEY, Methods
from marketswarm.services.massive.targets import Kind, Target

KEY = "hunter2"
CONNECTED = TextMessage(data='[{"ev":"status","status":"connected","message":"Connected Successfully"}]')


def probed(server: NetServer, kind: Kind, key: str | None = KEY) -> Result:
    """Probe once."""
    scheme, path = ("http", "/v1/marketstatus/now") if kind is Kind.REST else ("ws", "/stocks")
    target = Target("massive-api", kind, f"{scheme}://127.0.0.1:{server.port}{path}", interval_sec=60, timeout_sec=9)
    return asyncio.run(Methods(key, SystemClock()).probe(target))


def status(ahead_sec: float = 0.0) -> bytes:
    """Tell the market's status, and a time."""
    told = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + ahead_sec))
    return json.dumps({"market": "open", "serverTime": told}).encode()


def later(behaviour: Behaviour, sec: float) -> Behaviour:
    """Do something, and so many seconds later than one could."""

    def act(connection: Connection) -> None:
        connection.server.closing.wait(sec)
        behaviour(connection)

    return act


def test_without_a_key_nobody_is_asked() -> None:
    """It is skipped, and said so."""
    with NetServer(answers(200, body=status())) as server:
        found = probed(server, Kind.REST, key=None)
        assert server.connections == 0
    assert (found.ok, found.step, found.reason) == (None, None, NO_KEY)


def test_the_key_goes_in_a_header() -> None:
    """And stands nowhere else."""
    with NetServer(answers(200, body=status())) as server:
        found = probed(server, Kind.REST)
        (request,) = server.requests
    assert f"Authorization: Bearer {KEY}".encode() in request
    assert (found.ok, found.outcome, found.again_at) == (True, "ok", 0.0)
    assert KEY not in repr(found)


def test_how_long_it_wants_to_be_left_alone_counts_from_its_answer() -> None:
    """Not from the question, however long it took to answer."""
    with NetServer(later(answers(429, "Retry-After: 30\r\n"), 0.5)) as server:
        found = probed(server, Kind.REST)
    assert (found.ok, found.outcome) == (True, "throttled")
    assert found.again_at - found.ts >= 30.5


@pytest.mark.parametrize("body", [b"x" * 70_000, b"cut off"])
def test_a_status_that_says_it_all_counts_whatever_becomes_of_its_body(body: bytes) -> None:
    """One that is too long, or broken off."""
    head = f"HTTP/1.1 429 X\r\nRetry-After: 900\r\nContent-Length: {max(len(body), 5000)}\r\n\r\n"
    with NetServer(says(head.encode() + body)) as server:
        found = probed(server, Kind.REST)
    assert (found.ok, found.step, found.outcome) == (True, None, "throttled")
    assert found.again_at - found.ts >= 900


@pytest.mark.parametrize(
    ("behaviour", "step", "reason"),
    [
        (says(b"SSH-2.0-OpenSSH\r\n"), "http", "what it answers is no HTTP"),
        (says(b""), "http", "the connection broke off"),
        (answers(200, body=b"x" * 70_000), "http", "answers more than 64 KiB"),
        (answers(200, body=b"<html>"), "api", "answers 200, and what it says is no market status"),
        (answers(500), "api", "answers 500"),
    ],
)
def test_what_is_no_answer_names_the_step_that_failed(behaviour: Behaviour, step: str, reason: str) -> None:
    """The network's, or that of the API."""
    with NetServer(behaviour) as server:
        found = probed(server, Kind.REST)
    assert (found.ok, found.step, found.reason, found.outcome) == (False, step, reason, "down")


def test_the_skew_is_that_of_the_clocks_and_not_of_the_way() -> None:
    """Its time is taken as told in the middle of the question, and to the second."""
    with NetServer(answers(200, body=status(-100))) as server:
        found = probed(server, Kind.REST)
    assert found.skew_sec == pytest.approx(99.5, abs=1.5)
    assert found.reason.startswith("the clock of this host is off by +")


def said(name: str, message: str = "") -> TextMessage:
    """Speak as the websocket does."""
    return TextMessage(data=json.dumps([{"ev": "status", "status": name, "message": message}]))


def heard(connection: Connection) -> None:
    """Wait until something is said."""
    connection.receive()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ((CONNECTED, heard, said("auth_success", "authenticated")), (True, None, "ok", "")),
        (
            (CONNECTED, heard, said("auth_failed", "authentication failed")),
            (False, "api", "bad_key", "it does not know the key"),
        ),
        (
            (CONNECTED, heard, said("auth_failed", "Your plan doesn't include websocket access.")),
            (True, None, "not_entitled", "the plan of the key has no websocket"),
        ),
        (
            (said("max_connections", "Maximum number of connections exceeded."), CloseConnection(code=1008)),
            (True, None, "throttled", "the account has as many connections as it may"),
        ),
        (
            (CONNECTED, heard, CloseConnection(code=1011)),
            (False, "api", "down", "it closed the connection (1011)"),
        ),
        ((TextMessage(data="hello"),), (False, "api", "down", "what it says is no status message")),
    ],
)
def test_each_answer_of_the_websocket_has_its_outcome(
    script: tuple[Event | Behaviour, ...], expected: tuple[Any, ...]
) -> None:
    """The first message counts as well: it may be that there are too many already."""
    with NetServer(websocket(*script)) as server:
        found = probed(server, Kind.WEBSOCKET)
    assert (found.ok, found.step, found.outcome, found.reason) == expected
    assert KEY not in repr(found)


def test_the_websocket_is_told_the_key_and_left_again() -> None:
    """Once it knows the key, a goodbye: an account has one connection, which others want."""
    received: list[bytes] = []

    def keep(connection: Connection) -> None:
        received.append(connection.receive())

    with NetServer(websocket(CONNECTED, keep, said("auth_success"))) as server:
        found = probed(server, Kind.WEBSOCKET)
        assert found.ok
    assert received
    assert [type(event) for event in server.events] == [CloseConnection]
