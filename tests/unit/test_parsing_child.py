"""The process that reads documents: whatever happens to it is told, the next document is read, and none is left."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from testkit import children, eventually

from marketswarm import isolated
from marketswarm.feeds.item import Document
from marketswarm.services.rss_agg.parsing import child as childs
from marketswarm.services.rss_agg.parsing import job as jobs
from marketswarm.services.rss_agg.parsing.parser import Parser

PATIENCE_SEC = 40.0
SHORT_SEC = 0.2
FAILED = Document(problem="made the parser fail")


def rss(*keys: str) -> bytes:
    """A document with an entry for each key."""
    return f"<rss version='2.0'>{''.join(f'<item><guid>{key}</guid></item>' for key in keys)}</rss>".encode()


async def keys(parser: Parser, raw: bytes) -> list[str]:
    """What entries the parser finds."""
    document = await read(parser, raw)
    assert document.problem == ""
    return [entry.key for entry in document.entries]


async def read(parser: Parser, raw: bytes) -> Document:
    """Have a document read."""
    return await parser.parse(raw, content_type="text/xml", url="https://x.example/", max_entries=10)


def with_parser(
    use: Callable[[Parser], Awaitable[None]], *, deadline_sec: float = PATIENCE_SEC, idle_sec: float = PATIENCE_SEC
) -> None:
    """Use a parser, and see that no process is left of it."""

    async def run() -> None:
        async with Parser(deadline_sec=deadline_sec, idle_sec=idle_sec) as parser:
            await use(parser)

    before = children()
    asyncio.run(run())
    assert children() == before


def is_gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def seen_to_go(pid: int) -> None:
    """Let the loop run until a process has ended."""
    await asyncio.to_thread(eventually, lambda: not Path(f"/proc/{pid}").exists(), f"{pid} has ended")
    for _ in range(5):  # the loop learns of it some turns later
        await asyncio.sleep(0)


async def stopped(parser: Parser) -> int:
    """Have the parser's child started, and then hang."""
    assert await keys(parser, rss("before")) == ["before"]
    os.kill(pid_of(parser), signal.SIGSTOP)
    return pid_of(parser)


def pid_of(parser: Parser) -> int:
    """The process that the parser has."""
    assert parser.pid is not None
    return parser.pid


def test_one_child_reads_all_documents() -> None:
    """One after another, whoever asks at the same time; each gets the answer to its own."""

    async def use(parser: Parser) -> None:
        assert parser.pid is None
        answers = await asyncio.gather(*(keys(parser, rss(f"{number}", "x")) for number in range(5)))
        pid = parser.pid
        assert answers == [[f"{number}", "x"] for number in range(5)]
        document = await read(parser, rss(*(f"{number}" for number in range(12))))
        assert (len(document.entries), document.left_out) == (10, 2)
        assert await read(parser, b"no") == Document(problem="is no feed: it is no XML")
        assert parser.pid == pid

    with_parser(use)


def test_a_big_document_goes_through() -> None:
    """More than a pipe holds, both ways."""
    items = "".join(
        f"<item><guid>{number}</guid><description>{'word ' * 20000}</description></item>" for number in range(10)
    )

    async def use(parser: Parser) -> None:
        document = await read(parser, f"<rss version='2.0'>{items}</rss>".encode())
        assert [len(entry.summary) for entry in document.entries] == [2000] * 10

    with_parser(use)


def test_a_child_that_hangs_is_replaced() -> None:
    """After the deadline; the next document is read by another."""

    async def use(parser: Parser) -> None:
        pid = await stopped(parser)
        parser.deadline_sec = SHORT_SEC
        assert await read(parser, rss("1")) == Document(problem="took longer than 0.2 s to read")
        assert parser.pid is None
        assert is_gone(pid)
        parser.deadline_sec = PATIENCE_SEC
        assert await keys(parser, rss("2")) == ["2"]

    with_parser(use)


def test_a_document_that_a_hung_child_does_not_take_has_a_deadline_too() -> None:
    """A full pipe is no way to hang."""

    async def use(parser: Parser) -> None:
        await stopped(parser)
        parser.deadline_sec = SHORT_SEC
        assert "took longer" in (await read(parser, b"x" * 10_000_000)).problem

    with_parser(use)


def test_a_child_that_is_killed_at_work_is_replaced() -> None:
    """The document that it had is not read again: it may have been the reason."""

    async def use(parser: Parser) -> None:
        pid = await stopped(parser)
        task = asyncio.create_task(read(parser, rss("1")))
        await asyncio.sleep(0)  # now it has the document
        os.kill(pid, signal.SIGKILL)
        assert await task == FAILED
        assert await keys(parser, rss("2")) == ["2"]

    with_parser(use)


def test_a_child_that_went_meanwhile_is_replaced() -> None:
    """The kernel takes the largest when memory is short; no document is to blame."""

    async def use(parser: Parser) -> None:
        assert await keys(parser, rss("1")) == ["1"]
        pid = pid_of(parser)
        os.kill(pid, signal.SIGKILL)
        await seen_to_go(pid)
        assert await keys(parser, rss("2")) == ["2"]
        assert parser.pid != pid

    with_parser(use)


def test_a_document_that_takes_all_memory_is_told() -> None:
    """The child has its limit, says so, and another takes its place."""

    async def use(parser: Parser) -> None:
        huge = b"<rss version='2.0'><item><title>" + b"x" * (childs.MAX_MEMORY_BYTES // 5) + b"</title></item></rss>"
        assert await read(parser, huge) == Document(problem=jobs.OUT_OF_MEMORY)
        assert await keys(parser, rss("1")) == ["1"]

    with_parser(use)


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "print('x' * 10**6)",
        "import os; os.write(1, b'\\0\\0\\0\\1x' * 9); input()",
        "import os; os.write(1, b'\\0\\0\\0\\5xx')",
        "import os; os.close(1); input()",
    ],
    ids=["ends", "killed", "babble", "garbage", "half", "mute"],
)
def test_a_child_that_talks_rubbish_is_ended(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says is not believed, nor waited for."""
    monkeypatch.setattr(isolated, "command", lambda _: ((sys.executable, "-c", program), {}))

    async def use(parser: Parser) -> None:
        assert await read(parser, rss("1")) == FAILED
        assert parser.pid is None
        monkeypatch.undo()
        assert await keys(parser, rss("2")) == ["2"]

    with_parser(use)


def test_a_child_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without memory or descriptors is in trouble for a while."""
    monkeypatch.setattr(isolated, "command", lambda _: (("/no/such/python",), {}))

    async def use(parser: Parser) -> None:
        assert (await read(parser, rss("1"))).problem.startswith("cannot be read, as no process can be started: ")

    with_parser(use)


def test_a_child_with_nothing_to_do_is_ended() -> None:
    """Its memory is given back; the next document has another started."""

    async def use(parser: Parser) -> None:
        assert await keys(parser, rss("1")) == ["1"]
        pid = pid_of(parser)
        await seen_to_go(pid)
        assert await keys(parser, rss("2")) == ["2"]

    with_parser(use, idle_sec=0.05)


def test_cancelling_ends_the_child() -> None:
    """At any moment, from before it was started to its answer: its pipes are out of step."""

    async def use(parser: Parser) -> None:
        for turns in range(8):
            task = asyncio.create_task(read(parser, rss("1")))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert parser.pid is None
        await stopped(parser)
        task = asyncio.create_task(read(parser, rss("2")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert parser.pid is None
        assert await keys(parser, rss("3")) == ["3"]

    with_parser(use)


def test_who_waits_for_its_turn_can_be_cancelled_too() -> None:
    """The document before it is read all the same."""

    async def use(parser: Parser) -> None:
        first, second = asyncio.create_task(keys(parser, rss("1"))), asyncio.create_task(keys(parser, rss("2")))
        await asyncio.sleep(0)
        second.cancel()
        assert await first == ["1"]

    with_parser(use)


def test_a_closed_parser_starts_nothing() -> None:
    """Who asks too late is told."""

    async def run() -> None:
        async with Parser() as parser:
            pass
        with pytest.raises(RuntimeError, match="closed"):
            await read(parser, rss("1"))

    asyncio.run(run())


def test_the_child_steps_back_and_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others go first, its memory is bounded, it is the first to go; no secret and no socket of systemd is its own."""
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody")
    monkeypatch.setenv("SYSTEM_REDIS_URL", "redis://:secret@127.0.0.1")

    async def use(parser: Parser) -> None:
        await keys(parser, rss("1"))
        pid = pid_of(parser)
        process = Path(f"/proc/{pid}")
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5
        assert os.getsid(pid) == pid
        assert (process / "oom_score_adj").read_text(encoding="ascii") == "500\n"
        (limit,) = (line for line in (process / "limits").read_text("ascii").splitlines() if "Max data size" in line)
        assert limit.split()[3] == str(childs.MAX_MEMORY_BYTES)
        names = {line.split(b"=")[0].decode() for line in (process / "environ").read_bytes().split(b"\0") if line}
        assert names <= {"LANG", "PYTHONPATH"}

    with_parser(use)


def test_the_child_ends_when_its_parent_is_killed() -> None:
    """There is nobody to end it then, but its stdin ends."""
    program = f"""
import asyncio
from marketswarm.services.rss_agg.parsing.parser import Parser
async def run():
    async with Parser() as parser:
        await parser.parse({rss("1")!r}, content_type="", url="https://x.example/", max_entries=1)
        print(parser.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(run())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()
    eventually(lambda: is_gone(pid), "the child has ended")


def test_the_parent_does_not_load_the_library() -> None:
    """Neither its memory nor what it does to a document is the parent's; and the child loads no bus."""
    loaded = "import sys; print([name for name in ('feedparser', 'redis', 'asyncio') if name in sys.modules])"
    package = "marketswarm.services.rss_agg.parsing"
    for module, expected in ((f"{package}.parser", "['asyncio']"), (f"{package}.child", "['feedparser']")):
        run = subprocess.run(
            [sys.executable, "-c", f"import {module}; {loaded}"], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == expected
