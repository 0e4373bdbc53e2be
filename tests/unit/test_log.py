"""The log: priorities for the journal, plain lines elsewhere."""

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import TextIO

import pytest

from marketswarm import log


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A stderr to read, and a root logger that is this test's own."""
    monkeypatch.setattr(logging, "root", logging.RootLogger(logging.WARNING))
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as file:
        yield file


def configure(stream: TextIO, level: str, *, journal: bool) -> None:
    """Send the log to the stream, as stderr; ``journal`` says whether systemd has connected it to the journal."""
    with redirect_stderr(stream):
        log.configure(level, journal_stream(stream) if journal else None)


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
    ],
)
def test_the_journal_gets_the_priority_in_front(stream: TextIO, level: int, line: str) -> None:
    """As sd-daemon(3) numbers them."""
    configure(stream, "DEBUG", journal=True)
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


@pytest.mark.parametrize(("level", "expected"), [("INFO", ["info", "alert"]), ("WARNING", []), ("DEBUG", ["debug"])])
def test_the_level_hides_what_is_below_it(stream: TextIO, level: str, expected: list[str]) -> None:
    """An alert stands above INFO and below WARNING."""
    configure(stream, level, journal=True)
    for number, text in ((logging.DEBUG, "debug"), (logging.INFO, "info"), (log.NOTICE, "alert")):
        logging.root.log(number, "%s", text)
    assert [line[3:] for line in written(stream)][: len(expected)] == expected
    assert bool(written(stream)) is bool(expected)


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
