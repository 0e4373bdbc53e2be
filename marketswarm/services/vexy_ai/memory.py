"""What the workers of a group remember together."""

from collections.abc import Sequence

from marketswarm.bus import Bus


class BusMemory:
    """Keeps it on a bus. Raises what the bus raises."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def first(self, keys: Sequence[str], value: str, ttl_sec: float) -> list[str]:
        """Say under each of these keys whose value was there first; ``value`` where there was none."""
        ttl_ms = round(ttl_sec * 1000)
        asked = [command for key in keys for command in (("SET", key, value, "NX", "PX", ttl_ms), ("GET", key))]
        answers = await self._bus.ask(asked)
        # One that ran out between the two is nobody's.
        return [(kept or value.encode()).decode(errors="replace") for kept in answers[1::2]]
