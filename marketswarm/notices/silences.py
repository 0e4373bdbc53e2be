"""What people have said about an incident: not to be told of it for a while, and that they know."""

import msgspec

from marketswarm.messages import UNREADABLE


class Silence(msgspec.Struct, frozen=True):
    """Nobody is told of ``subject`` (a service, a bus, a unit, or ``*``) until then. Times are epoch seconds."""

    subject: str
    since: float
    until: float
    by: str = ""
    why: str = ""

    def active(self, now: float) -> bool:
        """Whether it holds."""
        return now < self.until


class Ack(msgspec.Struct, frozen=True):
    """Somebody has seen that ``subject`` is down: no reminder and no escalation until it is back.

    It holds for what began before ``ts`` (epoch seconds).
    """

    subject: str
    ts: float
    by: str = ""
    why: str = ""


_decode_silence = msgspec.json.Decoder(Silence).decode
_decode_ack = msgspec.json.Decoder(Ack).decode


def decode_silence(raw: bytes) -> Silence | None:
    """Read a silence; None where it is none."""
    try:
        return _decode_silence(raw)
    except UNREADABLE:
        return None


def decode_ack(raw: bytes) -> Ack | None:
    """Read an acknowledgement; None where it is none."""
    try:
        return _decode_ack(raw)
    except UNREADABLE:
        return None
