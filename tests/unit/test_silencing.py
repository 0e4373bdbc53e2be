"""What commands say of silences and acknowledgements, and which names they take."""

import os
import pwd

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from marketswarm import cli, host, pauses, services
from marketswarm.errors import BadEnvironmentError
from marketswarm.notices.silences import Silence
from marketswarm.pauses import called, check, noted, one_line, person, render
from marketswarm.truth import Truth

NOW = 1_762_433_458.0  # 2025-11-06 12:50:58 UTC
HOUR = 3600.0
TRUTH = Truth.model_validate(
    {
        "services": {
            "rss_agg": {},
            "mesh": {},
            "healer": {"access_points": {"subscribe_to": [{"bus": "system-redis", "key": "foreign:heartbeat"}]}},
        },
        "buses": {"third-redis": {"url": "redis://127.0.0.1:6381"}},
    }
)
pytestmark = pytest.mark.usefixtures("in_utc")


@pytest.mark.parametrize("name", ["rss_agg", "foreign", "system-redis", "market-redis", "third-redis", "*"])
def test_services_and_buses_of_the_truth_are_known(name: str) -> None:
    """Those that only healer's section names are as well."""
    check(name, TRUTH)


@pytest.mark.parametrize("probe", ["net-host", "net-url", "massive-api", "massive-ws", "broker"])
def test_what_massive_probes_is_known(monkeypatch: pytest.MonkeyPatch, probe: str) -> None:
    """By its environment, and by the truth."""
    monkeypatch.setattr(Truth, "probe_names", lambda _: ("broker",))
    check(f"massive/{probe}", TRUTH)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "massive/net-hots",
            "there is no service, bus or probe named 'massive/net-hots'; did you mean massive/net-host?",
        ),
        ("net-url", "there is no service, bus or probe named 'net-url'; did you mean massive/net-url?"),
        ("rss_ag", "there is no service, bus or probe named 'rss_ag'; did you mean rss_agg?"),
        ("system_redis", "there is no service, bus or probe named 'system_redis'; did you mean system-redis?"),
        (
            "xyz",
            "there is no service, bus or probe named 'xyz'; there are: foreign, healer, market-redis, mesh, ",
        ),
        ("", "there is no service, bus or probe named ''; there are: foreign, "),
        ("\x1b[2J\nmesh", r"there is no service, bus or probe named '\x1b[2J\nmesh'; "),
    ],
)
def test_a_wrong_name_is_answered_by_the_right_ones(name: str, line: str) -> None:
    """The one that is close, or those that there are."""
    with pytest.raises(BadEnvironmentError) as raised:
        check(name, TRUTH)
    assert str(raised.value).startswith(line)
    assert str(raised.value).isprintable()


def test_a_probe_of_the_truth_is_what_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is listed behind the services and the buses."""
    monkeypatch.setattr(Truth, "probe_names", lambda _: ("broker",))
    with pytest.raises(BadEnvironmentError, match=r"named 'massive/brokr'; did you mean massive/broker\?$"):
        check("massive/brokr", TRUTH)
    with pytest.raises(BadEnvironmentError, match=r"third-redis, massive/broker, massive/net-host, "):
        check("!", TRUTH)


def test_a_wrong_name_among_many_and_of_any_length_gets_a_short_line() -> None:
    """Not a screen full."""
    many = Truth.model_validate({"services": {f"svc_{number:04}": {} for number in range(1000)}})
    with pytest.raises(BadEnvironmentError, match=r"svc_0010, \.\.\.$") as raised:
        check("!" * 100_000, many)
    assert len(str(raised.value)) < 400


def test_silences_are_lined_up() -> None:
    """What is missing is a dash, and nothing stands at the ends."""
    made = [
        Silence("*", NOW, NOW + 724, by="ann@h1", why="the move"),
        Silence("market-redis", NOW, NOW + 26 * HOUR),
    ]
    assert render(made, NOW) == [
        "everything    until 13:03:02             12 min 4 s left  ann@h1  the move",
        "market-redis  until 2025-11-07 14:50:58  1 d 2 h left     -",
    ]
    assert render([], NOW) == []


def test_no_control_character_reaches_the_terminal() -> None:
    """Anybody who may write to the bus may write any silence."""
    bad = "\x1b[2J\x9b\n\u202ex"
    lines = [*render([Silence(bad, NOW, 1e300, by=bad, why=bad)], NOW), called(bad), *noted(NOW, bad, NOW)]
    assert [line for line in lines if not line.isprintable()] == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("  a \n\t b ", "a b"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\udcff", r"\udcff"),
        ("späť", "späť"),
    ],
)
def test_a_reason_is_one_line(text: str, line: str) -> None:
    """As it is stored already, for whoever else reads it."""
    assert one_line(text) == line


def test_who_types_is_named_with_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the password file; a number where that has no name."""
    monkeypatch.setattr(host, "name", lambda: "h1")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd(("ann", "x", uid, uid, "", "/", "/bin/sh")))
    assert person() == "ann@h1"
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert person() == "4711@h1"
    monkeypatch.setattr(host, "name", lambda: "h\n" * 999)
    assert person().isprintable()
    assert len(person()) == pauses.MAX_BY


def test_root_is_whoever_has_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after sudo; without a login it stays root."""
    monkeypatch.setattr(host, "name", lambda: "h1")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "getlogin", lambda: "ann")
    assert person() == "ann@h1"

    def nobody() -> str:
        raise OSError(6, "No such device or address")

    monkeypatch.setattr(os, "getlogin", nobody)
    assert person() == "root@h1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["silence"], "name a SERVICE, or give --all"),
        (["silence", "*"], "name a SERVICE, or give --all"),
        (["silence", "mesh", "--all"], "--all and 'mesh' exclude each other"),
        (["silence", "mesh", "--for", "2w"], "'2w' is not like 90s, 15m, 2h, 3d"),
        (["silence", "mesh", "--for", "0m"], "must be from 1s to 30d, is 0m"),
        (["silence", "mesh", "--for", "31d"], "must be from 1s to 30d, is 31d"),
        (["silence", "mesh", "--for", "2592001s"], "must be from 1s to 30d, is 2592001s"),
        (["silence", "mesh", "--why", "x" * 201], "at most 200 characters, has 201"),
        (["unsilence"], "name a SERVICE, or give --all"),
        (["unsilence", "mesh", "--all"], "--all and 'mesh' exclude each other"),
        (["ack"], "Missing argument 'SERVICE'"),
        (["ack", "mesh", "--why", "x" * 201], "at most 200 characters, has 201"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_bus_is_asked(words: list[str], says: str) -> None:
    """With the code that click has for it."""
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 2
    assert says in done.output


@pytest.mark.parametrize("word", ["silence", "unsilence", "ack"])
def test_services_are_offered(word: str) -> None:
    """Every installed one, as after `run`."""
    asked = BashComplete(cli.main, {}, "marketswarm", "_MARKETSWARM_COMPLETE").get_completions([word], "")
    assert [item.value for item in asked] == sorted(services.installed())
