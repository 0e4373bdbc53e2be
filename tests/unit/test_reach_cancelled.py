"""A way that is cut off, by a daemon's end or by its deadline, leaves nothing open behind it."""

import asyncio
import gc
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from netserver import (
    SILENT,
    Behaviour,
    Certificates,
    FullServer,
    NameServer,
    NetServer,
    answers,
    deaf,
    full,
    hangs,
    serve,
    silent,
    websocket,
)
from testkit import eventually
from wsproto.events import TextMessage

from marketswarm.place import Step, place_of
from marketswarm.reach import connecting
from marketswarm.reach.finding import Finding, Way
from marketswarm.reach.probe import Say, converse, get, reach
from marketswarm.reach.walk import Walk

PATIENCE_SEC: Final = 30.0
SOON_SEC: Final = 1.0
IPV4: Final = socket.AF_INET
Going = Coroutine[Any, Any, Finding]
Go = Callable[[str, Way], Going]


async def listen(messages: AsyncIterator[str], _say: Say) -> str:
    """Wait for a text that says that it is the last one."""
    while await anext(messages) != "end":
        pass
    return ""


def reaching(url: str, way: Way) -> Going:
    """Go to a place."""
    return reach(place_of(url), way)


def getting(url: str, way: Way) -> Going:
    """Ask for a document."""
    return get(place_of(url), way, {}, 1 << 20)


def conversing(url: str, way: Way) -> Going:
    """Talk."""
    return converse(place_of(url), way, listen)


HALF_A_BODY: Final = hangs(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc")


@dataclass(frozen=True)
class Case:
    """A place, how to go there, what is there with which certificate, and the step that does not end, if one does."""

    name: str
    url: str
    go: Go
    server: Behaviour
    tls: str
    step: Step = Step.API

    def served(self, certificates: Certificates) -> NetServer | FullServer:
        """Make what is there."""
        return serve(self.server, getattr(certificates, self.tls) if self.tls else None)

    def going(self, port: int, way: Way) -> Going:
        """Go there."""
        return self.go(self.url.format(port=port), way)


FOR_EVER: Final = [
    Case("dns", "dns://no.test", reaching, silent, "", Step.DNS),
    Case("tcp", "https://127.0.0.1:{port}", reaching, full, "", Step.TCP),
    Case("tcp-race", "https://twice.test:{port}", reaching, full, "", Step.TCP),
    Case("tls", "https://good.test:{port}", reaching, silent, "", Step.TLS),
    Case("http", "http://good.test:{port}", reaching, hangs(), "", Step.HTTP),
    Case("https", "https://good.test:{port}", reaching, hangs(), "good", Step.HTTP),
    Case("body", "http://good.test:{port}", getting, HALF_A_BODY, "", Step.HTTP),
    Case("body-tls", "https://good.test:{port}", getting, HALF_A_BODY, "good", Step.HTTP),
    Case("handshake", "wss://good.test:{port}", conversing, hangs(), "good", Step.HTTP),
    Case("ws", "ws://good.test:{port}", conversing, websocket(), "", Step.API),
    Case("wss", "wss://good.test:{port}", conversing, websocket(), "good", Step.API),
]
FINISHED: Final = [
    Case("https", "https://good.test:{port}", getting, answers(200, body=b"abc"), "good"),
    Case("http", "http://good.test:{port}", getting, answers(200, body=b"abc"), ""),
    Case("tcp", "tcp://twice.test:{port}", reaching, silent, ""),
    Case("wss", "wss://good.test:{port}", conversing, websocket(TextMessage(data="end")), "good"),
]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    """Run a test for each case."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """A host that trusts the CA of the tests, and no other."""
    return Certificates(tmp_path, "good.test").trusted(monkeypatch)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A server of names."""
    known: dict[str, tuple[str, ...] | str] = {
        "good.test": ("127.0.0.1",),
        "twice.test": ("127.0.0.1", "127.0.0.2"),
        "no.test": SILENT,
    }
    with NameServer(known) as server:
        yield server


Begun = dict[Step, asyncio.Event]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """The steps that have begun."""
    steps = {step: asyncio.Event() for step in Step}
    take = Walk.step

    def noted(walk: Walk, step: Step, late: str | None = None) -> Any:
        steps[step].set()
        return take(walk, step, late)

    monkeypatch.setattr(Walk, "step", noted)
    return steps


@pytest.fixture(autouse=True)
def few_to_collect() -> Iterator[None]:
    """Have collections look at what the test makes, and not at all that those before it have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def descriptors() -> int:
    """Count what this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Quiet:
    """A loop in which nothing may go wrong unseen, and behind which no descriptor may stay open."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self._before = descriptors()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to the end, and look."""

        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: self.told.append(context))
            await work
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(watched())
        gc.collect()  # which says what was not closed, or never retrieved
        assert self.told == []

    def closed(self) -> None:
        """Look for descriptors; servers have some too, and see a client go a little later."""
        eventually(lambda: descriptors() <= self._before, "all is closed")


async def cancelled(task: asyncio.Task[Finding]) -> None:
    """Cancel."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@each(FOR_EVER)
def test_who_is_cancelled_in_a_step_leaves_nothing_open(
    case: Case,
    trusted: Certificates,
    names: NameServer,
    begun: Begun,
) -> None:
    """No socket, no task, and nothing that is told when it is collected."""

    async def work(port: int) -> None:
        task = asyncio.create_task(case.going(port, Way(PATIENCE_SEC, (names.address,))))
        await begun[case.step].wait()
        await asyncio.sleep(0.05)  # into the midst of it
        assert not task.done()
        await cancelled(task)

    quiet = Quiet()
    with case.served(trusted) as there:
        quiet.run(work(there.port))
    quiet.closed()


@each(FOR_EVER)
def test_the_deadline_ends_any_step_and_leaves_nothing_open(
    case: Case,
    trusted: Certificates,
    names: NameServer,
) -> None:
    """The finding names the step that was under way."""
    found: list[Finding] = []

    async def work(port: int) -> None:
        found.append(await case.going(port, Way(SOON_SEC, (names.address,))))

    quiet = Quiet()
    with case.served(trusted) as there:
        quiet.run(work(there.port))
    quiet.closed()
    late = f"the name servers do not answer ({names.address})" if case.step is Step.DNS else "took longer than 1 s"
    assert [(one.step, one.reason, one.body) for one in found] == [(case.step, late, b"")]


@each(FINISHED)
def test_who_is_cancelled_at_any_moment_leaves_nothing_open(
    case: Case, trusted: Certificates, names: NameServer
) -> None:
    """After one turn of the loop, after two, and so on until it is there before it is cancelled."""
    way = Way(PATIENCE_SEC, (names.address,))

    async def work(port: int, turns: int) -> None:
        task = asyncio.create_task(case.going(port, way))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not task.done():
            await cancelled(task)
        elif not task.cancelled():
            finished.append(task.result())

    finished: list[Finding] = []
    with case.served(trusted) as there:
        for turns in itertools.count():
            quiet = Quiet()
            quiet.run(work(there.port, round(turns + 1.07**turns)))
            quiet.closed()
            if len(finished) == 3:
                break
    assert [(one.step, one.reason) for one in finished] == [(None, "")] * 3


@each(
    [
        Case("http", "http://good.test:{port}", reaching, deaf, ""),
        Case("https", "https://good.test:{port}", reaching, deaf, "good"),
    ]
)
def test_who_is_cancelled_as_a_connection_comes_up_leaves_nothing_open(
    case: Case, trusted: Certificates, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake that has just ended is not followed by a goodbye that the server has to answer."""
    made = asyncio.StreamReaderProtocol.connection_made

    def come_up(protocol: asyncio.StreamReaderProtocol, transport: asyncio.BaseTransport) -> None:
        made(protocol, transport)
        for task in going:
            task.cancel()

    async def work(port: int) -> None:
        going.append(asyncio.create_task(case.going(port, Way(PATIENCE_SEC, (names.address,)))))
        with pytest.raises(asyncio.CancelledError):
            await going[0]

    going: list[asyncio.Task[Finding]] = []
    monkeypatch.setattr(asyncio.StreamReaderProtocol, "connection_made", come_up)
    quiet = Quiet()
    with case.served(trusted) as there:
        quiet.run(work(there.port))
    quiet.closed()


def test_a_lookup_by_the_host_is_left_to_its_thread(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    """Nobody waits for it, neither the deadline nor the end of the loop."""
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: let_go.wait(PATIENCE_SEC) and [])
    found: list[Finding] = []

    async def work() -> None:
        found.append(await reaching("https://slow.test/", Way(0.2)))
        begun[Step.DNS].clear()
        task = asyncio.create_task(reaching("https://slow.test/", Way(PATIENCE_SEC)))
        await begun[Step.DNS].wait()
        await cancelled(task)

    try:
        asyncio.run(work())
        assert not let_go.is_set()
    finally:
        let_go.set()
    assert [(one.step, one.reason) for one in found] == [(Step.DNS, "took longer than 0.2 s")]
    eventually(lambda: all(thread.name != "lookup" for thread in threading.enumerate()), "the threads have ended")


def test_a_cancellation_that_a_race_swallows_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the loser of two connections is being called back, and the winner is closed again."""
    winner = socket.socket()

    async def race(*_: object, **_more: object) -> socket.socket:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(PATIENCE_SEC)
        return winner

    async def work() -> None:
        task = asyncio.create_task(connecting.connect([(IPV4, "127.0.0.1"), (IPV4, "127.0.0.2")], 9))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(connecting, "start_connection", race)
    asyncio.run(work())
    assert winner.fileno() == -1
