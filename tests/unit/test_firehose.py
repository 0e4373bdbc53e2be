"""The subscription of the firehose, where no Redis is needed."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from securing import HOST, Authority, Pair, files

from marketswarm.address import Address
from marketswarm.errors import BusUnreachableError
from marketswarm.firehose import Beats, Firehose, Oddities
from marketswarm.firehose.firehose import EARLY_CUTS
from marketswarm.firehose.session import BUFFER_BYTES, PIECE_BYTES, Session
from marketswarm.messages import Heartbeat, Malformed, encode

NOWHERE = Address(host="nowhere")
RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)


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


def ignore(*_: object) -> None:
    """Do nothing with it."""


def firehose(address: Address = NOWHERE, on_lost: Callable[[str], None] = ignore) -> Firehose:
    """Make one that hears nobody."""
    return Firehose(
        address,
        {},
        [],
        client_name="healer",
        canary="healer:canary",
        publish=refuse,
        on_beats=ignore,
        on_live=ignore,
        on_lost=on_lost,
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


@contextlib.contextmanager
def cutting(authority: Authority, served: Pair, resets: int, words: bytes) -> Iterator[int]:
    """A server of TLS that resets so many connections as soon as they stand, and then says why.

    By words, or without them by TLS: then it looks at certificates first.
    """
    open_to_all, strict = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    for context in (open_to_all, strict):
        context.load_cert_chain(served.cert, served.key)
    strict.load_verify_locations(authority.path)
    strict.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        for count in range(resets + 1):
            client, _ = listener.accept()
            with contextlib.suppress(OSError):
                context = open_to_all if words or count < resets else strict
                with context.wrap_socket(client, server_side=True) as secured:
                    if count == resets:
                        secured.sendall(words)
                        continue
                    secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_WHEN_CLOSED)
            client.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (b"", "it does not take the certificate of its client (expired)"),
        (b"-ERR max number of clients reached\r\n", ":{port} refuses: ERR max number of clients reached; see its log"),
        (b"220 mail\r\n", ":{port} takes the connection and ends it: [Errno 104] Connection reset by peer"),
    ],
)
def test_a_server_whose_reason_is_lost_to_its_reset_is_asked_without_a_word(
    tmp_path: Path, words: bytes, why: str
) -> None:
    """What is sent to a server that has said no and closed is answered by a reset, which may hide what it said."""
    authority = Authority(tmp_path)
    shown = authority.issue("swarm.example", expired=True)

    async def scene(port: int) -> str:
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        address = Address(HOST, port, tls=True).secured(files(authority, shown))
        listening = asyncio.create_task(firehose(address, lost.set_result).run())
        try:
            return await asyncio.wait_for(lost, 30)
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    with cutting(authority, authority.issue(), EARLY_CUTS + 1, words) as port:
        assert asyncio.run(scene(port)).removeprefix(HOST) == why.format(port=port)


class FakeTransport(asyncio.Transport):
    """Neither brings nor sends anything."""

    aborted = False

    def pause_reading(self) -> None:
        """Go on."""

    def resume_reading(self) -> None:
        """Go on."""

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


def message(payload: bytes) -> bytes:
    """Put a payload on the one channel into the words of the server."""
    return b"*3\r\n$7\r\nmessage\r\n$4\r\nmesh\r\n$%d\r\n%b\r\n" % (len(payload), payload)


def heard(wire: bytes, lengths: Sequence[int]) -> tuple[Beats, Oddities, FakeTransport]:
    """Read bytes in reads of these lengths, the last of which is repeated; give what comes out."""
    beats: Beats = []
    oddities: Oddities = []
    transport = FakeTransport()

    async def scene() -> None:
        def take(some: Beats, odd: Oddities) -> None:
            beats.extend(some)
            oddities.extend(odd)

        session = Session({b"mesh": 0}, ["mesh"], "healer:canary", take)
        session.connection_made(transport)
        left, sizes = wire, list(lengths)
        while left:
            size = min(sizes[0] if len(sizes) == 1 else sizes.pop(0), len(left))
            session.get_buffer(-1)[:size] = left[:size]
            session.buffer_updated(size)
            left = left[size:]

    asyncio.run(scene())
    return beats, oddities, transport


@pytest.mark.parametrize(
    "lengths",
    [
        [BUFFER_BYTES],
        [PIECE_BYTES - 1],
        [PIECE_BYTES],
        [PIECE_BYTES + 1],
        [1, 2, 3, PIECE_BYTES + 7, 3 * PIECE_BYTES],
        [97],
    ],
)
def test_each_beat_comes_once_and_in_its_turn_wherever_reads_end(lengths: list[int]) -> None:
    """Reads and pieces end amid a beat, and what is odd does not hold up the rest."""
    sent = [Heartbeat("mesh", i, 1.0) for i in range(1, 4000)]
    wire = b"".join(message(encode(beat)) + (message(b"x") if beat.i % 1000 == 0 else b"") for beat in sent)
    beats, oddities, transport = heard(wire, lengths)
    assert beats == [(0, beat) for beat in sent]
    assert oddities == [(0, Malformed.NOT_A_BEAT)] * 3
    assert not transport.aborted


def test_what_came_before_nonsense_counts_and_nothing_after_it() -> None:
    """A server that speaks no RESP any more is left; no beat that it brought before is lost."""
    good = message(encode(Heartbeat("mesh", 1, 1.0)))
    beats, _, transport = heard(good + b"nonsense\r\n" + 1000 * good, [BUFFER_BYTES])
    assert [beat.i for _, beat in beats] == [1]
    assert transport.aborted
