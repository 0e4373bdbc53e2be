"""Who is in the swarm: what mesh keeps in ``mesh:services`` and tells on ``mesh:gossip``."""

from enum import StrEnum
from typing import Final

import msgspec

from marketswarm.messages.heartbeats import Count
from marketswarm.messages.wire import UNREADABLE

LEFT_TRUTH: Final = "left the truth"
"""The reason of a tombstone."""


class Presence(StrEnum):
    """How a member stands."""

    UNSEEN = "unseen"
    """It should be there by the truth, and was never heard."""
    ALIVE = "alive"
    SUSPECTED = "suspected"
    """It is silent for longer than a healthy one is, and not convicted yet."""
    FAILED = "failed"
    """It went dark without a goodbye."""
    LEFT = "left"
    """It said goodbye, or is no longer in the truth."""


class Member(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A service: how it stands, since when (seconds since the epoch), and the process that beats or beat last.

    Of the process that is known which its lease tells: nothing of a program that only publishes. ``i`` and ``ts`` are
    of the last beat that was read when this was written. ``reason`` is why it failed, or LEFT_TRUTH. ``standbys`` are
    the hosts of the processes that wait to take its place.
    """

    svc: str
    state: Presence
    since: int
    bus: str = ""
    channel: str = ""
    boot: str = ""
    host: str = ""
    pid: int = 0
    version: str = ""
    truth: str = ""
    i: Count = 0
    ts: float = 0.0
    reason: str = ""
    standbys: tuple[str, ...] = ()

    @property
    def buried(self) -> bool:
        """Whether it is only remembered: the truth no longer has it."""
        return self.reason == LEFT_TRUTH


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A member changed its state, or another process is that member now: then ``old`` may be ``new``.

    ``old`` is empty for a member that is new. ``i`` counts from 1 in each process of mesh: who finds a gap, or a lower
    one, has missed something and reads ``mesh:services``. ``ts`` is when it was told, seconds since the epoch.
    """

    svc: str
    old: str
    new: Presence
    since: int
    ts: int
    i: int
    host: str = ""
    boot: str = ""
    reason: str = ""


_member = msgspec.json.Decoder(Member).decode


def decode_member(raw: bytes) -> Member | None:
    """Read an entry of ``mesh:services``; None where it is none that this version knows."""
    try:
        return _member(raw)
    except UNREADABLE:
        return None
