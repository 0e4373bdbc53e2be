"""Keys and channels that are written by those alone to whom the contract gives them, whatever an access point says."""

from typing import Final

from marketswarm import names, users
from marketswarm.truth.patterns import could_mean, pattern

_BY_START: Final = {
    names.TRUTH_KEY.partition(":")[0]: (users.SEED,),
    "health": names.WATCHERS,
    names.HEALER: names.WATCHERS,
    names.MASSIVE: (names.MASSIVE,),
    names.MESH: (names.MESH,),
    names.FEEDS: (names.RSS_AGG,),
    "rss:seen": (names.RSS_AGG,),
    "vexy:story": (names.VEXY_AI,),
}
"""Who writes what begins so, up to a colon."""
_SHARED: Final = {names.PROBE_ALERTS: (names.MASSIVE, *names.WATCHERS)}
"""What more than one service writes: here, one puts in what others take out."""
_BY_END: Final = (names.HEARTBEAT_SUFFIX, *(key("") for key in (names.owner_key, names.token_key, names.standbys_key)))
"""What ends so belongs to the service whose name is before it."""


def kept_for(key: str, service: str) -> tuple[str, ...]:
    """Name those who alone write there, where ``service`` is none of them; nobody for what is free.

    A key whose pattern means more than itself is kept where it means what is.
    """
    if key in _SHARED:
        return () if service in _SHARED[key] else _SHARED[key]
    meant = pattern(key)
    for end in _BY_END:
        if could_mean(meant[-len(end) :], end):
            return (meant[: -len(end)],) if key != service + end else ()
    for start, writers in _BY_START.items():
        if service not in writers and (could_mean(meant, start) or could_mean(meant[: len(start) + 1], f"{start}:")):
            return writers
    return ()
