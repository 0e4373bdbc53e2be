"""The bootstrap: puts the truth on every bus and makes sure that it is there."""

import asyncio
import contextlib
import functools
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from marketswarm import names, users
from marketswarm.bus import Bus, StoredTruth, connect
from marketswarm.errors import (
    BadEnvironmentError,
    BusRefusedError,
    BusUnreachableError,
    NoTruthFileError,
)
from marketswarm.granting import Keeper
from marketswarm.pacing import Backoff
from marketswarm.reseeding import Outlook, compare
from marketswarm.settings import Settings
from marketswarm.truth import Truth, digest, examine, parse, short

SAY_EVERY_SEC = 5.0
SAY_SELDOM_SEC = 300.0
CLIENT_NAME = "marketswarm:seed"
Say = Callable[[str], None]
_T = TypeVar("_T")


def find_file(given: Path | None, *, named_by: str = "--truth FILE") -> Path:
    """Choose the truth file: the one given, else the host's, else the one of a checkout that one stands in.

    ``named_by`` is how the command that asks takes another file. Raises NoTruthFileError.
    """
    if given is not None:
        return given
    for candidate in (Path(names.TRUTH_FILE), Path(names.TRUTH_FILE_IN_CHECKOUT)):
        if candidate.exists():
            return candidate
    looked = f"neither {names.TRUTH_FILE} nor {names.TRUTH_FILE_IN_CHECKOUT} is here"
    raise NoTruthFileError(f"no truth file: {looked}; name one by {named_by}")


def read_file(path: Path) -> bytes:
    """Read a truth file, at most one byte more than is allowed. Raises NoTruthFileError."""
    try:
        with path.open("rb") as file:
            return file.read(names.MAX_TRUTH_BYTES + 1)
    except OSError as error:
        raise NoTruthFileError(
            f"{path}: {(error.strerror or str(error)).lower()}; name the file that holds the truth"
        ) from error


async def seed(raw: bytes, settings: Settings, *, wait_sec: float, say: Say, keeper: Keeper | None = None) -> None:
    """Validate ``raw``, wait for every bus, write what differs, read it back.

    Nothing is written before the document is found good and every bus answers. A ``keeper`` gives everybody the rights
    of the new document before that, and takes those of the old one away once the services have followed. Raises
    BadTruthError, BusUnreachableError after ``wait_sec``, BusRefusedError, NotAllowedError.
    """
    wanted, truth = _sealed(raw), parse(raw)
    buses = _buses(truth, settings)
    try:
        began = time.monotonic()
        for bus in buses:
            await _wait_for(bus, began, wait_sec, say, knows_us=keeper is None)
        old = await _held(buses, settings.truth_key) if keeper else []
        if keeper:
            await _patiently(lambda: keeper.apply([*old, truth], say), began + wait_sec)
        changed = [
            await _patiently(functools.partial(_put, bus, settings.truth_key, wanted, say), began + wait_sec)
            for bus in buses
        ]
        if any(changed):
            say("services that run follow it by themselves, within seconds")
        if keeper and keeper.narrows(old, truth):
            say("once they have, they lose the rights that it does not give them any more")
            await keeper.followed([*old, truth], str(wanted.sha256))
            await keeper.apply([truth], say)
        await _warn_of_open(buses, say)
    finally:
        await _close(buses)


async def restore(read: Callable[[], bytes], settings: Settings, *, wait_sec: float, say: Say) -> None:
    """Give a bus that lost the truth the one that the swarm runs on: what another bus still holds.

    The file (``read``) is asked only where no bus that answers holds a good document: a bus that fails must not put an
    edit into force that nobody has seeded. A bus that does not answer within ``wait_sec`` is left to its own next
    start. Raises BadTruthError, NoTruthFileError, BusRefusedError.
    """
    buses = list(
        connect({bus: settings.address(bus) for bus in names.DEFAULT_BUS_URLS}, client_name=CLIENT_NAME).values()
    )
    began = time.monotonic()

    async def once() -> None:
        present = [bus for bus in buses if await _comes(bus, began, wait_sec, say)]
        if not present:
            return
        held = {bus: await bus.truth(settings.truth_key) for bus in present}
        good = [found for found in held.values() if found is not None and examine(found.raw, found.sha256).whole]
        wanted = good[0] if good else _sealed(read())
        for bus, found in held.items():
            if found in good:
                state = "" if found == wanted else ", another than elsewhere: run marketswarm-seed"
                say(f"{bus.name}: has its {settings.truth_key}{state}")
            else:
                await _put(bus, settings.truth_key, wanted, say)

    try:
        await _patiently(once, began + wait_sec)
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


async def diff(raw: bytes, settings: Settings) -> Outlook:
    """Find what seeding ``raw`` would change. Raises BadTruthError, BusUnreachableError, BusRefusedError."""
    return compare(raw, await stored(settings, parse(raw).bus_urls()), settings)


def _buses(truth: Truth, settings: Settings) -> list[Bus]:
    urls = truth.bus_urls()
    return list(connect({bus: settings.address(bus, urls) for bus in urls}, client_name=CLIENT_NAME).values())


async def _close(buses: list[Bus]) -> None:
    for bus in buses:
        await bus.close()


def _sealed(raw: bytes) -> StoredTruth:
    """Check a document and put its hash beside it. Raises BadTruthError."""
    parse(raw)
    return StoredTruth(raw, digest(raw))


async def _held(buses: Iterable[Bus], key: str) -> list[Truth]:
    """Read the good documents that these buses hold; nothing of a bus that does not know who asks, as at first."""
    raws = set()
    for bus in buses:
        with contextlib.suppress(BusUnreachableError, BusRefusedError):
            found = await bus.truth(key)
            raws |= {found.raw} if found else set()
    found_good = (examine(raw, None).truth for raw in raws)
    return [truth for truth in found_good if truth]


async def _warn_of_open(buses: Iterable[Bus], say: Say) -> None:
    """Say once of buses that are open that they are: whoever gives no login may ask there who he is, and write."""
    opened = []
    for bus in buses:
        if bus.address.password is None:
            with contextlib.suppress(BusUnreachableError, BusRefusedError):
                (who,) = await bus.ask([("ACL", "WHOAMI")])
                opened += [bus.name] if who == users.DEFAULT.encode() else []
    if opened:
        who = "anybody who reaches them can forge beats and alerts and wipe the truth"
        say(f"warning: {' and '.join(opened)} without users: {who}; the users they should have: marketswarm acl show")


async def _comes(bus: Bus, began: float, wait_sec: float, say: Say) -> bool:
    try:
        await _wait_for(bus, began, wait_sec, say)
    except BusUnreachableError:
        say(f"{bus.name}: does not answer at {bus.address}, left alone")
        return False
    return True


async def _wait_for(bus: Bus, began: float, wait_sec: float, say: Say, *, knows_us: bool = True) -> None:
    """Wait for an answer until ``wait_sec`` after ``began``: unless it ``knows_us``, a login refused is one, too.

    Raises BusUnreachableError, BusRefusedError.
    """
    backoff = Backoff(random.random)
    say_at = began + 1.0
    limit = f" of {wait_sec:g} s" if wait_sec < math.inf else ""
    while True:
        try:
            await bus.ping()
        except BusUnreachableError as error:
            now = time.monotonic()
            waited_sec = now - began
            if waited_sec >= wait_sec:
                raise BusUnreachableError(f"{error} waited {waited_sec:.0f} s, nothing was written") from None
            if now >= say_at:
                # A wait without an end is told ever more seldom.
                say_at = now + min(max(SAY_EVERY_SEC, waited_sec), SAY_SELDOM_SEC)
                say(f"waiting for {bus.name} at {bus.address} ({waited_sec:.0f} s{limit})")
            await asyncio.sleep(backoff.next_sec())
        except BusRefusedError:
            if knows_us:
                raise
            return
        else:
            return


async def _patiently(call: Callable[[], Awaitable[_T]], until: float) -> _T:
    """Call again where a bus goes away meanwhile, until a point of the monotonic clock."""
    backoff = Backoff(random.random)
    while True:
        try:
            return await call()
        except BusUnreachableError:
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(backoff.next_sec())


async def _put(bus: Bus, key: str, wanted: StoredTruth, say: Say) -> bool:
    """Write the document unless it is there; returns whether it was written."""
    sha256 = str(wanted.sha256)
    if await bus.truth(key) == wanted:
        say(f"{bus.name}: {key} is already {short(sha256)}, unchanged")
        return False
    await bus.put_truth(key, wanted.raw, sha256)
    if await bus.truth(key) != wanted:
        raise BusRefusedError(f"{bus.name} at {bus.address}: {key} reads back otherwise than written; who else writes?")
    say(f"{bus.name}: {key} is now {short(sha256)}")
    return True
