"""How a second terminal talks to the ``marketswarm up`` in the first: a unix socket, one JSON line each way."""

import asyncio
import fcntl
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from marketswarm.errors import BadEnvironmentError, MarketSwarmError

SOCKET_NAME = "marketswarm-up.sock"
ANSWER_SEC = 15.0
_REQUEST_SEC = 5.0
_MAX_BYTES = 1 << 16

Answer = Callable[[str, str], Awaitable[str]]
"""Does what a verb asks of a service and says so. Raises MarketSwarmError."""


def socket_path(environ: Mapping[str, str]) -> Path:
    """Where the socket of this user's ``up`` is: in $XDG_RUNTIME_DIR, or in a directory of the user's own under /tmp.

    Raises BadEnvironmentError where somebody else could reach into that directory.
    """
    given = environ.get("XDG_RUNTIME_DIR")
    if given and _is_private(Path(given)):
        return Path(given, SOCKET_NAME)
    own = Path(tempfile.gettempdir(), f"marketswarm-{os.getuid()}")
    own.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(own):
        raise BadEnvironmentError(f"{own}: must be a directory that is yours alone (mode 0700); move it out of the way")
    return own / SOCKET_NAME


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen at ``path``, as the only process that does; a socket that a dead one left behind is replaced.

    Raises MarketSwarmError with the other's pid where there is one, BadEnvironmentError for a path that cannot be.
    """
    with _lock(path.with_suffix(".lock")), socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        try:
            listener.bind(str(path))
        except OSError as error:
            raise BadEnvironmentError(f"{path}: {error}; set XDG_RUNTIME_DIR to a directory that is yours") from error
        path.chmod(0o600)
        listener.listen()
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@asynccontextmanager
async def serve(listener: socket.socket, answer: Answer) -> AsyncIterator[None]:
    """Answer whoever connects, until the context is left."""
    server = await asyncio.start_unix_server(
        lambda reader, writer: _converse(reader, writer, answer), sock=listener, limit=_MAX_BYTES
    )
    try:
        yield
    finally:
        server.close()


def ask(path: Path, verb: str, service: str = "") -> str:
    """Send a request and return the answer, a text to show. Raises MarketSwarmError where it is refused or lost."""
    request = json.dumps({"verb": verb, "service": service}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SEC)
        try:
            connection.connect(str(path))
        except OSError:
            raise MarketSwarmError("no `marketswarm up` of yours is running; start one: marketswarm up") from None
        try:
            connection.sendall(request)
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline(_MAX_BYTES))
        except (OSError, ValueError):
            raise MarketSwarmError(f"{verb} {service}: `marketswarm up` did not answer; look at its terminal") from None
    if "error" in answer:
        raise MarketSwarmError(answer["error"])
    return str(answer["text"])


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    try:
        async with asyncio.timeout(_REQUEST_SEC):
            line = await reader.readline()
        writer.write(json.dumps(await _respond(line, answer)).encode() + b"\n")
        await writer.drain()
    except (OSError, TimeoutError, ValueError):
        pass  # whoever asked is gone, slow, or sent a line without end; nobody else is concerned
    finally:
        writer.close()


async def _respond(line: bytes, answer: Answer) -> dict[str, str]:
    try:
        request = json.loads(line)
        verb, service = str(request["verb"]), str(request["service"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"error": 'a request is one line like {"verb": "stop", "service": "rss_agg"}'}
    try:
        return {"text": await answer(verb, service)}
    except MarketSwarmError as error:
        return {"error": str(error)}


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock that says our pid. The kernel lets go of it when its holder dies, so none is ever left behind."""
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise MarketSwarmError(
                f"`marketswarm up` is already running (pid {pid}); stop it first, or use it: marketswarm up ps"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _is_private(directory: Path) -> bool:
    """Whether a directory is ours, no link, and closed to everyone else."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
