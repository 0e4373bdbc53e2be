"""The beats of one process, from its first to its last."""

import asyncio
from typing import Any, cast

from marketswarm.clock import SystemClock
from marketswarm.daemon.pulse import Pulse
from marketswarm.liveness import Detector, Terms
from marketswarm.messages import FullHeartbeat, decode_full
from marketswarm.truth import Position

AT = Position("a", "system-redis", "a:heartbeat", 10, 30)
A = 0


class Heard:
    """A bus that takes every beat."""

    def __init__(self) -> None:
        self.beats: list[FullHeartbeat] = []

    async def beat(self, service: str, _channel: str, raw: bytes, _ttl_ms: int) -> None:
        """Take it."""
        beat = decode_full(raw, service)
        assert beat
        self.beats.append(beat)


async def at_once() -> None:
    """Permit it."""


def sent(*turns: tuple[Pulse, int]) -> list[FullHeartbeat]:
    """Let processes own the service in turn, by a token each, and beat three times each."""
    bus = Heard()

    async def scene() -> None:
        for pulse, token in turns:
            pulse.own(token)
            for _ in range(3):
                await pulse.send(cast("Any", bus), AT, at_once)

    asyncio.run(scene())
    return bus.beats


def pulse() -> Pulse:
    """Make that of a process."""
    return Pulse("a", "0" * 64, SystemClock())


def test_with_each_token_it_is_another_process_to_who_hears_it() -> None:
    """Its numbers begin at 1 again; the same token changes nothing, and the process has one id all the time."""
    subject = pulse()
    process = subject.process
    beats = sent((subject, 0), (subject, 7), (subject, 7), (subject, 8), (subject, 0))
    assert [beat.i for beat in beats] == [1, 2, 3, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]
    assert [len({beat.boot for beat in beats[at:end]}) for at, end in ((0, 3), (3, 9), (9, 15))] == [1, 1, 1]
    assert (len({beat.boot for beat in beats}), subject.process) == (3, process)


def test_two_that_relieve_each_other_are_not_taken_for_two_that_work_at_once() -> None:
    """However often, and however soon: healer counts restarts."""
    one, other = pulse(), pulse()
    detector = Detector([("a", Terms(10, 1e6))], 0, host="here")
    for now, beat in enumerate(sent((one, 1), (other, 2), (one, 3), (other, 4), (one, 5)), 1):
        detector.hear([(A, beat)], now)
    tally = detector.numbers.tally(A)
    assert (tally.lost_beats, tally.restarts, tally.duplicates) == (0, 4, 0)
