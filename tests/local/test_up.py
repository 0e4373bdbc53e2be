"""`marketswarm up` as a person runs it: in a terminal, with a second one beside it, and nothing left when it ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from testkit import BIN, SERVICES, eventually, free_port, truth

KINDS = ("redis-server", "embedded")


class Terminals:
    """One environment for several commands, told apart from every other process of this machine by a marker."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory = directory
        self.kind = kind
        self._marker = f"MARKETSWARM_TEST={uuid.uuid4()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        temporary = directory / "tmp"
        temporary.mkdir()
        bin_directory = directory / "bin"
        bin_directory.mkdir()
        for program in ("setpriv", *(["redis-server"] if kind == "redis-server" else [])):
            found = shutil.which(program)
            assert found, f"no {program} on PATH"
            (bin_directory / program).symlink_to(found)
        name, _, value = self._marker.partition("=")
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "PYTHONSAFEPATH") if key in os.environ}
        self.environ = kept | {
            name: value,
            "PATH": str(bin_directory),
            "TMPDIR": str(temporary),
            "XDG_RUNTIME_DIR": str(directory),
        }
        self.temporary = temporary

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [BIN / "marketswarm", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=self.directory,
        )

    def up(self, *words: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start `marketswarm up`; what it prints is in self.shown()."""
        with (self.directory / "shown").open("wb") as shown:
            process = subprocess.Popen(
                [BIN / "marketswarm", "up", *words],
                env=self.environ | environ,
                stdout=shown,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
            )
        self._processes.append(process)
        return process

    def shown(self) -> str:
        """What `up` has printed so far."""
        return (self.directory / "shown").read_text(encoding="utf-8")

    def sees(self, text: str) -> None:
        """Wait until `up` has printed a text."""
        eventually(lambda: text in self.shown(), lambda: f"{text!r} in:\n{self.shown()}")

    def all_ready(self) -> None:
        """Wait until every service says that it is ready."""
        for service in SERVICES:
            self.sees(f"{service}: ready")

    def alive(self) -> list[int]:
        """The processes with the marker, zombies left out; redis-server overwrites it: known by where it runs."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):
                    environ = (entry / "environ").read_bytes().split(b"\0")
                    directory = str((entry / "cwd").readlink())
                    if self._marker.encode() in environ or directory.startswith(str(self.temporary)):
                        found.append(int(entry.name))
        return found

    def servers(self) -> list[int]:
        """The processes that are servers, of either kind."""
        words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.alive()}
        return sorted(pid for pid, line in words.items() if b"redis-server 127" in line or b"local.embedded" in line)

    def left(self) -> list[str]:
        """Files that were left behind where temporary files go."""
        return [path.name for path in self.temporary.iterdir()]

    def nothing_is_left(self) -> None:
        """Every process is gone at once, and so is every file."""
        assert self.alive() == []
        assert self.left() == []

    def close(self) -> None:
        """End what a failed test left running, by pid."""
        for process in self._processes:
            process.kill()
            process.wait()
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=KINDS)
def terminals(request: pytest.FixtureRequest) -> Iterator[Terminals]:
    """Terminals on a machine with a redis-server, and on one without; in a short path, for the socket in it."""
    with tempfile.TemporaryDirectory(prefix="ms-") as directory:
        terminals = Terminals(Path(directory), request.param)
        try:
            yield terminals
        finally:
            terminals.close()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A truth with fast beats, in a file."""
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth()), encoding="utf-8")
    return path


def test_up_says_what_it_runs_on_and_ctrl_c_stops_all(terminals: Terminals, document: Path) -> None:
    """The server in use, the variables for a second terminal, a prefix for each line; SIGINT ends it with exit 0."""
    up = terminals.up("--truth", str(document))
    terminals.all_ready()
    shown = terminals.shown()
    assert ("redis-server" if terminals.kind == "redis-server" else "embedded server (fakeredis") in shown
    assert "export SYSTEM_REDIS_URL=redis://127.0.0.1:" in shown
    assert "marketswarm up stop rss_agg" in shown
    assert "\x1b" not in shown
    assert any(line.startswith("rss_agg  | ") for line in shown.splitlines())
    up.send_signal(signal.SIGINT)
    assert up.wait(10) == 0
    terminals.nothing_is_left()


def test_the_runbook_can_be_played_by_hand(terminals: Terminals, document: Path) -> None:
    """A second terminal stops, kills and starts services; healer and sentinel say so; ps shows it."""
    up = terminals.up("--truth", str(document))
    terminals.all_ready()
    assert [line.split()[:2] for line in terminals.run("up", "ps").stdout.splitlines()] == [
        [service, "running"] for service in SERVICES
    ]
    terminals.run("up", "stop", "rss_agg")
    terminals.sees("heartbeat_miss rss_agg")
    assert "rss_agg   stopped" in terminals.run("up", "ps").stdout.splitlines()
    terminals.run("up", "start", "rss_agg")
    terminals.sees("heartbeat_ok rss_agg")
    terminals.run("up", "kill", "healer")
    terminals.sees("healer_miss healer")
    terminals.run("up", "start", "healer")
    terminals.sees("healer_ok healer")
    wrong = terminals.run("up", "stop", "rss")
    assert wrong.returncode != 0
    assert wrong.stderr.startswith("error: rss: not a service of this swarm; there are rss_agg, ")
    up.send_signal(signal.SIGTERM)
    assert up.wait(10) == 0
    terminals.nothing_is_left()


def test_a_service_that_dies_is_started_again(terminals: Terminals, document: Path) -> None:
    """One that is killed from outside comes back under a new pid, and one line says how it died."""
    up = terminals.up("--truth", str(document))
    terminals.all_ready()
    before = _pid(terminals, "mesh")
    os.kill(before, signal.SIGKILL)
    terminals.sees("mesh     | was killed by SIGKILL; starts again in 0.2 s")
    assert eventually(lambda: _pid(terminals, "mesh"), "mesh runs again") != before
    up.terminate()
    assert up.wait(10) == 0


def _pid(terminals: Terminals, service: str) -> int:
    """Return the pid that ps shows, or 0."""
    for line in terminals.run("up", "ps").stdout.splitlines():
        name, _, *pid = line.split()
        if name == service and pid:
            return int(pid[1])
    return 0


def test_a_second_up_is_refused_and_a_killed_one_is_not_in_the_way(terminals: Terminals, document: Path) -> None:
    """One line with the first one's pid; after SIGKILL the kernel ends the children and the next one can start."""
    first = terminals.up("--truth", str(document))
    terminals.all_ready()
    second = terminals.run("up", "--truth", str(document))
    assert second.returncode != 0
    assert f"already running (pid {first.pid})" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    first.kill()
    first.wait()
    eventually(lambda: not terminals.alive(), "the children of a killed parent have ended")
    third = terminals.up("--truth", str(document))
    terminals.all_ready()
    third.terminate()
    assert third.wait(10) == 0


def test_an_impatient_ctrl_c_leaves_nothing_either(terminals: Terminals, document: Path) -> None:
    """With a service that does not react, the second SIGINT cuts the wait short."""
    up = terminals.up("--truth", str(document))
    terminals.all_ready()
    os.kill(_pid(terminals, "mesh"), signal.SIGSTOP)
    up.send_signal(signal.SIGINT)
    terminals.sees("Stopping all of it.")
    up.send_signal(signal.SIGINT)
    assert up.wait(3) == 0
    terminals.nothing_is_left()


def test_ctrl_c_while_it_starts_leaves_nothing(terminals: Terminals, document: Path) -> None:
    """From the first moments on, whatever has been started by then ends."""
    up = terminals.up("--truth", str(document))
    terminals.sees("MarketSwarm:")
    up.send_signal(signal.SIGINT)
    assert up.wait(10) == 0
    terminals.nothing_is_left()


def test_a_server_that_dies_ends_it_with_an_error(terminals: Terminals, document: Path) -> None:
    """What the server held is gone, so all stops; exit 69, and the last line says which one died and how."""
    up = terminals.up("--truth", str(document))
    terminals.all_ready()
    system, _ = terminals.servers()
    os.kill(system, signal.SIGKILL)
    assert up.wait(10) == 69
    assert "was killed by SIGKILL" in terminals.shown().splitlines()[-1]
    terminals.nothing_is_left()


def test_a_reader_who_goes_away_ends_it(terminals: Terminals, document: Path) -> None:
    """As in `marketswarm up | head -1`: nothing goes on unseen."""
    with subprocess.Popen(
        [BIN / "marketswarm", "up", "--truth", str(document)],
        env=terminals.environ,
        stdout=subprocess.PIPE,
        cwd=terminals.directory,
    ) as up:
        assert up.stdout
        up.stdout.readline()
        up.stdout.close()
        up.wait(15)
    terminals.nothing_is_left()


def test_variables_of_other_buses_do_not_reach_the_services(terminals: Terminals, document: Path) -> None:
    """With the production's variables set in the shell, the services still beat on the private servers alone."""
    elsewhere = f"redis://127.0.0.1:{free_port()}"
    up = terminals.up(
        *("--truth", str(document)),
        SYSTEM_REDIS_URL=elsewhere,
        MARKET_REDIS_URL=elsewhere,
        REDIS_URL=elsewhere,
        TRUTH_REDIS_URL=elsewhere,
    )
    terminals.all_ready()
    up.terminate()
    assert up.wait(10) == 0
    assert elsewhere not in terminals.shown()


def test_services_end_even_where_the_control_socket_has_a_guest_who_stays(terminals: Terminals, document: Path) -> None:
    """Somebody who connects and says nothing does not hold up the end."""
    up = terminals.up("--truth", str(document))
    terminals.all_ready()
    with socket.socket(socket.AF_UNIX) as guest:
        guest.connect(str(terminals.directory / "marketswarm-up.sock"))
        up.terminate()
        assert up.wait(10) == 0
    terminals.nothing_is_left()
