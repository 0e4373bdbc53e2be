"""What `marketswarm mesh` makes of what mesh keeps."""

from typing import Any

import pytest

from marketswarm.meshview import EMPTY, STOPPED, MeshView, as_json, render, view_of
from marketswarm.messages import LEFT_TRUTH, Member, Presence, encode
from marketswarm.term import plain

NOW = 1_762_433_458.0
SHA, OLDER = "a" * 64, "b" * 64
UNSEEN, ALIVE, SUSPECTED, FAILED, LEFT = Presence
HEAD = "service  state      since   host  pid  version  truth         standbys  why"


def entry(service: str, state: Presence, **said: Any) -> Member:
    """A member that has been so for five minutes."""
    return Member(svc=service, state=state, since=int(NOW) - 300, **said)


WHOLE = {"host": "h1", "pid": 4711, "boot": "b1", "version": "1.2", "truth": SHA}
GONE = entry("z", LEFT, reason=LEFT_TRUTH, host="h9", truth=OLDER)


def view(*members: Member, services: str = "abc", kept: bool = True, silent: tuple[str, ...] = ()) -> MeshView:
    """A truth with three services, and what a bus holds."""
    return view_of(services, {member.svc: encode(member) for member in members}, SHA, kept=kept, silent=silent)


def line(found: MeshView, number: int = 1) -> str:
    """One line below the head, its columns a space apart."""
    return " ".join(render(found, plain, NOW).splitlines()[number].split())


@pytest.mark.parametrize(
    ("member", "shown"),
    [
        (entry("a", ALIVE, **WHOLE), "a alive 5m ago h1 4711 1.2 aaaaaaaaaaaa - -"),
        (entry("a", ALIVE, **WHOLE | {"truth": OLDER}), "a alive 5m ago h1 4711 1.2 bbbbbbbbbbbb old - -"),
        (entry("a", ALIVE), "a alive 5m ago - - - - - -"),
        (entry("a", ALIVE, standbys=("h2:12", "h3:13")), "a alive 5m ago - - - - h2:12, h3:13 -"),
        (entry("a", SUSPECTED, **WHOLE), "a suspected 5m ago h1 4711 1.2 aaaaaaaaaaaa - -"),
        (
            entry("a", FAILED, **WHOLE | {"truth": OLDER}, reason="crashed"),
            "a FAILED 5m ago h1 4711 1.2 bbbbbbbbbbbb - crashed",
        ),
        (entry("a", LEFT), "a left 5m ago - - - - - -"),
        (entry("a", UNSEEN), "a unseen 5m ago - - - - - -"),
        (entry("a", LEFT, reason=LEFT_TRUTH), "a unseen - - - - - - -"),
        (entry("b", ALIVE), "a unseen - - - - - - -"),
    ],
)
def test_a_member_is_one_line(member: Member, shown: str) -> None:
    """What is not known is a dash; a truth is old only where somebody runs on it."""
    assert line(view(member)) == shown


def test_members_are_in_the_order_of_the_truth_and_tombstones_last() -> None:
    """Those are said to have left it, and count for nothing."""
    found = view(entry("c", ALIVE), GONE, entry("y", ALIVE), entry("a", ALIVE), entry("b", ALIVE))
    assert [row.member.svc for row in found.rows] == ["a", "b", "c", "y", "z"]
    assert line(found, 5) == "z left 5m ago h9 - - bbbbbbbbbbbb - left the truth"
    assert render(found, plain, NOW).splitlines()[-1] == "3 members: 3 alive; 2 left the truth within a day"
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("states", "code", "total"),
    [
        ((ALIVE, ALIVE, ALIVE), 0, "3 members: 3 alive"),
        ((ALIVE, ALIVE, UNSEEN), 1, "3 members: 1 unseen, 2 alive"),
        ((ALIVE, SUSPECTED, ALIVE), 1, "3 members: 2 alive, 1 suspected"),
        ((LEFT, ALIVE, ALIVE), 1, "3 members: 2 alive, 1 left"),
        ((LEFT, FAILED, SUSPECTED), 2, "3 members: 1 suspected, 1 failed, 1 left"),
        ((FAILED, FAILED, FAILED), 2, "3 members: 3 failed"),
    ],
)
def test_there_is_a_sum_and_a_code(states: tuple[Presence, ...], code: int, total: str) -> None:
    """0 all are alive, 2 somebody has failed, 1 anything between."""
    found = view(*(entry(service, state) for service, state in zip("abc", states, strict=True)))
    assert found.exit_code == code
    assert render(found, plain, NOW).splitlines()[-1] == total


def test_one_member_is_no_plural() -> None:
    """A small swarm reads well, too."""
    assert render(view(entry("a", ALIVE), services="a"), plain, NOW).splitlines()[-1] == "1 member: 1 alive"


def test_an_older_truth_is_a_warning() -> None:
    """It is said who runs on it, ten of them at the most."""
    old = [entry(service, ALIVE, truth=OLDER) for service in "abcdefghijkl"]
    found = view(*old, services="abcdefghijkl")
    assert found.exit_code == 1
    last = render(found, plain, NOW).splitlines()[-1]
    assert last == "! on another truth than the buses hold: a, b, c, d, e, f, g, h, i, j, ..."
    assert view(*old[:2], services="ab").notes == ("on another truth than the buses hold: a, b",)


def test_a_bus_that_does_not_answer_is_said() -> None:
    """Nobody there is judged, so all that stands here of them may be old."""
    found = view(*(entry(service, ALIVE) for service in "abc"), silent=("market-redis",))
    assert found.exit_code == 1
    assert render(found, plain, NOW).splitlines()[-1].startswith("! market-redis does not answer")


@pytest.mark.parametrize(
    ("members", "kept", "lines"),
    [
        ([entry("a", FAILED)], False, [f"! {STOPPED}", "", HEAD]),
        ([], False, [f"! {STOPPED}", f"! {EMPTY}"]),
        ([], True, [f"! {EMPTY}"]),
    ],
)
def test_what_nobody_keeps_up_is_said_on_top_and_is_exit_3(
    members: list[Member], lines: list[str], *, kept: bool
) -> None:
    """Whatever it says of anybody."""
    found = view(*members, kept=kept)
    assert found.exit_code == as_json(found)["exit_code"] == 3
    said = render(found, plain, NOW).splitlines()
    assert [one.split() for one in said[: len(lines)]] == [one.split() for one in lines]


def test_states_are_coloured_and_columns_stay() -> None:
    """The word alone."""
    found = view(entry("a", ALIVE), entry("b", FAILED), entry("c", LEFT), GONE)
    lines = render(found, lambda text, style: f"<{style}>{text}</>", NOW).splitlines()
    assert [row[9:34].split("</>")[0] for row in lines[1:5]] == [
        "<green>alive",
        "<bold red>FAILED",
        "<yellow>left",
        "<dim>left",
    ]


def test_no_control_character_reaches_the_terminal() -> None:
    """Anybody may write to the bus; a long word is cut."""
    evil = "\x1b[2J\x07\n" + "x" * 1000
    bad = entry("a", FAILED, host=evil, version=evil, truth=evil, reason=evil, standbys=(evil,), pid=2**60)
    lines = render(view(bad), plain, NOW).split("\n")
    assert [one for one in lines if not one.isprintable()] == []
    assert (len(lines), max(map(len, lines)) < 400) == (6, True)


def test_what_is_no_entry_is_no_member() -> None:
    """Nor does it hide one."""
    found = view_of(["a"], {"a": b"{", "b": b'{"svc":"b","state":"odd","since":1}'}, SHA, kept=True)
    assert found == MeshView()


def test_programs_get_all_of_it() -> None:
    """Every field, known or not."""
    first, *_, last = as_json(view(entry("a", FAILED, **WHOLE, i=7, ts=NOW, bus="x", channel="y"), GONE))["members"]
    assert first == WHOLE | {
        "svc": "a",
        "state": "failed",
        "since": int(NOW) - 300,
        "i": 7,
        "ts": NOW,
        "bus": "x",
        "channel": "y",
        "reason": "",
        "standbys": (),
        "in_truth": True,
        "outdated": False,
    }
    assert (last["svc"], last["in_truth"], last["outdated"]) == ("z", False, False)
