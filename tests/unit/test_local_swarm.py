"""What the local swarm is made of, without running it."""

import asyncio
import io
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import marketswarm
from marketswarm.errors import BusUnreachableError, MarketSwarmError
from marketswarm.local import swarm
from marketswarm.local.console import Console
from marketswarm.local.demo import demo
from marketswarm.local.python import same_python
from marketswarm.local.servers import Servers, find_program, free_ports
from marketswarm.local.signals import how_it_ended, until_signalled
from marketswarm.local.swarm import child_environ
from marketswarm.local.waiting import first_of
from marketswarm.term import ansi, plain


def _program(directory: Path, name: str) -> Path:
    path = directory / name
    path.write_text("#!/bin/sh\necho 'Some server v=1.2.3 sha=0'\n", encoding="ascii")
    path.chmod(0o755)
    return path


def test_redis_server_is_preferred_then_valkey_then_the_embedded_one(tmp_path: Path) -> None:
    """The first that is on PATH is taken; the label says which one it is, its version and its path."""
    path = str(tmp_path)
    embedded = asyncio.run(find_program(path, tmp_path, embedded=True))
    assert embedded.label.startswith("the embedded server (fakeredis ")
    valkey = _program(tmp_path, "valkey-server")
    assert asyncio.run(find_program(path, tmp_path)).label == f"valkey-server 1.2.3 ({valkey})"
    redis = _program(tmp_path, "redis-server")
    found = asyncio.run(find_program(path, tmp_path, server_args=("--maxclients", "9")))
    assert found.label == f"redis-server 1.2.3 ({redis})"
    assert (found.argv[0], found.argv[-1]) == (str(redis), "--port")
    assert " ".join(found.argv[1:]) == (
        f"--bind 127.0.0.1 --dir {tmp_path} --daemonize no --loglevel warning "
        "--save  --appendonly no --maxmemory-policy noeviction --maxclients 9 --port"
    )


def test_with_no_server_at_all_the_error_names_both_ways_out(tmp_path: Path) -> None:
    """One line, exit code 69, with the two commands that help."""
    with pytest.raises(BusUnreachableError) as none:
        asyncio.run(find_program(str(tmp_path), tmp_path, embedded=False))
    assert "apt install redis-server" in str(none.value)
    assert "pip install 'marketswarm[local]'" in str(none.value)
    assert "\n" not in str(none.value)
    assert none.value.exit_code == 69


def test_preferred_ports_are_taken_where_they_are_free_and_others_where_not() -> None:
    """A port that somebody listens on is passed over, and no port comes up twice."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy: int = taken.getsockname()[1]
        (free,) = free_ports([0])
        assert free_ports([free]) == [free]
        first, second, third = free_ports([busy, free, busy])
        assert second == free
        assert len({busy, first, second, third}) == 4


def test_services_see_the_private_buses_and_nothing_of_systemd() -> None:
    """Whatever leads to another bus or to the caller's service manager is gone; the rest is inherited."""
    gone = {
        "REDIS_URL": "1",
        "TRUTH_REDIS_URL": "2",
        "TRUTH_REDIS_KEY": "3",
        "REDIS_CREDENTIALS": "/etc/marketswarm/credentials/redis",
        "NEWS_REDIS_URL": "4",
        "NOTIFY_SOCKET": "5",
        "WATCHDOG_USEC": "6",
        "WATCHDOG_PID": "7",
        "JOURNAL_STREAM": "8",
        "SYSTEM_REDIS_URL": "redis://production:6379",
    }
    buses = {"SYSTEM_REDIS_URL": "redis://127.0.0.1:1", "MARKET_REDIS_URL": "redis://127.0.0.1:2"}
    kept = {"PATH": "/bin", "LOG_LEVEL": "DEBUG", "MASSIVE_API_KEY": "k"}
    assert child_environ({**gone, **kept}, buses) == {**kept, **buses, "PYTHONUNBUFFERED": "1"}


def test_servers_start_with_the_users_of_an_acl_file_if_they_know_any(tmp_path: Path) -> None:
    """The port stays the last word, which is appended."""
    _program(tmp_path, "redis-server")
    found = asyncio.run(find_program(str(tmp_path), tmp_path))
    argv = found.with_users(Path("/x/y.acl")).argv
    assert [*argv[-3:]] == ["--aclfile", "/x/y.acl", "--port"]
    assert [*argv[:-3], "--port"] == [*found.argv]
    embedded = asyncio.run(find_program("/nowhere", tmp_path, embedded=True))
    assert not embedded.has_users
    assert embedded.with_users(Path("/x/y.acl")) == embedded


def test_who_is_led_to_the_servers_has_his_login_there() -> None:
    """By a folder of passwords, where they have users."""
    assert Servers("x", {}, Path("/x/passwords")).environ() == {"REDIS_CREDENTIALS": "/x/passwords"}
    assert Servers("x", {}).environ() == {}


def test_rights_are_those_of_the_swarm_that_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller's variables say of his own buses says nothing of these servers, nor of who may do what there."""
    given: list[Mapping[str, str]] = []

    @asynccontextmanager
    async def servers(environ: Mapping[str, str], *_words: object, **_options: object) -> AsyncIterator[Servers]:
        given.append(environ)
        yield Servers("x", {}, Path("/x/passwords"))

    def nobody(*_words: str) -> None:
        pytest.fail("nothing was started that could speak")

    async def run() -> Mapping[str, str]:
        environ = {"TRUTH_REDIS_KEY": "my:doc", "SYSTEM_REDIS_URL": "redis://h", "ALERT_CHANNEL": "a", "PATH": "/bin"}
        async with swarm.private_swarm(b'{"services": {}}', services=(), environ=environ, say=nobody) as started:
            return started.environ

    monkeypatch.setattr(swarm, "private_servers", servers)
    kept = {"ALERT_CHANNEL": "a", "PATH": "/bin", "PYTHONUNBUFFERED": "1"}
    assert asyncio.run(run()) == {**kept, "REDIS_CREDENTIALS": "/x/passwords"}
    assert given == [kept]


def test_children_run_this_code_whatever_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the same name in the working directory is not preferred, unless this very process runs from it."""
    monkeypatch.chdir(tmp_path)
    assert same_python() == (sys.executable, "-P")
    monkeypatch.chdir(Path(marketswarm.__file__).resolve().parent.parent)
    assert same_python() == (sys.executable,)


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "ended with exit status 0"),
        (65, "ended with exit status 65"),
        (-9, "was killed by SIGKILL"),
        (-99, "was killed by signal 99"),
    ],
)
def test_an_end_in_words(returncode: int, words: str) -> None:
    """Exit statuses as numbers, signals by name where they have one."""
    assert how_it_ended(returncode) == words


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_and_a_second_one_cuts_the_clean_up_short(number: signal.Signals) -> None:
    """The work sees a cancellation for each signal, and the result says that it was interrupted."""
    seen = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("asked")
            try:
                os.kill(os.getpid(), number)
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                seen.append("asked again")
            raise
        return 1

    assert asyncio.run(until_signalled(work(), then=130)) == 130
    assert seen == ["asked", "asked again"]


def test_without_a_signal_the_result_is_the_works_own() -> None:
    """Its return value, its error, and a cancellation that no signal caused pass through."""

    async def returns() -> int:
        return 7

    async def fails() -> int:
        raise MarketSwarmError("no")

    async def is_cancelled() -> int:
        raise asyncio.CancelledError

    assert asyncio.run(until_signalled(returns(), then=0)) == 7
    with pytest.raises(MarketSwarmError):
        asyncio.run(until_signalled(fails(), then=0))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(until_signalled(is_cancelled(), then=0))


def test_an_ignored_signal_stays_ignored() -> None:
    """What nohup set up is not undone."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        return 7

    try:
        assert asyncio.run(until_signalled(work(), then=0)) == 7
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_of_several_decides_and_the_others_are_cancelled() -> None:
    """Its return returns, its error is raised, and nothing goes on behind it."""
    cancelled = []

    async def waits() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.append(1)

    async def fails() -> None:
        await asyncio.sleep(0)
        raise MarketSwarmError("it failed")

    asyncio.run(first_of(waits(), asyncio.sleep(0)))
    with pytest.raises(MarketSwarmError, match="it failed"):
        asyncio.run(first_of(waits(), fails()))
    assert len(cancelled) == 2


def test_prefixes_are_aligned_and_plain_in_a_pipe() -> None:
    """Each line starts with the name of who said it, all at one column."""
    out = io.StringIO()
    console = Console(["rss_agg", "mesh"], plain, out)
    console.say("rss_agg", "one")
    console.say("mesh", "two")
    assert out.getvalue() == "rss_agg | one\nmesh    | two\n"


def test_each_service_keeps_a_colour_of_its_own() -> None:
    """Two services differ, and one looks the same in every line."""
    out = io.StringIO()
    console = Console(["rss_agg", "mesh"], ansi, out)
    for name in ("rss_agg", "mesh", "rss_agg"):
        console.say(name, "x")
    first, second, third = out.getvalue().splitlines()
    assert first == third
    assert first.split("m")[0] != second.split("m")[0]


def test_a_reader_who_has_gone_closes_the_console() -> None:
    """A broken pipe is noticed and raises nothing, since a child's output arrives where nobody could catch it."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    console = Console(["mesh"], plain, Broken())
    assert not console.closed.is_set()
    console.say("mesh", "x")
    assert console.closed.is_set()
    console.say("mesh", "y")


def test_a_demonstration_needs_the_services_that_it_plays_with() -> None:
    """A truth without them is refused before anything is started."""
    with pytest.raises(MarketSwarmError, match="needs rss_agg, sentinel in truth"):
        asyncio.run(demo(b"{}", services=["healer", "mesh"], environ={}, paint=plain, out=io.StringIO()))
