"""Where the measuring is done: a private redis-server, the C programs, and what has to be installed for them."""

import contextlib
import filecmp
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "c"
PACKAGES = {"redis-server": "redis-server", "gcc": "gcc", "hiredis/hiredis.h": "libhiredis-dev"}
"""What is looked for, and the Debian package that brings it."""
START_SEC = 10.0


class MissingError(Exception):
    """Something that has to be installed first."""


@dataclass(frozen=True, slots=True)
class Lab:
    """One redis-server on loopback, and the compiled programs."""

    port: int
    server_pid: int
    subscriber: Path
    publisher: Path


def check() -> None:
    """Raise MissingError with one line that says what to install."""
    missing = [what for what in ("redis-server", "gcc") if shutil.which(what) is None]
    if "gcc" in missing or not _has_header():
        missing.append("hiredis/hiredis.h")
    if missing:
        packages = " ".join(PACKAGES[what] for what in missing)
        raise MissingError(f"{', '.join(missing)} not found: apt install {packages}")
    for module in ("marketswarm", "redis"):
        if importlib.util.find_spec(module) is None:
            raise MissingError(
                f"{module} is not installed beside {sys.executable}: {sys.executable} -m pip install . redis"
            )


def _has_header() -> bool:
    command = ["gcc", "-E", "-include", "hiredis/hiredis.h", "-x", "c", "/dev/null", "-o", "/dev/null"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def laboratory() -> Iterator[Lab]:
    """Compile, serve, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="marketswarm-benchmark-") as name, redis_server(Path(name)) as (port, pid):
        yield Lab(port, pid, compiled("subscriber", Path(name)), compiled("publisher", Path(name)))


def compiled(program: str, into: Path) -> Path:
    """Compile one of the C programs; raises CalledProcessError, whose cause gcc has told on stderr."""
    sources = [str(SOURCES / f"{program}.c"), str(SOURCES / "beat.c")]
    subprocess.run(["gcc", "-O2", "-Wall", "-o", str(into / program), *sources, "-lhiredis"], check=True)
    return into / program


@contextlib.contextmanager
def redis_server(directory: Path) -> Iterator[tuple[int, int]]:
    """Serve on a free port of loopback without persistence; gives the port and the process.

    A subscriber that is slower than the publisher is not cut off, as it would be at 32 MB of waiting messages: its rate
    is what is asked for.
    """
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    command += ["--save", "", "--appendonly", "no", "--client-output-buffer-limit", "pubsub 0 0 0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(START_SEC)


def free_port() -> int:
    """Pick a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    """Wait until the server says PONG."""
    end = time.monotonic() + START_SEC
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as link:
            link.sendall(b"PING\r\n")
            if link.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.02)
    raise MissingError(f"redis-server does not answer on port {port} within {START_SEC:g} s; run it by hand to see why")


def pin(pid: int, cpu: int | None) -> None:
    """Hold all threads of a process on one CPU of those that this process may use; None gives it back all of them."""
    allowed = sorted(os.sched_getaffinity(0))
    wanted = allowed if cpu is None else [allowed[cpu % len(allowed)]]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), wanted)


def versions() -> dict[str, str]:
    """What was measured, on what."""
    found = {name: importlib.metadata.version(name) for name in ("marketswarm", "redis", "hiredis", "msgspec")}
    server = subprocess.run(["redis-server", "--version"], capture_output=True, check=True, text=True)
    return {**found, "redis-server": server.stdout.split("v=")[1].split()[0], "cpus": str(len(os.sched_getaffinity(0)))}


def stale() -> str:
    """A line for the reader where the installed package is not the one of this checkout; else nothing."""
    installed = importlib.util.find_spec("marketswarm")
    tree = HERE.parent / "marketswarm"
    home = Path(installed.origin).parent if installed and installed.origin else tree
    changed = sum(not _same(path, home / path.relative_to(tree)) for path in tree.rglob("*.py"))
    if not changed:
        return ""
    return (
        f"measuring marketswarm as installed in {home}: {changed} modules differ from {tree}; pip install . to follow"
    )


def _same(one: Path, other: Path) -> bool:
    return other.exists() and filecmp.cmp(one, other, shallow=False)
