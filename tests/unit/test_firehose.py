"""The subscription of the firehose, where no server is needed."""

import asyncio

import pytest

from marketswarm.address import Address
from marketswarm.errors import BusUnreachableError
from marketswarm.firehose import Firehose


class FakeSession:
    """A connection on which nothing happens by itself."""

    def __init__(self) -> None:
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = False

    def expect(self, _nonce: bytes) -> asyncio.Future[None]:
        """Wait for an echo that never comes."""
        return asyncio.get_running_loop().create_future()

    def forget(self, _nonce: bytes) -> None:
        """Stop waiting for it."""

    def end(self, _error: Exception) -> None:
        """Close."""
        self.ended = True


async def refuse(_channel: str, _payload: bytes) -> int:
    """Publish nothing."""
    raise BusUnreachableError("gone")


def firehose() -> Firehose:
    """Make one that hears nobody."""

    def ignore(*_: object) -> None:
        pass

    return Firehose(
        Address(host="nowhere"),
        {},
        [],
        client_name="healer",
        canary="healer:canary",
        publish=refuse,
        on_beats=ignore,
        on_live=ignore,
        on_lost=ignore,
        chance=lambda: 0.0,
    )


@pytest.mark.parametrize("turns", range(5))
def test_it_ends_when_cancelled_while_its_subscription_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """In whatever turn of the loop the two come together: a stop, or a change of truth, waits for it."""

    async def scene() -> None:
        session = FakeSession()

        async def connected(_: Firehose) -> FakeSession:
            return session

        monkeypatch.setattr(Firehose, "_connect", connected)
        listening = asyncio.create_task(firehose().run())
        await asyncio.sleep(0.01)
        session.subscribed.set_result(None)
        for _ in range(turns):
            await asyncio.sleep(0)
        listening.cancel()
        await asyncio.wait({listening}, timeout=5)
        assert listening.cancelled()
        assert session.ended

    asyncio.run(scene())
