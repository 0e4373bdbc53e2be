"""How `marketswarm truth diff` says it: a heading for each service, below it a line for each place."""

from collections.abc import Iterable, Iterator
from typing import Any

from marketswarm.reseeding.affected import GOES_ON
from marketswarm.reseeding.outlook import Comparison, Outlook
from marketswarm.term import Paint
from marketswarm.truth import short

_ONLY_FORM = "only white space or order differs"
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def render(outlook: Outlook, paint: Paint) -> str:
    """Put what would change in lines for people; empty where nothing would."""
    lines = [paint(remark, "red") for remark in outlook.remarks]
    for comparison in outlook.comparisons:
        lines += _comparison(comparison, outlook, paint)
    if lines:
        lines += [f"{bus}: is already {short(held)}" for bus, held in outlook.held.items() if held == outlook.sha256]
    return "\n".join(lines)


def as_json(outlook: Outlook) -> dict[str, Any]:
    """Shape for programs: ``{exit_code, buses: {bus: sha256}, services: {name: {change, effect, places}}, other}``.

    Where the buses hold different documents, each line of places and other begins with those that it is about.
    """
    services: dict[str, dict[str, Any]] = {}
    other = list(outlook.remarks)
    for comparison in outlook.comparisons:
        about = "" if outlook.agreed else f"{', '.join(comparison.buses)}: "
        for name, each in comparison.services.items():
            service = services.setdefault(name, {"change": each.change, "effect": each.effect, "places": []})
            service["places"] += [about + place for place in each.places]
        other += [about + line for line in comparison.other or [_ONLY_FORM] * comparison.only_form]
    return {"exit_code": outlook.exit_code, "buses": dict(outlook.held), "services": services, "other": other}


def _comparison(comparison: Comparison, outlook: Outlook, paint: Paint) -> Iterator[str]:
    yield f"{', '.join(comparison.buses)}: {short(comparison.sha256)} -> {short(outlook.sha256)}"
    for name, service in comparison.services.items():
        yield f"{paint(name, 'bold')} {service.effect}"
        yield from _places(service.places, paint)
    if comparison.other:
        yield paint("outside of services", "bold")
        yield from _places(comparison.other, paint)
    if comparison.only_form:
        yield f"  {_ONLY_FORM}"
    untouched = outlook.services - sum(each.change != "removed" for each in comparison.services.values())
    if untouched:
        yield f"{'each other service' if comparison.services else 'each service'} {GOES_ON}"


def _places(lines: Iterable[str], paint: Paint) -> Iterator[str]:
    return (f"  {paint(line[0], _STYLES[line[0]])}{line[1:]}" if line[0] in _STYLES else f"  {line}" for line in lines)
