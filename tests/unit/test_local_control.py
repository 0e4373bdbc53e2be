"""How a second terminal talks to the first."""

import asyncio
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from marketswarm.errors import BadEnvironmentError, MarketSwarmError
from marketswarm.local.control import ask, listening, serve, socket_path


@pytest.fixture
def path() -> Iterator[Path]:
    """A place for the socket; short, since a socket's path may have some 100 characters only."""
    with tempfile.TemporaryDirectory(prefix="ms-") as directory:
        yield socket_path({"XDG_RUNTIME_DIR": directory})


async def _answer(verb: str, service: str) -> str:
    if service == "rss":
        raise MarketSwarmError("rss: not a service; there are rss_agg, healer")
    return f"{verb} {service}: done\nsecond line"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def _ask_served(path: Path, verb: str, service: str) -> str:
    async def scenario() -> str:
        with listening(path) as listener:
            async with serve(listener, _answer):
                return await asyncio.to_thread(ask, path, verb, service)

    return asyncio.run(scenario())


def test_a_request_is_answered(path: Path) -> None:
    """Verb and service arrive, and the answer comes back as it was given, lines and all."""
    assert _ask_served(path, "stop", "rss_agg") == "stop rss_agg: done\nsecond line"


def test_a_refusal_arrives_as_an_error(path: Path) -> None:
    """What the first terminal refuses is the second one's error, in the same words."""
    with pytest.raises(MarketSwarmError, match=r"^rss: not a service; there are rss_agg, healer$"):
        _ask_served(path, "stop", "rss")


def test_without_an_up_the_error_says_how_to_start_one(path: Path) -> None:
    """No socket, and a socket that nobody serves, are one and the same to whoever asks."""
    for _ in range(2):
        with pytest.raises(MarketSwarmError, match=r"no `marketswarm up` .*marketswarm up$"):
            ask(path, "ps")
        with socket.socket(socket.AF_UNIX) as left_behind:
            if not path.exists():
                left_behind.bind(str(path))


def test_one_at_a_time(path: Path) -> None:
    """A second one is refused in one line with the first one's pid, and the first goes on answering."""

    async def scenario() -> str:
        with listening(path) as listener:
            async with serve(listener, _answer):
                expected = rf"already running \(pid {os.getpid()}\)"
                with pytest.raises(MarketSwarmError, match=expected) as refusal, listening(path):
                    pass
                assert "\n" not in str(refusal.value)
                return await asyncio.to_thread(ask, path, "ps", "x")

    assert asyncio.run(scenario()) == "ps x: done\nsecond line"


def test_a_socket_that_was_left_behind_is_replaced(path: Path) -> None:
    """One that was killed leaves its socket and its pid; the next one serves all the same."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    path.with_suffix(".lock").write_text("12345678\n", encoding="ascii")
    assert _ask_served(path, "stop", "mesh") == "stop mesh: done\nsecond line"
    assert not path.exists()


def test_the_socket_is_its_owners_alone(path: Path) -> None:
    """Mode 0600, so that no other user stops a service."""
    with listening(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"verb": 1}\n', b"\xff\n", b"[" * 60_000 + b"\n"])
def test_a_bad_request_gets_an_error_and_harms_nobody(path: Path, line: bytes) -> None:
    """Whatever arrives, the answer says what a request looks like, and the next request is served."""

    async def scenario() -> None:
        with listening(path) as listener:
            async with serve(listener, _answer):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(line)
                assert "a request is one line" in json.loads(await reader.readline())["error"]
                await _close(writer)
                assert await asyncio.to_thread(ask, path, "ps", "x")

    asyncio.run(scenario())


def test_a_request_without_end_is_cut_off(path: Path) -> None:
    """A line longer than 64 KiB ends the conversation, and the next request is served."""

    async def scenario() -> None:
        with listening(path) as listener:
            async with serve(listener, _answer):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(b"x" * 200_000)
                with suppress(ConnectionError):
                    assert await reader.read() == b""
                await _close(writer)
                assert await asyncio.to_thread(ask, path, "ps", "x")

    asyncio.run(scenario())


def test_without_a_runtime_dir_the_socket_is_in_a_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is made with mode 0700, used again, and refused where others could reach into it."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    own = tmp_path / f"marketswarm-{os.getuid()}"
    missing = {"XDG_RUNTIME_DIR": str(tmp_path / "missing")}
    assert socket_path({}) == socket_path(missing) == own / "marketswarm-up.sock"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    own.chmod(0o755)
    with pytest.raises(BadEnvironmentError, match=r"must be a directory that is yours alone"):
        socket_path({})
    own.rename(tmp_path / "elsewhere")
    own.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadEnvironmentError):
        socket_path({})


def test_a_path_that_is_too_long_is_a_setting_to_mend(tmp_path: Path) -> None:
    """The kernel's limit of 108 characters comes out as an error that names the variable."""
    deep = tmp_path / ("x" * 120)
    deep.mkdir(mode=0o700)
    too_long = socket_path({"XDG_RUNTIME_DIR": str(deep)})
    with pytest.raises(BadEnvironmentError, match="XDG_RUNTIME_DIR"), listening(too_long):
        pass
