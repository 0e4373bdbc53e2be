"""A bare line to a server: answers in order, and one clear error for all who wait when there are none."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from receivers import Trust
from testkit import Swarm, free_port

from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, BusUnreachableError, NotRedisError
from marketswarm.line import Line, Refusal

TIMEOUT_SEC = 0.3
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def line_to(address: Address) -> Line:
    """Make a line that has little patience."""
    return Line(address, client_name="test", timeout_sec=TIMEOUT_SEC)


@contextlib.asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a port of loopback, which is given."""
    port = free_port()
    served: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)

    server = await asyncio.start_server(one, "127.0.0.1", port, ssl=tls)
    try:
        yield port
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.sleep(0.01)


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take everything and answer nothing, as a server does that hangs."""
    while await reader.read(1000):
        pass


async def is_a_web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in another protocol."""
    await reader.read(1000)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def has_too_many(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse as Redis does at maxclients."""
    writer.write(b"-ERR max number of clients reached\r\n")
    await writer.drain()


async def loads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the login, and everything after it as Redis does while it reads its file."""
    await reader.read(1000)
    writer.write(b"+OK\r\n")
    while await reader.read(1000):
        writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the login, and close the connection at the next question."""
    await reader.read(1000)
    writer.write(b"+OK\r\n")
    await reader.read(1000)


@pytest.mark.parametrize("tls", [False, True])
def test_who_waits_for_a_server_that_hangs_up_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tls: bool
) -> None:
    """At once, also where TLS lets go of the connection before it tells of its end."""
    authority = Trust(tmp_path)
    for name, value in authority.environ.items():
        monkeypatch.setenv(name, value)

    async def run() -> None:
        async with serving(hangs_up, authority.server() if tls else None) as port:
            line = Line(Address(host="127.0.0.1", port=port, tls=tls), client_name="test", timeout_sec=60)
            with pytest.raises(ConnectionError):
                async with asyncio.timeout(30):
                    await line.ask([("PING",)])
            line.close()

    asyncio.run(run())


def test_answers_come_in_order_and_a_no_among_them_is_an_answer(swarm: Swarm) -> None:
    """Questions that are asked at once do not get into each other's way."""

    async def run() -> None:
        line = line_to(swarm.system.address)
        swarm.system.client.set("word", "no number")
        questions = [line.ask([("ECHO", str(number)), ("INCR", "word"), ("INCR", "count")]) for number in range(50)]
        answers = await asyncio.gather(*questions)
        assert [echo for echo, _, _ in answers] == [str(number).encode() for number in range(50)]
        assert all(isinstance(refusal, Refusal) for _, refusal, _ in answers)
        assert [count for _, _, count in answers] == list(range(1, 51))
        assert await line.ask([]) == []
        line.close()

    asyncio.run(run())


def test_who_waits_for_a_server_that_hangs_gets_one_timeout(swarm: Swarm) -> None:
    """All who ask share the attempt, however many they are, and the next question is a new attempt."""

    async def run() -> None:
        async with serving(says_nothing) as port:
            line = line_to(Address(host="127.0.0.1", port=port))
            began = asyncio.get_running_loop().time()
            found = await asyncio.gather(*(line.ask([("PING",)]) for _ in range(10)), return_exceptions=True)
            assert {type(error) for error in found} == {TimeoutError}
            assert asyncio.get_running_loop().time() - began < 2 * TIMEOUT_SEC
        line.close()
        again = line_to(swarm.system.address)
        assert await again.ask([("ECHO", "x")]) == [b"x"]
        again.close()

    asyncio.run(run())


def test_it_is_one_connection_however_many_ask_while_it_is_opened(swarm: Swarm) -> None:
    """Somebody asks in each turn of the loop, also in the one in which the connection stands and nobody knows yet."""

    async def run() -> None:
        line = line_to(swarm.system.address)
        questions: list[asyncio.Task[list[Any]]] = []
        while not (questions and questions[0].done()):
            questions.append(asyncio.create_task(line.ask([("ECHO", "x")])))
            await asyncio.sleep(0)
        await asyncio.gather(*questions)
        assert [client["name"] for client in swarm.system.client.client_list()].count("test") == 1
        line.close()

    asyncio.run(run())


def test_what_is_closed_while_it_is_opened_leaves_no_connection() -> None:
    """A server that hangs at the login sees the connection end."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        begun.set()
        with contextlib.suppress(ConnectionResetError):  # what was on its way is dropped
            await says_nothing(reader, writer)
        ended.set()

    async def run() -> None:
        async with serving(hangs) as port:
            line = Line(Address(host="127.0.0.1", port=port), client_name="test", timeout_sec=60)
            question = asyncio.create_task(line.ask([("PING",)]))
            await begun.wait()
            line.close()
            async with asyncio.timeout(5):
                await ended.wait()
            await asyncio.gather(question, return_exceptions=True)

    asyncio.run(run())


def test_a_question_that_was_given_up_does_not_shift_the_answers(swarm: Swarm) -> None:
    """Whoever asked is gone; its answer is nobody else's."""

    async def run() -> None:
        line = line_to(swarm.system.address)
        await line.ask([("ECHO", "open")])
        given_up = asyncio.create_task(line.ask([("ECHO", "given up")]))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await line.ask([("ECHO", "mine")]) == [b"mine"]
        line.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("serve", "error", "says"),
    [
        (says_nothing, BusUnreachableError, "no answer in time"),
        (has_too_many, BusUnreachableError, "max number of clients reached"),
        (loads, BusUnreachableError, "LOADING"),
        (is_a_web_server, NotRedisError, "what listens there is no Redis"),
    ],
)
def test_what_goes_wrong_has_the_type_that_callers_know(serve: Serve, error: type[Exception], says: str) -> None:
    """Transient or not, and a line that says what."""

    async def run() -> None:
        async with serving(serve) as port:
            bus = Bus("system-redis", Address(host="127.0.0.1", port=port), client_name="test", loud=False)
            with pytest.raises(error, match=says):
                await bus.ping()
            await bus.close()

    asyncio.run(run())


def test_nobody_there_is_said_at_once() -> None:
    """A refused connection is no timeout."""

    async def run() -> None:
        bus = Bus("system-redis", Address(host="127.0.0.1", port=free_port()), client_name="test", loud=False)
        with pytest.raises(BusUnreachableError, match="connection refused"):
            await bus.ping()
        await bus.close()

    asyncio.run(run())


def test_a_command_that_is_refused_is_for_somebody_to_mend(swarm: Swarm) -> None:
    """A key of another kind, here."""

    async def run() -> None:
        bus = Bus("system-redis", swarm.system.address, client_name="test", loud=False)
        swarm.system.client.set("healer:alerts:log", "no stream")
        with pytest.raises(BusRefusedError, match="WRONGTYPE"):
            await bus.last("healer:alerts:log", 1)
        await bus.close()

    asyncio.run(run())
