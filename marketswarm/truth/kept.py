"""Keys and channels that are written by those alone to whom the contract gives them, whatever an access point says."""

from typing import Final

from marketswarm import names, users

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
_BY_END: Final = (names.HEARTBEAT_SUFFIX, *(key("") for key in (names.owner_key, names.token_key, names.standbys_key)))
"""What ends so belongs to the service whose name is before it."""


def kept_for(key: str, service: str) -> tuple[str, ...]:
    """Name those who alone write there, where ``service`` is none of them; nobody for what is free."""
    for end in _BY_END:
        if key.endswith(end):
            return (key.removesuffix(end),) if key != service + end else ()
    for start, writers in _BY_START.items():
        if (key == start or key.startswith(f"{start}:")) and service not in writers:
            return writers
    return ()
