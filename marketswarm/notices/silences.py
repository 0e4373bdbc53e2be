"""What people have said about an incident: not to be told of it for a while, and that they know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from marketswarm import names
from marketswarm.messages import UNREADABLE


class Silence(msgspec.Struct, frozen=True):
    """Nobody is told of ``subject`` until then: a service, bus, probe or unit, or ``*``. Times are epoch seconds."""

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


@dataclass(frozen=True, slots=True)
class Pauses:
    """Everything that people have said, by its subjects; silences that are over are among it."""

    silences: Mapping[str, Silence] = field(default_factory=dict)
    acks: Mapping[str, Ack] = field(default_factory=dict)

    @classmethod
    def read(cls, silences: Mapping[str, bytes], acks: Mapping[str, bytes]) -> Self:
        """Read what a bus holds, by the fields of its hashes, which name the subjects; what is neither is left out."""
        return cls(
            {
                about: msgspec.structs.replace(silence, subject=about)
                for about, raw in silences.items()
                if (silence := decode_silence(raw))
            },
            {
                about: msgspec.structs.replace(ack, subject=about)
                for about, raw in acks.items()
                if (ack := decode_ack(raw))
            },
        )

    def silenced_until(self, about: str, now: float) -> float | None:
        """Until when nobody is told of a subject, by its own silence or that of everything; None where somebody is.

        A silence of its bus is none of a service.
        """
        both = (self.silences.get(subject) for subject in (about, names.EVERYTHING))
        return max((silence.until for silence in both if silence and silence.active(now)), default=None)

    def acked_by(self, about: str, ts: float) -> str | None:
        """Who knows of what was announced of a subject at ``ts``; None where nobody has said so.

        An acknowledgement from before that was of an incident that is over.
        """
        ack = self.acks.get(about)
        return (ack.by or "somebody") if ack and ts <= ack.ts else None
