"""How people are told. Without msgspec, which channels are made of: whoever completes a command line waits for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketswarm import names
from marketswarm.errors import BadEnvironmentError

if TYPE_CHECKING:
    from marketswarm.notices.channels import Channel, Ping


@dataclass(frozen=True, slots=True)
class Outward:
    """How people are told. Channels show nothing but their names, so it may go to a log."""

    channels: "tuple[Channel, ...]" = ()
    rate_limit_sec: float = names.DEFAULT_RATE_LIMIT_SEC
    """No target is told of the same trouble of one service twice within it; 0 is no limit."""
    deadman: "Ping | None" = None
    """Who is called as a sign of life."""
    deadman_sec: float = names.DEFAULT_DEADMAN_SEC
    incomplete: tuple[str, ...] = ()
    """Lines on what is set without what it needs, and so makes no channel."""

    def check(self) -> None:
        """Raise BadEnvironmentError where something is missing: for who tells people, at its start.

        It is no fault for others: what is missing may be a credential that only healer and sentinel are given.
        """
        if self.incomplete:
            raise BadEnvironmentError("\n".join(self.incomplete))
