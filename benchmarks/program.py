"""A program under measurement: it says in lines how far it is, and its result in a line of JSON."""

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

STOP_SEC = 10.0
TAIL = 12


class RunError(Exception):
    """A program did not do what it was started for."""


class Program:
    """A child process; ended when the ``with`` block is left."""

    def __init__(self, *command: str, environ: Mapping[str, str] | None = None) -> None:
        self.name = " ".join(command)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 # it lives as long as the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environ
        )
        self.pid = self._process.pid
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # A pipe that nobody reads would stop the program at 64 KiB.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                stream.close()

    def stop(self) -> None:
        """End it; what it said and told can still be read."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SEC)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def line(self, within_sec: float) -> str:
        """The next line; raises RunError where none comes."""
        try:
            line = self._lines.get(timeout=within_sec)
        except queue.Empty:
            raise RunError(f"{self.name}: said nothing for {within_sec:g} s") from None
        if not line:
            raise RunError(f"{self.name}: ended early\n{self._tail()}")
        return line.decode().strip()

    def expect(self, word: str, within_sec: float) -> None:
        """Wait for a line that is this word."""
        if (line := self.line(within_sec)) != word:
            raise RunError(f"{self.name}: said {line!r} instead of {word!r}")

    def result(self, within_sec: float) -> dict[str, Any]:
        """The next line, which is JSON."""
        found: dict[str, Any] = json.loads(self.line(within_sec))
        return found

    def said(self) -> list[str]:
        """The lines that are there already."""
        lines = []
        while not self._lines.empty() and (line := self._lines.get()):
            lines.append(line.decode().strip())
        return lines

    def told(self) -> str:
        """All that it wrote to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def go(self) -> None:
        """Tell the program, which waits for it, to go on."""
        if self._process.stdin:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def _read(self) -> None:
        if self._process.stdout:
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def _tail(self) -> str:
        return "\n".join(self.told().splitlines()[-TAIL:])


def options(**values: float | str) -> Sequence[str]:
    """The words of a command line: ``kill_every=20`` is ``--kill-every 20``."""
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", f"{value}")]
