"""Processes that are kept running: restart, backoff, stop, kill."""

import asyncio
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from marketswarm.local import processes
from marketswarm.local.child import Child
from marketswarm.local.processes import Process, State, pause_sec, pauses

READY_AND_WAIT = "print('ready', os.getpid(), flush=True); time.sleep(60)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY_AND_WAIT


class Heard:
    """What processes said, and a way to wait for a line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def say(self, _name: str, line: str) -> None:
        """Take a line."""
        self.lines.append(line)
        self._more.set()

    async def until(self, start: str, count: int = 1) -> str:
        """Wait for the count-th line that starts so."""
        async with asyncio.timeout(10):
            while len(found := [line for line in self.lines if line.startswith(start)]) < count:
                self._more.clear()
                await self._more.wait()
        return found[count - 1]


def _process(code: str, heard: Heard) -> Process:
    argv = [sys.executable, "-c", f"import os, signal, subprocess, sys, time\n{code}"]
    return Process("it", argv, dict(os.environ), heard.say)


def _run(scenario: Callable[[Heard], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await scenario(Heard())

    asyncio.run(bounded())


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _is_tied(pid: int) -> bool:
    """Wait until setpriv has done its work and become the program; at most 5 s."""
    end = time.monotonic() + 5
    while Path(f"/proc/{pid}/comm").read_text(encoding="ascii") != "sleep\n" and time.monotonic() < end:
        time.sleep(0.01)
    return time.monotonic() < end


def _gone(pid: int) -> bool:
    """Wait until a process has ended that is none of ours to reap; at most 5 s."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 5)[0])
    finally:
        os.close(process)


def test_pauses_double_up_to_the_longest_and_start_over_after_a_steady_life() -> None:
    """0.2 s doubling to 5 s; a life of just under 10 s does not reset it, one of 10 s does."""
    waits = pauses()
    assert [pause_sec(waits, 0) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert pause_sec(waits, 9.99) == 5.0
    assert pause_sec(waits, 10.0) == 0.2
    assert pause_sec(waits, 0) == 0.4


def test_what_it_says_is_passed_on_from_both_streams() -> None:
    """Lines of stdout and stderr reach say() with the name, and the last ones are kept."""

    async def scenario(heard: Heard) -> None:
        process = _process("print('out', flush=True); print('err', file=sys.stderr); time.sleep(60)", heard)
        await process.start()
        await heard.until("err")
        assert heard.lines == ["out", "err"] == list(process.tail)
        await process.stop()

    _run(scenario)


@pytest.mark.parametrize(
    ("death", "words"),
    [("sys.exit(3)", "ended with exit status 3"), ("os.kill(os.getpid(), 9)", "was killed by SIGKILL")],
)
def test_one_that_dies_is_started_again_and_the_line_says_how_it_died(death: str, words: str) -> None:
    """Status or signal by name, and the pause, in one line; the second pause is twice the first."""

    async def scenario(heard: Heard) -> None:
        process = _process(death, heard)
        await process.start()
        assert await heard.until("", 1) == f"{words}; starts again in 0.2 s"
        assert process.state == State.RESTARTING
        assert await heard.until("", 2) == f"{words}; starts again in 0.4 s"
        await process.stop()
        assert process.pid is None

    _run(scenario)


def test_stop_lets_it_end_by_itself_and_it_stays_down() -> None:
    """SIGTERM is what it gets, its last words are heard, nothing is restarted; start() brings a new one."""
    code = "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'bye\\n'), os._exit(0)))\n" + READY_AND_WAIT

    async def scenario(heard: Heard) -> None:
        process = _process(code, heard)
        await process.start()
        await heard.until("ready")
        assert process.state is State.RUNNING
        await process.stop()
        assert heard.lines[1:] == ["bye"]
        assert (process.state, process.pid) == (State.STOPPED, None)
        await process.start()
        await heard.until("ready", 2)
        await process.stop()

    _run(scenario)


def test_one_that_ignores_sigterm_is_killed_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """stop() returns once it is dead, no earlier than the grace allows."""
    monkeypatch.setattr(processes, "GRACE_SEC", 0.3)

    async def scenario(heard: Heard) -> None:
        process = _process(DEAF, heard)
        await process.start()
        pid = int((await heard.until("ready")).split()[1])
        loop = asyncio.get_running_loop()
        began = loop.time()
        await process.stop()
        assert 0.3 <= loop.time() - began < 5
        assert not _alive(pid)

    _run(scenario)


def test_kill_does_not_wait_for_the_grace_and_it_stays_down() -> None:
    """SIGKILL at once, also for one that ignores SIGTERM, and no restart."""

    async def scenario(heard: Heard) -> None:
        process = _process(DEAF, heard)
        await process.start()
        pid = int((await heard.until("ready")).split()[1])
        async with asyncio.timeout(2):
            await process.kill()
        assert not _alive(pid)
        assert process.state is State.STOPPED
        assert len(heard.lines) == 1

    _run(scenario)


def test_kill_cuts_a_stop_short() -> None:
    """A kill() while a stop() still waits ends both at once; a start() meanwhile starts it anew afterwards."""

    async def scenario(heard: Heard) -> None:
        process = _process(DEAF, heard)
        await process.start()
        await heard.until("ready")
        stopping = asyncio.create_task(process.stop())
        await asyncio.sleep(0.05)
        assert not stopping.done()
        starting = asyncio.create_task(process.start())
        async with asyncio.timeout(2):
            await process.kill()
            await stopping
        await starting
        await heard.until("ready", 2)
        await process.kill()

    _run(scenario)


def test_a_stop_that_is_cancelled_kills_at_once() -> None:
    """Whoever is asked twice to end does not wait for the grace, and leaves nothing behind."""

    async def scenario(heard: Heard) -> None:
        process = _process(DEAF, heard)
        await process.start()
        pid = int((await heard.until("ready")).split()[1])
        stopping = asyncio.create_task(process.stop())
        await asyncio.sleep(0.05)
        stopping.cancel()
        async with asyncio.timeout(2):
            await asyncio.wait({stopping})
        assert stopping.cancelled()
        assert not _alive(pid)

    _run(scenario)


def test_stop_during_the_pause_before_a_restart_prevents_the_restart() -> None:
    """One that is down for a moment stays down when it is stopped then."""

    async def scenario(heard: Heard) -> None:
        process = _process("sys.exit(1)", heard)
        await process.start()
        await heard.until("ended")
        await process.stop()
        await asyncio.sleep(0.4)
        assert len(heard.lines) == 1

    _run(scenario)


def test_start_twice_starts_one() -> None:
    """start() of one that runs changes nothing; stop() of one that does not, neither."""

    async def scenario(heard: Heard) -> None:
        process = _process(READY_AND_WAIT, heard)
        await process.stop()
        await process.start()
        await heard.until("ready")
        pid = process.pid
        await process.start()
        assert process.pid == pid
        await process.stop()

    _run(scenario)


def test_its_own_children_end_with_it_even_where_they_hold_its_output_open() -> None:
    """A child of the child neither outlives a restart nor holds it up."""
    code = "print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.exit(1)"

    async def scenario(heard: Heard) -> None:
        process = _process(code, heard)
        await process.start()
        await heard.until("ended")
        await process.stop()
        assert _gone(int(heard.lines[0]))

    _run(scenario)


def test_it_runs_in_a_session_of_its_own() -> None:
    """The terminal's Ctrl-C goes to the foreground process group, which a child is not in."""

    async def scenario(heard: Heard) -> None:
        process = _process("print(os.getsid(0), os.getpid(), flush=True); time.sleep(60)", heard)
        await process.start()
        sid, pid = (await heard.until("")).split()
        assert sid == pid
        await process.stop()

    _run(scenario)


def test_a_program_that_is_not_there_is_said_and_tried_again() -> None:
    """What cannot be started is an outcome like any other, not a crash of whoever keeps it."""

    async def scenario(heard: Heard) -> None:
        process = Process("it", ["/nonexistent/program"], {"PATH": "/nonexistent"}, heard.say)
        await process.start()
        line = await heard.until("", 1)
        assert line == "cannot be started (No such file or directory); starts again in 0.2 s"
        await process.stop()

    _run(scenario)


def test_a_child_ends_when_its_parent_is_killed() -> None:
    """The kernel tells the child of a parent that was killed and could not (needs setpriv from util-linux)."""
    parent = (
        "import asyncio, os, sys\nfrom marketswarm.local.child import Child\n"
        "async def main():\n"
        "    child = await Child.spawn(['sleep', '60'], dict(os.environ), print)\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )

    async def scenario(heard: Heard) -> None:
        outer = await Child.spawn([sys.executable, "-c", parent], dict(os.environ), lambda line: heard.say("", line))
        pid = int(await heard.until(""))
        assert _alive(pid)
        assert _is_tied(pid)
        os.kill(outer.pid, signal.SIGKILL)
        await outer.wait()
        assert _gone(pid)

    _run(scenario)
