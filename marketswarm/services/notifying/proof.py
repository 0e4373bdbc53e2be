"""Answers commands: sends a test to each target, and once more what a target had refused."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from marketswarm import names
from marketswarm.alertlog import entries
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.messages import decode_alert, encode
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.letters import Answer, Question, TargetState, decode_letter, decode_question
from marketswarm.notices.message import Message, Result
from marketswarm.notices.wording import Words, test_message
from marketswarm.services.notifying.courier import Send

ANSWERS_SEC: Final = 300
"""For how long answers are kept."""
_log = logging.getLogger(__name__)


class Proofs:
    """Reads what commands ask on ``healer:notify:asked``, and puts the answers where they look for them."""

    def __init__(self, bus: Bus, sends: Mapping[str, Send], words: Words, *, watcher: str) -> None:
        self._bus = bus
        self._sends = sends
        self._words = words
        self._watcher = watcher
        self._read = ""

    async def begin(self) -> None:
        """Leave alone what was asked before. Raises as Bus."""
        newest = await self._bus.last(names.NOTIFY_ASKED, 1)
        self._read = newest[0][0] if newest else "0-0"

    async def turn(self, *, on_duty: bool) -> None:
        """Answer what was asked since. A test is everybody's to answer; to send again is for who is on duty."""
        try:
            if not self._read:
                await self.begin()
            (answer,) = await self._bus.ask([("XRANGE", names.NOTIFY_ASKED, f"({self._read}", "+")])
            for entry, raw in entries(answer):
                self._read = entry
                question = decode_question(raw)
                if question and question.what == "test":
                    await self._test(question)
                elif question and question.what == "resend" and on_duty:
                    await self._resend(question)
        except (BusUnreachableError, BusRefusedError) as error:
            _log.debug("a command is not answered, which it notices: %s", error)

    async def _test(self, question: Question) -> None:
        await self._answer(question, Answer(self._watcher, targets=tuple(self._sends)))
        keys = {target: f"test-{question.id}-{self._watcher}-{target}" for target in self._sends}
        messages = {target: test_message(key, self._words.sender) for target, key in keys.items()}
        await asyncio.gather(*(self._prove(question, target, message) for target, message in messages.items()))

    async def _prove(self, question: Question, target: str, message: Message, letter: str = "") -> bool:
        began = time.monotonic()
        outcome = await self._sends[target](message)
        sec = round(time.monotonic() - began, 3)
        answer = Answer(self._watcher, target, result=outcome.result, says=outcome.says, sec=sec, letter=letter)
        await self._answer(question, answer)
        if outcome.result is Result.DELIVERED:
            proved = TargetState(delivered=time.time(), says=outcome.says)
            await self._bus.set_fields(names.NOTIFY_STATE, {names.proof_of(self._watcher, target): encode(proved)})
        return outcome.result is Result.DELIVERED

    async def _answer(self, question: Question, answer: Answer) -> None:
        key = names.notify_answers(question.id)
        await self._bus.ask([("RPUSH", key, encode(answer)), ("EXPIRE", key, ANSWERS_SEC)])

    async def _resend(self, question: Question) -> None:
        await self._answer(question, Answer(self._watcher, targets=tuple(self._sends)))
        for letter in question.letters:
            (answer,) = await self._bus.ask([("XRANGE", names.DEAD_LETTERS, letter, letter)])
            # Somebody else may have sent it meanwhile.
            await self._send_again(question, letter, next((raw for _, raw in entries(answer)), b""))

    async def _send_again(self, question: Question, letter: str, raw: bytes) -> None:
        found = decode_letter(raw)
        alert = decode_alert(found.event.encode()) if found else None
        if not found or not alert or found.target not in self._sends:
            why = "no such target is set" if found else "it is gone, or of another version"
            target = found.target if found else ""
            await self._answer(
                question, Answer(self._watcher, target, result=Result.PERMANENT, says=why, letter=letter)
            )
            return
        opened = decode_alert(found.opened.encode()) if found.opened else None
        item = Item(Kind(found.kind), found.key, found.event.encode(), alert, opened=opened)
        if await self._prove(question, found.target, self._words.message([item], [], time.time()), letter):
            await self._bus.ask([("XDEL", names.DEAD_LETTERS, letter)])
