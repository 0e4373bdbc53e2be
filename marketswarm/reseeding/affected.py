"""What another truth means for each service: the places that differ, and what the running one does about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from marketswarm import unitnames
from marketswarm.daemon import Concern, concern
from marketswarm.difference import differences
from marketswarm.settings import Settings
from marketswarm.truth import Position, Truth

ANEW = "begins its work anew, no restart"
GOES_ON = "goes on, only its beats name the new truth"


@dataclass(frozen=True, slots=True)
class Affected:
    """A service that a new truth adds, removes or changes; ``effect`` continues the sentence that its name begins.

    ``places`` are lines as ``differences`` makes them: of its own section, and of what else in the truth concerns it.
    """

    change: Literal["added", "removed", "changed"]
    effect: str
    places: tuple[str, ...]


def affected(
    old: Truth, new: Truth, was: Mapping[str, Any], becomes: Mapping[str, Any], settings: Settings
) -> dict[str, Affected]:
    """Say for each service that is not left as it is what changes: in the order of the new truth, then who leaves.

    ``was`` and ``becomes`` are the same two documents, decoded: their places are shown as somebody wrote them. What the
    environment says over truth is taken from this process, not from the service's.
    """
    found = {}
    for name in [*new.services, *(name for name in old.services if name not in new.services)]:
        before, after = concern(name, old, settings), concern(name, new, settings)
        own = differences(_section(was, name), _section(becomes, name))
        places = (*own, *_from_elsewhere(before, after))
        if before.section is None:
            found[name] = Affected(
                "added", f"is new; start it with systemctl start {unitnames.service_unit(name)}", places
            )
        elif after.section is None:
            found[name] = Affected("removed", _leaves(name, old, new), places)
        elif before != after:
            found[name] = Affected("changed", ANEW, places)
        elif own:
            found[name] = Affected("changed", GOES_ON, places)
    return found


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    services = document["services"]
    return {"services": {name: services[name]} if name in services else {}}


def _leaves(name: str, old: Truth, new: Truth) -> str:
    was, is_still = (name in {at.service for at in truth.watched()} for truth in (old, new))
    watching = "healer still watches it, as its subscribe_to says" if is_still else "healer no longer watches it"
    return f"leaves; {f'{watching}, ' if was or is_still else ''}its process goes on until it is stopped"


def _from_elsewhere(before: Concern, after: Concern) -> list[str]:
    """Tell what concerns the service and does not stand in its own section."""
    lines = differences(_shown(before), _shown(after))
    if _heartbeat(before) == _heartbeat(after):
        lines = differences({"position": _position(before.position)}, {"position": _position(after.position)}) + lines
    return lines + ["~ how people are told"] * (before.telling != after.telling)


def _shown(concerned: Concern) -> dict[str, Any]:
    return {
        "watches": {at.service: _position(at) for at in concerned.watched},
        "address": {bus: str(address) for bus, address in concerned.buses.items()},
    } | ({"alerts_to": f"{concerned.alerts_to.key} on {concerned.alerts_to.bus}"} if concerned.alerts_to else {})


def _position(at: Position) -> dict[str, Any]:
    """Put a position as truth writes it: whole seconds without a fraction, and nothing that is not set."""
    return {
        field: int(value) if isinstance(value, float) and value.is_integer() else value
        for field, value in asdict(at).items()
        if field != "service" and value
    }


def _heartbeat(concerned: Concern) -> object:
    return concerned.section and concerned.section.heartbeat
