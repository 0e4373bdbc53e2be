"""Who stands by to own each singleton, by what its bus has noted."""

import asyncio
import itertools
from collections.abc import Mapping

from marketswarm import ownership
from marketswarm.bus import Bus

AT_A_TIME = 100
"""Of so many singletons a round asks; of more, they take turns."""


class Waiting:
    """Reads it in rounds."""

    def __init__(self, singletons: Mapping[str, Bus]) -> None:
        """``singletons`` gives the bus that has the lease of each."""
        self._singletons = singletons
        self._turns = itertools.cycle(singletons)

    async def read(self) -> dict[str, tuple[str, ...]]:
        """Name the hosts on which others stand by, for those whose turn it is.

        A singleton whose bus does not say is left out.
        """
        asked = list(itertools.islice(self._turns, min(AT_A_TIME, len(self._singletons))))
        found = await asyncio.gather(*(ownership.standbys_if_told(self._singletons[one], one) for one in asked))
        return {service: hosts for service, hosts in zip(asked, found, strict=True) if hosts is not None}
