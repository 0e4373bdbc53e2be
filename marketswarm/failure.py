"""What people are told when systemd gives a unit of the swarm up: over a bad truth, a bad setting, a dead bus."""

import contextlib
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Final

from marketswarm import log, names
from marketswarm.bus import Bus, connect
from marketswarm.errors import BadTruthError, BusRefusedError, BusUnreachableError
from marketswarm.log.alerts import announce
from marketswarm.messages import UnitFailed, encode
from marketswarm.settings import Settings
from marketswarm.truth import Endpoint, Truth, parse

CLIENT_NAME = "marketswarm:failure"
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
    return f"{what}, and systemd does not start it again; see journalctl -u {unit}"


def is_final(unit: str, result: str | None, exit_status: str | None) -> bool:
    """Whether systemd has given the unit up, and for a reason of its own.

    From systemd 254 on OnFailure= comes with each crash, before the restart; and on all versions with "success" for a
    unit that was not started because another one had failed.
    """
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
    try:
        truth = await _truth(buses.values(), settings)
        where = truth.alerts_to(settings.alert_channel)
        if where.bus not in buses:
            address = settings.address(where.bus, truth.bus_urls())
            buses |= connect({where.bus: address}, client_name=CLIENT_NAME)
        await _put(encode(alert), buses, where)
    finally:
        for bus in buses.values():
            await bus.close()


async def _truth(buses: Iterable[Bus], settings: Settings) -> Truth:
    """Read the truth, for where alerts go; what cannot be read is the default."""
    for bus in buses:
        with contextlib.suppress(BadTruthError, BusUnreachableError, BusRefusedError):
            if stored := await bus.truth(settings.truth_key):
                return parse(stored.raw)
    return Truth(services={})


async def _put(event: bytes, buses: Mapping[str, Bus], where: Endpoint) -> None:
    """Append to the log stream and publish, each as far as its bus allows."""
    same = where.bus == names.SYSTEM_BUS
    try:
        await buses[names.SYSTEM_BUS].record(event, health_of=None, log=True, channel=where.key if same else None)
    except (BusUnreachableError, BusRefusedError) as error:
        _log.warning("not in the log of alerts: %s", error)
    if not same:
        try:
            await buses[where.bus].publish(where.key, event)
        except (BusUnreachableError, BusRefusedError) as error:
            _log.warning("not published: %s", error)
