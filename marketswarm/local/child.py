"""One child process and its output, line by line."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

MAX_LINE_CHARS = 1000
DRAIN_SEC = 0.5
"""How long to read on after a child has ended, in case that somebody else holds its output open."""

OnLine = Callable[[str], None]


class Lines(asyncio.Protocol):
    """Cuts bytes into lines: at most MAX_LINE_CHARS of each, undecodable bytes replaced."""

    # UTF-8 takes up to four bytes a character; one more, so that a line that was cut can be told from one that fits.
    _KEEP_BYTES = 4 * (MAX_LINE_CHARS + 1)

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._rest = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Pass on the lines that are complete and keep the head of the one that is not."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._pass_on(line)
        self._rest = rest[: self._KEEP_BYTES]

    def connection_lost(self, _exc: Exception | None) -> None:
        """Pass on what is left."""
        if self._rest:
            self._pass_on(self._rest)
        self.ended.set()

    def _pass_on(self, line: bytes) -> None:
        text = line[: self._KEEP_BYTES].decode(errors="replace").rstrip("\r")
        self._on_line(text if len(text) <= MAX_LINE_CHARS else text[: MAX_LINE_CHARS - 3] + "...")


class Child:
    """A process that runs in a session of its own, so that the terminal's Ctrl-C does not reach it."""

    def __init__(self, process: asyncio.subprocess.Process, output: asyncio.BaseTransport, lines: Lines) -> None:
        self._process = process
        self._output = output
        self._lines = lines

    @classmethod
    async def spawn(cls, argv: Sequence[str], environ: Mapping[str, str], on_line: OnLine) -> Self:
        """Start a program; its stdout and stderr go to ``on_line``. Raises OSError where it cannot be started."""
        lines = Lines(on_line)
        read_end, write_end = os.pipe()
        try:
            # A pipe of our own: asyncio's would make wait() last until every grandchild has closed it (gh-119710).
            pipe = os.fdopen(read_end, "rb", buffering=0)
            output, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: lines, pipe)
            try:
                process = await asyncio.create_subprocess_exec(
                    *_tied_to_us(argv, environ),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=write_end,
                    stderr=asyncio.subprocess.STDOUT,
                    env=environ,
                    start_new_session=True,
                )
            except BaseException:
                output.close()
                raise
        finally:
            os.close(write_end)
        return cls(process, output, lines)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, a signal's number below zero, or None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended and its output is passed on; returns the return code."""
        returncode = await self._process.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SEC):
                await self._lines.ended.wait()
        self._output.close()
        return returncode

    async def end(self, grace_sec: float) -> None:
        """End it and what it started: SIGTERM, ``grace_sec`` later SIGKILL; at once where that is 0 or on cancellation.

        Also for one that has ended by itself, since it may have left processes behind.
        """
        try:
            if grace_sec > 0 and self.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGTERM)
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace_sec):
                        await self._process.wait()
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            await self.wait()


def _tied_to_us(argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Have the kernel end the child when this process is killed and cannot do it (PR_SET_PDEATHSIG, prctl(2))."""
    setpriv = shutil.which("setpriv", path=environ.get("PATH", os.defpath))
    return [setpriv, "--pdeathsig", "TERM", "--", *argv] if setpriv else [*argv]
