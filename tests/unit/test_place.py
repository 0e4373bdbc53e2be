"""Where a probe goes: what a URL means, and what is wrong with one that means nothing."""

import pytest

from marketswarm.place import PHRASE, Place, place_of

HOST = "must have a host that is a name, or an address with [ ] around one of IPv6"
LABELS = ".".join(["a" * 49] * 5)  # 249 characters


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("dns://api.test", Place("dns", "api.test")),
        ("dns://api.test/", Place("dns", "api.test")),
        ("tcp://api.test:1", Place("tcp", "api.test", 1)),
        ("tcp://[::1]:65535/", Place("tcp", "::1", 65_535)),
        ("tls://api.test", Place("tls", "api.test", 443)),
        ("tls://api.test:853", Place("tls", "api.test", 853)),
        ("https://api.test", Place("https", "api.test", 443, "/")),
        ("https://api.test:8443/v1/x?a=b%20c&d", Place("https", "api.test", 8443, "/v1/x?a=b%20c&d")),
        ("https://api.test?a=b", Place("https", "api.test", 443, "/?a=b")),
        ("http://[2001:db8::1]", Place("http", "2001:db8::1", 80)),
        ("ws://api.test", Place("ws", "api.test", 80)),
        ("wss://api.test/stocks", Place("wss", "api.test", 443, "/stocks")),
        ("https://api.test./x", Place("https", "api.test", 443, "/x")),
        ("https://A_b-c.test", Place("https", "A_b-c.test", 443)),
        (f"dns://{LABELS}.{'b' * 3}", Place("dns", f"{LABELS}.bbb")),
    ],
)
def test_a_url_is_a_place(url: str, place: Place) -> None:
    """Each scheme has its port, if it has one; a path is there where something is asked for."""
    assert place_of(url) == place


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("", PHRASE),
        ("api.test", PHRASE),
        ("ftp://api.test", PHRASE),
        ("HTTPS://api.test", PHRASE),
        ("https://", PHRASE),
        ("https:///x", PHRASE),
        ("https://me:secret@api.test/", PHRASE),
        ("https://api.test:/x", PHRASE),
        ("https://api.test:123456", PHRASE),
        ("https://api.test/a b", PHRASE),
        ("https://api.test/x#part", PHRASE),
        ("https://api.test/\n", PHRASE),
        ("https://äpi.test", PHRASE),
        ("https://api.test/ä", PHRASE),
        ("https://::1/", PHRASE),
        ("https://[::1", PHRASE),
        ("https://[1:2]/", HOST),
        ("https://./", HOST),
        ("https://a..test", HOST),
        (f"https://{LABELS}.{'b' * 4}", HOST),
        ("dns://api.test:53", "must be dns://host without a port; services.massive.dns says whom to ask"),
        ("tcp://api.test", "must be tcp://host:port, and has no port"),
        ("tcp://api.test:0", "must have a port from 1 to 65535"),
        ("tls://api.test:65536", "must have a port from 1 to 65535"),
        ("dns://api.test/x", "must not have a path behind a host of dns://"),
        ("tcp://api.test:1/x", "must not have a path behind a host of tcp://"),
        ("tls://api.test?x", "must not have a path behind a host of tls://"),
    ],
)
def test_a_url_that_is_none_is_said_to_be(url: str, phrase: str) -> None:
    """What it must be, and nothing of what it is."""
    with pytest.raises(ValueError, match="must") as failure:
        place_of(url)
    assert str(failure.value) == phrase


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://api.test", "api.test"),
        ("https://api.test:443", "api.test"),
        ("https://api.test:80", "api.test:80"),
        ("http://api.test:80", "api.test"),
        ("wss://api.test:8443", "api.test:8443"),
        ("https://[::1]", "[::1]"),
        ("tcp://[::1]:443", "[::1]:443"),
    ],
)
def test_the_authority_has_a_port_where_it_is_not_the_schemes_own(url: str, authority: str) -> None:
    """As a Host header has it."""
    assert place_of(url).authority == authority


@pytest.mark.parametrize(
    ("url", "needs"),
    [
        ("dns://api.test", {"dns"}),
        ("tcp://1.2.3.4:5", set()),
        ("tls://[::1]", {"tls"}),
        ("https://1.2.3.4.5", {"dns", "tls"}),
        ("wss://api.test", {"dns", "tls"}),
        ("http://127.0.0.1", set()),
        ("ws://127.1", {"dns"}),
    ],
)
def test_a_place_knows_which_steps_lead_to_it(url: str, needs: set[str]) -> None:
    """An address needs no lookup, and only some schemes need TLS."""
    place = place_of(url)
    assert (place.secure, place.is_address) == ("tls" in needs, "dns" not in needs)
