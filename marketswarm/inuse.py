"""The truth that is in use, for a command that asks once and ends."""

from marketswarm.bus import connect
from marketswarm.daemon.following import sources
from marketswarm.errors import BadTruthError, BusUnreachableError
from marketswarm.settings import Settings
from marketswarm.truth import Held, Loaded, Truth, best, examine


async def truth_in_use(settings: Settings, *, client_name: str) -> Truth:
    """Find the truth as a service does that starts now. Raises as ``loaded_in_use`` does."""
    return (await loaded_in_use(settings, client_name=client_name)).truth


async def loaded_in_use(settings: Settings, *, client_name: str) -> Loaded:
    """Find that truth, and the SHA-256 of its bytes.

    Raises BusUnreachableError where no bus that answers has one, BusRefusedError, BadTruthError where what they have
    cannot be used.
    """
    buses = connect(sources(settings), client_name=client_name)
    found: list[Held] = []
    lost: list[BusUnreachableError] = []
    try:
        for bus in buses.values():
            try:
                stored = await bus.truth(settings.truth_key)
            except BusUnreachableError as error:
                lost.append(error)
            else:
                found += [examine(stored.raw, stored.sha256)] if stored else []
    finally:
        for bus in buses.values():
            await bus.close()
    if loaded := best(found):
        return loaded
    if found:
        raise BadTruthError([fault for held in found for fault in held.faults])
    if lost:
        raise lost[0]
    where = " or ".join(f"{bus.name} ({bus.address})" for bus in buses.values())
    raise BusUnreachableError(f"there is no {settings.truth_key} on {where}: run marketswarm-seed")
