"""What a bus holds where the truth should be: the document and the hash beside it, examined."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from marketswarm.errors import BadTruthError
from marketswarm.truth.models import Truth
from marketswarm.truth.parse import parse

_SHOWN: Final = 200
"""How many characters of a fault go into a line of the log; `marketswarm truth check` shows all of it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A document on a bus. ``sha256`` is of its bytes, ``beside`` is what stands next to it; empty where there is none.

    ``truth`` is None where the document is missing or has ``faults``.
    """

    sha256: str
    beside: str
    truth: Truth | None
    faults: tuple[str, ...] = ()

    @property
    def sealed(self) -> bool:
        """Whether the hash beside the document is the document's, as marketswarm-seed writes it."""
        return self.sha256 == self.beside

    @property
    def whole(self) -> bool:
        """Whether this is a truth that somebody seeded: good, and with its hash."""
        return self.truth is not None and self.sealed


@dataclass(frozen=True, slots=True)
class Loaded:
    """A truth that holds, and the SHA-256 of its bytes."""

    truth: Truth
    sha256: str


NOTHING: Final = Held("", "", None)


def digest(raw: bytes) -> str:
    """The hash that belongs beside a document."""
    return hashlib.sha256(raw).hexdigest()


def short(sha256: str) -> str:
    """Enough of a hash for people to tell two truths apart."""
    return sha256[:12]


def examine(raw: bytes, beside: str | None, known: Iterable[Held] = ()) -> Held:
    """Parse a document and keep its faults where it has any; one that is ``known`` already is not parsed again."""
    sha256, beside = digest(raw), beside or ""
    for held in known:
        if (held.sha256, held.beside) == (sha256, beside):
            return held
    try:
        return Held(sha256, beside, parse(raw))
    except BadTruthError as error:
        return Held(sha256, beside, None, error.faults)


def best(documents: Iterable[Held]) -> Loaded | None:
    """Choose the truth to begin with: the first that is whole, else the first that parses."""
    good = [held for held in documents if held.truth is not None]
    for held in sorted(good, key=lambda held: not held.whole):  # stable: the order of the buses stays
        if held.truth is not None:
            return Loaded(held.truth, held.sha256)
    return None


def newer(documents: Iterable[Held], running_on: str) -> Loaded | None:
    """Choose the truth to change to: the first whole one, once no bus holds the one that one runs on any more.

    So a bus that comes back with an older truth moves nobody as long as the other has the right one, and a seed that
    was cut off between two buses moves nobody either.
    """
    whole = [held for held in documents if held.whole]
    if any(held.sha256 == running_on for held in whole):
        return None
    return best(whole)


def deviation(held: Held, key: str, running_on: str) -> str | None:
    """Say in one phrase why a bus does not hold the truth that one runs on (its SHA-256); None where it does."""
    if not held.sha256:
        return f"holds no {key}; run marketswarm-seed"
    if held.truth is None:
        more = f" (and {len(held.faults) - 1} more)" if len(held.faults) > 1 else ""
        return f"holds a {key} that is no truth: {held.faults[0][:_SHOWN]}{more}; run marketswarm-seed"
    if not held.sealed:
        return f"holds a {key} that marketswarm-seed did not write, its hash differs; run marketswarm-seed"
    if held.sha256 != running_on:
        return f"holds another truth, {short(held.sha256)} instead of {short(running_on)}; run marketswarm-seed"
    return None
