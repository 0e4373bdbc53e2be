"""Whether what massive probes can be reached."""

from collections.abc import Iterator
from typing import Final

from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, ok, skip, warn
from marketswarm.errors import MarketSwarmError
from marketswarm.probeview import ProbesView, Word
from marketswarm.text import counted, listed

_NAMED: Final = 8
"""So many targets that fail are named."""


def judge_probes(found: ProbesView | MarketSwarmError, remedies: Remedies) -> Iterator[Check]:
    """Judge the targets; where there are none, nothing is said."""
    name = "probes"
    if isinstance(found, MarketSwarmError):
        yield skip(name, "their bus does not tell")
        return
    failed = [f"{row.name} at {row.result.step}" for row in found.rows if row.result and row.word is Word.FAILED]
    odd = [row.name for row in found.rows if row.word is Word.ODD]
    count = counted(len(found.rows), "target")
    if failed:
        yield warn(name, f"{count}, {len(failed)} failed: {listed(failed, _NAMED)}", remedies.see_probes())
    if odd:
        yield warn(name, f"{count}, {len(odd)} odd: {listed(odd, _NAMED)}", remedies.see_probes())
    for note in found.notes:
        yield warn(name, note, remedies.see_probes())
    if found.rows and not (failed or odd or found.notes):
        waiting = sum(row.word is Word.WAITING for row in found.rows)
        yield ok(name, f"{count}, none failed" + (f"; {waiting} not probed yet" if waiting else ""))
