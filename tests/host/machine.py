"""One throwaway host with a real systemd as its first process."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import testkit
from host.images import mounted

BOOT_SEC = 60.0
COMMAND_SEC = 120.0
SYSTEM, MARKET = 6379, 6380
PASSWORDS = "etc/marketswarm/credentials/redis"
ADMIN = "marketswarm-admin"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
T = TypeVar("T")
_OFF = signal.SIGRTMIN + 3
"""systemd(1): halt, from the one who holds a container."""


def eventually(
    check: Callable[[], T | None], what: str | Callable[[], str], within_sec: float, *, longest_pause_sec: float = 0.5
) -> T:
    """Ask until the answer is true; each question costs processes, which other hosts of this machine feel."""
    return testkit.eventually(check, what, within_sec, pause_sec=0.1, longest_pause_sec=longest_pause_sec)


class Machine:
    """A host whose root is an overlay: ``directory`` keeps what it writes, over the images ``lower``."""

    def __init__(self, name: str, directory: Path, *lower: Path) -> None:
        self.name = name
        self.directory = directory
        self._lower = lower
        self._stack = contextlib.ExitStack()
        self._container: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._group = _control_groups() / f"marketswarm-host-{name}"
        self.root = self._stack.enter_context(mounted(directory, *lower))

    # --- power ---

    def boot(self) -> Self:
        """Switch it on, and wait until systemd takes commands."""
        environ = {"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        command = ["systemd-nspawn", "--quiet", "-D", str(self.root), "--boot", "--register=no", "--keep-unit"]
        # A network of its own with nothing but loopback; the last two let IPAddressDeny= work inside.
        command += ["-M", self.name, "--private-network", f"--kill-signal={_OFF}", "--console=pipe"]
        command += ["--capability=all", "--system-call-filter=bpf"]
        # In a control group of its own: hosts that share one would count and kill each other's processes.
        self._group.mkdir(exist_ok=True)
        inside = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self._group)]
        with (self.directory / "console").open("ab") as console:
            self._container = subprocess.Popen(
                [*inside, *command], env=environ, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        eventually(self._answers, lambda: f"{self.name}: systemd answers\n{self._console()}", BOOT_SEC)
        return self

    def off(self) -> None:
        """Shut it down in order."""
        os.kill(self._leader, _OFF)
        self._gone()

    def pull_the_plug(self) -> None:
        """End it as a power cut would: all at once, nothing is told."""
        os.kill(self._leader, signal.SIGKILL)
        self._gone()

    def close(self) -> None:
        """Leave nothing behind but what it wrote."""
        if self._container is not None:
            if self._leader and self._container.poll() is None:
                os.kill(self._leader, signal.SIGKILL)
            else:
                self._container.kill()
            self._gone()
        self._stack.close()

    def _gone(self) -> None:
        assert self._container is not None
        self._container.wait(BOOT_SEC)
        self._container = None
        self._leader = 0
        # systemd-nspawn makes one of the same name in a hierarchy of the old kind, if there is one.
        for group in {self._group, *Path("/sys/fs/cgroup").glob(f"*/{self._group.name}")}:
            folders = [path for path in group.rglob("*") if path.is_dir()]
            for folder in (*sorted(folders, reverse=True), group):
                # The last processes may still be on their way out.
                testkit.eventually(functools.partial(_removed, folder), f"{folder} is empty", BOOT_SEC)

    def _answers(self) -> bool:
        assert self._container is not None
        assert self._container.poll() is None, self._console()
        children = Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children").read_text(encoding="ascii")
        if not children:
            return False
        # Looked up anew each time: a child that only sets the stage comes first.
        self._leader = int(children.split()[0])
        return self.tries("systemctl", "is-system-running").stdout.strip() in ("starting", "running", "degraded")

    def _console(self) -> str:
        return (self.directory / "console").read_text(encoding="utf-8", errors="replace")

    # --- commands ---

    def tries(self, *command: str, within_sec: float = COMMAND_SEC) -> subprocess.CompletedProcess[str]:
        """Run a command on it, however that ends."""
        environ = ["env", "-i", f"PATH={_PATH}", "LC_ALL=C.UTF-8", "HOME=/root"]
        return subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", *environ, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within_sec,
            check=False,
        )

    def run(self, *command: str, within_sec: float = COMMAND_SEC) -> str:
        """Run a command that must do well; returns what it printed."""
        done = self.tries(*command, within_sec=within_sec)
        assert done.returncode == 0, f"{self._last_lines()}\n{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def systemctl(self, *words: str) -> str:
        """Ask its service manager."""
        return self.run("systemctl", *words)

    def show(self, unit: str, *properties: str) -> tuple[str, ...]:
        """Properties of a unit, in the order asked for."""
        lines = self.systemctl("show", unit, *(f"--property={name}" for name in properties)).splitlines()
        found = dict(line.partition("=")[::2] for line in lines)
        return tuple(found[name] for name in properties)

    def pid(self, unit: str) -> int:
        """The main process of a unit, by its number on the host."""
        pid = int(self.show(unit, "MainPID")[0])
        assert pid > 0, f"{unit} has no process"
        return pid

    def signal(self, unit: str, name: str) -> None:
        """Send a signal to a unit's main process, by kill(1): systemd is not asked."""
        self.run("kill", f"-{name}", str(self.pid(unit)))

    def states(self, *units: str) -> list[str]:
        """What `systemctl is-active` says of each."""
        return self.tries("systemctl", "is-active", *units).stdout.split()

    def active(self, *units: str, within_sec: float = 30.0) -> None:
        """Wait until all are active."""
        wanted = ["active"] * len(units)
        self._until(
            lambda: self.states(*units) == wanted,
            lambda: f"{self.name}: all active of {units}, are {self.states(*units)}",
            within_sec,
        )

    def journal(self, unit: str, *options: str) -> str:
        """The messages of a unit, a line each."""
        return self.run("journalctl", "--no-pager", "--output=cat", "-u", unit, *options)

    def logs(self, unit: str, text: str, within_sec: float = 15.0) -> None:
        """Wait until the journal of a unit holds a text."""
        self._until(lambda: text in self.journal(unit), lambda: f"{unit} logs {text!r}", within_sec)

    def _until(self, check: Callable[[], object], what: Callable[[], str], within_sec: float) -> None:
        """Wait; a failure says last what it waited for, since a log of many tests is read from its end."""
        eventually(check, lambda: f"{self._last_lines()}\n{what()}", within_sec)

    def _last_lines(self) -> str:
        return self.tries("journalctl", "--no-pager", "-n", "60", "-o", "short-monotonic").stdout

    # --- its buses ---

    def redis_cli(self, port: int = SYSTEM) -> tuple[str, ...]:
        """The beginning of a command line that asks a bus, as who may do anything there."""
        return ("redis-cli", "-h", "127.0.0.1", "-p", str(port), *self.login(), "--no-auth-warning")

    def login(self) -> tuple[str, ...]:
        """The words by which Redis' programs log in as who may do anything."""
        return ("--user", ADMIN, "-a", (self.root / PASSWORDS / ADMIN).read_text(encoding="ascii"))

    def redis(self, *command: str, port: int = SYSTEM) -> str:
        """Ask a bus."""
        return self.run(*self.redis_cli(port), *command).rstrip("\n")

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert of the log stream."""
        lines = self.redis("XRANGE", "healer:alerts:log", "-", "+").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def alert_types(self, about: str | None = None) -> list[str]:
        """The types of the alerts, of one service, bus or unit if it is given."""
        return [
            alert["type"]
            for alert in self.alerts()
            if about is None or about in (alert.get("svc"), alert.get("bus"), alert.get("unit"))
        ]

    def alerted(self, about: str, *types: str, within_sec: float = 15.0) -> None:
        """Wait until the alerts about somebody are these and no others."""
        self._until(
            lambda: self.alert_types(about) == list(types),
            lambda: f"{self.name}: alerts about {about} are {types}; there are {self.alerts()}",
            within_sec,
        )


def _control_groups() -> Path:
    """Where this process stands in the machine's unified hierarchy, cgroups(7)."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())
    top = next(fields[1] for fields in mounts if fields[2] == "cgroup2")
    own = next(line for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines() if line[:3] == "0::")
    return Path(top, own[3:].lstrip("/"))


def _removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def seconds(check: Callable[[], object], what: str, within_sec: float) -> float:
    """Wait for something, and return how long it took."""
    began = time.monotonic()
    eventually(check, what, within_sec, longest_pause_sec=0.0)
    return time.monotonic() - began


@contextlib.contextmanager
def machine(name: str, directory: Path, *lower: Path) -> Iterator[Machine]:
    """A host that is gone when the context is left."""
    host = Machine(name, directory, *lower)
    try:
        yield host
    finally:
        host.close()
