"""What people are told when systemd gives a unit of the swarm up: over a bad truth, a bad setting, a dead bus."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from marketswarm import log, names
from marketswarm.bus import Bus, Entry, connect
from marketswarm.errors import BadTruthError, BusRefusedError, BusUnreachableError
from marketswarm.log.alerts import announce
from marketswarm.messages import UnitFailed, encode
from marketswarm.pacing import Backoff
from marketswarm.settings import Settings
from marketswarm.truth import Endpoint, Truth, parse

CLIENT_NAME = "marketswarm:failure"
PATIENCE_SEC = 10.0
"""What failed may have been a bus that is back by then. The unit that tells has thirty seconds."""
_CODES = {
    "65": "the truth is bad",
    "66": "there is no truth file",
    "69": "a bus does not answer",
    "77": "a bus refuses",
    "78": "a setting cannot be used",
}
FINAL: Final = {"marketswarm@": ("77", "78"), "marketswarm-redis@": ("1",)}
"""The exit codes after which systemd gives a unit up that it would restart: RestartPreventExitStatus= of the units."""
_log = logging.getLogger(__name__)


def reason(unit: str, result: str | None, exit_status: str | None) -> str:
    """Put systemd's words ($MONITOR_SERVICE_RESULT and $MONITOR_EXIT_STATUS, systemd.exec(5)) into a person's."""
    what = "it failed"
    if result == "exit-code":
        known = _CODES.get(exit_status or "")
        what = f"{known} (exit status {exit_status})" if known else f"exit status {exit_status}"
    elif result:
        what = result
    return f"{what}; see journalctl -u {unit}"


def is_final(unit: str, result: str | None, exit_status: str | None) -> bool:
    """Whether systemd has given the unit up, and for a reason of its own.

    From systemd 254 on OnFailure= comes with each crash, before the restart; and on all versions with "success" for a
    unit that was not started because another one had failed, and with SIGTERM for a oneshot that an operator stopped.
    """
    if (result, exit_status) == ("signal", "TERM"):
        return False
    codes = next((codes for prefix, codes in FINAL.items() if unit.startswith(prefix)), None)
    return result != "success" and (codes is None or (result == "exit-code" and exit_status in codes))


async def tell(unit: str, settings: Settings) -> None:
    """Log the alert, and put it on the buses as far as they answer; it was healer's to do, which may be down."""
    log.configure(settings.log_level, settings.journal_stream)
    if not is_final(unit, settings.failed_result, settings.failed_exit_status):
        _log.debug("%s: nothing to tell", unit)
        return
    alert = UnitFailed(unit, reason(unit, settings.failed_result, settings.failed_exit_status), int(time.time()))
    announce(alert)
    buses = connect({bus: settings.address(bus) for bus in names.DEFAULT_BUS_URLS}, client_name=CLIENT_NAME)
    patience = _Patience(PATIENCE_SEC)
    try:
        truth = await _truth(buses.values(), settings, patience)
        where = truth.alerts_to(settings.alert_channel)
        if where.bus not in buses:
            address = settings.address(where.bus, truth.bus_urls())
            buses |= connect({where.bus: address}, client_name=CLIENT_NAME)
        await _put(encode(alert), buses, where, patience)
    finally:
        for bus in buses.values():
            await bus.close()


class _Patience:
    """Waits for a bus that may only be starting again, all in all so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._backoff = Backoff(random.random)

    async def once_more(self) -> bool:
        """Wait a little; False, at once, when there is no time left."""
        delay_sec = self._backoff.next_sec()
        if time.monotonic() + delay_sec > self._end:
            return False
        await asyncio.sleep(delay_sec)
        return True


async def _truth(buses: Iterable[Bus], settings: Settings, patience: _Patience) -> Truth:
    """Read the truth, for where alerts go; what cannot be read is the default."""
    while True:
        answered = False
        for bus in buses:
            with contextlib.suppress(BadTruthError, BusUnreachableError, BusRefusedError):
                stored = await bus.truth(settings.truth_key)
                answered = True
                if stored:
                    return parse(stored.raw)
        if answered or not await patience.once_more():
            return Truth(services={})


async def _put(event: bytes, buses: Mapping[str, Bus], where: Endpoint, patience: _Patience) -> None:
    """Append to the log stream and publish, each as far as its bus allows."""
    same = where.bus == names.SYSTEM_BUS
    log, publish = buses[names.SYSTEM_BUS], buses[where.bus]
    await _insist(
        lambda again: log.record([Entry(event, health_of=None)], channel=where.key if same else None, unsure=again),
        "not in the log of alerts",
        patience,
    )
    if not same:
        await _insist(lambda _: publish.publish(where.key, event), "not published", patience)


async def _insist(step: Callable[[bool], Awaitable[object]], without: str, patience: _Patience) -> None:
    """Take a step, which is told whether it is tried again, as often as patience allows; say what is missing."""
    again = False
    while True:
        try:
            await step(again)
        except (BusUnreachableError, BusRefusedError) as error:
            if isinstance(error, BusRefusedError) or not await patience.once_more():
                _log.warning("%s: %s", without, error)
                return
            again = True
        else:
            return
