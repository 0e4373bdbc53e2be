"""What systemd runs of the swarm, and what it runs in its way."""

from collections.abc import Iterable, Iterator, Mapping

from marketswarm import names, unitnames
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, fail, ok, skip, warn
from marketswarm.errors import ServiceManagerError
from marketswarm.units import Unit

DEBIAN_REDIS = "redis-server.service"
MANY_RESTARTS = 3
_NO_PART = (unitnames.SERVICES_SLICE, DEBIAN_REDIS)
"""What is asked for and is no part of the swarm: it may be as it is."""
Shown = Mapping[str, Unit] | ServiceManagerError | None
"""What systemd said; None where it is not the service manager."""


def wanted_units(services: Iterable[str]) -> list[str]:
    """Name the units that are asked for where these services run."""
    return [
        unitnames.TARGET_UNIT,
        *map(unitnames.redis_unit, names.DEFAULT_BUS_URLS),
        unitnames.BOOTSTRAP_UNIT,
        unitnames.RESEED_UNIT,
        *map(unitnames.service_unit, services),
        unitnames.SERVICES_SLICE,
        DEBIAN_REDIS,
    ]


def is_managed(shown: Shown) -> bool:
    """Whether MarketSwarm's units are installed on this machine, as far as systemd says."""
    return (
        isinstance(shown, Mapping)
        and unitnames.TARGET_UNIT in shown
        and shown[unitnames.TARGET_UNIT].load != "not-found"
    )


def judge_units(shown: Shown, services: Iterable[str], remedies: Remedies) -> list[Check]:
    """Judge the units of the swarm, given the ``services`` that this machine can run and the truth knows."""
    if shown is None:
        return [skip("units", "systemd does not run this machine")]
    if isinstance(shown, ServiceManagerError):
        return [fail("units", str(shown), remedies.systemd())]
    if not is_managed(shown):
        return [skip("units", f"there is no {unitnames.TARGET_UNIT} on this machine")]
    units = [shown[name] for name in wanted_units(services) if name in shown and name not in _NO_PART]
    checks = [check for unit in units for check in _judge(unit, remedies)]
    well = len(units) - len({check.name for check in checks})
    if well:
        which = f"the other {well} of" if checks else "all"
        checks.insert(0, ok("units", f"{which} {len(units)} are as they should be"))
    return [*checks, *_debian_redis(shown.get(DEBIAN_REDIS), remedies)]


def _judge(unit: Unit, remedies: Remedies) -> Iterator[Check]:
    name = unit.name
    if unit.load != "loaded":
        yield warn(name, f"cannot be loaded: {unit.load}", remedies.load_unit(name, unit.load))
    elif unit.active == "failed":
        yield fail(name, f"failed ({unit.result}), {unit.restarts} restart(s)", remedies.unit_log(name))
    elif unit.restarts >= MANY_RESTARTS:
        found = f"{unit.active} ({unit.sub}), after {unit.restarts} restarts by itself"
        judge = warn if unit.active == "active" else fail
        yield judge(name, found, remedies.unit_log(name))
    elif unit.active == "activating" and unit.name != unitnames.RESEED_UNIT:
        yield warn(name, f"is not ready yet ({unit.sub})", remedies.unit_log(name))
    elif unit.active in ("inactive", "deactivating") and unit.name != unitnames.RESEED_UNIT:
        # Somebody may want it so; whether it is missed, the heartbeats say.
        yield warn(name, f"is stopped ({unit.active})", remedies.start_unit(name))


def _debian_redis(unit: Unit | None, remedies: Remedies) -> Iterator[Check]:
    if unit is None or unit.load == "not-found":
        return
    if unit.enabled == "enabled" or unit.active in ("active", "activating"):
        state = " and ".join(dict.fromkeys(word for word in (unit.enabled, unit.active) if word))
        found = f"Debian's own server is {state}: at boot it takes the port of {names.SYSTEM_BUS}"
        yield warn(unit.name, found, remedies.disable_debian_redis())
    else:
        yield ok(unit.name, "Debian's own server is not in the way")
