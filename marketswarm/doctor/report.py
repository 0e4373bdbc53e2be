"""What the checks found, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from marketswarm.term import Paint
from marketswarm.text import printable, tally


class Verdict(StrEnum):
    """What came of a check."""

    OK = "ok"
    WARN = "warn"
    """It works, and will not for long, or not for all."""
    FAIL = "FAIL"
    SKIP = "skip"
    """It does not apply here, or what it needs was not to be had; that is no fault by itself."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``found`` may go on in further lines; ``remedy`` is a command to type."""

    name: str
    verdict: Verdict
    found: str
    remedy: str | None = None


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, Verdict.OK, found)


def warn(name: str, found: str, remedy: str) -> Check:
    """Something wants attention."""
    return Check(name, Verdict.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    """Something does not work."""
    return Check(name, Verdict.FAIL, found, remedy)


def skip(name: str, why: str) -> Check:
    """Not checked, and why."""
    return Check(name, Verdict.SKIP, why)


@dataclass(frozen=True, slots=True)
class Report:
    """Every check, from the ground up."""

    checks: Sequence[Check]

    @property
    def exit_code(self) -> int:
        """0 all well, 1 warnings, 2 something failed."""
        verdicts = {check.verdict for check in self.checks}
        return 2 if Verdict.FAIL in verdicts else int(Verdict.WARN in verdicts)

    def as_json(self) -> dict[str, Any]:
        """Shape for programs: ``{exit_code, checks: [{name, verdict, found, remedy}]}``."""
        return {"exit_code": self.exit_code, "checks": [asdict(check) for check in self.checks]}


_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.SKIP: "dim"}
_WORDS = {Verdict.FAIL: "failed", Verdict.WARN: "to look at", Verdict.OK: "ok", Verdict.SKIP: "skipped"}
_INDENT = " " * 6


def render(report: Report, paint: Paint) -> str:
    """Lay the report out for people: a line a check, its remedy below it, and a sum at the end."""
    width = max((len(check.name) for check in report.checks), default=0)
    lines = [line for check in report.checks for line in _lines(check, width, paint)]
    total = tally((_WORDS[check.verdict] for check in report.checks), _WORDS.values())
    return "\n".join([*lines, "", total])


def _lines(check: Check, width: int, paint: Paint) -> list[str]:
    found, *more = (printable(line) for line in check.found.splitlines())
    lines = [f"{paint(f'{check.verdict:<4}', _STYLES[check.verdict])}  {printable(check.name):<{width}}  {found}"]
    lines += [f"{_INDENT}{line}" for line in more]
    if check.remedy:
        lines.append(f"{_INDENT}remedy: {paint(printable(check.remedy), 'bold')}")
    return lines
