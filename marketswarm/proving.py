"""What commands ask of those who tell people: to send a test, and to send once more what a target had refused."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from marketswarm import host, names, notifier
from marketswarm import settings as environment
from marketswarm.bus import Bus, connect
from marketswarm.errors import BusUnreachableError, NobodyTellsError
from marketswarm.messages import Heartbeat, decode_alert, decode_heartbeat, encode, sentence
from marketswarm.notices.channels import Channel
from marketswarm.notices.letters import (
    Answer,
    DeadLetter,
    Question,
    TargetState,
    decode_answer,
    decode_letter,
    decode_state,
)
from marketswarm.notices.message import Result
from marketswarm.notices.wording import test_message
from marketswarm.settings import Settings
from marketswarm.term import Paint, local_time
from marketswarm.text import printable

CLIENT_NAME = "marketswarm:notify"
HEADS_SEC: Final = 5.0
"""How long healer and sentinel may take to say which targets they have."""
PATIENCE_SEC: Final = 90.0
"""How long may pass from one answer to the next."""
MAX_LETTERS: Final = 1000
_POLL_SEC: Final = 0.1
SHELL: Final = "this shell"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What has not reached people: dead letters by their ids, oldest first, and targets that keep things waiting."""

    letters: list[tuple[str, DeadLetter]]
    waiting: dict[str, TargetState]


async def test(settings: Settings) -> AsyncGenerator[Answer, None]:
    """Send a test to each target, and yield what each answers, as it comes; first who will answer.

    Where the variables of this very process name targets, they are tested from here; else healer and sentinel are asked
    to send, which proves what they are allowed to reach and given to know. Raises NobodyTellsError where neither beats.
    """
    here = environment.load(environment.inherited()).outward
    here.check()
    async for answer in _from_here(here.channels) if here.channels else _ask(settings, "test"):
        yield answer


async def resend(settings: Settings, letters: Sequence[str]) -> AsyncGenerator[Answer, None]:
    """Have these dead letters sent once more; yields as ``test`` does. Those that were delivered are gone then."""
    async for answer in _ask(settings, "resend", tuple(letters)):
        yield answer


async def undelivered(settings: Settings) -> Undelivered:
    """Read what has not reached people. Raises as Bus does."""
    bus = _system(settings)
    try:
        entries = await bus.last(names.DEAD_LETTERS, MAX_LETTERS)
        states = await bus.fields(names.NOTIFY_STATE)
    finally:
        await bus.close()
    found = {name: decode_state(raw) for name, raw in states.items()}
    return Undelivered(
        [(entry, letter) for entry, raw in entries if (letter := decode_letter(raw))],
        {name: state for name, state in sorted(found.items()) if state and (state.waiting or state.held)},
    )


async def _from_here(channels: Collection[Channel]) -> AsyncGenerator[Answer, None]:
    yield Answer(SHELL, targets=tuple(channel.name for channel in channels))
    sender = f"{SHELL} on {host.name()}"
    tries = [asyncio.create_task(_prove(channel, sender)) for channel in channels]
    for answer in asyncio.as_completed(tries):
        yield await answer


async def _prove(channel: Channel, sender: str) -> Answer:
    began = time.monotonic()
    message = test_message(f"test-{os.urandom(8).hex()}", sender)
    outcome = await notifier.deliver(channel, message, environment.inherited())
    return Answer(SHELL, channel.name, result=outcome.result, says=outcome.says, sec=round(time.monotonic() - began, 3))


async def _ask(settings: Settings, what: str, letters: tuple[str, ...] = ()) -> AsyncGenerator[Answer, None]:
    bus = _system(settings)
    try:
        expected = await _listeners(bus, what)
        question = Question(os.urandom(8).hex(), what, letters)
        log = ("XADD", names.NOTIFY_ASKED, "MAXLEN", "~", names.NOTIFY_ASKED_MAXLEN, "*", names.ALERT_LOG_FIELD)
        await bus.ask([(*log, encode(question))])
        async with aclosing(_answers(bus, question, expected)) as answers:
            async for answer in answers:
                yield answer
    finally:
        await bus.close()


async def _listeners(bus: Bus, what: str) -> set[str]:
    """Name the watchers that have to answer."""
    leases = await bus.leases(names.WATCHERS)
    beats = {watcher: decode_heartbeat(lease.raw, watcher) for watcher, lease in leases.items()}
    beating = {watcher for watcher, beat in beats.items() if isinstance(beat, Heartbeat) and not beat.bye}
    if what == "resend":
        (holder,) = await bus.ask([("GET", names.NOTIFY_LEASE)])
        beating = {holder.decode()} if holder else set()
    if not beating:
        raise NobodyTellsError(
            "nobody is there to send it: neither healer nor sentinel beats, or they have no target; "
            "see marketswarm status, or set the variables in this shell"
        )
    return beating


async def _answers(bus: Bus, question: Question, expected: set[str]) -> AsyncGenerator[Answer, None]:
    heads: dict[str, Answer] = {}
    missing: list[tuple[str, str, str]] = []
    seen, began = 0, time.monotonic()
    heard = began
    while True:
        (raws,) = await bus.ask([("LRANGE", names.notify_answers(question.id), seen, -1)])
        seen += len(raws)
        for answer in filter(None, map(decode_answer, raws)):
            if answer.target or answer.letter:
                missing.remove((answer.watcher, *_about(question, answer)))
            else:
                heads[answer.watcher] = answer
                missing += _wanted(question, answer)
            heard = time.monotonic()
            yield answer
        now = time.monotonic()
        silent = sorted(expected - heads.keys())
        if not silent and not missing:
            return
        if silent and now - began > HEADS_SEC:
            raise BusUnreachableError(f"{' and '.join(silent)} did not answer in {HEADS_SEC:g} s; see its log")
        if now - heard > PATIENCE_SEC:
            raise BusUnreachableError(f"no answer of {len(missing)} in {PATIENCE_SEC:g} s; see the log of healer")
        await asyncio.sleep(_POLL_SEC)


def _wanted(question: Question, head: Answer) -> list[tuple[str, str, str]]:
    """What a watcher will answer about, as ``_about`` puts it."""
    if question.what == "resend":
        return [(head.watcher, "", letter) for letter in question.letters]
    return [(head.watcher, target, "") for target in head.targets]


def _about(question: Question, answer: Answer) -> tuple[str, str]:
    return ("", answer.letter) if question.what == "resend" else (answer.target, "")


def _system(settings: Settings) -> Bus:
    return connect({names.SYSTEM_BUS: settings.address(names.SYSTEM_BUS)}, client_name=CLIENT_NAME)[names.SYSTEM_BUS]


def render_answer(answer: Answer, paint: Paint) -> str:
    """Put an answer in a line."""
    if not answer.target and not answer.letter:
        if not answer.targets:
            return f"{answer.watcher:<10}  {paint('has no target', 'yellow')}; set one of {', '.join(names.TARGET_ENV)}"
        return f"{answer.watcher:<10}  sends to {printable(', '.join(answer.targets))} ..."
    good = answer.result is Result.DELIVERED
    verdict = paint("delivered", "green") if good else paint("FAILED", "bold red")
    again = ""
    if answer.result is Result.TRANSIENT:
        again = "; an alert would be tried again"
    line = f"{answer.watcher:<10}  {printable(answer.target):<10}  {verdict}: {printable(answer.says)}{again}"
    return f"{line} ({answer.sec:.1f} s)"


def render_letter(entry: str, letter: DeadLetter, paint: Paint) -> str:
    """Put a dead letter in a line: when it was refused, by whom, what it says, and why."""
    alert = decode_alert(letter.event.encode())
    stamp = paint(local_time(int(entry.partition("-")[0]) / 1000, time.time()), "dim")
    says = sentence(alert) if alert else "an alert of another version"
    return f"{stamp}  {printable(letter.target):<10}  {says}  {paint(printable(letter.why), 'red')}"


def render_waiting(name: str, state: TargetState, paint: Paint) -> str:
    """Say in a line what a target keeps waiting."""
    watcher, _, target = name.partition(" ")
    parts = [f"{state.waiting} to be told"] if state.waiting else []
    parts += [f"{state.held} held back"] if state.held else []
    since = ""
    if state.failing:
        since = f"; nothing gets through since {local_time(state.failing, time.time())}: {printable(state.says)}"
    return paint(f"{printable(target)} ({printable(watcher)}): {', '.join(parts)}{since}", "yellow")


def letter_json(entry: str, letter: DeadLetter) -> dict[str, Any]:
    """Shape for programs: ``{id, target, kind, key, why, event, opened}``; events are alerts as they were published."""
    return {"id": entry} | {name: getattr(letter, name) for name in letter.__struct_fields__}
