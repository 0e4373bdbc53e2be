"""The bootstrap: puts the truth on every bus and makes sure that it is there."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from marketswarm import names
from marketswarm.bus import Bus, StoredTruth, connect
from marketswarm.difference import differences
from marketswarm.errors import BadEnvironmentError, BusRefusedError, BusUnreachableError, NoTruthFileError
from marketswarm.pacing import Backoff
from marketswarm.settings import Settings
from marketswarm.truth import Truth, parse

SAY_EVERY_SEC = 5.0
CLIENT_NAME = "marketswarm:seed"
Say = Callable[[str], None]


def find_file(given: Path | None) -> Path:
    """Choose the truth file: the one given, else the host's, else the one of a checkout that one stands in."""
    if given is not None:
        return given
    for candidate in (Path(names.TRUTH_FILE), Path(names.TRUTH_FILE_IN_CHECKOUT)):
        if candidate.exists():
            return candidate
    raise NoTruthFileError(f"no truth file: neither {names.TRUTH_FILE} nor etc/truth.json is here; name one by --truth")


def read_file(path: Path) -> bytes:
    """Read a truth file, at most one byte more than is allowed. Raises NoTruthFileError."""
    try:
        with path.open("rb") as file:
            return file.read(names.MAX_TRUTH_BYTES + 1)
    except OSError as error:
        raise NoTruthFileError(
            f"{path}: {(error.strerror or str(error)).lower()}; name the file that holds the truth"
        ) from error


async def seed(raw: bytes, settings: Settings, *, wait_sec: float, say: Say) -> None:
    """Validate ``raw``, wait for every bus, write what differs, read it back.

    Nothing is written before the document is found good and every bus answers. Raises BadTruthError,
    BusUnreachableError after ``wait_sec``, BusRefusedError.
    """
    truth = parse(raw)
    sha256 = hashlib.sha256(raw).hexdigest()
    buses = _buses(truth, settings)
    try:
        await _wait_for(buses, wait_sec, say)
        changed = [await _put(bus, settings.truth_key, raw, sha256, say) for bus in buses]
        if any(changed):
            say("services that run now keep their truth until they are started again")
    finally:
        await _close(buses)


async def stored(settings: Settings, urls: dict[str, str]) -> dict[str, StoredTruth | None]:
    """Read what each bus holds now. Raises BusUnreachableError, BusRefusedError."""
    buses = list(connect({bus: settings.address(bus, urls) for bus in urls}, client_name=CLIENT_NAME).values())
    try:
        return {bus.name: await bus.truth(settings.truth_key) for bus in buses}
    finally:
        await _close(buses)


async def fetch(settings: Settings, bus: str | None) -> bytes:
    """Read the document from one bus, or from the first that has it. Raises NoTruthFileError where it is missing."""
    held = await stored(settings, dict(names.DEFAULT_BUS_URLS))
    if bus is not None and bus not in held:
        raise BadEnvironmentError(f"--bus: there is no {bus!r}; there are: {', '.join(held)}")
    for name, found in held.items():
        if found is not None and bus in (None, name):
            return found.raw
    raise NoTruthFileError(f"no {settings.truth_key} on {bus or ' or '.join(held)}; run marketswarm-seed")


async def diff(raw: bytes, settings: Settings) -> list[str]:
    """Say what seeding ``raw`` would change, a line for each place and bus."""
    truth = parse(raw)
    lines = []
    for bus, found in (await stored(settings, truth.bus_urls())).items():
        if found is None:
            lines.append(f"{bus}: has no {settings.truth_key}")
        elif found.raw != raw:
            changes = differences(_decoded(found.raw), json.loads(raw))
            lines += [f"{bus}: {line}" for line in changes or ["only white space or order differs"]]
    return lines


def _decoded(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def _buses(truth: Truth, settings: Settings) -> list[Bus]:
    urls = truth.bus_urls()
    return list(connect({bus: settings.address(bus, urls) for bus in urls}, client_name=CLIENT_NAME).values())


async def _close(buses: list[Bus]) -> None:
    for bus in buses:
        await bus.close()


async def _wait_for(buses: list[Bus], wait_sec: float, say: Say) -> None:
    began = time.monotonic()
    backoff = Backoff(random.random)
    say_at = began + 1.0
    for bus in buses:
        while True:
            try:
                await bus.ping()
                break
            except BusUnreachableError as error:
                waited_sec = time.monotonic() - began
                if waited_sec >= wait_sec:
                    raise BusUnreachableError(f"{error} waited {waited_sec:.0f} s, nothing was written") from None
                if time.monotonic() >= say_at:
                    say_at += SAY_EVERY_SEC
                    say(f"waiting for {bus.name} at {bus.address} ({waited_sec:.0f} s of {wait_sec:g} s)")
                await asyncio.sleep(backoff.next_sec())


async def _put(bus: Bus, key: str, raw: bytes, sha256: str, say: Say) -> bool:
    """Write the document unless it is there; returns whether it was written."""
    wanted = StoredTruth(raw, sha256)
    short = sha256[:12]
    if await bus.truth(key) == wanted:
        say(f"{bus.name}: {key} is already {short}, unchanged")
        return False
    await bus.put_truth(key, raw, sha256)
    if await bus.truth(key) != wanted:
        raise BusRefusedError(f"{bus.name} at {bus.address}: {key} reads back otherwise than written; who else writes?")
    say(f"{bus.name}: {key} is now {short}")
    return True
