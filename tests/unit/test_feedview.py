"""What `marketswarm feeds` makes of what is kept of feeds."""

import asyncio
import json
from typing import Any

import pytest

from marketswarm import feedview
from marketswarm.feeds.state import FeedState, encode_state
from marketswarm.feedview import NONE, OVERDUE_SEC, FeedsView, Row, Word, as_json, render, view_of
from marketswarm.settings import Settings
from marketswarm.term import plain
from marketswarm.truth import Feed, Truth

NOW = 1_762_433_458.0
HOUR, DAY = 3600, 86_400
URL = "https://a.test/rss"
WELL: dict[str, Any] = {
    "fetched": NOW - 40,
    "succeeded": NOW - 40,
    "status": 200,
    "entries": 20,
    "items": 134,
    "next_at": NOW + 260,
}


def state(**kept: Any) -> FeedState:
    """A feed that was fetched well 40 seconds ago, unless something else is said."""
    return FeedState(url=URL, **(WELL | kept))


OK = state()
ODD = state(error="not well-formed: line 3")
NEW = FeedState(url=URL)
BROKEN = state(status=404, failures=1, error="answers 404")
NEVER_WELL = state(succeeded=0.0, status=0, failures=7, error="no such host: a.test")
MOVED = state(moved_to="https://b.test/rss")


def view(*states: FeedState) -> FeedsView:
    """Feeds called a, b, c ..."""
    feeds = [Feed(name=name, url=URL) for name, _ in zip("abcdefgh", states, strict=False)]
    return view_of(feeds, {feed.name: kept for feed, kept in zip(feeds, states, strict=True)}, NOW)


@pytest.mark.parametrize(
    ("kept", "word"),
    [
        (OK, Word.OK),
        (state(status=304), Word.OK),
        (MOVED, Word.OK),
        (ODD, Word.ODD),
        (NEW, Word.WAITING),
        (BROKEN, Word.BROKEN),
        (NEVER_WELL, Word.BROKEN),
    ],
)
def test_how_a_feed_is_is_one_word(kept: FeedState, word: Word) -> None:
    """A failed fetch says more than an odd document, and a fetch at all more than none."""
    assert Row("a", URL, kept).word is word


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (OK, "a     ok     40s ago  200   20       134    in 4m"),
        (ODD, "a     odd    40s ago  200   20       134    in 4m  not well-formed: line 3"),
        (NEW, "a     waiting  -        -     0        0      -"),
        (BROKEN, "a     BROKEN  40s ago  404   20       134    in 4m  answers 404; last well 40s ago"),
        (
            NEVER_WELL,
            "a     BROKEN  40s ago  -     20       134    in 4m  no such host: a.test; 7 times in a row, never well",
        ),
        (
            MOVED,
            "a     ok     40s ago  200   20       134    in 4m  moved to https://b.test/rss, put that into the truth",
        ),
        (state(next_at=NOW), "a     ok     40s ago  200   20       134    now"),
        (
            state(fetched=NOW - 3 * HOUR, next_at=NOW - 2 * HOUR - 60),
            "a     ok     3h ago   200   20       134    2h overdue",
        ),
    ],
)
def test_a_feed_is_one_line(kept: FeedState, line: str) -> None:
    """Whatever there is to say of it."""
    assert render(view(kept), plain, NOW).splitlines()[1] == line


@pytest.mark.parametrize(
    ("ago_sec", "shown"),
    [
        (-5, "0s ago"),
        (0.4, "0s ago"),
        (59.4, "59s ago"),
        (60, "1m ago"),
        (HOUR - 1, "59m ago"),
        (HOUR, "1h ago"),
        (DAY - 1, "23h ago"),
        (DAY, "1d ago"),
        (1e300, "11574074d ago"),
    ],
)
def test_ages_are_in_their_largest_unit(ago_sec: float, shown: str) -> None:
    """A clock that is off, or a time that cannot be, costs its own cell at the most."""
    assert f"  {shown}  " in render(view(state(fetched=NOW - ago_sec)), plain, NOW)


@pytest.mark.parametrize(
    ("late_sec", "overdue"), [(OVERDUE_SEC - 1, False), (OVERDUE_SEC, False), (OVERDUE_SEC + 1, True)]
)
def test_a_feed_that_nobody_fetches_is_overdue(late_sec: float, *, overdue: bool) -> None:
    """Some time after it was due: feeds wait for each other."""
    found = view(OK, state(next_at=NOW - late_sec))
    assert [row.overdue for row in found.rows] == [False, overdue]
    assert found.exit_code == int(overdue)
    assert bool(found.notes) is overdue


@pytest.mark.parametrize(
    ("states", "code", "total"),
    [
        ([OK], 0, "1 feed: 1 ok; 134 items in all"),
        ([OK, NEW, ODD, MOVED], 0, "4 feeds: 2 ok, 1 odd, 1 waiting; 402 items in all"),
        ([OK, BROKEN], 1, "2 feeds: 1 ok, 1 BROKEN; 268 items in all"),
        ([NEW, NEW], 0, "2 feeds: 2 waiting; 0 items in all"),
    ],
)
def test_there_is_a_sum_and_a_code(states: list[FeedState], code: int, total: str) -> None:
    """1 as soon as one is broken."""
    found = view(*states)
    assert found.exit_code == code
    assert render(found, plain, NOW).splitlines()[-1] == total


def test_no_feeds_is_no_fault() -> None:
    """How to add some is said."""
    assert render(FeedsView(), plain, NOW) == NONE
    assert as_json(FeedsView()) == {"exit_code": 0, "feeds": [], "notes": []}
    assert "services.rss_agg.feeds" in NONE


def test_states_are_coloured_and_columns_stay() -> None:
    """The word alone, whatever a feed is called."""
    lines = render(view(OK, BROKEN, ODD), lambda text, style: f"<{style}>{text}</>", NOW).splitlines()
    assert lines[1].startswith("a     <green>ok</>      40s ago")
    assert lines[2].startswith("b     <bold red>BROKEN</>  40s ago")
    assert lines[3].startswith("c     <yellow>odd</>     40s ago")


def test_no_control_character_reaches_the_terminal() -> None:
    """An error may hold what a server said, or what somebody wrote to the bus; a long one is cut."""
    bad = state(failures=1, error="\x1b[2J\x07\n" + "x" * 1000, moved_to="\x9b\n")
    lines = render(view(bad), plain, NOW).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert len(lines) == 4
    assert max(map(len, lines)) < 500


def test_programs_get_all_of_it() -> None:
    """Times as they are, and the state in one small word."""
    (row,) = as_json(view(BROKEN))["feeds"]
    assert row == {
        "feed": "a",
        "url": URL,
        "state": "broken",
        "overdue": False,
        "fetched": NOW - 40,
        "succeeded": NOW - 40,
        "status": 404,
        "entries": 20,
        "items": 134,
        "newest": 0.0,
        "next_at": NOW + 260,
        "failures": 1,
        "error": "answers 404",
        "moved_to": "",
    }


class FakeBus:
    """A bus that holds what is kept of feeds."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept = kept
        self.closed = False

    async def fields(self, key: str) -> dict[str, bytes]:
        """Give the hash."""
        assert key == "rss:feeds"
        return self.kept

    async def close(self) -> None:
        """Note that it was given back."""
        self.closed = True


def look(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], bus: FakeBus) -> tuple[FeedsView, list[str]]:
    """Look at a bus with a truth; which buses were contacted is told, too."""
    contacted: list[str] = []

    async def truth_in_use(_settings: Settings, *, client_name: str) -> Truth:
        assert client_name.startswith("marketswarm:")
        return Truth.model_validate_json(json.dumps(document))

    def connect(addresses: dict[str, Any], **_: Any) -> dict[str, FakeBus]:
        contacted.extend(addresses)
        return dict.fromkeys(addresses, bus)

    monkeypatch.setattr(feedview, "truth_in_use", truth_in_use)
    monkeypatch.setattr(feedview, "connect", connect)
    return asyncio.run(feedview.look(Settings())), contacted


def test_feeds_are_looked_up_where_rss_agg_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the bus of its queue; one whose address has changed begins anew, and one that is gone is not shown."""
    section = {
        "feeds": [{"name": "b", "url": URL}, {"name": "a", "url": "https://new.test/rss"}],
        "access_points": {"publish_to": [{"bus": "system-redis", "key": "my:queue"}]},
    }
    bus = FakeBus({name: encode_state(OK) for name in ("a", "b", "gone")})
    found, contacted = look(monkeypatch, {"services": {"rss_agg": section}}, bus)
    assert [(row.name, row.word) for row in found.rows] == [("b", Word.OK), ("a", Word.WAITING)]
    assert contacted == ["system-redis"]
    assert bus.closed


def test_a_truth_without_feeds_asks_no_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does one without rss_agg."""
    for service in ("rss_agg", "mesh"):
        assert look(monkeypatch, {"services": {service: {}}}, FakeBus({})) == (FeedsView(), [])
