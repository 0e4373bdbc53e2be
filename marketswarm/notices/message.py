"""What goes out to people, and what came of it."""

from enum import StrEnum

import msgspec


class Told(msgspec.Struct, frozen=True):
    """One thing that a message tells, for programs that take webhooks.

    ``kind`` is ``alert``, ``recovery``, ``reminder`` or ``test``. ``key`` is the same whenever the same thing is told
    again, so a receiver can tell a repetition; ``text`` is what the message says of it; ``alert`` is the alert as it
    was published, ``since`` and ``lasted_sec`` when the trouble began (epoch seconds) and how long it lasted, as far as
    it is over.
    """

    key: str
    kind: str
    type: str
    subject: str
    text: str
    alert: msgspec.Raw
    since: float | None = None
    lasted_sec: float | None = None


class Message(msgspec.Struct, frozen=True):
    """One message: a title of one line, a text of some, and the things it tells. The same ``key``, the same message."""

    key: str
    title: str
    text: str
    told: tuple[Told, ...]
    sender: str = ""
    """Who tells, as in ``healer@host``."""


class Result(StrEnum):
    """How a delivery ended."""

    DELIVERED = "delivered"
    TRANSIENT = "transient"
    """It may go well later: a server that is busy, away, or hangs."""
    PERMANENT = "permanent"
    """It would go wrong again: somebody has to mend something."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a delivery. ``says`` is one line without secrets; ``retry_after_sec`` is the server's wish."""

    result: Result
    says: str
    retry_after_sec: float | None = None
