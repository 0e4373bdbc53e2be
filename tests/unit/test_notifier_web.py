"""Webhooks against real servers: what is sent, what each answer means, and that no server can do harm."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from delivering import MESSAGE, SECRET, carry
from receivers import (
    Behaviour,
    HttpReceiver,
    Trust,
    answer,
    answer_after,
    disconnect,
    drip,
    endless,
    hang,
    raw,
    redirect,
)
from testkit import children, eventually, free_port

from marketswarm.notices.channels import Ping, Webhook
from marketswarm.notices.message import Outcome, Result
from marketswarm.notifier import deliver, delivery, web

PATIENCE_SEC = 20.0


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """A web server."""
    with HttpReceiver() as server:
        yield server


def webhook(receiver: HttpReceiver, timeout_sec: float = PATIENCE_SEC) -> Webhook:
    """The receiver as a channel, with a secret in its path."""
    return Webhook("webhook", f"{receiver.url}/hooks/{SECRET}", timeout_sec)


def shown(pid: int) -> tuple[bytes, bytes]:
    """The command line and the environment of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes(), Path(f"/proc/{pid}/environ").read_bytes()


def test_a_message_arrives_as_json(receiver: HttpReceiver) -> None:
    """One POST with everything the message has, and headers by which a receiver can tell a repetition and us."""
    assert carry(webhook(receiver)) == Outcome(Result.DELIVERED, "HTTP 204")
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", f"/hooks/{SECRET}")
    assert request.json["title"] == MESSAGE.title
    assert request.json["told"][0]["alert"] == {"type": "heartbeat_miss", "svc": "rss_agg", "ts": 1}
    assert request.headers["Idempotency-Key"] == MESSAGE.key
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["User-Agent"].startswith("marketswarm")


def test_a_sign_of_life_is_a_call(receiver: HttpReceiver) -> None:
    """A GET without a body; 2xx is enough."""
    receiver.then(answer(200, body=b"OK"), answer(404))
    ping = Ping("deadman", f"{receiver.url}/{SECRET}?a=b c")
    assert carry(ping) == Outcome(Result.DELIVERED, "HTTP 200")
    assert carry(ping) == Outcome(Result.PERMANENT, "HTTP 404: refused; is DEADMAN_URL right?")
    assert [request.method for request in receiver.requests] == ["GET", "GET"]
    assert receiver.requests[0].path == f"/{SECRET}?a=b%20c"


def test_a_login_in_the_address_becomes_a_header(receiver: HttpReceiver) -> None:
    """And is no part of the host that is called."""
    address = receiver.url.replace("//", f"//me:{SECRET}%40@")
    assert carry(Webhook("webhook", address, PATIENCE_SEC)).result is Result.DELIVERED
    assert receiver.requests[0].headers["Authorization"] == "Basic bWU6aHVudGVyMkA="
    assert receiver.requests[0].headers["Host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_delivered(status: int) -> None:
    """Whatever the receiver has to add."""
    assert web.judge(status, None, "WEBHOOK_URL", 0.0) == Outcome(Result.DELIVERED, f"HTTP {status}")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599, 999])
def test_a_server_in_trouble_is_tried_again(status: int) -> None:
    """It is busy or broken, which is not our fault."""
    assert web.judge(status, "12", "WEBHOOK_URL", 0.0) == Outcome(Result.TRANSIENT, f"HTTP {status}", 12.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 101])
def test_a_refusal_is_for_good(status: int) -> None:
    """The line says which setting to look at."""
    expected = Outcome(Result.PERMANENT, f"HTTP {status}: refused; is WEBHOOK_URL right?")
    assert web.judge(status, "12", "WEBHOOK_URL", 0.0) == expected


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wait_sec"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("0", 0),
        ("0.35", 0.35),
        ("-5", 0),
        ("3600", 3600),
        ("86400", 3600),
        ("inf", 3600),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), 3600),
    ],
)
def test_the_servers_wish_is_heard_within_an_hour(text: str | None, wait_sec: float | None) -> None:
    """Retry-After is seconds or a date; what is neither says nothing."""
    assert web.judge(503, text, "WEBHOOK_URL", NOW.timestamp()).retry_after_sec == wait_sec


def test_a_wish_comes_through(receiver: HttpReceiver) -> None:
    """From the head of a real answer."""
    receiver.then(answer(429, {"Retry-After": "7"}))
    assert carry(webhook(receiver)) == Outcome(Result.TRANSIENT, "HTTP 429", 7.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: HttpReceiver, status: int) -> None:
    """A secret goes nowhere but where the operator sends it."""
    receiver.then(redirect(f"{receiver.url}/else/{SECRET}", status))
    expected = f"HTTP {status}: redirects; set WEBHOOK_URL to where it leads"
    assert carry(webhook(receiver)) == Outcome(Result.PERMANENT, expected)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (disconnect(), "127.0.0.1: connection reset"),
        (disconnect(reset=True), "127.0.0.1: connection reset"),
        (disconnect(reset=True, early=True), "127.0.0.1: connection reset"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "127.0.0.1: what it answers is no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000), "127.0.0.1: what it answers is no HTTP"),
    ],
    ids=["close", "reset", "reset-early", "ssh", "long-header"],
)
def test_a_connection_that_breaks_is_tried_again(receiver: HttpReceiver, behaviour: Behaviour, says: str) -> None:
    """The line says how it went, and of the server only its host."""
    receiver.then(behaviour)
    assert carry(webhook(receiver)) == Outcome(Result.TRANSIENT, says)


def test_nobody_there_is_tried_again() -> None:
    """Neither a closed port nor a name that does not resolve is for good."""
    closed = carry(Webhook("webhook", f"http://127.0.0.1:{free_port()}/{SECRET}", PATIENCE_SEC))
    assert closed == Outcome(Result.TRANSIENT, "127.0.0.1: connection refused")
    unknown = carry(Webhook("webhook", f"http://no-such.invalid/{SECRET}", PATIENCE_SEC))
    assert unknown.result is Result.TRANSIENT
    assert unknown.says.startswith("no-such.invalid: its name cannot be looked up: ")


@pytest.mark.parametrize(
    "url", [f"http://127.0.0.1:{SECRET}/", f"http://[::1/{SECRET}", f"ftp://h/{SECRET}", "http://"]
)
def test_an_address_that_cannot_be_called_is_for_good(url: str) -> None:
    """And is not shown."""
    outcome = carry(Webhook("webhook", url, PATIENCE_SEC))
    assert SECRET not in outcome.says
    assert outcome.says


@pytest.mark.parametrize("behaviour", [hang(), drip()], ids=["hang", "drip"])
def test_a_server_that_does_not_come_to_an_end_costs_the_deadline(receiver: HttpReceiver, behaviour: Behaviour) -> None:
    """The child is ended and reaped, whatever it was doing."""
    receiver.always(behaviour)
    before = children()
    began = time.monotonic()
    assert carry(webhook(receiver, 1.0)) == Outcome(Result.TRANSIENT, "no answer in 1 s")
    assert time.monotonic() - began < 2.0
    assert children() == before


@pytest.mark.parametrize("behaviour", [drip(200, body=b"x" * 600), endless()], ids=["drip", "gigabyte"])
def test_a_body_without_end_costs_nothing(receiver: HttpReceiver, behaviour: Behaviour) -> None:
    """The head has said it: a body is not read, and a delivery that went well is not repeated."""
    receiver.then(behaviour)
    began = time.monotonic()
    assert carry(webhook(receiver)) == Outcome(Result.DELIVERED, "HTTP 200")
    assert time.monotonic() - began < PATIENCE_SEC / 2
    assert receiver.sent < 64 << 20


def test_tls_is_verified(tmp_path: Path) -> None:
    """A server of a CA that is trusted is, one of another CA or another name is not, and it is said what to do."""
    trust, other = Trust(tmp_path), Trust(tmp_path)
    with HttpReceiver(trust.server()) as server:
        assert carry(webhook(server), environ=trust.environ) == Outcome(Result.DELIVERED, "HTTP 204")
        stranger = carry(webhook(server), environ=other.environ)
        assert stranger.result is Result.TRANSIENT
        assert stranger.says.startswith("127.0.0.1: its certificate is not trusted: ")
        assert stranger.says.endswith("; where the CA is your own, set SSL_CERT_FILE")
    with HttpReceiver(trust.server("elsewhere.test")) as server:
        misnamed = carry(webhook(server), environ=trust.environ)
        assert misnamed.result is Result.TRANSIENT
        assert "not trusted" in misnamed.says
        assert len(server.requests) == 0


def test_a_proxy_of_the_environment_is_used(receiver: HttpReceiver) -> None:
    """As everywhere: HTTP_PROXY says by whom, NO_PROXY for whom not."""
    far = Webhook("webhook", "http://far.test/x", PATIENCE_SEC)
    assert carry(far, environ={"HTTP_PROXY": receiver.url}) == Outcome(Result.DELIVERED, "HTTP 204")
    assert receiver.requests[0].path == "http://far.test/x"
    near = carry(webhook(receiver), environ={"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"})
    assert near.result is Result.DELIVERED


def test_secrets_are_on_no_command_line_and_in_no_environment(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ps shows, and what the child is given: the way out, and nothing of systemd or of the settings."""
    receiver.always(hang())
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody")
    monkeypatch.setenv("WEBHOOK_URL", SECRET)
    monkeypatch.setenv("SSL_CERT_DIR", "/etc/ssl/certs")

    async def look() -> tuple[bytes, bytes]:
        before = children()
        task = asyncio.create_task(deliver(webhook(receiver), MESSAGE, os.environ))
        await asyncio.to_thread(eventually, lambda: receiver.requests, "a request")
        (child,) = children() - before
        seen = shown(child)
        assert os.getpriority(os.PRIO_PROCESS, child) == os.getpriority(os.PRIO_PROCESS, 0) + 5
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == before
        return seen

    cmdline, environ = asyncio.run(look())
    assert b"marketswarm.notifier" in cmdline
    assert SECRET.encode() not in cmdline + environ
    names = {line.split(b"=")[0].decode() for line in environ.split(b"\0") if line}
    assert names <= {"LANG", "PYTHONPATH", "REQUESTS_CA_BUNDLE", *delivery.PASSED_ON}
    assert {"LANG", "PATH", "SSL_CERT_DIR"} <= names


def test_a_delivery_that_is_cancelled_leaves_no_child() -> None:
    """At any moment, from before it was started to its end."""

    async def cancel_after(pause_sec: float) -> None:
        task = asyncio.create_task(deliver(Ping("deadman", "http://127.0.0.1:1"), MESSAGE, {}))
        await asyncio.sleep(pause_sec)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    before = children()
    for step in range(8):
        asyncio.run(cancel_after(step * 0.02))
        eventually(lambda: children() == before, "no child is left")


def test_deliveries_at_the_same_time_do_not_wait_for_each_other(receiver: HttpReceiver) -> None:
    """One that hangs holds up nobody, nor the loop that watches: what is held is answered once the next has arrived."""
    delivered = threading.Event()
    receiver.then(answer_after(delivered))

    async def three(silent: HttpReceiver) -> tuple[Outcome, Outcome, Outcome]:
        slow = asyncio.create_task(deliver(webhook(silent, 2.0), MESSAGE, {}))
        held = asyncio.create_task(deliver(webhook(receiver), MESSAGE, {}))
        await asyncio.to_thread(eventually, lambda: receiver.requests, "a request")
        quick = await deliver(webhook(receiver), MESSAGE, {})
        assert not held.done()
        delivered.set()
        return await slow, await held, quick

    with HttpReceiver().always(hang()) as hanging:
        assert asyncio.run(three(hanging)) == (
            Outcome(Result.TRANSIENT, "no answer in 2 s"),
            Outcome(Result.DELIVERED, "HTTP 204"),
            Outcome(Result.DELIVERED, "HTTP 204"),
        )


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import sys; sys.exit(3)", "the process that should deliver it ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "the process that should deliver it was killed by signal 9"),
        ("print('{}')", "the process that should deliver it ended with 0"),
        ("print('x' * 10**7)", "the process that should deliver it was killed by signal 9"),
    ],
    ids=["ends", "killed", "garbage", "babble"],
)
def test_a_child_that_fails_is_tried_again(program: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is told, and nothing that it may have said."""
    monkeypatch.setattr(delivery, "_command", lambda: ((sys.executable, "-c", program), {}))
    assert carry(Ping("deadman", "http://127.0.0.1:1")) == Outcome(Result.TRANSIENT, says)


def test_a_child_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without memory or descriptors is in trouble for a while."""
    monkeypatch.setattr(delivery, "_command", lambda: (("/no/such/python",), {}))
    outcome = carry(Ping("deadman", "http://127.0.0.1:1"))
    assert outcome.result is Result.TRANSIENT
    assert outcome.says.startswith("no process can be started to deliver it: ")


def test_a_big_message_goes_through(receiver: HttpReceiver) -> None:
    """More than a pipe holds."""
    text = "line\n" * 100_000
    big = type(MESSAGE)("k", "t", text, ())
    assert carry(webhook(receiver), big).result is Result.DELIVERED
    assert receiver.bodies[0]["text"] == text


def test_what_is_no_utf8_is_for_good() -> None:
    """A variable may hold any bytes; the one at fault is not shown."""
    outcome = carry(Webhook("webhook", f"http://h/{SECRET}\udcff", PATIENCE_SEC))
    assert outcome == Outcome(Result.PERMANENT, "an address or a password is not written in UTF-8")
