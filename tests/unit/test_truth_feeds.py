"""What the truth says of feeds, of the queue, and of who works through it."""

import json
from typing import Any

import pytest

from marketswarm import truth
from marketswarm.errors import BadTruthError
from marketswarm.truth import Endpoint, Truth

FEED = {"url": "https://example.com/feed.xml", "name": "one"}
PLACE = "services.rss_agg.feeds[0]"


def parsed(**services: Any) -> Truth:
    """Read a document of these services."""
    return truth.parse(json.dumps({"services": services}).encode())


def faults(**services: Any) -> list[str]:
    """Say what is wrong with a document."""
    with pytest.raises(BadTruthError) as caught:
        parsed(**services)
    return list(caught.value.faults)


def test_a_feed_needs_an_address_and_a_name() -> None:
    """The rest has defaults."""
    (feed,) = parsed(rss_agg={"feeds": [FEED]}).section("rss_agg").feeds
    assert (feed.url, feed.name, feed.category) == ("https://example.com/feed.xml", "one", "")
    assert (feed.interval_sec, feed.allow_private) == (None, False)
    assert faults(rss_agg={"feeds": [{}]}) == [f"{PLACE}.url: is missing", f"{PLACE}.name: is missing"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://x/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "http://x/ y",
        "http://x/#top",
        "//x",
    ],
)
def test_an_address_is_one_of_the_web(url: str) -> None:
    """Without a blank and a fragment."""
    (fault,) = faults(rss_agg={"feeds": [FEED | {"url": url}]})
    assert fault.startswith(f"{PLACE}.url: must be a URL as in https://example.com/feed.xml")


@pytest.mark.parametrize("url", ["http://x", "https://x?a=b", "https://x.example:8443/a?b=c&d=%20", "http://[::1]:80/"])
def test_an_address_may_have_a_port_and_a_query(url: str) -> None:
    """Or neither, nor a path."""
    assert parsed(rss_agg={"feeds": [FEED | {"url": url}]}).section("rss_agg").feeds[0].url == url


def test_a_password_is_no_part_of_an_address() -> None:
    """Truth is for all to read."""
    (fault,) = faults(rss_agg={"feeds": [FEED | {"url": "https://me:secret@example.com/"}]})
    assert "must not hold a password in a URL" in fault
    assert "secret" not in fault


@pytest.mark.parametrize("name", ["", " a", "a ", "a\tb", "a/b", "é", "x" * 65])
def test_a_name_is_short_and_plain(name: str) -> None:
    """It stands in keys and tables."""
    (fault,) = faults(rss_agg={"feeds": [FEED | {"name": name}]})
    assert fault.startswith(f"{PLACE}.name: must be a name of 1 to 64 letters, digits, blanks and _.&+-")


@pytest.mark.parametrize("name", ["a", "ft markets", "S&P", "x.y_z-1+", "x" * 64])
def test_a_name_may_be_of_two_words(name: str) -> None:
    """As people call their feeds."""
    assert parsed(rss_agg={"feeds": [FEED | {"name": name}]}).section("rss_agg").feeds[0].name == name


def test_a_name_is_one_feeds_alone() -> None:
    """What was published of the one would be taken for the other's."""
    other = {"url": "https://example.com/other.xml", "name": "one"}
    assert faults(rss_agg={"feeds": [FEED, other]}) == [
        'services.rss_agg.feeds[1].name: must differ from that of feeds[0], is "one"'
    ]


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"stream": {"maxlen": 99}}, "stream.maxlen: must be >= 100, is 99"),
        ({"fetching": {"at_once": 0}}, "fetching.at_once: must be >= 1, is 0"),
        ({"feeds": [FEED | {"interval_sec": 0}]}, "feeds[0].interval_sec: must be > 0, is 0"),
        ({"feeds": [FEED | {"allow_private": "yes"}]}, 'feeds[0].allow_private: must be a valid boolean, is "yes"'),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, Any], fault: str) -> None:
    """With its place and value."""
    assert faults(rss_agg=section) == [f"services.rss_agg.{fault}"]


def test_the_streams_are_those_that_access_points_name() -> None:
    """Beside the heartbeats, wherever those are; without any, the usual ones."""
    assert parsed(rss_agg={}).items_to() == Endpoint("market-redis", "rss:queue")
    assert parsed().items_from() == Endpoint("market-redis", "rss:queue")
    assert parsed().insights_to() == Endpoint("market-redis", "vexy:insights")
    beat = {"bus": "system-redis", "key": "odd"}
    own = {"bus": "system-redis", "key": "my:items"}
    found = parsed(
        rss_agg={"heartbeat": {"channel": "odd"}, "access_points": {"publish_to": [beat, "market-redis", own]}},
        vexy_ai={"access_points": {"subscribe_to": [own], "publish_to": ["x:heartbeat", "my:insights"]}},
    )
    assert found.items_to() == found.items_from() == Endpoint("system-redis", "my:items")
    assert found.insights_to() == Endpoint("system-redis", "my:insights")


def test_insights_are_on_the_bus_of_their_items() -> None:
    """An item is settled and its insight stored in one step, which two buses cannot do."""
    points = {"publish_to": [{"bus": "system-redis", "key": "far:insights"}]}
    (fault,) = faults(vexy_ai={"access_points": points})
    assert fault.startswith("services.vexy_ai.access_points.publish_to: far:insights must be on market-redis, where ")


def test_warns_of_a_feed_that_is_asked_too_often() -> None:
    """One of one's own may be."""
    feeds = [
        FEED | {"interval_sec": 5},
        {"url": "http://127.0.0.1/", "name": "own", "interval_sec": 1, "allow_private": True},
        {"url": "https://example.com/feed.xml", "name": "again", "interval_sec": 60},
    ]
    found = [line for line in truth.warnings(parsed(rss_agg={"feeds": feeds})) if "feeds" in line]
    assert found == [
        f"{PLACE}.interval_sec: should be >= 60, or its publisher may bar you, is 5",
        "services.rss_agg.feeds[2].url: is that of feeds[0] too: each of its entries comes twice",
    ]


def test_warns_of_what_is_read_in_other_sections() -> None:
    """Each field says in whose."""
    found = truth.warnings(parsed(mesh={"feeds": [FEED], "work": {}, "stream": {}, "fetching": {}}))
    assert [line for line in found if "is read in" in line] == [
        "services.mesh.feeds: is read in the section of rss_agg only",
        "services.mesh.fetching: is read in the section of rss_agg only",
        "services.mesh.stream: is read in the sections of rss_agg and vexy_ai only",
        "services.mesh.work: is read in the section of vexy_ai only",
    ]
