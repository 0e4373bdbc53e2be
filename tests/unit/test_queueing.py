"""What `marketswarm queue` makes of streams, groups and workers."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from marketswarm import queueing
from marketswarm.queueing import Consumer, DeadItem, Group, QueueView, as_json, place, render, render_dead
from marketswarm.settings import Settings, Working
from marketswarm.term import plain
from marketswarm.truth import Truth

NOW = 1_762_433_458  # 2025-11-06 12:50:58 UTC
Answer = Callable[[tuple[Any, ...]], Any]
ALIVE = Consumer("w1", 3, 2.0, alive=True)
GONE = Consumer("w2", 1, 7200.0, alive=False)


def group(lag: int | None = 0, pending: int = 0, *consumers: Consumer, name: str = "vexy_ai") -> Group:
    """A group."""
    return Group(name, lag, pending, 40.0 if pending else None, consumers)


def view(*groups: Group, **found: Any) -> QueueView:
    """A queue of ten entries."""
    usual: dict[str, Any] = {"length": 10, "own": "vexy_ai"}
    return QueueView("market-redis", "rss:queue", groups=groups, **(usual | found))


@pytest.mark.parametrize(
    ("found", "behind", "stranded"),
    [
        (group(0, 0), False, False),
        (group(0, 0, GONE), False, False),
        (group(0, 0, ALIVE), False, False),
        (group(1, 0), True, True),
        (group(0, 1, GONE), True, True),
        (group(None, 0, GONE), True, True),
        (group(1, 1, GONE, ALIVE), True, False),
        (group(None, 0, ALIVE), True, False),
    ],
)
def test_what_waits_without_a_living_worker_is_stranded(found: Group, *, behind: bool, stranded: bool) -> None:
    """However much it is; where nothing waits, nobody has to live."""
    assert (found.behind, found.stranded) == (behind, stranded)
    assert view(found).exit_code == int(stranded)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (view(), ["vexy_ai"]),
        (view(length=0), []),
        (view(own=None), []),
        (view(group(1, 0, name="other")), ["other"]),
        (view(group(1, 0, ALIVE, name="other")), []),
    ],
)
def test_a_queue_that_no_group_reads_waits_for_vexy_ai(found: QueueView, names: list[str]) -> None:
    """Where the truth has it, and something is on the queue."""
    assert found.stranded == names
    assert found.exit_code == int(bool(names))


@pytest.mark.parametrize(
    ("groups", "maxlen", "full"),
    [
        ([group(900, 0, ALIVE)], 1000, False),
        ([group(900, 1, ALIVE)], 1000, True),
        ([group(5, 0, ALIVE), group(0, 901, ALIVE)], 1000, True),
        ([group(None, 10, ALIVE)], 1000, False),
        ([group(901, 0, ALIVE)], None, False),
        ([], 1000, False),
    ],
)
def test_nearly_full_is_what_waits(groups: list[Group], maxlen: int | None, *, full: bool) -> None:
    """From nine tenths on, for the slowest group; the length alone says nothing, since settled entries stay."""
    found = view(*groups, maxlen=maxlen, length=1050 if groups else 0)
    assert found.nearly_full is full
    assert found.exit_code == int(full)


HEAD = "rss:queue on market-redis: 10 entries, 0 dead"


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (view(length=0), ["rss:queue on market-redis: 0 entries, 0 dead", "no group reads it yet"]),
        (view(group(), length=1), ["rss:queue on market-redis: 1 entry, 0 dead", "group vexy_ai: nothing waits"]),
        (
            view(group(), maxlen=100),
            ["rss:queue on market-redis: 10 of about 100 entries, 0 dead", "group vexy_ai: nothing waits"],
        ),
        (
            view(group(12, 4, ALIVE, GONE)),
            [
                HEAD,
                "group vexy_ai: 12 not delivered yet, 4 pending, the oldest for 40 s",
                "  w1  alive  3 pending, idle 2 s",
                "  w2  gone   1 pending, idle 2 h",
            ],
        ),
        (
            view(group(None, 0, GONE)),
            [
                HEAD,
                "group vexy_ai: some not delivered yet",
                "  w2  gone   1 pending, idle 2 h",
                "! vexy_ai: what waits for it has no living worker; is vexy_ai running?",
            ],
        ),
        (
            view(group(0, 1, name="mine")),
            [
                HEAD,
                "group mine: 1 pending, the oldest for 40 s",
                "! mine: what waits for it has no living worker; is one of its workers running?",
            ],
        ),
        (
            view(group(95, 0, ALIVE), maxlen=100, dead=2, length=100),
            [
                "rss:queue on market-redis: 100 of about 100 entries, 2 dead",
                "group vexy_ai: 95 not delivered yet",
                "  w1  alive  3 pending, idle 2 s",
                "! 2 dead: marketswarm queue --dead shows them and why",
                "! 95 of about 100 entries wait: once it is full, rss_agg fetches nothing",
            ],
        ),
    ],
)
def test_a_queue_is_a_few_lines(found: QueueView, lines: list[str]) -> None:
    """The stream, each group with its workers, and what has to be looked at, for which the code is 1."""
    assert render(found, plain).splitlines() == lines
    assert found.exit_code == int(any(line.startswith("!") for line in lines))
    assert [f"! {note}" for note in as_json(found)["notes"]] == [line for line in lines if line.startswith("!")]


def test_who_lives_is_green() -> None:
    """And who is gone with something in hand is red."""
    idle = Consumer("w3", 0, 0.0, alive=False)
    lines = render(view(group(0, 4, ALIVE, GONE, idle)), lambda text, style: f"<{style}>{text}</>").splitlines()
    assert [line.split("  ")[2] for line in lines[2:]] == ["<green>alive</>", "<red>gone </>", "<dim>gone </>"]


def test_no_control_character_reaches_the_terminal() -> None:
    """Anybody who may write to the bus may call a group and a worker what he likes."""
    bad = "\x1b[2J\nvexy_ai"
    found = view(group(1, 1, Consumer(bad, 1, 0.0, alive=False), name=bad))
    lines = render(found, plain).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert len(lines) == 4


DEAD = DeadItem("1-0", "0-1", "HTTP 503", 5, NOW - 60, "w1", "alpha", "Rates held")


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize(
    ("item", "line"),
    [
        (DEAD, "1-0  12:49:58  alpha: Rates held  HTTP 503 (5 tries, the last by w1)"),
        (
            DeadItem("1-0", "", "", 1, NOW - 86_400, "", "", ""),
            "1-0  2025-11-05 12:50:58  what is no item   (1 try, the last by ?)",
        ),
        (
            DeadItem("1-0", "", "\x1b\n", 2, 1e18, "\x9b", "a", "t" * 80),
            rf"1-0  ?  a: {'t' * 57}...  \x1b\n (2 tries, the last by \x9b)",
        ),
    ],
)
def test_a_dead_item_is_one_line(item: DeadItem, line: str) -> None:
    """Its id first, to be copied; whatever stands in it."""
    assert render_dead(item, plain, NOW) == line


def words(**found: Any) -> list[Any]:
    """An answer in which names and values take turns."""
    return [word for name, value in found.items() for word in (name.replace("_", "-").encode(), value)]


class FakeBus:
    """A bus on which a group has read up to an entry, and of which one does not know how much that leaves."""

    name = "market-redis"

    def __init__(self, group: list[Any]) -> None:
        self.group = group
        self.closed = False

    async def ask(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Answer as Redis does."""
        answers: dict[str, Answer] = {
            "EXISTS": lambda words: int(words[1] in ("rss:queue", "rss:queue:vexy_ai:w1:lease")),
            "XLEN": lambda words: 0 if words[1].endswith(":dead") else 3,
            "TIME": lambda _: [str(NOW).encode(), b"500000"],
            "XINFO STREAM": lambda _: words(length=3, last_generated_id=b"9-0"),
            "XINFO GROUPS": lambda _: [self.group],
            "XINFO CONSUMERS": lambda _: [
                words(name=b"w1", pending=1, idle=1500),
                words(name=b"w2", pending=0, idle=0),
            ],
            "XPENDING": lambda _: [1, f"{(NOW - 90) * 1000}-7".encode(), b"", []],
        }
        return [answers[" ".join(asked[: 2 if asked[0] == "XINFO" else 1])](asked) for asked in commands]

    async def close(self) -> None:
        """Note that it was given back."""
        self.closed = True


def look(monkeypatch: pytest.MonkeyPatch, bus: FakeBus, **services: Any) -> QueueView:
    """Look at a bus with a truth."""

    async def truth_in_use(_settings: Settings, *, client_name: str) -> Truth:
        assert client_name.startswith("marketswarm:")
        return Truth.model_validate_json(json.dumps({"services": services}))

    monkeypatch.setattr(place, "truth_in_use", truth_in_use)
    monkeypatch.setattr(place, "connect", lambda addresses, **_: dict.fromkeys(addresses, bus))
    found = asyncio.run(queueing.look(Settings(working=Working(group="vexy_ai"))))
    assert bus.closed
    return found


@pytest.mark.parametrize(
    ("kept", "lag"),
    [
        ({"last_delivered_id": b"8-0", "lag": 2}, 2),
        ({"last_delivered_id": b"8-0", "lag": None}, None),
        ({"last_delivered_id": b"9-0", "lag": None}, 0),
        ({"last_delivered_id": b"8-0"}, None),
        ({"last_delivered_id": b"9-0"}, 0),
    ],
)
def test_a_lag_that_redis_does_not_know_is_none(
    monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any], lag: int | None
) -> None:
    """Since entries were deleted, or since it is older than 7; who has the newest entry has none."""
    bus = FakeBus(words(name=b"vexy_ai", pending=1, **kept))
    (found,) = look(monkeypatch, bus, vexy_ai={}).groups
    members = (Consumer("w1", 1, 1.5, alive=True), Consumer("w2", 0, 0.0, alive=False))
    assert found == Group("vexy_ai", lag, 1, 90.5, members)


@pytest.mark.parametrize(
    ("services", "maxlen", "own"),
    [
        ({}, 100_000, None),
        ({"vexy_ai": {}, "rss_agg": {"stream": {"maxlen": 500}}}, 500, "vexy_ai"),
        ({"rss_agg": {"access_points": {"publish_to": [{"bus": "market-redis", "key": "mine"}]}}}, None, None),
    ],
)
def test_how_long_it_may_get_is_known_of_the_stream_of_rss_agg(
    monkeypatch: pytest.MonkeyPatch, services: dict[str, Any], maxlen: int | None, own: str | None
) -> None:
    """Of another's stream nobody knows."""
    found = look(monkeypatch, FakeBus(words(name=b"vexy_ai", pending=1, last_delivered_id=b"9-0")), **services)
    assert (found.stream, found.maxlen, found.own, found.length, found.exists) == ("rss:queue", maxlen, own, 3, True)
