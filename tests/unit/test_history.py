"""Alerts that were announced: since when, how they are read, and how they are shown."""

import asyncio
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import history
from marketswarm.errors import BusRefusedError, BusUnreachableError
from marketswarm.history import Entry, in_a_group, parse_since, render
from marketswarm.messages import (
    BusLost,
    Flapping,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ProbeFailed,
    ProbeOk,
    Stable,
    encode,
)
from marketswarm.pacing import Backoff
from marketswarm.settings import Settings
from marketswarm.term import plain

NOW = 1_762_433_458.0  # 2025-11-06 12:50:58 UTC
HOUR = 3600
pytestmark = pytest.mark.usefixtures("in_utc")


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NOW."""
    monkeypatch.setattr(history, "time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", NOW),
        ("90s", NOW - 90),
        ("15m", NOW - 15 * 60),
        ("2h", NOW - 2 * HOUR),
        ("3d", NOW - 72 * HOUR),
        ("2025-11-06T12:50:58", NOW),
        ("2025-11-06 12:50", NOW - 58),
        ("2025-11-06", NOW - 58 - 50 * 60 - 12 * HOUR),
        ("2025-11-06T12:50:58Z", NOW),
        ("2025-11-06T13:50:58+01:00", NOW),
    ],
)
def test_since(text: str, expected: float) -> None:
    """So long ago, or a local time unless it says otherwise."""
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "15", "m", "-5m", "1.5h", "5 m", "2w", "1h30m", "2026-13-01", "12:50", "1234567890s"]
)
def test_what_is_no_time_is_refused_in_one_line(text: str) -> None:
    """It says what would be one."""
    with pytest.raises(ValueError, match=r"^'.*' is neither like 90s, 15m, 2h, 3d nor a time like 2026-01-31T09:30$"):
        parse_since(text, NOW)


@given(st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    found = time_or_refusal(text)
    assert isinstance(found, float) or "is neither like" in found


def time_or_refusal(text: str) -> float | str:
    """Read a time, or say what is told of it: most texts are none, and some are."""
    try:
        return parse_since(text, NOW)
    except ValueError as error:
        return str(error)


def entry(raw: bytes, at: float = NOW - 60) -> Entry:
    """Make an entry of the alert log."""
    return f"{int(at * 1000)}-0", raw


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (
            encode(HeartbeatMiss("rss_agg", 31.2, 30.0, 1)),
            "12:49:58  heartbeat_miss rss_agg: no beat for 31.2 s (timeout 30 s)",
        ),
        (encode(HealerOk("healer", 1)), "12:49:58  healer_ok healer: beating"),
        (
            b'{"type": "truth_drift",\n"svc":"mesh"}',
            '12:49:58  {"type": "truth_drift", "svc": "mesh"}',
        ),
        (b'{"type":"x\\u001b[2J","svc":"\xc3\xbc"}', '12:49:58  {"type": "x\\u001b[2J", "svc": "\\u00fc"}'),
        (b"not JSON", "12:49:58  an entry that is no alert"),
        (b"", "12:49:58  an entry that is no alert"),
        (b"\xff", "12:49:58  an entry that is no alert"),
    ],
)
def test_an_alert_is_one_line(raw: bytes, line: str) -> None:
    """When it was recorded and what it says; one of a type of a later version as JSON."""
    assert render(entry(raw), plain) == line


@pytest.mark.parametrize(
    ("age_sec", "stamp"),
    [(12 * HOUR - 1, "00:50:59"), (12 * HOUR, "2025-11-06 00:50:58"), (24 * HOUR, "2025-11-05 12:50:58")],
)
def test_an_old_alert_has_its_date(age_sec: float, stamp: str) -> None:
    """From twelve hours on, where the time of day alone could mislead."""
    assert render(entry(encode(HealerOk("healer", 1)), NOW - age_sec), plain).startswith(f"{stamp}  ")


@pytest.mark.parametrize(
    ("raw", "style"),
    [
        (encode(HeartbeatMiss("a", 1, 1, 1)), "bold red"),
        (encode(BusLost("system-redis", "silent", 1)), "bold red"),
        (encode(HeartbeatOk("a", 1, 1)), "green"),
        (encode(MassMiss("system-redis", 3, 4, ("a", "b", "c"), "g", 1)), "bold red"),
        (encode(MassOk("system-redis", 3, 0, (), "g", 1)), "green"),
        (encode(Flapping("a", 4, 600.0, 1)), "bold red"),
        (encode(Stable("a", "up", 1)), "green"),
        (encode(ProbeFailed("massive", "a", "tls", "expired", 3, 1, 0.5)), "bold red"),
        (encode(ProbeOk("massive", "a", 12.3, 1)), "green"),
        (encode(ProbeOk("massive", "a", 12.3, 1, reason="dropped")), "green"),
    ],
)
def test_bad_news_is_red(raw: bytes, style: str) -> None:
    """And good news green, for a terminal that has colours."""
    assert f"  [{style}:" in render(entry(raw), lambda text, style: f"[{style}:{text}]")


@pytest.mark.parametrize(
    ("raw", "grouped"),
    [
        (encode(HeartbeatMiss("a", 1, 1, 1)), False),
        (encode(HeartbeatMiss("a", 1, 1, 1, group="g")), True),
        (encode(HeartbeatOk("a", 1, 1, group="flapping")), True),
        (encode(HealerOk("healer", 1, group="flapping")), True),
        (encode(MassMiss("system-redis", 3, 4, ("a",), "g", 1)), False),
        (encode(MassOk("system-redis", 3, 0, (), "g", 1)), False),
        (b'{"type":"later","group":"g"}', False),
        (b"junk", False),
    ],
)
def test_what_people_are_told_of_as_one_is_not_shown_one_by_one(raw: bytes, *, grouped: bool) -> None:
    """The group itself is shown, and so is what nobody knows."""
    assert in_a_group(entry(raw)) is grouped


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"healer_ok","svc":"\\u001b]0;owned\\u0007\\u001b[2J","ts":1}',
        b'{"type":"healer_ok","svc":"healer\\nhealer_miss healer","ts":1}',
        b'{"type":"bus_lost","bus":"system-redis","reason":"\\r\\u009b2J","ts":1}',
        b'{"type":"later","svc":"\\u009b2J\xc2\x9b"}',
    ],
)
def test_no_control_character_reaches_the_terminal(raw: bytes) -> None:
    """Anybody who may write to the bus may write to the log of alerts, in any type."""
    assert render(entry(raw), plain).isprintable()


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"type":"later","x":' + b"[" * 100_000, b"9" * 10_000])
def test_an_absurd_entry_is_shown_as_no_alert(raw: bytes) -> None:
    """What exhausts a parser does not hide the alerts after it."""
    assert render(entry(raw), plain).endswith("an entry that is no alert")


def test_an_entry_with_an_absurd_id_is_shown() -> None:
    """A client chooses the ids of what it appends, as late as it likes."""
    raw = encode(HealerOk("healer", 1))
    assert render((f"{2**64 - 1}-0", raw), plain).endswith("healer_ok healer: beating")


class FakeBus:
    """A log stream; each failure is raised by one read before the reads succeed."""

    def __init__(self, *stream: Entry, failures: int = 0) -> None:
        self.stream = list(stream)
        self.failures = failures
        self.closed = False

    async def last(self, _stream: str, count: int) -> list[Entry]:
        """Return the newest entries."""
        return self.stream[-count:]

    async def tail(self, _stream: str, after: str, *, block_ms: int = 0) -> list[Entry]:
        """Return two entries after an id at the most."""
        if self.failures:
            self.failures -= 1
            raise BusUnreachableError("gone")
        if not re.fullmatch(r"\d+(-\d+)?", after):
            raise BusRefusedError("ERR Invalid stream ID specified as stream command argument")
        assert 0 <= block_ms < 1000
        return [found for found in self.stream if self.order(found[0]) > self.order(after)][:2]

    async def close(self) -> None:
        """Note that it was given back."""
        self.closed = True

    @staticmethod
    def order(entry_id: str) -> tuple[int, ...]:
        """Compare ids as the server does."""
        return tuple(int(part) for part in f"{entry_id}-0".split("-")[:2])


ENTRIES = [(f"{ms}-{seq}", b"") for ms, seq in ((998, 0), (999, 0), (1000, 0), (1000, 1), (1001, 0), (2000, 0))]


def read(monkeypatch: pytest.MonkeyPatch, bus: FakeBus, count: int = 100, **options: Any) -> list[str]:
    """Read up to ``count`` entries from a bus, and return their ids."""
    monkeypatch.setattr(history, "InspectedBus", lambda *_, **__: bus)
    monkeypatch.setattr(history, "Backoff", lambda chance: Backoff(chance, cap_sec=1e-6))

    async def collect() -> list[str]:
        found = []
        stream: Any = history.entries(Settings(), **options)
        async with asyncio.timeout(5):
            async for entry_id, _ in stream:
                found.append(entry_id)
                if len(found) == count:
                    await stream.aclose()
                    break
        return found

    return asyncio.run(collect())


@pytest.mark.parametrize(("since", "first"), [(0.5, "998-0"), (0.999, "999-0"), (1.0, "1000-0"), (1.5, "2000-0")])
def test_alerts_since_a_time_include_that_very_moment(
    monkeypatch: pytest.MonkeyPatch, since: float, first: str
) -> None:
    """Oldest first, to the end of the log, and the bus is given back."""
    bus = FakeBus(*ENTRIES)
    ids = [entry_id for entry_id, _ in ENTRIES]
    assert read(monkeypatch, bus, since=since, follow=False) == ids[ids.index(first) :]
    assert bus.closed


@pytest.mark.parametrize("since", [0.0, 0.0005, -1.0, -86_400.0 * 365 * 80])
def test_a_time_before_all_time_means_from_the_start(monkeypatch: pytest.MonkeyPatch, since: float) -> None:
    """As `--since 99999d` asks."""
    assert len(read(monkeypatch, FakeBus(*ENTRIES), since=since, follow=False)) == len(ENTRIES)


def test_without_a_time_the_newest_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are shown, and none of them twice."""
    many = [(f"{ms}-0", b"") for ms in range(1, history.SHOWN + 20)]
    assert read(monkeypatch, FakeBus(*many), since=None, follow=False) == [i for i, _ in many[-history.SHOWN :]]
    assert read(monkeypatch, FakeBus(), since=None, follow=False) == []


def test_a_bus_that_goes_away_ends_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the caller's to tell, and the bus is given back."""
    bus = FakeBus(*ENTRIES, failures=1)
    with pytest.raises(BusUnreachableError):
        read(monkeypatch, bus, since=1.0, follow=False)
    assert bus.closed


def test_a_bus_that_goes_away_is_waited_for_while_following(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out and nothing comes twice."""
    bus = FakeBus(*ENTRIES, failures=3)
    assert read(monkeypatch, bus, count=6, since=0.5, follow=True) == [entry_id for entry_id, _ in ENTRIES]
    assert bus.closed


def test_the_lines_are_json_where_they_are_not_words() -> None:
    """What is shown of an unknown type can be read by a program, unless it is long and cut."""
    shown = render(entry(b'{"type":"later","n":[1,2.5,null]}'), plain).split("  ", 1)[1]
    assert json.loads(shown) == {"type": "later", "n": [1, 2.5, None]}
    long = render(entry(json.dumps({"type": "later", "x": "y" * 1000}).encode()), plain)
    assert len(long) == len("12:49:58  ") + 500
