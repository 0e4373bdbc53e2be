"""What the service manager hears, on a real datagram socket."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from marketswarm.sd import Manager, watchdog_period_sec

Heard = Callable[[], list[bytes]]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """A service manager that listens; the value returns the datagrams that it has got."""
    name = f"marketswarm-test-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")  # an abstract name: a path could be too long for a socket
        listener.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")

        def read() -> list[bytes]:
            datagrams = []
            while True:
                try:
                    datagrams.append(listener.recv(65536))
                except BlockingIOError:
                    return datagrams

        yield read


@pytest.fixture
def manager(heard: Heard) -> Iterator[Manager]:
    """The service manager as a service sees it."""
    with closing(Manager(present=True)) as manager:
        yield manager


def test_each_sign_is_a_datagram_of_its_own(manager: Manager, heard: Heard) -> None:
    """So that one that is lost takes no other with it."""
    manager.status("waiting")
    manager.ready()
    manager.alive()
    manager.alive()
    manager.stopping()
    assert heard() == [b"STATUS=waiting", b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("3 alive, 1 missed", b"STATUS=3 alive, 1 missed"),
        ("", b"STATUS="),
        ("caf\u00e9", b"STATUS=caf?"),
        ("5 \u20ac \U0001f600", b"STATUS=5 ? ?"),
        ("\ud800", b"STATUS=?"),
        ("a\nWATCHDOG=1", b"STATUS=a WATCHDOG=1"),
        (" a \r\n\t b ", b"STATUS=a b"),
    ],
)
def test_a_status_always_arrives_as_one_ascii_line(manager: Manager, heard: Heard, line: str, expected: bytes) -> None:
    """What latin-1 cannot hold would lose the datagram, and a line break would start another assignment."""
    manager.status(line)
    assert heard() == [expected]


# sdnotify drops its socket unclosed where it cannot connect it.
UNCLOSED = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def test_without_a_service_manager_it_is_silent(heard: Heard) -> None:
    """On a terminal nothing happens, and nothing fails."""
    manager = Manager(present=False)
    manager.status("waiting")
    manager.ready()
    manager.alive()
    manager.stopping()
    manager.close()
    assert heard() == []


@UNCLOSED
def test_a_service_manager_that_is_gone_does_no_harm(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the address given."""
    monkeypatch.setenv("NOTIFY_SOCKET", f"@marketswarm-nobody-{time.monotonic_ns()}")
    manager = Manager(present=True)
    manager.alive()
    manager.close()
    assert heard() == []


@pytest.mark.parametrize(
    ("usec", "pid", "expected_sec"),
    [
        ("30000000", None, 15),
        ("30000000", "", 15),
        ("30000000", "7", 15),
        ("30000000", "8", None),
        ("30000000", "07", None),
        ("1", None, 0.0000005),
        (None, None, None),
        (None, "7", None),
        ("", "7", None),
        ("0", "7", None),
        ("-1", "7", None),
        ("1.5", "7", None),
        ("soon", "7", None),
    ],
)
def test_the_watchdog_is_fed_twice_a_period(usec: str | None, pid: str | None, expected_sec: float | None) -> None:
    """Only where systemd waits for one, and for this very process."""
    assert watchdog_period_sec(usec, pid, 7) == expected_sec


def test_a_status_is_not_waited_for(manager: Manager, heard: Heard) -> None:
    """A manager that takes nothing holds up no service; once it reads, it hears what is said from then on."""
    for number in range(5000):
        manager.status(f"{number}")
    kept = heard()
    assert kept[0] == b"STATUS=0"
    assert len(kept) < 5000
    manager.ready()
    assert heard() == [b"READY=1"]


def test_a_reload_is_told_from_its_signal_to_its_end(manager: Manager, heard: Heard) -> None:
    """Each signal with its time, in one datagram; READY=1 ends them all, once."""
    manager.ready()
    manager.reloading(12.000_001)
    manager.reloading(12.5)
    manager.alive()
    manager.reloaded()
    manager.reloaded()
    assert heard() == [
        b"READY=1",
        b"RELOADING=1\nMONOTONIC_USEC=12000001",
        b"RELOADING=1\nMONOTONIC_USEC=12500000",
        b"WATCHDOG=1",
        b"READY=1",
    ]


def test_no_reload_is_told_before_the_service_is_ready(manager: Manager, heard: Heard) -> None:
    """Systemd would take the READY=1 at its end for a start that is done."""
    manager.reloading(12)
    manager.reloaded()
    assert heard() == []


@pytest.mark.parametrize("begun", [True, False])
def test_no_reload_is_told_once_the_service_stops(manager: Manager, heard: Heard, *, begun: bool) -> None:
    """Neither its begin nor the end of one that was under way."""
    manager.ready()
    if begun:
        manager.reloading(12)
    heard()
    manager.stopping()
    manager.reloading(13)
    manager.reloaded()
    assert heard() == [b"STOPPING=1"]
