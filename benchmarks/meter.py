"""What the Python subjects share: counting beats, telling when they are warm, and printing the result."""

import argparse
import json
import resource
import time
from pathlib import Path


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that every subject takes."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="of a redis-server on 127.0.0.1")
    parser.add_argument("--services", type=int, required=True, help="watch svc_0 to svc_<N-1>")
    parser.add_argument("--warm", type=int, default=0, help="beats to hear before it is measured (0)")
    parser.add_argument("--beats", type=int, help="measure so many beats, print the result and end")
    return parser


def rss_kib() -> int:
    """Resident memory of this process, exactly (smaps_rollup; statm is off by what each CPU has not yet booked)."""
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    return int(rollup.partition("Rss:")[2].split()[0])


def cpu_sec() -> float:
    """User and system time of all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(line: str) -> None:
    """One line to whoever measures."""
    print(line, flush=True)


def result(beats: int, first: float, last: float, cpu: float, **more: float) -> None:
    """Print what was measured, as the C subscriber does."""
    say(json.dumps({"beats": beats, "first": first, "last": last, "cpu_sec": cpu, **more}))


class Meter:
    """Counts what comes in batches. ``warm`` and ``done`` turn true when so many were heard."""

    def __init__(self, warm: int, beats: int) -> None:
        self._warm = warm
        self._beats = beats
        self.heard = 0
        self._measured_from = -1
        self._first = 0.0
        self._cpu = 0.0
        self._last = 0.0

    @property
    def warm(self) -> bool:
        """Whether all beats that are not measured were heard."""
        return self.heard >= self._warm

    @property
    def done(self) -> bool:
        """Whether all were heard."""
        return self.heard >= self._warm + self._beats

    def reading(self) -> None:
        """Call with each batch that has arrived, before anything is done with it: the first one starts the clock."""
        if self._measured_from < 0 and self.warm:
            self._measured_from = self.heard
            self._first, self._cpu = time.monotonic(), cpu_sec()

    def read(self, beats: int) -> None:
        """Call when a batch was dealt with."""
        self.heard += beats
        self._last = time.monotonic()

    def report(self, **more: float) -> None:
        """Print the result."""
        result(self.heard - self._measured_from, self._first, self._last, cpu_sec() - self._cpu, **more)
