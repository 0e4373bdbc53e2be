"""What the buses hold, compared with a document that is about to be seeded."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marketswarm.bus import StoredTruth
from marketswarm.difference import differences
from marketswarm.reseeding.affected import Affected, affected
from marketswarm.settings import Settings
from marketswarm.text import printable
from marketswarm.truth import Held, Truth, digest, examine, parse

_ALIAS, _SERVICES = "components", "services"
_SHOWN = 200
"""How many characters of a fault are shown: it may hold what somebody else stored."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A truth that some buses hold, and what the new one changes in it.

    ``services`` has those that are not left as they are; ``other`` a line for each place outside of services.
    """

    buses: tuple[str, ...]
    sha256: str
    services: Mapping[str, Affected]
    other: tuple[str, ...]

    @property
    def only_form(self) -> bool:
        """Whether nothing but the bytes differs."""
        return not self.services and not self.other


@dataclass(frozen=True, slots=True)
class Outlook:
    """What seeding a document would change.

    ``held`` is the SHA-256 of the bytes on each bus, None where there is no document. ``remarks`` are about buses whose
    documents cannot be compared, or lack their hash; ``comparisons`` has each truth that differs from the new one.
    ``services`` is how many the new one has.
    """

    sha256: str
    services: int
    held: Mapping[str, str | None]
    remarks: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 nothing would change, 1 something would."""
        return int(bool(self.remarks or self.comparisons))

    @property
    def agreed(self) -> bool:
        """Whether every bus holds the same."""
        return len(set(self.held.values())) == 1


def compare(raw: bytes, stored: Mapping[str, StoredTruth | None], settings: Settings) -> Outlook:
    """Compare a document with what each bus holds. Raises BadTruthError where the document cannot be used."""
    wanted, sha256 = parse(raw), digest(raw)
    found = {bus: (each.raw, examine(each.raw, each.sha256)) for bus, each in stored.items() if each}
    held = {bus: found[bus][1].sha256 if bus in found else None for bus in stored}
    remarks = tuple(_remarks(stored, found, settings.truth_key))
    other = {known.sha256: (known.truth, text) for text, known in found.values() if known.sha256 != sha256}
    comparisons = tuple(
        _comparison(tuple(bus for bus in held if held[bus] == old), old, (truth, text), (wanted, raw), settings)
        for old, (truth, text) in other.items()
        if truth is not None
    )
    return Outlook(sha256, len(wanted.services), held, remarks, comparisons)


def _remarks(
    stored: Mapping[str, StoredTruth | None], found: Mapping[str, tuple[bytes, Held]], key: str
) -> Iterator[str]:
    for bus in stored:
        if bus not in found:
            yield f"{bus}: has no {key}"
            continue
        _, held = found[bus]
        if held.truth is None:
            yield f"{bus}: holds what is no truth: {printable(held.faults[0][:_SHOWN])}"
        elif not held.sealed:
            yield f"{bus}: holds a {key} without its hash"


def _comparison(
    buses: tuple[str, ...], sha256: str, old: tuple[Truth, bytes], new: tuple[Truth, bytes], settings: Settings
) -> Comparison:
    was, becomes = json.loads(old[1]), json.loads(new[1])
    renamed = [f"~ {_name(was)}: is called {_name(becomes)}"] * (_name(was) != _name(becomes))
    was, becomes = _without_alias(was), _without_alias(becomes)
    other = renamed + differences(_outside(was), _outside(becomes))
    services = affected(old[0], new[0], was, becomes, settings)
    return Comparison(buses, sha256, services, tuple(other))


def _name(document: Mapping[str, Any]) -> str:
    return _ALIAS if _ALIAS in document else _SERVICES


def _without_alias(document: dict[str, Any]) -> dict[str, Any]:
    return {_SERVICES if key == _ALIAS else key: value for key, value in document.items()}


def _outside(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != _SERVICES}
