"""Webhooks and signs of life: one request, of whose reply only the head is read."""

import base64
import email.utils
import http.client
import math
import ssl
import time
import urllib.request
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from marketswarm import names
from marketswarm.notices.channels import Ping, Webhook
from marketswarm.notices.message import Message, Outcome, Result
from marketswarm.notifier import failures, payloads

CONNECT_SEC: Final = 5.0
"""For each address of a host: where IPv6 leads nowhere, IPv4 still gets its turn."""
MAX_RETRY_AFTER_SEC: Final = 3600.0
_ASKS_FOR_LATER: Final = frozenset({408, 425, 429})
_URL_CHARS: Final = "%/:=&?~+!$,;'@()*[]"


def post(channel: Webhook, message: Message, agent: str) -> Outcome:
    """Post a message. A receiver can tell a repetition by ``Idempotency-Key``."""
    headers = {
        "User-Agent": agent,
        "Content-Type": "application/json",
        "Idempotency-Key": quote(message.key, safe=_URL_CHARS),
    }
    return _request(channel, names.ENV_WEBHOOK_URL, headers, payloads.body_for(channel.url, message))


def call(channel: Ping, agent: str) -> Outcome:
    """Call an address, which is all that it wants."""
    return _request(channel, names.ENV_DEADMAN_URL, {"User-Agent": agent}, None)


def judge(status: int, retry_after: str | None, variable: str, now: float) -> Outcome:
    """Say what a status means. ``variable`` holds the address; ``now`` is in epoch seconds."""
    if status in _ASKS_FOR_LATER:
        return Outcome(Result.TRANSIENT, f"HTTP {status}", _wait_sec(retry_after, now))
    match status // 100:
        case 2:
            return Outcome(Result.DELIVERED, f"HTTP {status}")
        case 3:
            return Outcome(Result.PERMANENT, f"HTTP {status}: redirects; set {variable} to where it leads")
        case 0 | 1 | 4:
            return Outcome(Result.PERMANENT, f"HTTP {status}: refused; is {variable} right?")
    return Outcome(Result.TRANSIENT, f"HTTP {status}", _wait_sec(retry_after, now))


def _wait_sec(text: str | None, now: float) -> float | None:
    """Read Retry-After: seconds, or a date; None where it is neither."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER_SEC)


def _request(channel: Webhook | Ping, variable: str, headers: dict[str, str], body: bytes | None) -> Outcome:
    """POST a body, or GET where there is none; ``variable`` holds the address."""
    host = "its host"
    try:
        host = urlsplit(channel.url).hostname or host
        request = _prepare(channel.url, headers, body)
        with _opener().open(request, timeout=channel.timeout_sec) as response:
            # The body is left alone: the head says all, and a body may be endless.
            return judge(response.status, response.headers.get("Retry-After"), variable, time.time())
    except http.client.InvalidURL:
        return _unusable(variable)
    except (OSError, http.client.HTTPException) as error:
        return failures.no_connection(host, error, "is it a TLS port?")
    except ValueError:
        return _unusable(variable)


def _unusable(variable: str) -> Outcome:
    return Outcome(Result.PERMANENT, f"no request can be made of the address; is {variable} right?")


def _prepare(url: str, headers: dict[str, str], body: bytes | None) -> urllib.request.Request:
    """Make a request of a URL; a user and a password in it become a header."""
    parts = urlsplit(url)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers = {**headers, "Authorization": f"Basic {base64.b64encode(login).decode('ascii')}"}
    bare = parts._replace(
        scheme="",
        netloc=parts.netloc.rpartition("@")[2],
        path=quote(parts.path or "/", safe=_URL_CHARS),
        query=quote(parts.query, safe=_URL_CHARS),
        fragment="",
    )
    headers = {**headers, "Accept-Encoding": "identity"}
    address, method = bare.geturl().removeprefix("//"), "GET" if body is None else "POST"
    if parts.scheme == "https":
        return urllib.request.Request(f"https://{address}", data=body, headers=headers, method=method)
    if parts.scheme == "http":
        return urllib.request.Request(f"http://{address}", data=body, headers=headers, method=method)
    raise ValueError("neither http nor https")


def _opener() -> urllib.request.OpenerDirector:
    """Open http and https, by a proxy if the environment names one; follow no redirect, take no status for an error."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _Plain(), _Secure(), urllib.request.UnknownHandler()):
        opener.add_handler(handler)
    return opener


class _Connection(http.client.HTTPConnection):
    """Gives each address of a host some seconds, and the answer all the time there is."""

    def connect(self) -> None:
        """Connect, through TLS where it is spoken."""
        whole = self.timeout
        self.timeout = CONNECT_SEC if whole is None else min(whole, CONNECT_SEC)
        super().connect()
        self.sock.settimeout(whole)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    """The same over TLS."""


class _Plain(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Secure(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())
