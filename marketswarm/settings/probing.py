"""How massive probes. Without msgspec: whoever completes a command line waits for it."""

from dataclasses import dataclass, field

from marketswarm import names


@dataclass(frozen=True, slots=True)
class Probing:
    """How the network is probed, where truth does not say otherwise."""

    on_start: bool = True
    """Whether every target is probed at once at the start, rather than in its turn."""
    strict: bool = False
    """Whether the service ends where one of those fails."""
    timeout_sec: float = names.DEFAULT_NET_TIMEOUT_SEC
    host: str | None = None
    """A host to connect to, as a URL tcp://host:port."""
    url: str | None = None
    """An address to ask, http or https."""


@dataclass(frozen=True, slots=True)
class Market:
    """The market API: where it is, and who asks."""

    base_url: str = names.DEFAULT_MASSIVE_BASE_URL
    ws_url: str = names.DEFAULT_MASSIVE_WS_URL
    api_key: str | None = field(default=None, repr=False)
    timeout_sec: float = names.DEFAULT_API_TIMEOUT_SEC
    rest: bool = True
    websocket: bool = False
