"""What is kept of deliveries: how a target is doing, what it refused for good, what commands ask and are answered."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from marketswarm.messages import UNREADABLE
from marketswarm.notices.message import Result

_T = TypeVar("_T")


class TargetState(msgspec.Struct, frozen=True):
    """How a target is doing, as one watcher sees it. Times are epoch seconds, 0 where there is none.

    ``failing`` is since when nothing reaches it, ``says`` what it answered last; ``waiting`` is to be told as soon as
    it can be, ``held`` when its time comes.
    """

    delivered: float = 0.0
    failing: float = 0.0
    says: str = ""
    waiting: int = 0
    held: int = 0


class DeadLetter(msgspec.Struct, frozen=True):
    """A thing that a target has refused for good; ``event`` and ``opened`` are alerts as they were published."""

    target: str
    kind: str
    key: str
    event: str
    why: str
    opened: str = ""


class Question(msgspec.Struct, frozen=True):
    """What a command asks of those who tell people: ``test`` every target, or ``resend`` these dead letters."""

    id: str
    what: str
    letters: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What a target answered; from each watcher first one without a target, that names those which will.

    ``sec`` is how long it took, ``letter`` which dead letter it was about.
    """

    watcher: str
    target: str = ""
    targets: tuple[str, ...] = ()
    result: Result = Result.DELIVERED
    says: str = ""
    sec: float = 0.0
    letter: str = ""


def decode_keys(raw: bytes) -> tuple[str, ...]:
    """Read the keys of what was on its way; none where it is no list of any."""
    try:
        return msgspec.json.decode(raw, type=tuple[str, ...])
    except UNREADABLE:
        return ()


def _reader(shape: type[_T]) -> Callable[[bytes], _T | None]:
    decode = msgspec.json.Decoder(shape).decode

    def read(raw: bytes) -> _T | None:
        try:
            return decode(raw)
        except UNREADABLE:
            return None

    return read


decode_state = _reader(TargetState)
decode_letter = _reader(DeadLetter)
decode_question = _reader(Question)
decode_answer = _reader(Answer)
