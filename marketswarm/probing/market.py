"""What an answer of the market API means.

Source: https://massive.com/docs (Massive was Polygon.io): the REST API's statuses, ``GET /v1/marketstatus/now``, and
the status messages of the websocket.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from marketswarm.messages import UNREADABLE
from marketswarm.text import printable

STATUS_PATH: Final = "/v1/marketstatus/now"
MAX_BYTES: Final = 64 << 10
_OK: Final = 200
_ODD_SKEW_SEC: Final = 5.0
_SAID: Final = 80
"""So many characters of what it says go into a reason."""


class Outcome(StrEnum):
    """How the API is."""

    OK = "ok"
    BAD_KEY = "bad_key"
    NOT_ENTITLED = "not_entitled"
    """It can be reached, and the key's plan does not have what was asked for."""
    THROTTLED = "throttled"
    """It can be reached, and was asked too often."""
    DOWN = "down"

    @property
    def reachable(self) -> bool:
        """Whether it works as far as it is for the network, and for this host, to say."""
        return self not in (Outcome.DOWN, Outcome.BAD_KEY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said. ``reason`` is empty where all is well; ``skew_sec`` is None where it did not tell its time."""

    outcome: Outcome
    reason: str = ""
    skew_sec: float | None = None


class _Now(msgspec.Struct):
    market: str
    server_time: str = msgspec.field(name="serverTime")


class _Event(msgspec.Struct):
    ev: str = ""
    status: str = ""
    message: str = ""


_NO_KEY: Final = "it does not know the key"
_BY_STATUS: Final = {
    401: Answer(Outcome.BAD_KEY, f"answers 401, {_NO_KEY}"),
    403: Answer(Outcome.NOT_ENTITLED, "answers 403, the plan of the key does not have this"),
    429: Answer(Outcome.THROTTLED, "answers 429, it was asked too often"),
}
_BY_LOGIN: Final = {
    "auth_success": Answer(Outcome.OK),
    "max_connections": Answer(Outcome.THROTTLED, "the account has as many connections as it may"),
}
_REFUSALS: Final = ("auth_failed", "auth_timeout", "error")
_PLAN: Final = ("plan", "not authorized")
"""What it says to a key that is good, but not for this."""
_decode_now: Final = msgspec.json.Decoder(_Now).decode
_decode_events: Final = msgspec.json.Decoder(list[_Event]).decode


def says_it_all(status: int) -> bool:
    """Whether a status has a meaning, whatever becomes of the body behind it."""
    return status in _BY_STATUS


def answer_of(status: int, body: bytes, now: float) -> Answer:
    """Judge an answer to ``GET /v1/marketstatus/now`` that came at ``now``, in seconds since the epoch."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status != _OK:
        return Answer(Outcome.DOWN, f"answers {status}")
    try:
        told = _decode_now(body)
    except UNREADABLE:
        return Answer(Outcome.DOWN, "answers 200, and what it says is no market status")
    skew_sec = _skew_sec(told.server_time, now)
    odd = skew_sec is not None and abs(skew_sec) > _ODD_SKEW_SEC
    return Answer(Outcome.OK, f"the clock of this host is off by {skew_sec:+.0f} s" if odd else "", skew_sec)


def login_of(message: str) -> Answer | None:
    """Judge a message of the websocket after the key was sent; None where it says nothing of that."""
    try:
        events = _decode_events(message)
    except UNREADABLE:
        return Answer(Outcome.DOWN, "what it says is no status message")
    return next(filter(None, map(_login, events)), None)


def _login(event: _Event) -> Answer | None:
    if event.status not in _REFUSALS:
        return _BY_LOGIN.get(event.status)
    said = event.message.lower()
    if any(words in said for words in _PLAN):
        return Answer(Outcome.NOT_ENTITLED, "the plan of the key has no websocket")
    if event.status == "auth_failed" or "auth" in said:
        return Answer(Outcome.BAD_KEY, _NO_KEY)
    return Answer(Outcome.DOWN, f"it says: {printable(event.message)[:_SAID]}")


def _skew_sec(server_time: str, now: float) -> float | None:
    """Tell how far ``now`` is ahead of a time that is cut off to whole seconds; 0 where it is within that second."""
    try:
        told = datetime.fromisoformat(server_time)
    except ValueError:
        return None
    if told.tzinfo is None:
        return None
    ahead_sec = now - told.timestamp()
    return 0.0 if 0 <= ahead_sec < 1 else round(ahead_sec if ahead_sec < 0 else ahead_sec - 1, 3)
