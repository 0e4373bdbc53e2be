"""What the environment says, and what is said of an environment that cannot be used."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import names, settings
from marketswarm.address import Address
from marketswarm.errors import BadEnvironmentError
from marketswarm.settings import Settings


def faults(environ: dict[str, str]) -> list[str]:
    """Load what cannot be used, and return what is said of it."""
    with pytest.raises(BadEnvironmentError) as caught:
        settings.load(environ)
    return str(caught.value).splitlines()


def test_an_empty_environment_is_all_defaults() -> None:
    """Nothing has to be set."""
    found = settings.load({})
    assert found == Settings()
    assert found.address("system-redis") == Address("127.0.0.1", 6379)
    assert found.address("market-redis") == Address("127.0.0.1", 6380)
    assert (found.truth_key, found.default_timeout_sec, found.alert_channel) == ("truth:doc", 30, "healer:alerts")


def test_every_variable_has_its_place() -> None:
    """What is set is what counts, with white space around it gone."""
    found = settings.load(
        {
            "SYSTEM_REDIS_URL": "redis://a:1",
            "MARKET_REDIS_URL": "redis://b:2",
            "FEED_TWO_REDIS_URL": "redis://c:3",
            "TRUTH_REDIS_URL": "redis://d:4",
            "TRUTH_REDIS_KEY": "other:doc",
            "LOG_LEVEL": "debug",
            "DEFAULT_TIMEOUT_SEC": "12.5",
            "ALERT_CHANNEL": "alerts",
            "HB_INTERVAL_SEC": " 3 ",
            "HEALER_HEARTBEAT_CHANNEL": "hb",
            "SENTINEL_TIMEOUT_SEC": "9",
            "JOURNAL_STREAM": "8:1",
            "WATCHDOG_USEC": "30000000",
            "WATCHDOG_PID": "7",
            "NO_COLOR": "1",
        }
    )
    assert found == Settings(
        buses={
            "system-redis": Address("a", 1),
            "market-redis": Address("b", 2),
            "feed-two-redis": Address("c", 3),
        },
        truth_address=Address("d", 4),
        truth_key="other:doc",
        log_level="DEBUG",
        default_timeout_sec=12.5,
        alert_channel="alerts",
        healer_interval_sec=3,
        healer_channel="hb",
        sentinel_timeout_sec=9,
        journal_stream="8:1",
        watchdog_usec="30000000",
        watchdog_pid="7",
        colour=False,
    )


ENV_NAMES = [value for name, value in vars(names).items() if name.startswith("ENV_")]


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_counts_as_unset(empty: str) -> None:
    """A line `NAME=` in an environment file is no setting."""
    variables = [
        *ENV_NAMES,
        "SYSTEM_REDIS_URL",
        "MARKET_REDIS_URL",
        "FEED_REDIS_URL",
        "NO_COLOR",
        "WATCHDOG_USEC",
    ]
    assert settings.load(dict.fromkeys(variables, empty)) == Settings()


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({}, True), ({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "0"}, False)],
)
def test_colour(environ: dict[str, str], *, colour: bool) -> None:
    """NO_COLOR forbids it whatever its value, and a dumb terminal has none."""
    assert settings.load(environ).colour is colour


def test_an_address_comes_from_the_environment_then_truth_then_the_default() -> None:
    """In this order, for each bus on its own."""
    found = settings.load({"SYSTEM_REDIS_URL": "redis://env"})
    urls = {"system-redis": "redis://truth", "market-redis": "redis://truth", "feed-redis": "redis://feed"}
    assert found.address("system-redis", urls).host == "env"
    assert found.address("market-redis", urls).host == "truth"
    assert found.address("market-redis").host == "127.0.0.1"
    assert found.address("feed-redis", urls).host == "feed"


@pytest.mark.parametrize("order", [1, -1])
def test_the_special_variable_wins_over_the_general_one(order: int) -> None:
    """REDIS_URL is system-redis's address unless SYSTEM_REDIS_URL gives one, wherever they stand."""
    both = [("REDIS_URL", "redis://general"), ("SYSTEM_REDIS_URL", "redis://special")]
    assert settings.load(dict(both[::order])).address("system-redis").host == "special"
    assert settings.load(dict(both[:1])).address("system-redis").host == "general"
    assert settings.load(dict(both[:1])).address("market-redis").host == "127.0.0.1"


def test_the_name_of_a_bus_is_no_address_of_it() -> None:
    """What the Compose files set means the bus itself, wherever it is."""
    environ = {
        "REDIS_URL": "redis://system-redis:6379",
        "SYSTEM_REDIS_URL": "redis://system-redis:6379",
        "MARKET_REDIS_URL": "redis://market-redis:6379",
    }
    assert settings.load(environ) == Settings()


@pytest.mark.parametrize(
    ("variable", "other", "sets", "wanted"),
    [
        ("REDIS_URL", "market-redis", "system-redis", "MARKET_REDIS_URL"),
        ("SYSTEM_REDIS_URL", "market-redis", "system-redis", "MARKET_REDIS_URL"),
        ("MARKET_REDIS_URL", "system-redis", "market-redis", "SYSTEM_REDIS_URL"),
        ("FEED_REDIS_URL", "market-redis", "feed-redis", "MARKET_REDIS_URL"),
    ],
)
def test_the_name_of_another_bus_is_refused(variable: str, other: str, sets: str, wanted: str) -> None:
    """It would resolve to who knows where; the line says what to set instead."""
    assert faults({variable: f"redis://{other}:6379"}) == [
        f"{variable}: names {other}, but sets {sets}; set {wanted} instead"
    ]


SOCKETS = "6379=/run/a.sock  6380=/run/b.sock"


@pytest.mark.parametrize(
    ("environ", "urls", "expected"),
    [
        ({}, {}, Address(path="/run/a.sock")),
        ({}, {"system-redis": "redis://localhost:6380"}, Address(path="/run/b.sock")),
        ({"SYSTEM_REDIS_URL": "redis://[::1]:6380"}, {"system-redis": "redis://h:1"}, Address(path="/run/b.sock")),
        (
            {"SYSTEM_REDIS_URL": "redis://me:secret@127.0.0.1:6380/3"},
            {},
            Address(path="/run/b.sock", username="me", password="secret", db=3),
        ),
        ({"SYSTEM_REDIS_URL": "redis://127.0.0.1:6479"}, {}, Address("127.0.0.1", 6479)),
        ({"SYSTEM_REDIS_URL": "redis://10.0.0.1:6379"}, {}, Address("10.0.0.1", 6379)),
        ({"SYSTEM_REDIS_URL": "rediss://127.0.0.1:6379"}, {}, Address("127.0.0.1", 6379, tls=True)),
        ({"SYSTEM_REDIS_URL": "unix:///run/mine.sock"}, {}, Address(path="/run/mine.sock")),
    ],
)
def test_an_address_on_loopback_is_the_socket_of_its_port(
    environ: dict[str, str], urls: dict[str, str], expected: Address
) -> None:
    """Once it is known where the bus is, whoever said so; login and database stay. No other address is touched."""
    assert settings.load({"REDIS_SOCKETS": SOCKETS, **environ}).address("system-redis", urls) == expected


def test_the_server_that_holds_the_truth_has_a_socket_too() -> None:
    """Named by its address, or by a bus's name."""
    found = settings.load({"REDIS_SOCKETS": SOCKETS, "TRUTH_REDIS_URL": "redis://:x@127.0.0.1:6380"})
    assert found.truth_address == Address(path="/run/b.sock", password="x")
    found = settings.load({"REDIS_SOCKETS": SOCKETS, "TRUTH_REDIS_URL": "redis://market-redis"})
    assert (found.truth_bus, found.truth_address) == ("market-redis", None)


@pytest.mark.parametrize(
    "pair", ["6379", "6379=", "6379=redis.sock", "x=/a", "0=/a", "65536=/a", "=/a", "+1=/a", "\u0661=/a"]
)
def test_sockets_are_pairs_of_port_and_path(pair: str) -> None:
    """The one that is none is shown, with how it should look; the others are no fault."""
    (said,) = faults({"REDIS_SOCKETS": f"6380=/run/b.sock {pair}"})
    assert said == (
        "REDIS_SOCKETS: must be PORT=PATH, with blanks between several, as in "
        f"6379=/run/marketswarm/system/redis.sock; is {pair!r}"
    )


def test_a_port_has_one_socket() -> None:
    """The same one twice is no matter."""
    assert settings.load({"REDIS_SOCKETS": "1=/a 1=/a"}).sockets == {1: "/a"}
    assert faults({"REDIS_SOCKETS": "1=/a 1=/b"}) == ["REDIS_SOCKETS: has two sockets for port 1"]


def test_the_truth_is_read_from_the_bus_or_the_server_that_is_named() -> None:
    """A bus's name means that bus; anything else is an address."""
    named = settings.load({"TRUTH_REDIS_URL": "redis://market-redis:6379"})
    assert (named.truth_bus, named.truth_address) == ("market-redis", None)
    given_address = settings.load({"TRUTH_REDIS_URL": "redis://h:1"})
    assert (given_address.truth_bus, given_address.truth_address) == (None, Address("h", 1))
    assert named.buses == given_address.buses == {}


def test_a_credential_stands_in_for_a_variable(tmp_path: Path) -> None:
    """A file of the variable's name, with the line end off; the variable itself comes first."""
    url = "redis://:hunter2@h"
    (tmp_path / "SYSTEM_REDIS_URL").write_text(f"{url}\n", encoding="utf-8")
    (tmp_path / "LOG_LEVEL").write_text("DEBUG\n", encoding="utf-8")
    (tmp_path / "ALERT_CHANNEL").write_text("\n", encoding="utf-8")
    found = settings.load({"CREDENTIALS_DIRECTORY": str(tmp_path), "LOG_LEVEL": "ERROR"})
    assert found.address("system-redis") == Address.parse(url)
    assert found.log_level == "ERROR"
    assert found.alert_channel == "healer:alerts"


def test_a_credential_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """The variable is named, and what the file holds is not shown."""
    (tmp_path / "SYSTEM_REDIS_URL").write_bytes(b"hunter2\xff")
    (tmp_path / "ALERT_CHANNEL").mkdir()
    found = faults({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert sorted(line.split(":")[0] for line in found) == ["ALERT_CHANNEL", "SYSTEM_REDIS_URL"]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "ten", "10s", "1,5", "0x10"])
def test_seconds_are_a_number_above_zero(text: str) -> None:
    """Anything else is refused with its value."""
    assert faults({"DEFAULT_TIMEOUT_SEC": text}) == [
        f"DEFAULT_TIMEOUT_SEC: must be a number of seconds > 0, is '{text}'"
    ]


@pytest.mark.parametrize("text", ["LOUD", "WARN", "10", "NOTSET", "NOTICE"])
def test_the_log_level_is_one_of_those_that_are_documented(text: str) -> None:
    """Names that only Python's logging knows are refused too."""
    assert faults({"LOG_LEVEL": text}) == [
        f"LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, is '{text}'"
    ]


def test_all_faults_are_told_at_once() -> None:
    """A line each, so that one correction is enough; what is good beside them hides none."""
    environ = {
        "SYSTEM_REDIS_URL": "redis://h:x",
        "MARKET_REDIS_URL": "localhost",
        "FEED_REDIS_URL": "redis://",
        "TRUTH_REDIS_URL": "http://h",
        "LOG_LEVEL": "LOUD",
        "DEFAULT_TIMEOUT_SEC": "0",
        "HB_INTERVAL_SEC": "x",
        "SENTINEL_TIMEOUT_SEC": "-1",
        "ALERT_CHANNEL": "good",
    }
    assert sorted(line.split(":")[0] for line in faults(environ)) == sorted(environ.keys() - {"ALERT_CHANNEL"})


def said_of(environ: dict[str, str]) -> str:
    """Everything that is ever shown of an environment."""
    try:
        return repr(settings.load(environ))
    except BadEnvironmentError as error:
        return str(error)


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).map("hunter2{}hunter2".format)


@given(
    secret=SECRETS,
    form=st.sampled_from(
        ["redis://u:{}@h:x", "redis://:{}@h:0", "redis//:{}@h", "redis://u:{}@[h", "redis://u:{}@h/x"]
    ),
    variable=st.sampled_from(["REDIS_URL", "SYSTEM_REDIS_URL", "TRUTH_REDIS_URL", "FEED_REDIS_URL"]),
)
def test_a_password_is_never_echoed(secret: str, form: str, variable: str) -> None:
    """An address that cannot be used is named and never shown."""
    assert "hunter2" not in said_of({variable: form.format(secret)})


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a child inherits a copy of it."""
    monkeypatch.setenv("ALERT_CHANNEL", "from-the-process")
    assert settings.load().alert_channel == "from-the-process"
    copy = settings.inherited()
    copy["ALERT_CHANNEL"] = "changed"
    assert settings.load().alert_channel == "from-the-process"


def test_the_hosts_file_stands_behind_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command typed on a host finds the buses of its units; who names a bus is not second-guessed."""
    file = tmp_path / "marketswarm.env"
    file.write_text("# buses\n ; old\nSYSTEM_REDIS_URL = 'redis://127.0.0.1:6479'\nLOG_LEVEL=DEBUG\nnonsense\n")
    monkeypatch.setattr(names, "ENV_FILE", str(file))
    for name in ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL", "REDIS_URL", "TRUTH_REDIS_URL", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    found = settings.load()
    assert (found.address("system-redis").port, found.log_level) == (6479, "DEBUG")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    assert settings.load().log_level == "ERROR"
    monkeypatch.setenv("MARKET_REDIS_URL", "redis://127.0.0.1:7000")
    assert settings.load().address("system-redis").port == 6379


def test_sockets_of_the_units_are_not_for_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who types a command is in no group of ours; what his own environment says counts."""
    file = tmp_path / "marketswarm.env"
    file.write_text('SYSTEM_REDIS_URL=redis://127.0.0.1:6479\nREDIS_SOCKETS="6479=/run/a.sock"\n')
    monkeypatch.setattr(names, "ENV_FILE", str(file))
    for name in ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL", "REDIS_URL", "TRUTH_REDIS_URL", "REDIS_SOCKETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_CREDENTIALS", "")  # or root has a login on a host
    assert settings.load().address("system-redis") == Address("127.0.0.1", 6479)
    monkeypatch.setenv("REDIS_SOCKETS", "6479=/run/b.sock")
    assert settings.load().address("system-redis") == Address(path="/run/b.sock")


def test_a_hosts_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    """Nor does one that is no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe=1")
    assert settings.read_env_file(tmp_path / "missing") == settings.read_env_file(tmp_path / "binary") == {}
