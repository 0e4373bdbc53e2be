"""The log: priorities for the journal, and fields for alerts; plain lines elsewhere."""

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import TextIO

import pytest

from marketswarm import log
from marketswarm.log.alerts import announce, fields
from marketswarm.messages import (
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    ServiceRestarted,
    Stable,
    TruthDrift,
    UnitFailed,
)

MISS = HeartbeatMiss("rss_agg", 31.25, 30.0, 1762433458)
MISS_LINE = "heartbeat_miss rss_agg: no beat for 31.2 s (timeout 30 s)"
NOBODY = "\0marketswarm-test-nobody"


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A stderr to read, and a root logger that is as it was when the test is done."""
    level = logging.root.level
    monkeypatch.setattr(logging.root, "handlers", [])
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as file:
        yield file
    logging.root.setLevel(level)


@pytest.fixture
def journald() -> Iterator[socket.socket]:
    """The socket on which journald would listen, under an abstract name: a path could be too long for a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(f"\0marketswarm-test-{time.monotonic_ns()}")
        yield listener


def configure(stream: TextIO, level: str, *, journal: bool, address: str = NOBODY) -> None:
    """Send the log to the stream, as stderr; ``journal`` says whether systemd has connected it to the journal."""
    with redirect_stderr(stream):
        log.configure(level, journal_stream(stream) if journal else None, address)


def address(listener: socket.socket) -> str:
    """Say where a listener can be reached."""
    name: bytes = listener.getsockname()
    return name.decode("ascii")


def entry(listener: socket.socket) -> dict[str, str]:
    """Read the one entry that the journal got; none of its fields needs more than a line."""
    datagram = listener.recv(65536).decode("utf-8")
    with pytest.raises(BlockingIOError):
        listener.recv(65536)
    return dict(line.split("=", 1) for line in datagram.splitlines())


def journal_stream(stream: TextIO) -> str:
    """Name a stream as systemd names the one that it has connected to the journal."""
    found = Path(stream.name).stat()
    return f"{found.st_dev}:{found.st_ino}"


def written(stream: TextIO) -> list[str]:
    """Read what was logged."""
    return Path(stream.name).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.DEBUG, "<7>said"),
        (logging.INFO, "<6>said"),
        (log.NOTICE, "<5>said"),
        (logging.WARNING, "<4>said"),
        (logging.ERROR, "<3>said"),
        (logging.CRITICAL, "<2>said"),
        (logging.CRITICAL + 10, "<2>said"),
        (logging.INFO + 1, "<6>said"),
        (logging.DEBUG - 1, "<7>said"),
    ],
)
def test_the_journal_gets_the_priority_in_front(stream: TextIO, level: int, line: str) -> None:
    """As sd-daemon(3) numbers them."""
    configure(stream, "DEBUG", journal=True)
    logging.root.setLevel(1)
    logging.root.log(level, "%s", "said")
    assert written(stream) == [line]


def test_each_line_of_a_message_has_its_priority(stream: TextIO) -> None:
    """The journal makes an entry of each, a traceback's lines included."""
    configure(stream, "INFO", journal=True)
    logging.root.error("one\ntwo", exc_info=ValueError("three"))
    assert written(stream) == ["<3>one", "<3>two", "<3>ValueError: three"]


def test_elsewhere_a_line_has_its_time_and_level(stream: TextIO) -> None:
    """And no priority, which only the journal understands."""
    configure(stream, "INFO", journal=False)
    logging.root.warning("said")
    logging.root.log(log.NOTICE, "noted")
    lines = [line.split(maxsplit=1) for line in written(stream)]
    assert [rest for _, rest in lines] == ["WARNING said", "NOTICE  noted"]
    assert all(len(stamp) == len("09:30:00") and stamp.count(":") == 2 for stamp, _ in lines)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", ["debug", "info", "over", "warning", "trouble"]),
        ("INFO", ["info", "over", "warning", "trouble"]),
        ("WARNING", ["warning", "trouble"]),
        ("ERROR", ["trouble"]),
    ],
)
def test_the_level_hides_what_is_below_it(stream: TextIO, level: str, expected: list[str]) -> None:
    """Recoveries stand above INFO and below WARNING; trouble is an error."""
    configure(stream, level, journal=True)
    for number, text in (
        (logging.DEBUG, "debug"),
        (logging.INFO, "info"),
        (log.NOTICE, "over"),
        (logging.WARNING, "warning"),
        (logging.ERROR, "trouble"),
    ):
        logging.root.log(number, "%s", text)
    assert [line[3:] for line in written(stream)] == expected


def test_an_alert_is_one_entry_with_all_that_it_says(stream: TextIO, journald: socket.socket) -> None:
    """By the journal's own protocol, found with the lines of stderr, and not said there again."""
    configure(stream, "ERROR", journal=True, address=address(journald))
    announce(MISS)
    assert entry(journald) == {
        "MESSAGE": MISS_LINE,
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "marketswarm",
        "SYSLOG_FACILITY": "3",
        "MESSAGE_ID": "0ac16f0892074454b08f32684fc05273",
        "MARKETSWARM_TYPE": "heartbeat_miss",
        "MARKETSWARM_SERVICE": "rss_agg",
        "MARKETSWARM_LATE_SEC": "31.25",
        "MARKETSWARM_TIMEOUT_SEC": "30.0",
        "MARKETSWARM_TS": "1762433458",
        "MARKETSWARM_REASON": "",
        "MARKETSWARM_GROUP": "",
    }
    assert written(stream) == []


@pytest.mark.parametrize(
    ("alert", "priority", "whom"),
    [
        (MISS, "3", "MARKETSWARM_SERVICE=rss_agg"),
        (HeartbeatOk("rss_agg", 0.1, 1), "5", "MARKETSWARM_SERVICE=rss_agg"),
        (HealerMiss("healer", 31.0, 30.0, 1), "3", "MARKETSWARM_SERVICE=healer"),
        (HealerOk("healer", 1), "5", "MARKETSWARM_SERVICE=healer"),
        (BusLost("market-redis", "silent", 1), "3", "MARKETSWARM_BUS=market-redis"),
        (BusOk("market-redis", 1.5, 1), "5", "MARKETSWARM_BUS=market-redis"),
        (TruthDrift("system-redis", "no truth", 1), "3", "MARKETSWARM_BUS=system-redis"),
        (TruthDrift("system-redis", "on ab12", 1, "mesh"), "3", "MARKETSWARM_SERVICE=mesh"),
        (UnitFailed("marketswarm@mesh.service", "78", 1), "3", "MARKETSWARM_UNIT=marketswarm@mesh.service"),
        (MassMiss("market-redis", 3, 4, ("a", "b", "c"), "g", 1), "3", "MARKETSWARM_BUS=market-redis"),
        (MassOk("market-redis", 3, 0, (), "g", 1), "5", "MARKETSWARM_BUS=market-redis"),
        (Flapping("mesh", 4, 600.0, 1), "3", "MARKETSWARM_SERVICE=mesh"),
        (Stable("mesh", "up", 1), "5", "MARKETSWARM_SERVICE=mesh"),
        (ServiceRestarted("mesh", 2, 1), "3", "MARKETSWARM_SERVICE=mesh"),
        (DuplicateInstance("mesh", 1), "3", "MARKETSWARM_SERVICE=mesh"),
        (ProbeFailed("massive", "broker", "tls", "expired", 3, 1, 0.5), "3", "MARKETSWARM_PROBE=broker"),
        (ProbeFailed("massive", "broker", "tls", "expired", 3, 1, 0.5), "3", "MARKETSWARM_SERVICE=massive"),
        (ProbeOk("massive", "broker", 12.3, 1), "5", "MARKETSWARM_PROBE=broker"),
    ],
)
def test_trouble_is_an_error_and_its_end_a_notice(
    stream: TextIO, journald: socket.socket, alert: Alert, priority: str, whom: str
) -> None:
    """`journalctl -p err` finds what calls for somebody; each entry names whom it is about."""
    configure(stream, "INFO", journal=True, address=address(journald))
    announce(alert)
    found = entry(journald)
    assert found["PRIORITY"] == priority
    field, _, value = whom.partition("=")
    assert found[field] == value


def test_what_is_not_an_alert_stays_on_stderr(stream: TextIO, journald: socket.socket) -> None:
    """Only fields need the socket."""
    configure(stream, "INFO", journal=True, address=address(journald))
    logging.root.warning("said")
    assert written(stream) == ["<4>said"]
    with pytest.raises(BlockingIOError):
        journald.recv(65536)


def test_an_alert_that_the_journal_does_not_take_goes_to_stderr(stream: TextIO) -> None:
    """Without its fields, and once."""
    configure(stream, "INFO", journal=True, address=NOBODY)
    announce(MISS)
    assert written(stream) == [f"<3>{MISS_LINE}"]


def test_a_storm_that_fills_the_sockets_queue_loses_nothing(stream: TextIO, journald: socket.socket) -> None:
    """Nobody waits for a journal that does not read: what it has no room for goes to stderr."""
    configure(stream, "INFO", journal=True, address=address(journald))
    count = 0
    while not written(stream):
        announce(HeartbeatOk(f"svc_{count}", 0.1, 1))
        count += 1
    assert written(stream) == [f"<5>heartbeat_ok svc_{count - 1}: beating, last beat 0.1 s ago"]
    taken = [journald.recv(65536).decode("ascii") for _ in range(count - 1)]
    assert [f"MARKETSWARM_SERVICE=svc_{number}\n" in datagram for number, datagram in enumerate(taken)] == [True] * (
        count - 1
    )


def test_an_alert_elsewhere_is_a_line_like_any_other(stream: TextIO, journald: socket.socket) -> None:
    """On a terminal nothing goes to a journal, even where one runs."""
    configure(stream, "INFO", journal=False, address=address(journald))
    announce(MISS)
    (line,) = written(stream)
    assert line.split(maxsplit=1)[1] == f"ERROR   {MISS_LINE}"
    with pytest.raises(BlockingIOError):
        journald.recv(65536)


def test_a_field_cannot_move_the_cursor() -> None:
    """`journalctl -x` puts fields on the terminal as they are, and a reason may be a server's own words."""
    found = fields(BusLost("market-redis", "no\nway\x1b[2J", 1))
    assert found["MARKETSWARM_REASON"] == r"no\nway\x1b[2J"


def test_configuring_again_replaces_what_was(stream: TextIO) -> None:
    """No line is written twice."""
    configure(stream, "INFO", journal=False)
    configure(stream, "INFO", journal=True)
    logging.root.info("said")
    assert written(stream) == ["<6>said"]


def test_under_journal_compares_device_and_inode(stream: TextIO) -> None:
    """A variable that a shell passed on, while stderr leads elsewhere, is not believed."""
    assert log.under_journal(stream, journal_stream(stream))
    assert not log.under_journal(stream, "8:1")
    assert not log.under_journal(stream, "")
    assert not log.under_journal(stream, None)


def test_a_stream_without_a_descriptor_is_not_the_journal() -> None:
    """Nor is one that is closed."""
    closed = io.StringIO()
    closed.close()
    assert not log.under_journal(io.StringIO(), "8:1")
    assert not log.under_journal(closed, "8:1")


def test_a_line_without_a_log_is_marked_under_the_journal(stream: TextIO) -> None:
    """And bare elsewhere."""
    with redirect_stderr(stream):
        assert log.mark(logging.ERROR, journal_stream(stream)) == "<3>"
        assert log.mark(logging.ERROR, None) == ""
