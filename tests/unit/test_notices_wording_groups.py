"""Messages that tell several things; hostile names; keys."""

import msgspec
import pytest
from items import TS, in_utc, item

from marketswarm.messages import (
    BusLost,
    BusOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    ProbeFailed,
    ProbeOk,
    ServiceRestarted,
    TruthDrift,
    UnitFailed,
)
from marketswarm.notices.items import Item, Kind
from marketswarm.notices.message import Message
from marketswarm.notices.wording import Words

WORDS = Words(in_utc, "healer@host")
HOSTILE = "mesh\n\x1b[2J\r@everyone\u2028\u202e{0}{svc}<b>"


def miss(service: str, what: Kind = Kind.ALERT) -> Item:
    """Make a miss."""
    return item(HeartbeatMiss(service, 31.4, 30.0, TS), what)


def back(service: str) -> Item:
    """Make a recovery."""
    return item(HeartbeatOk(service, 0.1, TS), Kind.RECOVERY)


def bad(probe: str, what: Kind = Kind.ALERT) -> Item:
    """Make a probe that fails."""
    return item(ProbeFailed("massive", probe, "tls", "expired", 3, TS, TS - 60.0), what)


def good(probe: str, reason: str = "") -> Item:
    """Make its end."""
    return item(ProbeOk("massive", probe, 60.0, TS, reason=reason), Kind.RECOVERY)


def message(*items: Item, down: tuple[str, ...] = ()) -> Message:
    """Put them together."""
    return WORDS.message(items, down, TS + 60)


@pytest.mark.parametrize(
    ("items", "title"),
    [
        ([miss("a"), miss("b")], "DOWN: a, b"),
        ([back("b"), miss("a")], "DOWN: a; UP: b"),
        ([miss("a"), back("a")], "DOWN: a; UP: a"),
        ([miss("a", Kind.REMINDER), miss("b")], "DOWN: b; STILL DOWN: a"),
        ([item(BusLost("b", "refused", TS)), miss("a")], "DOWN: a; BUS LOST: b"),
        ([item(BusLost("b", "refused", TS)), item(TruthDrift("c", "none", TS))], "BUS LOST: b; 1 more"),
        (
            [item(BusOk("b", 5.0, TS), Kind.RECOVERY), item(UnitFailed("u", "x", TS)), miss("a")],
            "DOWN: a; BUS HEARD: b, after 5 s; 1 more",
        ),
        ([miss(f"s{n:02}") for n in range(10)], "DOWN: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09"),
        ([miss(f"s{n:02}") for n in range(50)], "DOWN: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09 and 40 more"),
        ([miss("a"), back("a"), miss("a"), miss("b")], "DOWN: a, b; UP: a"),
        ([bad("a"), bad("b")], "PROBE FAILED: massive/a, massive/b"),
        ([good("b"), bad("a"), good("c")], "PROBE FAILED: massive/a; PROBE OK: massive/b, massive/c"),
        (
            [bad("a"), bad("b", Kind.REMINDER), good("c", "dropped"), good("d"), miss("e")],
            (
                "DOWN: e; PROBE FAILED: massive/a; STILL PROBE FAILED: massive/b; PROBE OK: massive/d; "
                "NOT PROBED ANY MORE: massive/c"
            ),
        ),
        ([bad("a"), item(BusLost("b", "refused", TS))], "PROBE FAILED: massive/a; BUS LOST: b"),
    ],
)
def test_several_things_are_summed_up_in_a_line(items: list[Item], title: str) -> None:
    """Whom it is about, each once; of other things the first, and how many more."""
    found = message(*items)
    assert found.title == f"[MarketSwarm] {title}"
    assert found.text.split("\n\n")[0] == title


def test_several_things_are_told_one_after_another() -> None:
    """In their order, with who else is down once, and who tells."""
    items = [miss("a"), back("b"), item(ServiceRestarted("c", 1, TS))]
    found = message(*items, down=("a", "d", "e"))
    _, *paragraphs, others, sender = found.text.split("\n\n")
    assert [paragraph.split("\n")[0] for paragraph in paragraphs] == ["DOWN: a", "UP: b", "RESTARTED: c"]
    assert (others, sender) == ("Also down: d, e.", "healer@host")
    assert [told.text for told in found.told] == paragraphs


def test_fifty_things_are_fifty_paragraphs() -> None:
    """None is left out."""
    found = message(*(miss(f"s{n:02}") for n in range(50)))
    assert len(found.told) == 50
    assert found.text.count("\n\nDOWN: ") == 50


def test_programs_get_what_people_get_and_the_alert_itself() -> None:
    """As it was published, with since and how long."""
    opened = HeartbeatMiss("mesh", 31.0, 30.0, TS)
    recovery = item(HeartbeatOk("mesh", 0.1, TS + 9), Kind.RECOVERY, opened)
    (told,) = message(recovery).told
    assert msgspec.json.decode(msgspec.json.encode(told)) == {
        "key": recovery.key,
        "kind": "recovery",
        "type": "heartbeat_ok",
        "subject": "mesh",
        "text": "UP: mesh, after 40 s\nIt was down from 2025-11-06 12:50:27 UTC to 2025-11-06 12:51:07 UTC.",
        "alert": {"type": "heartbeat_ok", "svc": "mesh", "age_sec": 0.1, "ts": TS + 9},
        "since": TS - 31.0,
        "lasted_sec": 40.0,
    }
    (told,) = message(miss("mesh", Kind.REMINDER)).told
    assert (told.kind, told.since, told.lasted_sec) == ("reminder", TS - 31.4, None)


@pytest.mark.parametrize(
    "one",
    [
        miss(HOSTILE),
        miss(HOSTILE, Kind.REMINDER),
        back(HOSTILE),
        item(HeartbeatMiss("mesh", 31.4, 30.0, TS, HOSTILE)),
        item(BusLost(HOSTILE, HOSTILE, TS)),
        item(UnitFailed(HOSTILE, HOSTILE, TS)),
        item(TruthDrift("b", HOSTILE, TS)),
        bad(HOSTILE),
        good(HOSTILE, "dropped"),
        item(ProbeFailed(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 10**300, TS, -1e308)),
        item(ProbeOk(HOSTILE, HOSTILE, 1e308, TS), Kind.RECOVERY),
        item(HeartbeatMiss("mesh", 1e308, 1e308, TS)),
        item(HeartbeatMiss("mesh", -1e308, -1e308, TS)),
        item(HeartbeatMiss("mesh", 31.4, 30.0, 10**300)),
        item(UnitFailed("", "", -(10**300))),
    ],
)
@pytest.mark.parametrize("more", [(), (miss("a"),)])
def test_whatever_an_alert_says_forges_no_line(one: Item, more: tuple[Item, ...]) -> None:
    """Titles are one line, and every line is printable; texts of the truth are no way round that."""
    found = WORDS.message([one, *more], (HOSTILE, "z"), TS + 60)
    assert found.title.isprintable()
    assert all(line.isprintable() for line in found.text.split("\n"))
    assert len(found.told[0].text.split("\n")) <= 4
    own = Words(WORDS.local, "healer@host", {"heartbeat_miss": "{svc} {reason} {also}", "reminder": "{svc} {reason}"})
    assert all(line.isprintable() for line in own.message([one, *more], (HOSTILE,), TS).text.split("\n"))


def test_the_same_things_have_the_same_key() -> None:
    """That of the one thing, or one of all in their order, whoever tells and whenever."""
    assert message(miss("a")).key == miss("a").key
    both = message(miss("a"), miss("b"))
    later = Words(WORDS.local, "sentinel@other").message([miss("a"), miss("b")], ("c",), TS + 999)
    assert both.key == later.key
    keys = [found.key for found in (both, message(miss("a")), message(miss("b")), message(miss("b"), miss("a")))]
    assert len(set(keys)) == 4
    assert {len(one) for one in keys} == {32}


@pytest.mark.parametrize(
    ("storm", "also"),
    [
        (MassMiss("b", 2, 3, ("mesh", "massive"), "g", TS), "Also down: rss_agg."),
        (MassMiss("b", 12, 13, ("mesh", "massive"), "g", TS), ""),
    ],
)
def test_a_storm_does_not_name_its_own_services_as_down_besides(storm: MassMiss, also: str) -> None:
    """Where it names only the first of them, nobody can say who is down besides."""
    text = message(item(storm), down=("massive", "mesh", "rss_agg")).text
    assert [line for line in text.splitlines() if line.startswith("Also down")] == ([also] if also else [])


def test_where_the_end_is_in_the_same_message_there_is_nothing_to_do_first() -> None:
    """Nobody is rung up for what is over."""
    text = message(miss("mesh"), back("mesh"), miss("massive")).text
    assert [line for line in text.splitlines() if line.startswith("First:")] == [
        "First: systemctl status marketswarm@massive.service; journalctl -u marketswarm@massive.service -n 50"
    ]
