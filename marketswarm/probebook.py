"""What a bus holds of probes: the latest result of each target, and the history of all."""

from collections.abc import Iterable, Sequence
from typing import Final

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.probing.result import Result, decode_result, encode_result

PROBE_FIELD: Final = "probe"
RESULT_FIELD: Final = "result"


class ProbeBook:
    """The results on one bus, in the hash ``key`` and the stream beside it. Every method raises what Bus raises."""

    def __init__(self, bus: Bus, key: str) -> None:
        self._bus = bus
        self._key = key
        self._log = names.probes_log(key)

    async def latest(self) -> dict[str, Result]:
        """Read the latest result of each target that has one."""
        kept = await self._bus.fields(self._key)
        return {name: result for name, raw in kept.items() if (result := decode_result(raw))}

    async def keep(self, results: Sequence[tuple[str, Result]]) -> None:
        """Store results, all or nothing: each in the history, and the last of each target as its latest.

        What was skipped is no history. A call whose answer is lost may have been carried out; then the history has it
        twice.
        """
        to_log = ("XADD", self._log, "MAXLEN", "~", names.PROBES_LOG_MAXLEN, "*")
        history = [
            (*to_log, PROBE_FIELD, name, RESULT_FIELD, encode_result(result))
            for name, result in results
            if result.ok is not None
        ]
        latest = {name: encode_result(result) for name, result in results}
        store = ("HSET", self._key, *(word for pair in latest.items() for word in pair))
        await self._bus.ask([("MULTI",), *history, store, ("EXEC",)])

    async def forget_but(self, targets: Iterable[str]) -> None:
        """Drop the latest results of targets that there are no more; the history keeps theirs."""
        await self._bus.drop_fields(self._key, (await self.latest()).keys() - set(targets))
