"""Whether what the swarm goes by is good: the environment, the truth file, the truth on every bus, and all one."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from marketswarm import names
from marketswarm.bus import Lease, StoredTruth
from marketswarm.doctor.buses import BusFound, why
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, fail, ok, skip, warn
from marketswarm.errors import BadEnvironmentError, BadTruthError, BusRefusedError, MarketSwarmError, NoTruthFileError
from marketswarm.messages import Malformed, decode_heartbeat
from marketswarm.truth import Truth, parse, warnings

SHOWN = 12
"""Characters of a SHA-256 that are shown."""


@dataclass(frozen=True, slots=True)
class Document:
    """A truth document: its bytes, and what can be read from them."""

    raw: bytes
    truth: Truth | BadTruthError

    @classmethod
    def of(cls, raw: bytes) -> "Document":
        """Read a document, for better or worse."""
        try:
            return cls(raw, parse(raw))
        except BadTruthError as error:
            return cls(raw, error)

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()


def judge_environment(error: BadEnvironmentError | None, remedies: Remedies) -> Check:
    """Judge the variables of this process."""
    name = "environment"
    if error is None:
        return ok(name, "no variable that this command sees is wrong")
    found = "\n".join(["some variables cannot be used; the checks below do without them", *str(error).splitlines()])
    return fail(name, found, remedies.variables(wrong_variables(error)))


def wrong_variables(error: BadEnvironmentError) -> list[str]:
    """Name the variables that an error is about: each of its lines begins with one."""
    return [line.partition(":")[0] for line in str(error).splitlines()]


def judge_file(path: Path, found: Document | NoTruthFileError, remedies: Remedies, *, named: bool) -> Check:
    """Judge the truth file. One that nobody ``named`` need not be there."""
    name = "truth file"
    if isinstance(found, NoTruthFileError):
        if isinstance(found.__cause__, PermissionError):
            return skip(name, f"{path} is not for this user to read; try: sudo marketswarm doctor")
        if isinstance(found.__cause__, FileNotFoundError) and not named:
            return skip(name, f"there is no {path} here")
        return fail(name, str(found), remedies.find_file())
    if isinstance(found.truth, BadTruthError):
        return fail(name, _faults(str(path), found.truth), remedies.check_file(path))
    unsure = warnings(found.truth)
    if unsure:
        lines = "\n".join([f"{path} is usable, with {len(unsure)} warning(s)", *unsure])
        return warn(name, lines, remedies.check_file(path))
    return ok(name, f"{path} is good, {len(found.truth.services)} service(s)")


def judge_stored(found: BusFound, key: str, remedies: Remedies) -> Check:
    """Judge the truth on one bus."""
    name, stored = f"{found.bus} truth", found.stored
    if isinstance(stored, BusRefusedError) and found.answers:
        return fail(name, f"{key} cannot be read: {why(stored)}", remedies.log_in(found.bus))
    if isinstance(stored, MarketSwarmError):
        return skip(name, "the bus cannot be asked")
    if stored is None:
        return fail(name, f"there is no {key}", remedies.seed())
    document = Document.of(stored.raw)
    if isinstance(document.truth, BadTruthError):
        return fail(name, _faults(key, document.truth), remedies.seed())
    if stored.sha256 != document.sha256:
        hash_key = names.truth_hash_key(key)
        beside = f"{hash_key} is of another document" if stored.sha256 else f"there is no {hash_key}"
        return warn(name, f"{key} was not written by marketswarm-seed: {beside}", remedies.seed())
    return ok(name, f"{key} is {document.sha256[:SHOWN]}, {len(document.truth.services)} service(s)")


def judge_agreement(held: Mapping[str, Document], path: Path, file: Document | None, remedies: Remedies) -> Check:
    """Judge whether the buses, and the ``file`` if it could be read, hold one document."""
    name = "one truth"
    if not held:
        return skip(name, "no bus has a document to compare")
    shown = ", ".join(f"{bus} {document.sha256[:SHOWN]}" for bus, document in held.items())
    if len({document.raw for document in held.values()}) > 1:
        return warn(name, f"the buses hold different documents: {shown}", remedies.compare_and_seed())
    where = f"{', '.join(held)}: the same document"
    if file is None:
        return ok(name, where) if len(held) > 1 else skip(name, f"only {shown} has a document")
    if isinstance(file.truth, BadTruthError):
        return skip(name, f"{where}; {path} cannot be used")
    if file.raw != next(iter(held.values())).raw:
        return warn(name, f"{path} is not what the swarm runs on: {shown}", remedies.compare_and_seed())
    return ok(name, f"{where}, and it is {path}")


def judge_followers(leases: Mapping[str, Lease], sha256: str, remedies: Remedies) -> Check:
    """Judge whether the services that say what they run on run on the truth that is stored."""
    name = "truth in use"
    beats = {service: decode_heartbeat(lease.raw, service) for service, lease in sorted(leases.items())}
    runs_on = {service: beat.truth for service, beat in beats.items() if not isinstance(beat, Malformed) and beat.truth}
    if not runs_on:
        return skip(name, "no service says which truth it runs on")
    behind = [service for service, truth in runs_on.items() if truth != sha256]
    if behind:
        found = f"not on the one that is stored, unless it has come since their last beat: {', '.join(behind)}"
        return warn(name, found, remedies.await_beats(behind))
    return ok(name, f"{len(runs_on)} service(s) run on {sha256[:SHOWN]}")


def usable(documents: Iterable[Document | None]) -> tuple[Document, Truth] | None:
    """Choose the first document that can be used."""
    for document in documents:
        if document is not None and isinstance(document.truth, Truth):
            return document, document.truth
    return None


def stored_documents(found: Iterable[BusFound]) -> dict[str, Document]:
    """Read what the buses hold, of those that hold something."""
    return {each.bus: Document.of(each.stored.raw) for each in found if isinstance(each.stored, StoredTruth)}


def _faults(what: str, error: BadTruthError) -> str:
    return "\n".join([f"{what} cannot be used, {len(error.faults)} fault(s)", *error.faults])
