"""The services: one module each, found by their entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from marketswarm import names
from marketswarm.daemon import Work
from marketswarm.errors import BadEnvironmentError


def installed() -> dict[str, EntryPoint]:
    """Every service that this installation has, the user's own packages' included."""
    return {entry.name: entry for entry in entry_points(group=names.SERVICES_GROUP)}


def load(name: str) -> Work:
    """Import one service's work, and only that one. Raises BadEnvironmentError where there is no such service."""
    entries = installed()
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise BadEnvironmentError(
            f"no service named {name!r} is installed; there are: {known} "
            f"(a package adds one by an entry point in the group {names.SERVICES_GROUP})"
        )
    return cast("Work", entries[name].load())
