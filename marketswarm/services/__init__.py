"""The services: one module each, found by their entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from marketswarm import names
from marketswarm.errors import BadEnvironmentError

if TYPE_CHECKING:
    # Only then: a shell that completes a service's name waits for this module, and not for redis.
    from marketswarm.daemon import Work


def installed() -> dict[str, EntryPoint]:
    """Every service that this installation has, the user's own packages' included."""
    return {entry.name: entry for entry in entry_points(group=names.SERVICES_GROUP)}


def load(name: str) -> "Work":
    """Import one service's work, and only that one. Raises BadEnvironmentError where there is no such service."""
    entries = installed()
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise BadEnvironmentError(
            f"no service named {name!r} is installed; there are: {known} "
            f"(a package adds one by an entry point in the group {names.SERVICES_GROUP})"
        )
    return cast("Work", entries[name].load())
