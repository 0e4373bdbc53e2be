"""Where a service stands: its truth, fetched from a bus and waited for while it is not there."""

import asyncio
import hashlib
import logging
import random
from dataclasses import dataclass

from marketswarm import names
from marketswarm.address import Address
from marketswarm.bus import Bus, StoredTruth
from marketswarm.errors import BadTruthError, BusUnreachableError
from marketswarm.pacing import Backoff
from marketswarm.settings import Settings
from marketswarm.truth import Truth, parse, warnings

WAIT_CAP_SEC = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A truth that holds, and the SHA-256 of its bytes."""

    truth: Truth
    sha256: str


def sources(settings: Settings) -> dict[str, Address]:
    """The buses to ask for the truth, in order: TRUTH_REDIS_URL alone, else system-redis and then market-redis."""
    if settings.truth_address:
        return {names.ENV_TRUTH_REDIS_URL: settings.truth_address}
    buses = [settings.truth_bus] if settings.truth_bus else list(names.DEFAULT_BUS_URLS)
    return {bus: settings.address(bus) for bus in buses}


async def find_truth(settings: Settings, client_name: str) -> Loaded:
    """Wait until a bus has the truth, and read it.

    Raises BadTruthError for a document that cannot be used, BusRefusedError where the bus says no.
    """
    buses = [Bus(name, address, client_name=client_name) for name, address in sources(settings).items()]
    backoff = Backoff(random.random, cap_sec=WAIT_CAP_SEC)
    told = False
    try:
        while True:
            answers = [await _ask(bus, settings.truth_key) for bus in buses]
            for bus, stored in zip(buses, answers, strict=True):
                if isinstance(stored, StoredTruth):
                    return _check(bus, stored, settings.truth_key)
            empty = [bus for bus, answer in zip(buses, answers, strict=True) if answer is None]
            if empty and not told:
                told = True
                _log.warning("no %s on %s yet; waiting for marketswarm-seed", settings.truth_key, _list(empty))
            await asyncio.sleep(backoff.next_sec())
    finally:
        for bus in buses:
            await bus.close()


async def _ask(bus: Bus, key: str) -> StoredTruth | BusUnreachableError | None:
    try:
        return await bus.truth(key)
    except BusUnreachableError as error:
        return error  # the bus has logged it


def _check(bus: Bus, stored: StoredTruth, key: str) -> Loaded:
    sha256 = hashlib.sha256(stored.raw).hexdigest()
    if stored.sha256 != sha256:
        _log.warning("%s on %s was not written by marketswarm-seed: its hash differs; seed again", key, bus.name)
    try:
        truth = parse(stored.raw)
    except BadTruthError as error:
        raise BadTruthError([f"{key} on {bus.name}: {fault}" for fault in error.faults]) from None
    for warning in warnings(truth):
        _log.debug("%s: %s", key, warning)
    return Loaded(truth, sha256)


def _list(buses: list[Bus]) -> str:
    return " or ".join(f"{bus.name} ({bus.address})" for bus in buses)
