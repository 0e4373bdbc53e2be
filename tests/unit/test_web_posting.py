"""JSON to an endpoint: what is sent, what each answer means, and that nothing secret is said."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from receivers import Behaviour, HttpReceiver, Trust, answer, disconnect, drip, endless, hang, raw, redirect
from testkit import eventually, free_port

from marketswarm.web.posting import Poster, PostError, post_json

SECRET = "hunter2"
PATIENCE_SEC = 20.0
JSON: Mapping[str, str] = {"Content-Type": "application/json"}


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """An endpoint."""
    with HttpReceiver() as server:
        yield server


def post(url: str, payload: object = None, timeout_sec: float = PATIENCE_SEC, max_bytes: int = 1 << 20) -> object:
    """Post once, with a secret in a header and one in the query."""

    async def work() -> object:
        async with Poster("tests/1") as poster:
            return await poster.post_json(
                f"{url}?key={SECRET}",
                payload,
                headers={"Authorization": f"Bearer {SECRET}"},
                timeout_sec=timeout_sec,
                max_bytes=max_bytes,
            )

    return asyncio.run(work())


def refused(url: str, payload: object = None, timeout_sec: float = PATIENCE_SEC) -> tuple[str, bool, float | None]:
    """Post what cannot go well, and return what the error says; no part of it is secret."""
    with pytest.raises(PostError) as failure:
        post(url, payload, timeout_sec)
    error = failure.value
    assert SECRET not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return str(error), error.transient, error.retry_after_sec


def test_a_payload_arrives_as_json_and_the_answer_is_decoded(receiver: HttpReceiver) -> None:
    """One POST with the headers that were given."""
    receiver.then(answer(200, JSON, b'{"choices": [1, "\xc3\xa9", null]}'))
    assert post(f"{receiver.url}/v1", {"text": "é", "n": [1.5, None]}) == {"choices": [1, "é", None]}
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", f"/v1?key={SECRET}")
    assert request.json == {"text": "é", "n": [1.5, None]}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    assert request.headers["User-Agent"] == "tests/1"


def test_one_payload_needs_no_poster(receiver: HttpReceiver) -> None:
    """A function does it, with a login in the address, too."""
    receiver.then(answer(201, JSON, b"[]"))
    address = receiver.url.replace("//", f"//me:{SECRET}@")
    assert asyncio.run(post_json(address, {}, headers={}, timeout_sec=PATIENCE_SEC)) == []
    assert receiver.requests[0].headers["Authorization"] == "Basic bWU6aHVudGVyMg=="


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_an_endpoint_in_trouble_may_be_tried_again(receiver: HttpReceiver, status: int) -> None:
    """When it says after how long, that is told."""
    receiver.then(answer(status), answer(status, {"Retry-After": "7"}))
    assert refused(receiver.url) == (f"HTTP {status}", True, None)
    assert refused(receiver.url) == (f"HTTP {status}", True, 7.0)


@pytest.mark.parametrize(
    ("text", "wait_sec"),
    [
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("0.5", 0.5),
        ("-5", 0),
    ],
)
def test_a_wish_to_wait_comes_in_seconds(receiver: HttpReceiver, text: str, wait_sec: float | None) -> None:
    """What is no number of them says nothing."""
    receiver.then(answer(429, {"Retry-After": text}))
    assert refused(receiver.url)[2] == wait_sec


@pytest.mark.parametrize(("hours", "wait_sec"), [(10, 36_000), (-10, 0)])
def test_a_wish_to_wait_comes_as_a_date(receiver: HttpReceiver, hours: int, wait_sec: float) -> None:
    """Of one that has passed nothing is left to wait for."""
    until = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    receiver.then(answer(429, {"Retry-After": until}))
    assert refused(receiver.url)[2] == pytest.approx(wait_sec, abs=60)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422])
def test_a_refusal_is_for_good(receiver: HttpReceiver, status: int) -> None:
    """And what the endpoint says with it, which may repeat a key, is left out."""
    receiver.then(answer(status, {"Retry-After": "7"}, f"wrong key {SECRET}".encode()))
    assert refused(receiver.url) == (f"HTTP {status}: refused", False, None)


def test_a_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    """A key is meant for one endpoint."""
    receiver.then(redirect(f"{receiver.url}/elsewhere/{SECRET}", 307))
    assert refused(receiver.url) == ("HTTP 307: redirects", False, None)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1", b"\xff", b"[NaN]", b"[" * 100_000], ids=lambda body: body[:6])
def test_an_answer_that_is_no_json_is_for_good(receiver: HttpReceiver, body: bytes) -> None:
    """It would be the same the next time."""
    receiver.then(answer(200, JSON, body))
    assert refused(receiver.url) == ("its answer is no JSON", False, None)


def test_an_answer_that_is_too_large_is_for_good(receiver: HttpReceiver) -> None:
    """It is not read beyond the cap."""
    receiver.then(endless())
    assert refused(receiver.url) == ("its answer cannot be used: larger than 1 MiB", False, None)
    receiver.then(answer(200, JSON, b'"' + b"x" * 98 + b'"'), answer(200, JSON, b'"' + b"x" * 99 + b'"'))
    assert post(receiver.url, max_bytes=100) == "x" * 98
    with pytest.raises(PostError, match="larger than 100 bytes"):
        post(receiver.url, max_bytes=100)


@pytest.mark.parametrize("behaviour", [hang(), drip(200, body=b"x" * 600)], ids=["hang", "drip"])
def test_an_endpoint_that_does_not_come_to_an_end_costs_the_deadline(
    receiver: HttpReceiver, behaviour: Behaviour
) -> None:
    """Whatever it is doing."""
    receiver.then(behaviour)
    assert refused(receiver.url, timeout_sec=0.3) == ("took longer than 0.3 s", True, None)


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (disconnect(), "the connection broke off"),
        (disconnect(reset=True), "the connection broke off"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), "the connection broke off"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "what it answers is no HTTP"),
    ],
    ids=["close", "reset", "cut-off", "ssh"],
)
def test_a_connection_that_breaks_may_be_tried_again(receiver: HttpReceiver, behaviour: Behaviour, says: str) -> None:
    """It is not done here: who asks knows how often."""
    receiver.then(behaviour)
    assert refused(receiver.url) == (says, True, None)
    assert len(receiver.requests) == 1


def test_nobody_there_may_be_tried_again() -> None:
    """Neither a closed port nor a name that does not resolve is for good."""
    assert refused(f"http://127.0.0.1:{free_port()}/x") == ("connection refused", True, None)
    assert refused("http://no-such..invalid/x") == ("no such host", True, None)


@pytest.mark.parametrize("url", ["", "127.0.0.1", "ftp://h/x", "http://", f"http://h:{SECRET}/", "http://[::1/"])
def test_an_address_that_cannot_be_called_is_for_good(url: str) -> None:
    """And is not shown."""
    text, transient, _ = refused(url)
    assert text.startswith("its address is ")
    assert not transient


@pytest.mark.parametrize("payload", [object(), {1j: 1}, "\ud800"], ids=["object", "key", "surrogate"])
def test_what_cannot_be_written_is_for_good(receiver: HttpReceiver, payload: object) -> None:
    """Nothing is sent."""
    assert refused(receiver.url, payload) == ("what should be sent cannot be written as JSON", False, None)
    assert receiver.connections == 0


def test_a_header_that_cannot_be_sent_is_for_good(receiver: HttpReceiver) -> None:
    """A key that was pasted with a newline, for one."""
    work = post_json(receiver.url, {}, headers={"Authorization": f"{SECRET}\n"}, timeout_sec=PATIENCE_SEC)
    with pytest.raises(PostError) as failure:
        asyncio.run(work)
    assert SECRET not in str(failure.value)
    assert not failure.value.transient


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's own CA is trusted by SSL_CERT_FILE."""
    trust = Trust(tmp_path)
    with HttpReceiver(trust.server()) as server:
        server.then(answer(200, JSON, b"1"))
        says = "its certificate is not valid (of a CA that is not trusted)"
        assert refused(server.url) == (says, True, None)
        for name, value in trust.environ.items():
            monkeypatch.setenv(name, value)
        assert post(server.url) == 1


def test_posts_at_the_same_time_do_not_wait_for_each_other(receiver: HttpReceiver) -> None:
    """One that hangs holds up nobody."""
    receiver.then(hang())
    receiver.always(answer(200, JSON, b"1"))

    async def both() -> object:
        async with Poster("tests/1") as poster:
            slow = asyncio.create_task(poster.post_json(receiver.url, 1, headers={}, timeout_sec=PATIENCE_SEC))
            await asyncio.to_thread(eventually, lambda: receiver.requests, "a request")
            quick = await poster.post_json(receiver.url, 2, headers={}, timeout_sec=PATIENCE_SEC)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            return quick

    assert asyncio.run(both()) == 1
