"""How people are told, as truth says it: reminders, escalation, planned work, texts and runbooks."""

import json
import string
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from time import tzset
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from documents import faults, read
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import unitnames
from marketswarm.truth import REMINDER, TEXT_FIELDS, Telling, Window, maintenance_until, schema, warnings

HANDBOOK = Path(__file__).parents[2] / "docs/operate.md"
NOTIFY = "services.healer.notify"
WHEN = "must be a time as in 02:00 or 2026-12-01T02:00"
KNOWN_FIELDS = "{svc}, {type}, {reason}, {since}, {ago}, {lasted}, {also}, {first}, {host}"
BERLIN = ZoneInfo("Europe/Berlin")
"""On 2026-03-29 02:00 becomes 03:00; on 2026-10-25 03:00 becomes 02:00."""
NIGHT = {"services": ["*"], "from": "02:00", "to": "04:00"}
ONCE = {"services": ["*"], "from": "2026-12-01T02:00", "to": "2026-12-01T04:00"}


def told(**notify: object) -> dict[str, Any]:
    """Make a document without other warnings, in which healer's section says how people are told."""
    healer = {"access_points": {"subscribe_to": ["sentinel:heartbeat", "a:heartbeat"]}, "notify": notify}
    return {"services": {"healer": healer, "sentinel": {}, "a": {}}}


def warned(document: object) -> list[str]:
    """Tell every warning of a valid document."""
    return list(warnings(read(document)))


def epoch(iso: str, zone: Any = BERLIN, *, fold: int = 0) -> float:
    """Say when a clock shows this."""
    return datetime.fromisoformat(iso).replace(tzinfo=zone, fold=fold).timestamp()


def window(**planned: object) -> Window:
    """Make a window as truth does, for everybody if no more is said."""
    return read(told(maintenance=[{"services": ["*"], **planned}])).telling().windows[0]


def spell(planned: Window, start: float, end: float, zone: Any = BERLIN) -> tuple[float, float] | None:
    """Find by the minute the one spell between two times in which a window is open; it must know its end throughout."""
    minutes = [start + 60 * minute for minute in range(int((end - start) / 60))]
    spans = [(at, until) for at in minutes if (until := planned.until("x", at, zone)) is not None]
    if not spans:
        return None
    begin, until = spans[0]
    assert spans == [(begin + 60 * minute, until) for minute in range(int((until - begin) / 60))]
    return begin, until


@pytest.mark.parametrize("document", [{"services": {}}, told(), {"services": {"sentinel": {"notify": ONCE}}}])
def test_unless_truth_says_more_people_are_told_at_once_and_reminded(document: object) -> None:
    """No escalation, no window, no text of one's own; what stands in another section than healer's is not read."""
    assert read(document).telling() == Telling(14_400.0, {}, (), {}, {})


def test_what_truth_says_is_what_the_daemons_use() -> None:
    """Delays by target, windows, texts by type of alert, and the runbooks of every service that has one."""
    document = told(
        remind_sec=60,
        escalation=[{"after_sec": 0, "targets": ["webhook"]}, {"after_sec": 300, "targets": ["email", "tgram"]}],
        maintenance=[
            {"services": ["a"], "days": ["sun", "mon"], "from": "23:00", "to": "01:30", "utc": True, "why": "upgrade"},
            ONCE,
        ],
        text={"heartbeat_miss": "{svc} is down", "reminder": "{svc}: {lasted}"},
    )
    document["services"]["a"]["runbook"] = "Look at its log first."
    document["services"]["sentinel"]["runbook"] = None
    assert read(document).telling() == Telling(
        60.0,
        {"webhook": 0.0, "email": 300.0, "tgram": 300.0},
        (
            Window(("a",), time(23), timedelta(hours=2.5), days=frozenset({6, 0}), utc=True, why="upgrade"),
            Window(("*",), time(2), timedelta(hours=2), on=datetime(2026, 12, 1, tzinfo=UTC).date()),
        ),
        {"heartbeat_miss": "{svc} is down", "reminder": "{svc}: {lasted}"},
        {"a": "Look at its log first."},
    )


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"remind_sec": None}, True),
        ({"escalation": [{"after_sec": 1, "targets": ["webhook"]}]}, True),
        ({"maintenance": [NIGHT]}, True),
        ({"text": {"bus_lost": "{svc}"}}, True),
        ({"remind_sec": 14_400, "escalation": [], "maintenance": [], "text": {}, "note": 1}, False),
    ],
)
def test_two_truths_that_tell_alike_are_equal(change: dict[str, object], *, differs: bool) -> None:
    """So a daemon sees whether a new truth concerns how it tells."""
    assert (read(told(**change)).telling() != read(told()).telling()) is differs


@pytest.mark.parametrize(
    ("notify", "where", "phrase"),
    [
        ({"remind_sec": 0.999}, "remind_sec", "must be >= 1, is 0.999"),
        ({"remind_sec": 2_592_001}, "remind_sec", "must be <= 2592000, is 2592001"),
        ({"remind_sec": "60"}, "remind_sec", 'must be a number, is "60"'),
        ({"escalation": {}}, "escalation", "must be a list, is {}"),
        ({"escalation": [{"targets": ["x"]}]}, "escalation[0].after_sec", "is missing"),
        ({"escalation": [{"after_sec": 1}]}, "escalation[0].targets", "is missing"),
        ({"escalation": [{"after_sec": -1, "targets": ["x"]}]}, "escalation[0].after_sec", "must be >= 0, is -1"),
        ({"escalation": [{"after_sec": 1, "targets": []}]}, "escalation[0].targets", "must not be empty, is []"),
        (
            {"escalation": [{"after_sec": 1, "targets": ["a b"]}]},
            "escalation[0].targets[0]",
            'must be text without spaces and control characters, is "a b"',
        ),
        (
            {"escalation": [{"after_sec": 1, "targets": ["x", "y"]}, {"after_sec": 2, "targets": ["z", "y"]}]},
            "escalation[1].targets[1]",
            'must be in one step only, is "y"',
        ),
        (
            {"escalation": [{"after_sec": 1, "targets": ["x", "x"]}]},
            "escalation[0].targets[1]",
            'must be in one step only, is "x"',
        ),
        ({"maintenance": [{"from": "02:00", "to": "04:00"}]}, "maintenance[0].services", "is missing"),
        ({"maintenance": [NIGHT | {"services": []}]}, "maintenance[0].services", "must not be empty, is []"),
        ({"maintenance": [NIGHT | {"services": [""]}]}, "maintenance[0].services[0]", 'must not be empty, is ""'),
        ({"maintenance": [NIGHT | {"from": "2:00"}]}, "maintenance[0].from", f'{WHEN}, is "2:00"'),
        ({"maintenance": [NIGHT | {"from": "24:00"}]}, "maintenance[0].from", f'{WHEN}, is "24:00"'),
        ({"maintenance": [NIGHT | {"to": "02:60"}]}, "maintenance[0].to", f'{WHEN}, is "02:60"'),
        ({"maintenance": [NIGHT | {"to": "04:00\n"}]}, "maintenance[0].to", f'{WHEN}, is "04:00\\n"'),
        ({"maintenance": [NIGHT | {"to": "04:00Z"}]}, "maintenance[0].to", f'{WHEN}, is "04:00Z"'),
        ({"maintenance": [NIGHT | {"to": 4}]}, "maintenance[0].to", "must be text, is 4"),
        (
            {"maintenance": [ONCE | {"from": "1999-12-01T02:00"}]},
            "maintenance[0].from",
            f'{WHEN}, is "1999-12-01T02:00"',
        ),
        (
            {"maintenance": [ONCE | {"from": "2026-02-29T02:00"}]},
            "maintenance[0].from",
            'must be on a day that there is, is "2026-02-29T02:00"',
        ),
        (
            {"maintenance": [NIGHT | {"to": "2026-12-01T02:00"}]},
            "maintenance[0].to",
            'must be a time without a date, as from is, is "2026-12-01T02:00"',
        ),
        (
            {"maintenance": [ONCE | {"to": "04:00"}]},
            "maintenance[0].to",
            'must be a time with a date, as from is, is "04:00"',
        ),
        (
            {"maintenance": [ONCE | {"to": "2026-12-01T02:00"}]},
            "maintenance[0].to",
            'must be after from (2026-12-01T02:00), is "2026-12-01T02:00"',
        ),
        (
            {"maintenance": [ONCE | {"days": ["mon"]}]},
            "maintenance[0].days",
            'must be left out where from has a date, is ["mon"]',
        ),
        ({"maintenance": [NIGHT | {"days": []}]}, "maintenance[0].days", "must not be empty, is []"),
        (
            {"maintenance": [NIGHT | {"days": ["sat", "Sun"]}]},
            "maintenance[0].days[1]",
            "must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', is \"Sun\"",
        ),
        (
            {"maintenance": [NIGHT | {"why": "a\nb"}]},
            "maintenance[0].why",
            'must be one line of printable characters, is "a\\nb"',
        ),
        ({"maintenance": [NIGHT] * 257}, "maintenance", "must have at most 256 entries, is "),
        ({"text": {"heartbeat_miss": 1}}, "text.heartbeat_miss", "must be text, is 1"),
        (
            {"text": {"heartbeat": "x"}},
            "text.heartbeat",
            'must be reminder or a type of alert, as in heartbeat_miss, is "heartbeat"',
        ),
    ],
)
def test_refuses_a_bad_part(notify: dict[str, object], where: str, phrase: str) -> None:
    """One wrong thing makes one line, which says where, what is expected and what stands there."""
    (fault,) = faults(told(**notify))
    assert fault.startswith(f"{NOTIFY}.{where}: {phrase}")
    assert phrase.endswith("is ") or fault == f"{NOTIFY}.{where}: {phrase}"


@pytest.mark.parametrize(
    "notify",
    [
        {"remind_sec": 1},
        {"remind_sec": 2_592_000},
        {"escalation": [{"after_sec": 0, "targets": ["x" * 256]}, {"after_sec": 2_592_000, "targets": ["y"]}]},
        {"maintenance": [NIGHT | {"from": "00:00", "to": "23:59", "why": ""}]},
        {"maintenance": [NIGHT | {"from": "23:59", "to": "00:00", "why": "w" * 500}]},
        {"maintenance": [ONCE | {"from": "2000-01-01T00:00", "to": "2999-12-31T23:59"}]},
        {"text": {"unit_failed": "x" * 1000}},
        {"text": {"probe_failed": "{svc}", "probe_ok": "{svc}"}},
    ],
)
def test_takes_what_is_just_within_the_limits(notify: dict[str, object]) -> None:
    """The limits themselves are valid."""
    assert faults(told(**notify)) == []


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "must not be empty"),
        ("x" * 1001, "must be at most 1000 characters long"),
        ("a\x1b[1m", "must be printable characters and newlines"),
        ("a\u202eb", "must be printable characters and newlines"),
        ("{svc", "must have braces in pairs, as in {svc}; write {{ and }} for braces"),
        ("svc}", "must have braces in pairs, as in {svc}; write {{ and }} for braces"),
        ("{svc!}", "must have braces in pairs, as in {svc}; write {{ and }} for braces"),
        ("{}", f"must have no field but {KNOWN_FIELDS}"),
        ("{0}", f"must have no field but {KNOWN_FIELDS}"),
        ("{svc } is down", f"must have no field but {KNOWN_FIELDS}"),
        ("{SVC}", f"must have no field but {KNOWN_FIELDS}"),
        ("{svc} {why}", f"must have no field but {KNOWN_FIELDS}"),
        ("{why.x}", f"must have no field but {KNOWN_FIELDS}"),
        ("{svc.__class__}", "must have {svc} without . [ ! and : in it"),
        ("{reason[0]}", "must have {reason} without . [ ! and : in it"),
        ("{svc!r}", "must have {svc} without . [ ! and : in it"),
        ("{ago:>10}", "must have {ago} without . [ ! and : in it"),
        ("{ago:{svc}}", "must have {ago} without . [ ! and : in it"),
    ],
)
def test_a_text_has_nothing_but_the_fields_as_they_are(text: str, phrase: str) -> None:
    """What a format string could reach into, or stumble over, is refused before anybody has to be told."""
    where = f"{NOTIFY}.text.heartbeat_miss"
    assert [fault.partition(", is ")[0] for fault in faults(told(text={"heartbeat_miss": text}))] == [
        f"{where}: {phrase}"
    ]


def test_a_refused_text_does_not_give_a_password_away() -> None:
    """Braces may be part of one."""
    found = faults(told(text={"bus_lost": "see redis://u:{hunter2}@h"}))
    assert found
    assert "hunter2" not in "\n".join(found)


def test_every_alert_and_the_reminder_may_have_a_text() -> None:
    """With any of the fields, braces of its own and newlines."""
    text = "".join(f"{{{field}}}\n" for field in TEXT_FIELDS) + "{{}} ünd 😀"
    texts = dict.fromkeys([*unitnames.MESSAGE_IDS, REMINDER], text)
    assert read(told(text=texts)).telling().texts == texts
    assert text.format_map({field: field for field in TEXT_FIELDS}).endswith("first\nhost\n{} ünd 😀")


@given(st.lists(st.sampled_from([*"{}.[]!:rs0 x", *TEXT_FIELDS])).map("".join))
def test_whatever_text_is_taken_can_be_filled_in(text: str) -> None:
    """And it shows nothing but the fields and what stands between them."""
    if not faults(told(text={"stable": text})):
        filled = text.format_map(dict.fromkeys(TEXT_FIELDS, "<>"))
        expected = "".join(
            before + ("" if field is None else "<>") for before, field, *_ in string.Formatter().parse(text)
        )
        assert filled == expected


@pytest.mark.parametrize(
    ("runbook", "expected"),
    [
        ("r" * 500, []),
        ("Look at journalctl -u marketswarm@a, then https://wiki/a: restart it.", []),
        (None, []),
        ("", []),
        ("r" * 501, [f'services.a.runbook: must be at most 500 characters long, is "{"r" * 56}...']),
        ("a\nb", ['services.a.runbook: must be one line of printable characters, is "a\\nb"']),
        ("\x1b", ['services.a.runbook: must be one line of printable characters, is "\\u001b"']),
        (7, ["services.a.runbook: must be text, is 7"]),
    ],
)
def test_a_runbook_is_one_printable_line(runbook: object, expected: list[str]) -> None:
    """It is shown as it is, in a notification and on a terminal."""
    document = {"services": {"a": {"runbook": runbook}}}
    assert faults(document) == expected
    if not expected:
        assert read(document).telling().runbooks == ({"a": runbook} if runbook else {})


def test_says_nothing_of_what_only_follows_from_another_fault() -> None:
    """A faulty begin is not compared with the end, nor with the days."""
    planned = {"services": ["*"], "from": "x", "to": "2026-12-01T02:00", "days": ["mon"]}
    assert faults(told(maintenance=[planned])) == [f'{NOTIFY}.maintenance[0].from: {WHEN}, is "x"']


def test_warns_of_a_step_that_comes_no_later_than_the_one_before() -> None:
    """Steps out of order work and are hardly meant."""
    steps = [{"after_sec": after, "targets": [f"t{index}"]} for index, after in enumerate([0, 300, 300, 60, 61])]
    assert warned(told(escalation=steps)) == [
        f"{NOTIFY}.escalation[2].after_sec: should be > that of the step before (300), is 300",
        f"{NOTIFY}.escalation[3].after_sec: should be > that of the step before (300), is 60",
    ]


def test_warns_of_maintenance_of_a_stranger() -> None:
    """Services of the document, what healer watches, buses, probes and everybody are known."""
    document = told(maintenance=[NIGHT, NIGHT | {"services": ["a", "market-redis", "*", "own", "b", "healer"]}])
    document["buses"] = {"own": {"url": "redis://h"}}
    document["services"]["healer"]["notify"]["maintenance"].append(NIGHT | {"services": ["massive/net-url"]})
    assert warned(document) == [
        f'{NOTIFY}.maintenance[1].services[4]: should be a service or probe of this document, a bus or "*", is "b"'
    ]
    document["services"]["healer"]["access_points"]["subscribe_to"].append("b:heartbeat")
    assert [line for line in warned(document) if "maintenance" in line] == []


def test_warns_of_notify_that_nobody_reads() -> None:
    """Not even sentinel's own: both watchers read healer's."""
    document = told()
    document["services"]["sentinel"]["notify"] = {"remind_sec": 60}
    assert warned(document) == ["services.sentinel.notify: is read in the section of healer only"]


def test_warns_of_unknown_fields_by_the_names_that_people_write() -> None:
    """Also where Python has no such name: from is one, from_ is not."""
    document = told(
        remind=1,
        escalation=[{"after_sec": 0, "targets": ["x"], "target": 1}],
        maintenance=[NIGHT | {"from_": "02:00", "day": "sat"}],
    )
    assert warned(document) == [
        f"{NOTIFY}.remind: is no known field, is remind_sec meant?",
        f"{NOTIFY}.escalation[0].target: is no known field, is targets meant?",
        f"{NOTIFY}.maintenance[0].from_: is no known field, is from meant?",
        f"{NOTIFY}.maintenance[0].day: is no known field, is days meant?",
    ]


def test_the_example_in_the_handbook_is_good_and_shows_every_part() -> None:
    """Whoever copies it is warned of nothing in it."""
    section = HANDBOOK.read_text(encoding="utf-8").partition("\n## How people are told\n")[2].partition("\n## ")[0]
    document = json.loads(section.partition("```json\n")[2].partition("```")[0])
    assert [line for line in warned(document) if "notify" in line or "runbook" in line] == []
    telling = read(document).telling()
    assert all([telling.remind_sec, telling.delays, telling.windows, telling.texts, telling.runbooks])
    assert [field for field in TEXT_FIELDS if f"| `{{{field}}}` |" not in section] == []


def test_comes_out_as_it_went_in() -> None:
    """With unknown fields, and by the names that people write."""
    document = {
        "services": {
            "healer": {
                "notify": {
                    "remind_sec": None,
                    "escalation": [{"after_sec": 1.5, "targets": ["x"], "later": 1}],
                    "maintenance": [NIGHT | {"days": ["sat"], "later": []}, ONCE | {"why": "x", "utc": True}],
                    "text": {"bus_ok": "{svc}"},
                    "later": {},
                },
                "runbook": "x y",
            }
        }
    }
    assert read(document).model_dump(mode="json", exclude_unset=True, by_alias=True) == document


def test_the_schema_knows_the_names_that_people_write() -> None:
    """An editor offers from, and says which is needed."""
    maintenance = schema()["$defs"]["Maintenance"]
    assert list(maintenance["properties"]) == ["services", "from", "to", "days", "utc", "why"]
    assert maintenance["required"] == ["services", "from", "to"]


@pytest.mark.parametrize(
    ("planned", "begin", "end"),
    [
        ({"from": "02:00", "to": "04:00"}, "2026-06-10T02:00", "2026-06-10T04:00"),
        ({"from": "02:00", "to": "04:00", "days": ["wed"]}, "2026-06-10T02:00", "2026-06-10T04:00"),
        ({"from": "00:00", "to": "00:01", "days": ["wed"]}, "2026-06-10T00:00", "2026-06-10T00:01"),
        ({"from": "23:30", "to": "00:30", "days": ["wed"]}, "2026-06-10T23:30", "2026-06-11T00:30"),
        ({"from": "12:00", "to": "11:59", "days": ["wed"]}, "2026-06-10T12:00", "2026-06-11T11:59"),
        ({"from": "12:00", "to": "12:00", "days": ["wed"]}, "2026-06-10T12:00", "2026-06-11T12:00"),
        ({"from": "2026-06-10T02:00", "to": "2026-06-12T01:00"}, "2026-06-10T02:00", "2026-06-12T01:00"),
    ],
)
@pytest.mark.parametrize("zone", [BERLIN, UTC, timezone(timedelta(hours=-9, minutes=-30))])
def test_a_window_is_open_from_its_begin_until_just_before_its_end(
    planned: dict[str, object], begin: str, end: str, zone: Any
) -> None:
    """By the clock of the zone, or by UTC where it says so."""
    for utc in (False, True):
        clock, asked = (UTC if utc else zone), window(**planned, utc=utc)
        start, over = epoch(begin, clock), epoch(end, clock)
        asks = [start - 1e-3, start, start + 1e-3, over - 1e-3, over, over + 1e-3]
        assert [asked.until("x", at, zone) for at in asks] == [None, over, over, over, None, None]


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    """Saturday's runs into Sunday; Sunday has none of its own. 2026-06-13 is a Saturday."""
    asked = window(**{"from": "22:00", "to": "02:00", "days": ["sat"]})
    over = epoch("2026-06-14T02:00")
    expected = {
        **dict.fromkeys(["2026-06-13T00:30", "2026-06-13T01:59", "2026-06-13T21:59"]),
        **dict.fromkeys(["2026-06-13T22:00", "2026-06-14T00:00", "2026-06-14T01:59"], over),
        **dict.fromkeys(["2026-06-14T02:00", "2026-06-14T22:00", "2026-06-15T00:30"]),
    }
    assert {iso: asked.until("x", epoch(iso), BERLIN) for iso in expected} == expected


@pytest.mark.parametrize(
    ("services", "subject", "is_open"),
    [
        (["a"], "a", True),
        (["a"], "b", False),
        (["b", "market-redis"], "market-redis", True),
        (["*"], "market-redis", True),
        (["b", "*"], "a", True),
        (["a*"], "a", False),
    ],
)
def test_a_window_is_for_its_services_only(services: list[str], subject: str, *, is_open: bool) -> None:
    """By their exact names, or for everybody."""
    asked = window(**NIGHT | {"services": services})
    assert (asked.until(subject, epoch("2026-06-10T03:00"), BERLIN) is not None) is is_open


@pytest.mark.parametrize(
    ("planned", "begin", "end"),
    [
        (("02:00", "04:00"), "01:00", "02:00"),
        (("01:00", "02:00"), "00:00", "01:00"),
        (("03:00", "04:00"), "01:00", "02:00"),
        (("01:00", "02:30"), "00:00", "01:30"),
        (("02:30", "04:00"), "01:00", "02:00"),
        (("02:00", "03:00"), "01:00", "02:00"),
        (("02:10", "02:50"), "01:00", "01:50"),
        (("23:00", "02:00"), "22:00", "01:00"),
        (("23:00", "04:00"), "22:00", "02:00"),
    ],
)
@pytest.mark.parametrize("once", [False, True])
def test_a_night_on_which_the_clock_is_put_forward(
    planned: tuple[str, str], begin: str, end: str, *, once: bool
) -> None:
    """A begin that is skipped comes with the change, an end that is skipped later by as much; none is lost. In UTC."""
    start, over = planned
    dates = ("2026-03-28T" if start > over else "2026-03-29T", "2026-03-29T") if once else ("", "")
    asked = window(**{"from": dates[0] + start, "to": dates[1] + over})
    day = "2026-03-28T" if begin > end else "2026-03-29T"
    expected = epoch(day + begin, UTC), epoch(f"2026-03-29T{end}", UTC)
    assert spell(asked, epoch("2026-03-28T20:00", UTC), epoch("2026-03-29T12:00", UTC)) == expected


@pytest.mark.parametrize(
    ("planned", "begin", "end"),
    [
        (("02:00", "04:00"), "00:00", "03:00"),
        (("01:00", "02:00"), "23:00", "01:00"),
        (("03:00", "04:00"), "02:00", "03:00"),
        (("02:00", "02:30"), "00:00", "01:30"),
        (("02:30", "03:00"), "00:30", "02:00"),
        (("23:00", "02:30"), "21:00", "01:30"),
    ],
)
@pytest.mark.parametrize("once", [False, True])
def test_a_night_on_which_the_clock_is_put_back(planned: tuple[str, str], begin: str, end: str, *, once: bool) -> None:
    """A window goes from the first of its begins to the last of its ends, without a gap. In UTC."""
    start, over = planned
    dates = ("2026-10-24T" if start > over else "2026-10-25T", "2026-10-25T") if once else ("", "")
    asked = window(**{"from": dates[0] + start, "to": dates[1] + over})
    day = "2026-10-24T" if begin > end else "2026-10-25T"
    expected = epoch(day + begin, UTC), epoch(f"2026-10-25T{end}", UTC)
    assert spell(asked, epoch("2026-10-24T20:00", UTC), epoch("2026-10-25T12:00", UTC)) == expected


def test_a_clock_that_changes_at_midnight() -> None:
    """In Beirut the day on which it is put forward begins at 01:00; a window at its begin is not lost."""
    beirut = ZoneInfo("Asia/Beirut")
    asked = window(**{"from": "00:00", "to": "02:00", "days": ["sun"]})
    start = epoch("2026-03-28T22:00", UTC)
    assert spell(asked, start - 36_000, start + 36_000, beirut) == (start, start + 3600)


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
YEAR = st.integers(int(epoch("2026-01-01T00:00", UTC)), int(epoch("2027-01-01T00:00", UTC)))


@given(MINUTES, MINUTES, YEAR, st.sampled_from(["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "UTC"]))
def test_a_window_is_open_whenever_the_clock_says_so(start: str, over: str, at: int, zone: str) -> None:
    """In any zone at any time; its end lies ahead, and one that is closed by the clock is so but for a change of it."""
    asked = window(**{"from": start, "to": over})
    local = ZoneInfo(zone)
    now = datetime.fromtimestamp(at, local)
    shows = now.strftime("%H:%M")
    by_the_clock = start <= shows < over if start < over else shows >= start or shows < over
    until = asked.until("x", at, local)
    assert until is None or at < until <= at + 86_400 + 7200
    steady = len({datetime.fromtimestamp(at + hour * 3600, local).utcoffset() for hour in range(-50, 51)}) == 1
    assert until is not None or not by_the_clock
    assert until is None or by_the_clock or not steady


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize("clock", ["03-29", "06-10", "10-25", "11-01"])
def test_without_a_zone_the_hosts_local_time_counts(name: str, clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the same zone by its name, on the nights of a change too."""
    asked = window(**{"from": "01:30", "to": "02:30"})
    monkeypatch.setenv("TZ", name)
    tzset()
    try:
        noon = epoch(f"2026-{clock}T12:00", UTC)
        asks = [noon + 900 * quarter for quarter in range(-48, 48)]
        assert [asked.until("x", at, None) for at in asks] == [asked.until("x", at, ZoneInfo(name)) for at in asks]
    finally:
        monkeypatch.undo()
        tzset()


def planned(*spans: tuple[str, str], **more: object) -> tuple[Window, ...]:
    """Make windows from times of day."""
    return tuple(window(**{"from": start, "to": over, **more}) for start, over in spans)


@pytest.mark.parametrize(
    ("windows", "at", "over"),
    [
        ((), "03:00", None),
        (planned(("01:00", "02:00"), ("04:00", "05:00")), "03:00", None),
        (planned(("02:00", "04:00")), "03:00", "04:00"),
        (planned(("02:00", "04:00"), ("02:30", "03:30")), "03:00", "04:00"),
        (planned(("02:00", "04:00"), ("04:00", "05:00")), "03:00", "05:00"),
        (planned(("04:00", "05:00"), ("02:00", "04:01"), ("05:00", "06:00")), "03:00", "06:00"),
        (planned(("02:00", "04:00"), ("04:01", "05:00")), "03:00", "04:00"),
        (planned(("02:00", "04:00")) + planned(("04:00", "05:00"), services=["b"]), "03:00", "04:00"),
        (planned(("02:00", "04:00")) + planned(("04:00", "05:00"), days=["thu"]), "03:00", "04:00"),
    ],
)
def test_maintenance_lasts_over_windows_that_overlap_or_adjoin(
    windows: tuple[Window, ...], at: str, over: str | None
) -> None:
    """A gap of a minute ends it, and so does one for somebody else, or on another day. 2026-06-10 is a Wednesday."""
    expected = over and epoch(f"2026-06-10T{over}")
    assert maintenance_until(windows, "a", epoch(f"2026-06-10T{at}"), BERLIN) == expected


def test_maintenance_that_never_ends_is_given_an_end() -> None:
    """Each day's window adjoins the next one's: the answer is far ahead, and comes at once."""
    at = epoch("2026-06-10T03:00", UTC)
    assert maintenance_until(planned(("00:00", "00:00")), "a", at, UTC) == epoch("2026-06-10T00:00", UTC) + 64 * 86_400
