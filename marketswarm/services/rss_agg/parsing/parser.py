"""The parent's side: one child that reads documents, a deadline over each, and no child left behind."""

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, Process
from types import TracebackType
from typing import Final, Self

import msgspec

from marketswarm import errors, isolated
from marketswarm.feeds.item import Document
from marketswarm.services.rss_agg.parsing import job as jobs

DEADLINE_SEC: Final = 15.0
IDLE_SEC: Final = 60.0
_MODULE: Final = "marketswarm.services.rss_agg.parsing"
_CHUNK_BYTES: Final = 64 * 1024
_LEAVE_SEC: Final = 1.0
"""How long a child that has closed its pipe may take to be gone."""


class Parser:
    """Reads documents in a child, one after another. An async context manager; after it no process is left.

    A document may take ``deadline_sec``, its child's start included. A child that had nothing to do for ``idle_sec`` is
    ended to give its memory back.
    """

    def __init__(self, *, deadline_sec: float = DEADLINE_SEC, idle_sec: float = IDLE_SEC) -> None:
        self.deadline_sec = deadline_sec
        """For documents that are not begun yet."""
        self._idle_sec = idle_sec
        self._lock = asyncio.Lock()
        self._child: Process | None = None
        self._rest: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True
        async with self._lock:
            self._wake()
            await self._end()

    @property
    def pid(self) -> int | None:
        """The child's process, while there is one."""
        return self._child.pid if self._child else None

    async def parse(self, raw: bytes, *, content_type: str, url: str, max_entries: int) -> Document:
        """Read a document (see ``reading.read``). Whatever it does to the child is told by ``problem``.

        Cancelled, it ends the child and raises CancelledError.
        """
        job = jobs.Job(
            raw=raw, content_type=content_type, url=url, max_entries=max_entries, deadline_sec=self.deadline_sec
        )
        async with self._lock:
            if self._closed:
                raise RuntimeError("this parser is closed")
            self._wake()
            try:
                return await self._by_child(job)
            finally:
                if self._child:
                    self._rest = asyncio.create_task(self._end_when_idle())

    async def _by_child(self, job: jobs.Job) -> Document:
        in_step = False
        try:
            async with asyncio.timeout(self.deadline_sec):
                child = await self._ready()
                document = jobs.decode_document(await _talk(child, job))
            in_step = document.problem != jobs.OUT_OF_MEMORY
        except TimeoutError:
            return Document(problem=f"took longer than {self.deadline_sec:g} s to read")
        except (asyncio.IncompleteReadError, msgspec.DecodeError):
            return Document(problem="made the parser fail")
        except (OSError, RuntimeError) as error:
            return Document(problem=f"cannot be read, as no process can be started: {errors.reason(error)}")
        finally:
            if not in_step:
                await self._end()
        return document

    async def _ready(self) -> Process:
        """Return the child, started anew if it has gone or there was none."""
        if self._child and (self._child.returncode is not None or _has_left(self._child)):
            await self._end()
        if not self._child:
            command, variables = isolated.command(_MODULE)
            self._child = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={"LANG": "C.UTF-8"} | variables,
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which decides
            )
        return self._child

    async def _end_when_idle(self) -> None:
        await asyncio.sleep(self._idle_sec)
        async with self._lock:
            await self._end()

    def _wake(self) -> None:
        if self._rest:
            self._rest.cancel()
            self._rest = None

    async def _end(self) -> None:
        """End the child, if there is one. It holds nothing that would be lost."""
        child, self._child = self._child, None
        if not child:
            return
        # Killed only if it has to be: Popen.kill() looks first, and so may reap a child before asyncio does.
        if _has_left(child):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_SEC):
                    await child.wait()
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        # A pipe that is too full to be read on is closed by nobody.
        while child.stdout and await child.stdout.read(_CHUNK_BYTES):
            pass
        await child.wait()


def _has_left(child: Process) -> bool:
    return child.stdout is None or child.stdout.at_eof()


async def _talk(child: Process, job: jobs.Job) -> bytes:
    """Hand over a job and return the answer. Raises IncompleteReadError, DecodeError for what is too long."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("no pipes")
    message = jobs.encode(job)
    with contextlib.suppress(ConnectionError):  # it is gone; its answer will not come
        child.stdin.write(jobs.prefix(message))
        child.stdin.write(message)
        await child.stdin.drain()
    length = int.from_bytes(await child.stdout.readexactly(jobs.LENGTH_BYTES), "big")
    if length > jobs.longest_answer(job.max_entries):
        raise msgspec.DecodeError("no document is that long")
    return await child.stdout.readexactly(length)
