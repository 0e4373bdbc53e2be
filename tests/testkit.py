"""What the tests of the upper floors are made of: servers, services as processes, and a bus to look at."""

import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

import pytest
import redis
from bring import left_out, must_not_be_left_out
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketswarm import names
from marketswarm.address import Address
from marketswarm.granting import Keeper
from marketswarm.local import embedded
from marketswarm.passwords import Passwords
from marketswarm.settings import Settings
from marketswarm.truth import parse

INTERVAL_SEC = 0.25
TIMEOUT_SEC = 2.0
HEALER_INTERVAL_SEC = 0.6
WAIT_SEC = 15.0
FIRST_PORT = 20_000
PORTS_EACH = 1000
MAX_PROCESSES = 12
WORKERS = ("rss_agg", "massive", "mesh", "vexy_ai")
SERVICES = (*WORKERS, "healer", "sentinel")
TESTER = "tests"
"""The user, and its password, by whom tests look at servers and change them."""
BIN = Path(sys.executable).parent
T = TypeVar("T")


def eventually(
    check: Callable[[], T | None],
    what: str | Callable[[], str],
    within_sec: float = WAIT_SEC,
    *,
    pause_sec: float = 0.02,
    longest_pause_sec: float = 0.0,
) -> T:
    """Ask until the answer is true, and return it; a failure says what was waited for.

    Where pauses may be longer than ``pause_sec``, they become so with the time waited, a fifth of it each.
    """
    began = time.monotonic()
    end = began + within_sec
    while True:
        found = check()
        if found:
            return found
        now = time.monotonic()
        if now >= end:
            raise AssertionError(f"not within {within_sec:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(max(pause_sec, min((now - began) / 5, longest_pause_sec, end - now)))


def children() -> set[int]:
    """The processes that are this one's children, dead ones that nobody has reaped among them.

    Asked of each process: a thread's own list goes with the thread, which may end while it is read.
    """
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # It has ended meanwhile.
            stat = place.read_text(encoding="utf-8", errors="replace")
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.split()[0]))
    return found


def need(program: str) -> None:
    """Leave the test out where ``program`` is missing; with CI=true that is a failure."""
    if why := left_out(program):
        leave_out(why)


def leave_out(why: str) -> NoReturn:
    """Leave the test out, which its last lines say; with CI=true that is a failure.

    Who has no root, no Redis or no systemd on his machine can still run all the others.
    """
    if must_not_be_left_out():
        pytest.fail(why)
    pytest.skip(why)


def _own_ports() -> Iterator[int]:
    """Give the ports of this process of the tests, again and again: below those that the kernel gives to anybody.

    So one that a test wants closed is opened by no other test meanwhile.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    start = FIRST_PORT + number % MAX_PROCESSES * PORTS_EACH
    return itertools.cycle(range(start, start + PORTS_EACH))


_ports = _own_ports()


def free_port() -> int:
    """Pick a port of loopback that nobody listens on, and no other test will."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def truth(**sections: Any) -> dict[str, Any]:
    """Make a document for the six services with test timing; a section given replaces or adds that service's."""
    services: dict[str, Any] = {name: {"heartbeat": {"interval_sec": INTERVAL_SEC}} for name in SERVICES}
    watched = [*WORKERS, "sentinel"]
    services["healer"] = {
        "heartbeat": {"interval_sec": HEALER_INTERVAL_SEC},
        "access_points": {
            "subscribe_to": [{"bus": "system-redis", "key": f"{name}:heartbeat"} for name in watched],
            "publish_to": [
                {"bus": "system-redis", "key": "healer:alerts"},
                {"bus": "system-redis", "key": "healer:heartbeat"},
            ],
        },
        "threshold": {"heartbeat_cadence": TIMEOUT_SEC},
    }
    return {"services": services | sections}


def watching(*services: str, **sections: Any) -> dict[str, Any]:
    """Make a document in which healer watches just these services."""
    document = truth(**sections)
    document["services"]["healer"]["access_points"]["subscribe_to"] = [
        {"bus": "system-redis", "key": f"{name}:heartbeat"} for name in services
    ]
    return document


class Users:
    """The users of two servers, as a host has them, and one for the tests, who may do anything."""

    def __init__(self, directory: Path) -> None:
        self.passwords = Passwords(directory / "passwords")
        self.files = {bus: directory / f"{bus}.acl" for bus in names.DEFAULT_BUS_URLS}
        for file in self.files.values():
            file.write_text(f"user {TESTER} on >{TESTER} ~* &* +@all\n", encoding="ascii")
        self.prepare(truth())

    def prepare(self, document: dict[str, Any]) -> None:
        """Have the servers start with the users of a document."""
        Keeper(Settings(), self.passwords, self.files).prepare([parse(json.dumps(document).encode())])


class Server:
    """A bus. ``client`` is the tests' own view of it."""

    def __init__(self, port: int, users: Users | None = None) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"
        self.users = users
        self.client = self.connect()

    def connect(self, socket_timeout: float = 5) -> redis.Redis:
        """Make a client that may do anything."""
        user = TESTER if self.users else None
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            username=user,
            password=user,
            socket_timeout=socket_timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    @property
    def address(self) -> Address:
        """Where it is, with the login of who may do anything."""
        address = Address.parse(self.url)
        return address.logged_in(TESTER, TESTER) if self.users else address

    def start(self) -> None:
        """Begin to serve; returns when it answers."""
        raise AssertionError("a test asks for a server of a kind that was not chosen")

    def stop(self) -> None:
        """Leave nothing behind."""

    def wait(self) -> None:
        """Wait until it answers."""
        eventually(self.answers, f"a server on port {self.port}")

    def answers(self) -> bool:
        """Whether it says PONG."""
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def json(self, key: str) -> dict[str, Any] | None:
        """The object under a key."""
        raw = self.client.get(key)
        return json.loads(raw) if isinstance(raw, bytes) else None

    def alerts(self, stream: str = "healer:alerts:log") -> list[dict[str, Any]]:
        """What the alert log holds, or another stream of alerts."""
        entries: Any = self.client.xrange(stream)
        return [json.loads(fields[b"event"]) for _, fields in entries]

    def alert_types(self, service: str | None = None) -> list[str]:
        """The types of the alerts, of one service if it is given."""
        return [a["type"] for a in self.alerts() if service is None or a.get("svc") == service]


class FakeServer(Server):
    """fakeredis behind a TCP port, in this process."""

    def start(self) -> None:
        """Begin to serve."""
        self._server = embedded.server(self.port)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.wait()

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self._server.shutdown()
        self._server.server_close()


class RealServer(Server):
    """A redis-server process, which can be killed, stopped and continued."""

    def __init__(
        self, port: int, directory: Path, *options: str, users: Users | None = None, bus: str = names.SYSTEM_BUS
    ) -> None:
        """Without ``users`` it is open."""
        super().__init__(port, users)
        self._directory = directory
        self._options = (*options, *(("--aclfile", str(users.files[bus])) if users else ()))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to serve; started again, it has nothing of what it held."""
        server = shutil.which("redis-server")
        assert server is not None, "no redis-server on PATH"
        command = [server, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory)]
        self._process = subprocess.Popen([*command, "--save", "", *self._options], stdout=subprocess.DEVNULL)
        self.wait()

    def stop(self) -> None:
        """End it, whatever its state."""
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """SIGKILL: connections break at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """SIGSTOP: connections stand and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self.wait()


class Service:
    """A service as systemd would start it: `marketswarm run NAME` with a notification socket."""

    def __init__(
        self,
        name: str,
        environ: Mapping[str, str],
        directory: Path,
        program: Sequence[str | Path],
    ) -> None:
        """``program`` is given the name."""
        self.name = name
        self.said: list[str] = []
        """What it told the service manager, in order."""
        stem = f"{name}-{time.monotonic_ns()}"
        self.log_path = directory / f"{stem}.log"
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(f"\0{stem}")  # an abstract name: a path could be too long for a socket
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [*program, name],
                env={"NOTIFY_SOCKET": f"@{stem}", **environ},
                stderr=log,
                stdout=log,
            )
        self.pid = self._process.pid

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.log_path.read_text(encoding="utf-8")

    def ready(self, within_sec: float = WAIT_SEC) -> Self:
        """Wait for READY=1."""
        eventually(lambda: "READY=1" in self.notified() or self.ended(), f"{self.name} ready", within_sec)
        assert "READY=1" in self.said, f"{self.name} ended early:\n{self.log}"
        return self

    def notified(self) -> list[str]:
        """Everything that it told the service manager so far."""
        while select.select([self._manager], [], [], 0)[0]:
            self.said.append(self._manager.recv(4096).decode("latin-1"))
        return self.said

    def logs(self, text: str, within_sec: float = WAIT_SEC) -> Self:
        """Wait until its log holds a text."""
        eventually(lambda: text in self.log, lambda: f"{self.name} logs {text!r}; it logged:\n{self.log}", within_sec)
        return self

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def exit_code(self, within_sec: float = WAIT_SEC) -> int:
        """Wait for its end."""
        return self._process.wait(within_sec)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; returns the exit code, of which the contract says 0 within 2 s."""
        self._process.terminate()
        return self._process.wait(2)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        if not self.ended():
            self._process.kill()
            self._process.wait()
        self._manager.close()


class Swarm:
    """Two buses, and whatever a test starts on them."""

    def __init__(self, system: Server, market: Server, directory: Path) -> None:
        self.system = system
        self.market = market
        self.directory = directory
        self._services: list[Service] = []
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "PYTHONSAFEPATH") if key in os.environ}
        self.environ = kept | {"SYSTEM_REDIS_URL": system.url, "MARKET_REDIS_URL": market.url}
        if system.users:
            self.environ[names.ENV_REDIS_CREDENTIALS] = str(system.users.passwords.folder)

    def seed(self, document: dict[str, Any] | None = None, **environ: str) -> None:
        """Put a document on both buses by `marketswarm-seed`; a server that starts anew has the same users."""
        seeded = document or truth()
        done = self.command("marketswarm-seed", "--truth", str(self.write(seeded)), **environ)
        assert done.returncode == 0, done.stderr
        if self.system.users:
            self.system.users.prepare(seeded)

    def allow(self, document: dict[str, Any] | None = None, **environ: str) -> None:
        """Give everybody on the buses the rights of a document that is not seeded, by this environment."""
        if self.system.users:
            path = self.write(document or truth())
            done = self.command("marketswarm", "acl", "apply", "--truth", str(path), **environ)
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
            self.system.users.prepare(document or truth())

    def write(self, document: Any) -> Path:
        """Write a document, or its raw text, to a file."""
        path = self.directory / f"truth-{time.monotonic_ns()}.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    def command(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [BIN / words[0], *words[1:]],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.directory,
        )

    def start(self, name: str, *, within: Sequence[str] = (), **environ: str) -> Service:
        """Start a service; ``within`` is a command that runs another, which it becomes."""
        program: tuple[str | Path, ...] = (*within, BIN / "marketswarm", "run")
        return self._keep(Service(name, self.environ | environ, self.directory, program))

    def start_by(self, program: Sequence[str | Path], name: str) -> Service:
        """Start a service by a program of the test's own, which is given the name."""
        return self._keep(Service(name, self.environ, self.directory, program))

    def _keep(self, service: Service) -> Service:
        self._services.append(service)
        return service

    def close(self) -> None:
        """End every service that a test left running."""
        for service in self._services:
            service.close()

    def health(self, service: str) -> str | None:
        """The type of the service's health object."""
        found = self.system.json(f"health:{service}")
        return found["type"] if found else None

    def until(self, service: str, kind: str, within_sec: float = WAIT_SEC) -> None:
        """Wait until a service's health object is of a type."""
        eventually(lambda: self.health(service) == kind, f"health:{service} is {kind}", within_sec)


@contextmanager
def beating(
    server: Server, service: str, *, lease: bool = False, publish: bool = True, sha256: str = ""
) -> Iterator[None]:
    """Beat as a foreign program would, from a thread: plain PUBLISH, a lease, or both.

    ``sha256`` is the truth that the beats name, if any.
    """
    names_truth = {"truth": sha256} if sha256 else {}
    stop = threading.Event()
    client = server.connect(socket_timeout=1)

    def loop() -> None:
        count = 0
        while not stop.wait(INTERVAL_SEC):
            count += 1
            beat = json.dumps({"svc": service, "i": count, "ts": time.time()} | names_truth)
            try:
                if lease:
                    client.set(f"{service}:heartbeat", beat, px=int(TIMEOUT_SEC * 1000))
                if publish:
                    client.publish(f"{service}:heartbeat", beat)
            except redis.RedisError:
                continue

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        client.close()


@contextmanager
def listening(server: Server, *channels: str) -> Iterator[Callable[[], list[bytes]]]:
    """Subscribe; the value given returns what was heard so far."""
    client = server.connect()
    subscription = client.pubsub(ignore_subscribe_messages=False)
    subscription.subscribe(*channels)
    for _ in channels:
        assert subscription.get_message(timeout=5)
    heard: list[bytes] = []

    def read() -> list[bytes]:
        while message := subscription.get_message(timeout=0.01):
            heard.append(message["data"])
        return heard

    try:
        yield read
    finally:
        subscription.close()
        client.close()
