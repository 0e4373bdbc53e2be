"""What people say about telling: not to be told of something for a while, and that they know of it already."""

import contextlib
import difflib
import os
import pwd
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from marketswarm import host, names
from marketswarm.bus import Bus, connect
from marketswarm.durations import spoken
from marketswarm.errors import BadEnvironmentError, BadTruthError, BusUnreachableError
from marketswarm.inuse import truth_in_use
from marketswarm.messages import MISSES, decode_alert, encode
from marketswarm.notices.silences import Ack, Pauses, Silence
from marketswarm.settings import Settings
from marketswarm.term import local_time
from marketswarm.text import listed, printable
from marketswarm.truth import Truth

CLIENT_NAME = "marketswarm:pauses"
MAX_BY: Final = 100
_NAMED: Final = 12
"""So many names are told to somebody who typed a wrong one."""
_SHOWN: Final = 64
"""So many characters of it."""


async def read(system: Bus) -> Pauses:
    """Read what system-redis holds of what people have said."""
    return Pauses.read(await system.fields(names.SILENCES), await system.fields(names.ACKS))


async def silence(settings: Settings, subject: str, for_sec: float, why: str) -> Silence:
    """Store that nobody is to be told of a service, a bus, a probe or everything; replaces an earlier silence.

    Raises BadEnvironmentError for a name that the truth does not have, and what ``truth_in_use`` raises; everything
    (``*``) can be silenced without a truth.
    """
    truth = await _truth(settings, needed=subject != names.EVERYTHING)
    if truth:
        check(subject, truth)
    now = time.time()
    made = Silence(subject, now, now + for_sec, by=person(), why=one_line(why))
    async with _system(settings, truth) as system:
        await system.set_fields(names.SILENCES, {subject: encode(made)})
    return made


async def unsilence(settings: Settings, subject: str) -> tuple[bool, float | None]:
    """End a silence: whether there was one that held, and until when everything is silenced nevertheless."""
    now = time.time()
    async with _system(settings, await _truth(settings, needed=False)) as system:
        stored = await read(system)
        dropped = await system.drop_fields(names.SILENCES, [subject])
    found = stored.silences.get(subject)
    all_until = None if subject == names.EVERYTHING else stored.silenced_until(names.EVERYTHING, now)
    return bool(dropped) and (found is None or found.active(now)), all_until


async def in_force(settings: Settings) -> list[Silence]:
    """Give the silences that hold, the first to end first; those that are over are thrown away."""
    now = time.time()
    async with _system(settings, await _truth(settings, needed=False)) as system:
        stored = (await read(system)).silences.values()
        await system.drop_fields(names.SILENCES, [found.subject for found in stored if not found.active(now)])
    return sorted((found for found in stored if found.active(now)), key=lambda found: (found.until, found.subject))


async def acknowledge(settings: Settings, subject: str, why: str) -> bool:
    """Store that somebody knows of a service that is down, a probe that fails, or a bus, which is not looked at.

    Returns False, and stores nothing, for what is well as far as people were told. Raises as ``silence`` does.
    """
    truth = await truth_in_use(settings, client_name=CLIENT_NAME)
    check(subject, truth)
    async with _system(settings, truth) as system:
        if not await _may_be_down(system, subject, truth):
            return False
        ack = Ack(subject, time.time(), by=person(), why=one_line(why))
        await system.set_fields(names.ACKS, {subject: encode(ack)})
    return True


async def _may_be_down(system: Bus, subject: str, truth: Truth) -> bool:
    if subject in _services(truth):
        health = (await system.health([subject])).get(subject, b"")
        return isinstance(decode_alert(health), MISSES)
    if subject in truth.probe_subjects():
        told = await system.fields(names.PROBES_TOLD)
        return subject in {names.probe_subject(names.MASSIVE, probe) for probe in told}
    return True


async def unacknowledge(settings: Settings, subject: str) -> bool:
    """Take an acknowledgement back; whether there was one."""
    async with _system(settings, await _truth(settings, needed=False)) as system:
        return bool(await system.drop_fields(names.ACKS, [subject]))


async def _truth(settings: Settings, *, needed: bool) -> Truth | None:
    """Find the truth; where it is not ``needed``, a bad one or none is no reason to refuse."""
    try:
        return await truth_in_use(settings, client_name=CLIENT_NAME)
    except (BadTruthError, BusUnreachableError):
        if needed:
            raise
        return None


@contextlib.asynccontextmanager
async def _system(settings: Settings, truth: Truth | None) -> AsyncIterator[Bus]:
    """Open system-redis where the truth has it."""
    where = settings.address(names.SYSTEM_BUS, truth.bus_urls() if truth else None)
    (system,) = connect({names.SYSTEM_BUS: where}, client_name=CLIENT_NAME).values()
    try:
        yield system
    finally:
        await system.close()


def _services(truth: Truth) -> set[str]:
    """Whom people are told of: the services of the truth, and whoever else healer watches."""
    return {*truth.services, *(position.service for position in truth.watched())}


def check(subject: str, truth: Truth) -> None:
    """Refuse a name of no service, bus or probe, with the one that may be meant. Raises BadEnvironmentError."""
    known = [*sorted(_services(truth) | truth.bus_urls().keys()), *truth.probe_subjects()]
    if subject in known or subject == names.EVERYTHING:
        return
    near = difflib.get_close_matches(subject[:_SHOWN], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {listed(known, _NAMED)}"
    raise BadEnvironmentError(f"there is no service, bus or probe named {subject[:_SHOWN]!r}; {hint}")


def person() -> str:
    """Who types this, and where: ``ann@host1``. For root that is who has logged in, as far as the terminal tells."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    if os.getuid() == 0:
        with contextlib.suppress(OSError):
            name = os.getlogin()
    return printable(f"{name}@{host.name()}")[:MAX_BY]


def one_line(text: str) -> str:
    """Make free text fit for whoever reads it back, a terminal or a mail: one line, nothing in it but characters."""
    return printable(" ".join(text.split()))


def called(subject: str) -> str:
    """Name a subject to people."""
    return "everything" if subject == names.EVERYTHING else printable(subject)


def noted(silenced_until: float | None, acked_by: str | None, now: float) -> list[str]:
    """Say in a few words each what keeps people from being told of a service."""
    words = [] if silenced_until is None else [f"silenced until {local_time(silenced_until, now)}"]
    return words if acked_by is None else [*words, f"acknowledged by {printable(acked_by)}"]


def render(silences: Iterable[Silence], now: float) -> list[str]:
    """Lay silences out for people, a line each: subject, until when, how long still, by whom, why."""
    table = [
        (
            called(found.subject),
            f"until {local_time(found.until, now)}",
            f"{spoken(found.until - now)} left",
            printable(found.by) or "-",
            printable(found.why),
        )
        for found in silences
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in table]
