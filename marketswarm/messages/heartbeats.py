"""The sign of life that every service publishes."""

from enum import Enum
from typing import Annotated, Final

import msgspec

from marketswarm.messages.wire import UNREADABLE

MAX_BEAT_BYTES: Final = 4096
MAX_BEAT_NESTING: Final = 500

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A service's sign of life.

    ``i`` counts from 1 in each process; ``ts`` is the sender's wall clock in seconds since the epoch and is information
    only. ``boot`` is a random id of the process, of the owner of a singleton another one with each token; ``truth`` is
    the SHA-256 of the document that it runs on. ``bye`` marks the last beat of a process that stops as it should.
    """

    svc: str
    i: Count
    ts: float
    boot: str = ""
    host: str = ""
    pid: int = 0
    truth: str = ""
    bye: bool = False


class FullHeartbeat(Heartbeat, frozen=True, omit_defaults=True, gc=False):
    """All that a service of this package says with a beat.

    It is a type of its own, since healer reads a beat of every service and needs none of this. ``version`` is that of
    the package, ``token`` the one by which the owner of a singleton writes.
    """

    version: str = ""
    token: int = 0


class Malformed(Enum):
    """Why bytes on a heartbeat channel are no heartbeat. The value is a phrase for the log."""

    TOO_LONG = f"longer than {MAX_BEAT_BYTES} bytes"
    NOT_A_BEAT = "not a heartbeat in JSON"
    WRONG_SERVICE = "of another service"


decode_plain: Final = msgspec.json.Decoder(Heartbeat).decode
"""Reads a heartbeat of at most MAX_BEAT_NESTING bytes; raises one of UNREADABLE, and leaves the service to check."""


_decode_full: Final = msgspec.json.Decoder(FullHeartbeat).decode


def decode_heartbeat(raw: bytes, service: str) -> Heartbeat | Malformed:
    """Read bytes from ``service``'s channel; anything that is no heartbeat of that service is Malformed, never raised.

    The length is capped before the parser sees the bytes, which bounds numbers too. How deep a parser goes differs
    between Pythons, so nesting is capped here as well; what is shorter than the cap cannot be that deep.
    """
    if len(raw) > MAX_BEAT_BYTES:
        return Malformed.TOO_LONG
    if len(raw) > MAX_BEAT_NESTING and raw.count(b"[") + raw.count(b"{") > MAX_BEAT_NESTING:
        return Malformed.NOT_A_BEAT
    try:
        beat = decode_plain(raw)
    except UNREADABLE:
        return Malformed.NOT_A_BEAT
    return beat if beat.svc == service else Malformed.WRONG_SERVICE


def decode_full(raw: bytes, service: str) -> FullHeartbeat | None:
    """Read all that a lease of ``service`` says of the process that holds it; None where it holds no beat of it."""
    if len(raw) > MAX_BEAT_BYTES:
        return None
    try:
        beat = _decode_full(raw)
    except UNREADABLE:
        return None
    return beat if beat.svc == service else None
