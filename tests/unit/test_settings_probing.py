"""How massive probes, as the environment says it."""

import pytest

from marketswarm import settings
from marketswarm.errors import BadEnvironmentError
from marketswarm.settings import Market, Probing

SECRET = "hunter2"


def faults(**environ: str) -> list[str]:
    """Load what cannot be used, and return what is said of it."""
    with pytest.raises(BadEnvironmentError) as caught:
        settings.load(environ)
    return str(caught.value).splitlines()


def test_nothing_set_is_the_defaults() -> None:
    """The API has its address, and no key."""
    found = settings.load({})
    assert found.probing == Probing(on_start=True, strict=False, timeout_sec=5.0, host=None, url=None)
    assert found.market == Market(
        "https://api.massive.com", "wss://socket.massive.com/stocks", None, 10.0, rest=True, websocket=False
    )


def test_every_variable_has_its_place() -> None:
    """Those of the network, and those of the API."""
    found = settings.load(
        {
            "NET_PROBE_ON_START": "0",
            "NET_PROBE_STRICT": "1",
            "NET_TIMEOUT_SEC": "2.5",
            "NET_HOST": "1.1.1.1:53",
            "NET_URL": "https://example.com/x",
            "MASSIVE_API_KEY": SECRET,
            "MASSIVE_BASE_URL": "https://api.polygon.io/",
            "MASSIVE_WS_URL": "wss://delayed.example/stocks",
            "POLYGON_TIMEOUT_SEC": "3",
            "POLYGON_TEST_REST": "no",
            "POLYGON_TEST_WS": "Yes",
        }
    )
    assert found.probing == Probing(
        on_start=False, strict=True, timeout_sec=2.5, host="tcp://1.1.1.1:53", url="https://example.com/x"
    )
    assert found.market == Market(
        "https://api.polygon.io", "wss://delayed.example/stocks", SECRET, 3.0, rest=False, websocket=True
    )
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("example.com", "tcp://example.com:443"),
        ("example.com:22", "tcp://example.com:22"),
        ("1.1.1.1", "tcp://1.1.1.1:443"),
        ("[::1]:53", "tcp://[::1]:53"),
        ("[::1]", "tcp://[::1]:443"),
    ],
)
def test_a_host_without_a_port_is_one_of_https(text: str, url: str) -> None:
    """As the web's are."""
    assert settings.load({"NET_HOST": text}).probing.host == url


@pytest.mark.parametrize("text", ["https://example.com", "a b", "example.com:0", "example.com:65536", "::1", "x/y"])
def test_what_is_no_host_is_refused(text: str) -> None:
    """With what it must be."""
    (fault,) = faults(NET_HOST=text)
    assert fault.startswith("NET_HOST: must be a host, or host:port, as in 1.1.1.1:53")


@pytest.mark.parametrize("name", ["NET_PROBE_ON_START", "NET_PROBE_STRICT", "POLYGON_TEST_REST", "POLYGON_TEST_WS"])
def test_a_switch_is_on_or_off(name: str) -> None:
    """Anything else is a mistake, and is shown."""
    assert faults(**{name: "maybe"}) == [f"{name}: must be 1 or 0, is 'maybe'"]


@pytest.mark.parametrize("name", ["NET_URL", "MASSIVE_BASE_URL", "MASSIVE_WS_URL"])
def test_an_address_with_a_password_is_refused_and_not_shown(name: str) -> None:
    """It may be a secret."""
    (fault,) = faults(**{name: f"https://me:{SECRET}@example.com/"})
    assert fault.startswith(f"{name}: must be a URL as in ")
    assert SECRET not in fault


@pytest.mark.parametrize(
    ("name", "url", "wanted"),
    [
        ("MASSIVE_BASE_URL", "http://api.example/", "https://"),
        ("MASSIVE_WS_URL", "ws://socket.example/stocks", "wss://"),
    ],
)
def test_the_key_is_not_sent_in_plain_text(name: str, url: str, wanted: str) -> None:
    """But for this very machine, as to a stand-in."""
    (fault,) = faults(**{name: url})
    assert fault == f"{name}: would show the key to the network on its way to another host; use {wanted}"
    here = url.replace("api.example", "127.0.0.1:8080").replace("socket.example", "localhost:8080")
    assert settings.load({name: here}).market in (Market(base_url=here.rstrip("/")), Market(ws_url=here))


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"MASSIVE_API_KEY": "a", "POLYGON_API_KEY": "b"}, "a"),
        ({"POLYGON_API_KEY": "b"}, "b"),
        ({"MASSIVE_API_KEY": "", "POLYGON_API_KEY": "b"}, "b"),
        ({}, None),
    ],
)
def test_the_older_name_of_the_key_still_counts(environ: dict[str, str], key: str | None) -> None:
    """Where the newer one is not set."""
    assert settings.load(environ).market.api_key == key


def test_a_key_that_no_header_can_carry_is_refused_and_not_shown() -> None:
    """A file with two lines in it, say."""
    (fault,) = faults(MASSIVE_API_KEY=f"{SECRET}\nsecond")
    assert fault == "MASSIVE_API_KEY: must be one line of ASCII"
