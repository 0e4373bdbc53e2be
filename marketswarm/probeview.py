"""`marketswarm probes`: how each target is, by what massive has left on the buses."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from msgspec.structs import asdict

from marketswarm import columns, names, pauses
from marketswarm.bus import connect
from marketswarm.daemon import own_position
from marketswarm.inuse import truth_in_use
from marketswarm.messages import Malformed, decode_heartbeat
from marketswarm.notices.silences import Pauses
from marketswarm.probebook import ProbeBook
from marketswarm.probing.result import Result
from marketswarm.settings import Settings
from marketswarm.term import Paint
from marketswarm.text import counted, printable, tally
from marketswarm.truth import Truth

CLIENT_NAME: Final = "marketswarm:probes"
NONE: Final = (
    "nothing is probed: add targets under services.massive.probes in the truth, then run marketswarm-seed; "
    "does massive run?"
)
OVERDUE_SEC: Final = 60.0
"""So long after its time a probe counts as left out: a restart may spread the next over an interval."""
SOON_DAYS: Final = 14.0
"""A certificate that ends sooner is pointed out."""
_WHY: Final = 300
"""So many characters of a reason; it may come from anyone who can write to the bus."""


class Word(StrEnum):
    """What a person wants to know of a target."""

    OK = "ok"
    ODD = "odd"
    """It works, and something about it wants a look."""
    SKIPPED = "skipped"
    WAITING = "waiting"
    """It has not been probed yet."""
    BAD = "bad"
    """The last probe failed; it takes more of them to be announced."""
    FAILED = "FAILED"
    """So it was announced."""


@dataclass(frozen=True, slots=True)
class Row:
    """One target, and the last probe of it; None where there is none."""

    name: str
    url: str
    result: Result | None = None
    overdue: bool = False
    silenced_until: float | None = None
    acked_by: str | None = None

    @property
    def soon(self) -> bool:
        """Whether its certificate ends soon."""
        return self.result is not None and self.result.days is not None and self.result.days < SOON_DAYS

    @property
    def word(self) -> Word:
        """Put how it is in a word."""
        result = self.result
        if result is None:
            return Word.WAITING
        if result.ok is None:
            return Word.SKIPPED
        if result.bad:
            return Word.FAILED if result.failed else Word.BAD
        return Word.ODD if result.reason or self.soon else Word.OK


@dataclass(frozen=True, slots=True)
class ProbesView:
    """The targets at one moment: those of the truth in its order, then those of massive's environment."""

    rows: tuple[Row, ...] = ()
    silent: bool = False
    """Whether massive does not beat."""

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something is bad, odd, or left alone."""
        return int(bool(self.notes) or any(row.word in (Word.FAILED, Word.BAD, Word.ODD) for row in self.rows))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of all of them."""
        if self.silent and self.rows:
            return ("massive does not beat, so nobody probes: this may be old; see marketswarm status",)
        late = sum(row.overdue for row in self.rows)
        return (f"{counted(late, 'target')} not probed for too long; see the log of massive",) if late else ()


async def look(settings: Settings) -> ProbesView:
    """Ask the bus of the results, and system-redis for silences.

    Raises BusUnreachableError where one does not answer, or no bus has the truth; BusRefusedError; BadTruthError where
    what they have cannot be used.
    """
    truth = await truth_in_use(settings, client_name=CLIENT_NAME)
    where, at, urls = truth.results_to(), own_position(names.MASSIVE, truth, settings), truth.bus_urls()
    wanted = {where.bus, names.SYSTEM_BUS, at.bus}
    buses = connect({bus: settings.address(bus, urls) for bus in wanted}, client_name=CLIENT_NAME)
    try:
        latest = await ProbeBook(buses[where.bus], where.key).latest()
        paused = await pauses.read(buses[names.SYSTEM_BUS])
        beats = await buses[at.bus].beats([names.MASSIVE])
    finally:
        for bus in buses.values():
            await bus.close()
    beat = decode_heartbeat(beats.get(names.MASSIVE, b""), names.MASSIVE)
    silent = isinstance(beat, Malformed) or beat.bye
    return replace(view_of(truth, latest, paused, time.time()), silent=silent)


def view_of(truth: Truth, latest: Mapping[str, Result], paused: Pauses, now: float) -> ProbesView:
    """Put together what truth and the buses say of targets. ``now`` in seconds since the epoch."""
    urls = {probe.name: probe.url for probe in truth.section(names.MASSIVE).probes}
    urls |= {name: result.url for name, result in latest.items() if name not in urls}
    return ProbesView(tuple(_row(name, url, latest.get(name), paused, now) for name, url in urls.items()))


def _row(name: str, url: str, result: Result | None, paused: Pauses, now: float) -> Row:
    if result is None:
        return Row(name, url)
    subject = names.probe_subject(names.MASSIVE, name)
    return Row(
        name,
        url,
        result,
        overdue=max(result.ts + 2 * result.interval_sec, result.again_at) < now - OVERDUE_SEC,
        silenced_until=paused.silenced_until(subject, now),
        acked_by=paused.acked_by(subject, result.since) if result.failed else None,
    )


_STYLES: Final = {Word.OK: "green", Word.SKIPPED: "dim", Word.FAILED: "bold red", Word.BAD: "red"}
_COLUMNS: Final = ("target", columns.STATE, "since", "step", "probed", "took", "where", "why")


def render(view: ProbesView, paint: Paint, now: float) -> str:
    """Lay the targets out for people, a line a target, and a sum. ``now`` in seconds since the epoch."""
    if not view.rows:
        return NONE
    rows = [(_STYLES.get(row.word, "yellow"), _cells(row, now)) for row in view.rows]
    notes = [paint(f"! {note}", "yellow") for note in view.notes]
    return "\n".join([*columns.table(_COLUMNS, rows, paint), "", _sum(view), *notes])


def _cells(row: Row, now: float) -> tuple[str, ...]:
    result = row.result
    if result is None:
        return (printable(row.name), str(row.word), "-", "-", "-", "-", printable(row.url), "")
    return (
        printable(row.name),
        str(row.word),
        columns.ago(result.since, now),
        printable(result.step or "-"),
        columns.ago(result.ts, now),
        "-" if result.ok is None else f"{result.ms:.0f} ms",
        printable(row.url),
        _why(row, result, now),
    )


def _why(row: Row, result: Result, now: float) -> str:
    words = [printable(result.reason)[:_WHY]] if result.reason else []
    if result.fails > 1:
        words.append(f"{result.fails} times in a row")
    if row.soon and result.days is not None:
        words.append(f"its certificate ends in {result.days:.1f} days")
    return "; ".join(words + pauses.noted(row.silenced_until, row.acked_by, now))


def _sum(view: ProbesView) -> str:
    return f"{counted(len(view.rows), 'target')}: {tally((row.word for row in view.rows), Word)}"


def as_json(view: ProbesView) -> dict[str, Any]:
    """Shape for programs: ``{exit_code, probes: [{probe, state, ok, step, …}], notes}``; times since the epoch."""
    return {"exit_code": view.exit_code, "probes": [_row_json(row) for row in view.rows], "notes": list(view.notes)}


def _row_json(row: Row) -> dict[str, Any]:
    named = {"probe": row.name, "state": row.word.lower(), "overdue": row.overdue}
    known = asdict(row.result) if row.result else {}
    said = {"silenced_until": row.silenced_until, "acked_by": row.acked_by}
    return named | known | {"url": row.url} | said
