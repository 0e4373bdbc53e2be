"""A courier's work on a real Redis: what it settles, what it leaves to others, what it sends again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from parts import LEASE_SEC, MISS, OK, office, play
from testkit import RealServer

from marketswarm import names
from marketswarm.bus import Bus
from marketswarm.clock import SystemClock
from marketswarm.messages import HeartbeatMiss, encode
from marketswarm.notices.letters import Question, decode_answer
from marketswarm.notices.message import Message, Outcome, Result
from marketswarm.notices.policy import Policy
from marketswarm.notices.wording import Words
from marketswarm.outbox import Outbox
from marketswarm.services.notifying.courier import Courier
from marketswarm.services.notifying.office import Office
from marketswarm.services.notifying.proof import Proofs


class Scripted:
    """A target that answers as it is told to, and says what it was sent."""

    def __init__(self, *outcomes: Outcome, during: Callable[[], Awaitable[None]] | None = None) -> None:
        self.sent: list[Message] = []
        self._outcomes = list(outcomes)
        self._during = during

    async def send(self, message: Message) -> Outcome:
        """Take a message."""
        self.sent.append(message)
        if self._during:
            await self._during()
        return self._outcomes.pop(0) if self._outcomes else Outcome(Result.DELIVERED, "taken")


def courier(bus: Bus, target: Scripted, on_duty: Office, policy: Policy | None = None) -> Courier:
    """One target's courier."""
    words = Words(lambda ts: datetime.fromtimestamp(ts, UTC))
    policy = policy or Policy(rate_limit_sec=0)
    return Courier("webhook", bus, target.send, on_duty, policy=policy, words=words, clock=SystemClock())


def test_what_the_other_watcher_has_taken_over_is_settled_by_nobody_else(system: RealServer) -> None:
    """A process that was stopped while it told something must not write into books that are another's by now."""

    async def scene(bus: Bus) -> None:
        first, second = office(bus, "healer"), office(bus, "sentinel")
        assert await first.take()

        async def is_taken_over() -> None:
            await asyncio.sleep(LEASE_SEC * 1.2)
            assert await second.take()

        carrying = courier(bus, Scripted(during=is_taken_over), first)
        await carrying.begin({"mesh"})
        system.client.xadd(names.ALERT_LOG, {"event": MISS})
        await carrying.turn([])
        other = Scripted()
        taking_over = courier(bus, other, second)
        await taking_over.begin({"mesh"})
        await taking_over.turn([])
        assert len(other.sent) == 1
        assert (await Outbox(bus, "webhook", "sentinel").recall()).pending == []

    play(system, scene)


def test_a_reminder_that_nobody_can_look_up_waits(system: RealServer) -> None:
    """Where the bus is away, nobody knows whether the service is still down, and the question is not asked at once."""

    async def scene(bus: Bus) -> None:
        target, on_duty = Scripted(), office(bus, "healer")
        assert await on_duty.take()
        carrying = courier(bus, target, on_duty, Policy(rate_limit_sec=0, remind_sec=0.1))
        await carrying.begin({"mesh"})
        system.client.xadd(names.ALERT_LOG, {"event": MISS})
        await carrying.turn([])
        await asyncio.sleep(0.2)
        system.kill()
        await carrying.turn([])
        assert carrying.wait_sec() > 0.5
        assert len(target.sent) == 1

    play(system, scene)


def test_a_recovery_that_was_never_recorded_is_told_instead_of_a_reminder(system: RealServer) -> None:
    """The log has lost it, and health:<svc> knows."""

    async def scene(bus: Bus) -> None:
        target, on_duty = Scripted(), office(bus, "healer")
        assert await on_duty.take()
        carrying = courier(bus, target, on_duty, Policy(rate_limit_sec=0, remind_sec=0.1))
        await carrying.begin({"mesh"})
        system.client.xadd(names.ALERT_LOG, {"event": MISS})
        await carrying.turn([])
        system.client.set(names.health_key("mesh"), OK)
        await asyncio.sleep(0.2)
        await carrying.turn([])
        await carrying.turn([])
        assert [message.told[0].kind for message in target.sent] == ["alert", "recovery"]

    play(system, scene)


def test_what_waits_is_told_of_by_the_same_message_until_it_arrives(system: RealServer) -> None:
    """Also by the process that comes after one that was killed: the key is the same, what came later comes later."""

    async def scene(bus: Bus) -> None:
        on_duty = office(bus, "healer")
        assert await on_duty.take()
        first = Scripted(Outcome(Result.TRANSIENT, "HTTP 503"))
        carrying = courier(bus, first, on_duty)
        await carrying.begin({"mesh", "massive"})
        system.client.xadd(names.ALERT_LOG, {"event": MISS})
        await carrying.turn([])
        assert carrying.wait_sec() > 0.4
        system.client.xadd(names.ALERT_LOG, {"event": encode(HeartbeatMiss("massive", 31.0, 30.0, 1_001))})
        second = Scripted()
        after = courier(bus, second, on_duty)
        await after.begin({"mesh", "massive"})
        await after.turn([])
        await after.turn([])
        assert [message.key for message in first.sent] == [second.sent[0].key]
        assert [[one.subject for one in message.told] for message in second.sent] == [["mesh"], ["massive"]]

    play(system, scene)


def test_a_letter_that_is_gone_is_answered_too(system: RealServer) -> None:
    """Two people may send the same again: whoever comes second is told so at once, and does not wait."""

    async def scene(bus: Bus) -> None:
        proofs = Proofs(bus, {}, Words(lambda ts: datetime.fromtimestamp(ts, UTC)), watcher="healer")
        await proofs.turn(on_duty=True)
        system.client.xadd(names.NOTIFY_ASKED, {"event": encode(Question("q", "resend", ("1-1",)))})
        await proofs.turn(on_duty=True)
        (raws,) = await bus.ask([("LRANGE", names.notify_answers("q"), 0, -1)])
        _, answer = map(decode_answer, raws)
        assert answer is not None
        assert (answer.letter, answer.result) == ("1-1", Result.PERMANENT)
        assert "it is gone" in answer.says

    play(system, scene)


@pytest.mark.parametrize("left", [b"", b"junk", b"{}", b"[1]"])
def test_books_that_somebody_has_spoiled_stop_nobody(system: RealServer, left: bytes) -> None:
    """What was on its way is not known then, and is told again under its own key."""

    async def scene(bus: Bus) -> None:
        system.client.hset(names.notify_records("webhook"), mapping={"sending": left, "service mesh": "junk"})
        outbox = Outbox(bus, "webhook", "healer")
        await outbox.open()
        recalled = await outbox.recall()
        assert (recalled.sending, recalled.incidents) == ((), {})

    play(system, scene)
