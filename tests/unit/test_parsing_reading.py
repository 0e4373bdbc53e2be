"""Reading of feeds: what comes out of every kind of document, and that no document does harm."""

import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketswarm.feeds.item import Document, Entry
from marketswarm.services.rss_agg.parsing import dates, entries, links, plain
from marketswarm.services.rss_agg.parsing.reading import read

FEEDS = Path(__file__).parents[1] / "feeds"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
URL = "https://feeds.example/dir/feed.xml"


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def reading(raw: bytes | str, *, content_type: str = "application/xml", url: str = URL, most: int = 100) -> Document:
    """Read a document."""
    raw = raw.encode() if isinstance(raw, str) else raw
    return read(raw, content_type=content_type, url=url, max_entries=most, now=NOW)


def of_file(name: str) -> Document:
    """Read one of the documents of ``tests/feeds``."""
    return reading((FEEDS / name).read_bytes())


def rss(*items: str, channel: str = "") -> str:
    """An RSS 2.0 document."""
    return f"<rss version='2.0'><channel>{channel}{''.join(f'<item>{item}</item>' for item in items)}</channel></rss>"


def one(item: str) -> Entry:
    """The only entry of a document with one item."""
    (entry,) = reading(rss(item)).entries
    return entry


def said(entry: Entry) -> dict[str, Any]:
    """What an entry has, its defaults left out."""
    return {
        name: value
        for name, value in msgspec.structs.asdict(entry).items()
        if value != msgspec.structs.asdict(Entry(key=""))[name]
    }


KINDS: dict[str, list[dict[str, Any]]] = {
    "rss090.rdf": [
        {
            "key": "http://timber.example/pine",
            "title": "Pine is dear",
            "link": "http://timber.example/pine",
        },
        {
            "key": "http://timber.example/oak",
            "title": "Oak is dearer",
            "link": "http://timber.example/oak",
        },
    ],
    "rss091.xml": [
        {
            "key": "http://grain.example/wheat",
            "title": "Wheat rises",
            "link": "http://grain.example/wheat",
            "summary": "Rain in the north keeps the harvest waiting.",
        },
        {
            "key": "http://grain.example/barley",
            "title": "Barley falls",
            "link": "http://grain.example/barley",
        },
    ],
    "rss092.xml": [
        {
            "key": "2519885f786197aa167cb57411ab1318",
            "summary": "No title here, only a note about cafés.",
            "tags": ("Trade",),
        },
        {"key": "http://mill.example/wheel.mp3", "title": "A sound", "link": "http://mill.example/wheel.mp3"},
    ],
    "rss10.rdf": [
        {
            "key": "https://rates.example/2",
            "title": "Rates rise",
            "link": "https://rates.example/2",
            "updated": at("2026-11-21T08:30"),
        },
        {
            "key": "https://rates.example/1",
            "title": "Rates stay",
            "link": "https://rates.example/1",
            "updated": at("2026-11-20T08:30"),
            "summary": "Nothing moves.",
            "authors": ("R. Teller",),
            "tags": ("banks",),
        },
    ],
    "rss20.xml": [
        {
            "key": "https://ledger.example/a/2",
            "title": "Only at length",
            "link": "https://ledger.example/a/2",
            "published": at("2026-11-25T12:00"),
            "summary": "Oil one two",
        },
        {
            "key": "ledger-1",
            "title": "Smith & Sons: up 3 %",
            "link": "https://ledger.example/a/1?id=7",
            "published": at("2026-11-25T09:00"),
            "summary": "Shares of Smith rose. More below.",
            "authors": ("Jane Roe", "John Doe"),
            "tags": ("Shares", "Mills"),
        },
    ],
    "atom03.xml": [
        {
            "key": "tag:desk.example,2026:copper",
            "title": "Copper & tin",
            "link": "http://desk.example/copper",
            "published": at("2026-11-19T08:00"),
            "updated": at("2026-11-20T08:00"),
            "summary": "Metals.",
            "authors": ("Max Muster",),
        }
    ],
    "atom10.xml": [
        {
            "key": "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6b",
            "title": "Less < more",
            "link": "https://base.example/two",
            "updated": at("2026-11-26T00:00"),
            "summary": "Two",
        },
        {
            "key": "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a",
            "title": "How to write <b> in HTML",
            "link": "https://base.example/blog/2026/one.html",
            "published": at("2026-11-24T16:30:02"),
            "updated": at("2026-11-25T18:30:02"),
            "summary": "An xhtml text. 1 < 2",
            "authors": ("Ada", "Grace"),
            "tags": ("code",),
        },
    ],
    "podcast.xml": [
        {
            "key": "bell-12",
            "title": "Episode 12",
            "link": "https://cdn.bell.example/12.mp3",
            "published": at("2026-11-24T10:00"),
            "summary": "What the bell says.",
            "authors": ("Ringer One",),
            "tags": ("bells", "mornings"),
        }
    ],
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_feed_is_read(name: str) -> None:
    """Whole and without a complaint: texts without markup, absolute links, times in UTC."""
    document = of_file(name)
    assert [said(entry) for entry in document.entries] == KINDS[name]
    assert (document.problem, document.left_out) == ("", 0)


@pytest.mark.parametrize(
    ("name", "titles", "problem"),
    [
        ("windows1252-as-utf8.xml", ["“Quoted” 5 € café"], "is not in UTF-8, as it should be; read as WINDOWS-1252"),
        ("utf16.xml", ["Zwölf Böcke €"], ""),
        ("koi8-r.xml", ["Рубль вырос"], ""),
        ("truncated.xml", ["Story 1", "Story 2"], "is not well-formed XML (no element found, line 7)"),
        ("ampersands.xml", ["Tom & Jerry & Sons", "Next"], "has ampersands that are not escaped"),
        ("page.html", [], "is no feed: it is an HTML page"),
        ("empty.xml", [], "is empty"),
        ("no-dates.xml", ["third", "first", "second"], ""),
        ("no-links.xml", ["One", "Two", "Three", "Four", "Five"], ""),
        ("no-guids.xml", ["Linked", "Unlinked", ""], ""),
        ("duplicate-guids.xml", ["Second", "Other", "First"], ""),
        ("future-dates.xml", ["Soon", "Pinned", "New", "Old", "Database"], ""),
        ("billion-laughs.xml", ["Joke &a9;", "Serious"], "has ampersands that are not escaped"),
        ("external-entity.xml", ["Secret: &file;", "Plain"], "has ampersands that are not escaped"),
        ("nuls.xml", ["Nuls and others[31m"], ""),
        ("emoji-rtl.xml", ["👩‍👩‍👧 שלום abc 🇩🇪"], ""),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_comes_through(name: str, titles: list[str], problem: str) -> None:
    """Nobody's document is perfect."""
    document = of_file(name)
    assert [entry.title for entry in document.entries] == titles
    assert document.problem == problem


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b" \r\n\t", "is empty"),
        (b"\0" * 100, "is empty"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><!-- x --><HTML><body>', "is no feed: it is an HTML page"),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "is no feed: it is JSON"),
        (b"Too many requests", "is no feed: it is no XML"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "is no feed: it is no XML"),
        (b"<opml version='2.0'><body/></opml>", "is no feed: it is XML of another kind"),
        (b"<opml version='2.0'><body>", "is not well-formed XML (no element found, line 1)"),
        (b"<?xml version='1.0'?>\n<!--\n-->\n<a>\n</b>", "is not well-formed XML (mismatched tag, line 5)"),
        (rss().encode(), ""),
    ],
)
def test_a_document_without_entries_is_told_apart(raw: bytes, problem: str) -> None:
    """A feed may have none; all else says what came in its place."""
    assert reading(raw) == Document(problem=problem)


@pytest.mark.parametrize(
    ("raw", "content_type", "title"),
    [
        (rss("<title>Größe</title>").encode(), "text/xml", "Größe"),
        (rss("<title>Größe</title>").encode(), "text/html; charset=ISO-8859-1", "Größe"),
        (rss("<title>Größe</title>").encode("latin-1"), "text/xml; charset=iso-8859-1", "Größe"),
        (rss("<title>Größe</title>").encode("latin-1"), "text/xml; charset=no-such", "Größe"),
        (rss("<title>Größe</title>").encode("utf-16-be"), "", "Größe"),
        (rss("<title>Größe</title>").encode("utf-8-sig"), "text/xml; charset=koi8-r", "Größe"),
        (rss("<title>Größe \xff</title>").encode().replace(b"\xc3\xbf", b"\xff"), "", "Größe \ufffd"),
        (rss("<title>рубль</title>").encode("koi8-r"), 'application/rss+xml; Charset="KOI8-R"', "рубль"),
        (b"<?xml version='1.0' encoding='utf-16'?>" + rss("<title>ok</title>").encode(), "", "ok"),
        (b"<?xml version='1.0' encoding='idna'?>" + rss("<title>ok</title>").encode(), "", "ok"),
        (b"<?xml version='1.0' encoding='zip'?>" + rss("<title>ok</title>").encode(), "", "ok"),
        (b"<?xml version='1.0' encoding='gb2312'?>" + rss("<title>鎔</title>").encode("gb18030"), "", "鎔"),
        (b"\n\n <?xml version='1.0'?>" + rss("<title>ok</title>").encode(), "", "ok"),
    ],
)
def test_the_encoding_is_found_whatever_is_declared(raw: bytes, content_type: str, title: str) -> None:
    """Marks, then headers, then declarations, then what the bytes look like."""
    assert [entry.title for entry in reading(raw, content_type=content_type).entries] == [title]


@pytest.mark.parametrize(
    ("markup", "title", "summary"),
    [
        ("AT&amp;amp;T", "AT&T", "AT&T"),
        ("a &lt; b &amp; c", "a < b & c", "a < b & c"),
        ("List&lt;T&gt; of x", "List<T> of x", "List of x"),
        ("&lt;b&gt;x&lt;/b&gt;y &lt;br /&gt; z", "xy z", "xy z"),
        ("one&lt;br&gt;two", "one two", "one two"),
        ("<![CDATA[<p>a</p><p>b</p>]]>", "a b", "a b"),
        ("&lt;![CDATA[Hi &amp; ho]]&gt;", "Hi & ho", "Hi & ho"),
        ("&lt;p&gt;&lt;![if !IE]&gt;x&lt;![endif]&gt;&lt;/p&gt;", "x", "x"),
        ("<b>raw</b> markup", "raw markup", "raw markup"),
        ("caf&eacute;&nbsp; x", "café x", "café x"),
        ("&#55357;&#56832;", "😀", "😀"),
        ("&#55357;x&#0;y&#x110000;z&#99999999999999;", "xyz", "xyz"),
        ("a\u202eb\ufeffc\u2028d\x81e", "abc de", "abc de"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;&lt;p&gt;x&lt;/p&gt;", "x", "x"),
        ("&lt;p&gt;x &lt;a href='y", "x", "x"),
    ],
)
def test_texts_are_plain(markup: str, title: str, summary: str) -> None:
    """Markup goes, entities are resolved; a title in RSS is markup if it looks so, a summary always."""
    entry = one(f"<guid>1</guid><title>{markup}</title><description>{markup}</description>")
    assert (entry.title, entry.summary) == (title, summary)


def test_long_texts_are_cut_at_a_word() -> None:
    """Or anywhere, in a script without spaces; exactly as much as may be is left alone."""
    assert plain.line("word " * 3, 14) == "word word word"
    assert plain.line("word " * 4, 14) == "word word…"
    assert plain.line("word word wordy", 14) == "word word…"
    assert plain.line("word word word s", 15) == "word word word…"
    assert plain.line("字" * 20, 10) == "字" * 9 + "…"
    entry = one(f"<title>{'title ' * 200}</title><description>{'&lt;b&gt;word&lt;/b&gt; ' * 9000}</description>")
    assert entries.MAX_TITLE - 6 <= len(entry.title) <= entries.MAX_TITLE
    assert entries.MAX_SUMMARY - 5 <= len(entry.summary) <= entries.MAX_SUMMARY
    assert entry.summary.endswith("word…")


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("HTTP://Example.COM:80/A/b?B=1#top", "http://example.com/A/b?B=1"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://Me:Secret@Example.com/", "https://Me:Secret@example.com/"),
        ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
        (
            "https://e.example/?utm_source=a&id=1&UTM_Medium=b&fbclid=c&mc_cid=d&mc_eid=e&gclid=f",
            "https://e.example/?id=1",
        ),
        ("https://e.example/?utm_source=a", "https://e.example/"),
        ("https://e.example/?b=%20&a=&a", "https://e.example/?b=%20&a=&a"),
        ("https://e.example/a b\n", "https://e.example/a%20b"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("mailto:a@e.example", ""),
        ("//e.example/x", ""),
        ("https:///x", ""),
        ("https://e.example:99999/", ""),
        ("https://[::1/", ""),
        ("", ""),
    ],
)
def test_one_page_has_one_link(link: str, canonical: str) -> None:
    """Only pages are linked to, and without what says where their reader came from."""
    assert links.canonical(link) == canonical


def test_a_link_is_found_where_there_is_one() -> None:
    """A guid that is a permalink; another form of the page; a sound. One that is too long would be cut, so is none."""
    assert one("<guid>https://x.example/1</guid>").link == "https://x.example/1"
    assert one("<guid>abc</guid>").link == ""
    assert one("<link>/relative?a=1&amp;amp;b=2</link>").link == "https://feeds.example/relative?a=1&b=2"
    assert one("<title>t</title><enclosure url='https://x.example/1.mp3'/>").link == "https://x.example/1.mp3"
    assert one(f"<guid isPermaLink='false'>1</guid><link>https://x.example/{'x' * links.MAX_LINK}</link>").link == ""
    link = "<id>1</id><link type='application/json' href='x'/>"
    assert (
        reading(f"<feed xmlns='http://www.w3.org/2005/Atom'><entry>{link}</entry></feed>").entries[0].link
        == "https://feeds.example/dir/x"
    )


def test_a_guid_stays_itself_when_the_document_moves() -> None:
    """Otherwise all entries would be new on that day."""
    document = rss("<guid>abc</guid>", "<guid>  two\n words </guid>")
    here, there = reading(document), reading(document, url="https://moved.example/")
    assert [entry.key for entry in here.entries] == [entry.key for entry in there.entries] == ["abc", "two words"]


def test_an_entry_without_guid_is_known_by_its_link_else_by_what_it_says() -> None:
    """Tracking parameters make no new entry, other words do; one that says nothing is none."""
    link, said_once = "<link>https://x.example/1?utm_source={}</link>", "<title>a</title><description>{}</description>"
    assert one(link.format("a")).key == one(link.format("b")).key == "https://x.example/1"
    assert one(said_once.format("a")).key == one(said_once.format("a ")).key != one(said_once.format("b")).key
    assert (
        reading(rss("", "<pubDate>Wed, 25 Nov 2026 10:00:00 GMT</pubDate>", "<title>&lt;p&gt;</title>")).entries == ()
    )


def test_a_long_guid_becomes_a_hash() -> None:
    """As long as may be it is left alone."""
    assert one(f"<guid>{'x' * entries.MAX_KEY}</guid>").key == "x" * entries.MAX_KEY
    assert len(one(f"<guid>{'x' * (entries.MAX_KEY + 1)}</guid>").key) == 32


def test_entries_whose_guids_change_still_look_the_same() -> None:
    """Some feeds make new guids each time: whoever keeps what was seen can tell by the fingerprint."""
    first, second = of_file("changing-guids-1.xml"), of_file("changing-guids-2.xml")
    assert {entry.key for entry in first.entries}.isdisjoint(entry.key for entry in second.entries)
    assert [entry.fingerprint() for entry in first.entries] == [entry.fingerprint() for entry in second.entries]


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Wed, 25 Nov 2026 10:00:00 +0100", "2026-11-25T09:00"),
        ("25 Nov 26 10:00 GMT", "2026-11-25T10:00"),
        ("Wednesday, 25 November 2026 10:00:00 GMT", "2026-11-25T10:00"),
        ("Wed,25 Nov 2026 10:00:00 +0100", "2026-11-25T09:00"),
        ("Mi, 25 Nov 2026 10:00:00 +0100", "2026-11-25T09:00"),
        ("Wed, 25 Nov 2026 10:00:00 EST", "2026-11-25T15:00"),
        ("Wed, 25 Nov 2026 10:00:00 CET", "2026-11-25T09:00"),
        ("Wed, 25 Nov 2026 10:00:00 JST", "2026-11-25T01:00"),
        ("Wed, 25 Nov 2026 24:00:00 GMT", "2026-11-26T00:00"),
        ("Wed, 25 Nov 2026 23:59:60 GMT", "2026-11-26T00:00"),
        ("Nov 25, 2026 10:00:00", "2026-11-25T10:00"),
        ("Wed, 25 Nov 2026", "2026-11-25T00:00"),
        ("2026-11-25T10:00:00.5+01:00", "2026-11-25T09:00"),
        ("2026-11-25 10:00:00", "2026-11-25T10:00"),
        ("2026-11-25", "2026-11-25T00:00"),
        ("1795600800", "2026-11-25T10:00"),
        ("1795600800000", "2026-11-25T10:00"),
        ("Mon, 01 Jan 1990 00:00:00 GMT", "1990-01-01T00:00"),
        ("Sun, 31 Dec 1989 23:59:59 GMT", None),
        ("Thu, 03 Dec 2026 12:00:00 GMT", "2026-12-03T12:00"),
        ("Thu, 03 Dec 2026 12:00:01 GMT", None),
        ("November 25, 2026 10:00 PM", None),
        ("0000-00-00T00:00:00Z", None),
        ("Wed, 25 Nov 99999999999999999999 10:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_come_in_many_forms(date: str, moment: str | None) -> None:
    """What cannot be true, or could mean two things, is no date."""
    assert one(f"<guid>1</guid><pubDate>{date}</pubDate>").published == (at(moment) if moment else None)


def dated(*days: int | None) -> list[str]:
    """Read a document with an entry for each day of November, or for none; return their keys as they come."""
    items = (
        f"<guid>{number}{f' of {day}' if day else ''}</guid>"
        + (f"<pubDate>{day:02d} Nov 2026 00:00:00 GMT</pubDate>" if day else "")
        for number, day in enumerate(days)
    )
    return [entry.key for entry in reading(rss(*items)).entries]


def test_entries_come_newest_first() -> None:
    """Those of the same time in the document's order; those without one keep their neighbour."""
    assert dated(1, 3, 2) == ["1 of 3", "2 of 2", "0 of 1"]
    assert dated(1, 1, 1) == ["0 of 1", "1 of 1", "2 of 1"]
    assert dated(None, None) == ["0", "1"]
    assert dated(9, None, 7, None, 5) == ["0 of 9", "1", "2 of 7", "3", "4 of 5"]
    assert dated(None, 9, 7) == ["0", "1 of 9", "2 of 7"]
    assert dated(5, None, 9) == ["2 of 9", "0 of 5", "1"]


def test_the_newest_are_kept_and_the_rest_is_counted() -> None:
    """Duplicates do not count."""
    items = [f"<guid>{day}</guid><pubDate>{day:02d} Nov 2026 00:00:00 GMT</pubDate>" for day in (1, 2, 3, 4, 4)]
    document = reading(rss(*items), most=3)
    assert ([entry.key for entry in document.entries], document.left_out) == (["4", "3", "2"], 1)
    assert reading(rss(*items), most=4).left_out == 0


def test_authors_and_tags_are_bounded() -> None:
    """So many, each so long, each once."""
    authors = "".join(f"<dc:creator>{number} {'x' * 200}</dc:creator>" for number in range(20))
    tags = "".join(f"<category>{number} {'x' * 200}</category><category> </category>" for number in range(30))
    entry = one(f"<guid>1</guid>{authors}{tags}<author/>")
    assert (len(entry.authors), len(entry.tags)) == (entries.MAX_AUTHORS, entries.MAX_TAGS)
    assert {len(name) for name in (*entry.authors, *entry.tags)} == {entries.MAX_NAME}


@pytest.mark.parametrize(
    ("channel", "ttl_sec"),
    [
        ("<ttl>45</ttl>", 2700.0),
        ("<ttl> 1.5 </ttl>", 60.0),
        ("<ttl>99999999</ttl>", dates.MAX_TTL_SEC),
        ("<ttl>0</ttl>", None),
        ("<ttl>-5</ttl>", None),
        ("<ttl>1e999</ttl>", None),
        ("<ttl>nan</ttl>", None),
        ("<ttl/>", None),
        ("<ttl unit='x'>5</ttl>", None),
        ("", None),
    ],
)
def test_a_document_says_how_long_it_is_good(channel: str, ttl_sec: float | None) -> None:
    """In minutes; what makes no sense says nothing."""
    assert reading(rss(channel=channel)).ttl_sec == ttl_sec


def test_what_a_blog_program_writes_unasked_says_nothing() -> None:
    """WordPress gives every feed an update period, whatever its author wants."""
    assert of_file("rss10.rdf").ttl_sec is None


def test_entries_that_share_a_guid_or_a_link_are_all_there() -> None:
    """Each under a key of its own, the same at the next fetch; the same entry twice is one."""
    same = rss(*(f"<guid>same</guid><title>{title}</title>" for title in ("A", "B", "A", "C")))
    linked = rss(*(f"<link>http://x/</link><title>{title}</title>" for title in ("A", "B", "A")))
    for raw, count in ((same, 3), (linked, 2)):
        keys = [entry.key for entry in reading(raw).entries]
        assert len(set(keys)) == len(keys) == count
        assert [entry.key for entry in reading(raw).entries] == keys


def test_no_entity_is_fetched_or_read_in_whatever_shape_it_comes() -> None:
    """No document type gets to the XML parser, so neither does what it declares."""
    secret = Path("/etc/hostname").read_text(encoding="utf-8").strip()
    for shape in (
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE rss [\n<!ENTITY x SYSTEM "file:///etc/hostname">\n]\n>',
        '<!doctype rss [<!-- ]> --><!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE rss [<!ENTITY y "]>"><!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<?pi?><!-- c --><!DOCTYPE rss SYSTEM "file:///etc/hostname">',
    ):
        titles = [entry.title for entry in reading(shape + rss("<title>t&x;t</title>")).entries]
        assert titles == ["t&x;t"], shape
        assert secret not in titles[0]


MANY = 20_000


@pytest.mark.parametrize(
    "raw",
    [
        rss("<guid>1</guid><description><![CDATA[" + hostile * MANY + "]]></description>")
        for hostile in ("<a ", "<a b='", "<!--", "<!", "<![x", "</", "<?", "&#", "<script>", "<", "x\ufeff ")
    ]
    + [
        "<!DOCTYPE a [" * MANY + rss("<guid>1</guid>"),
        "<!DOCTYPE a [" + "\n<!ENTITY x" * MANY + "]>" + rss("<guid>1</guid>"),
        "<?xml version='1.0'?>" + "\n" * 10 * MANY + rss("<guid>1</guid>"),
        rss("<guid>1</guid><x>" + "<b>" * MANY + "</x>"),
        rss("<guid>1</guid><title>" + "<![CDATA[" * MANY + "&</title>"),
        rss("<guid>1</guid><description>" + "word " * 1_000_000 + "</description>"),
    ],
    ids=lambda raw: raw[:60] if raw.startswith("<!") else raw[40:80],
)
def test_no_document_takes_for_ever(raw: str) -> None:
    """What makes a parser look again and again from every place (a tag that never ends) is not looked at that way."""
    start = time.process_time()
    document = reading(raw)
    assert time.process_time() - start < 10
    assert [entry.key for entry in document.entries] in ([], ["1"])


def assert_bounded(document: Document) -> None:
    """Everything is within its bounds, in order, and can be written."""
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(document), type=Document) == document
    assert len(document.problem) <= 200
    assert document.problem.isprintable()
    keys = [entry.key for entry in document.entries]
    assert len(keys) == len(set(keys))
    for entry in document.entries:
        assert 0 < len(entry.key) <= entries.MAX_KEY
        assert len(entry.title) <= entries.MAX_TITLE
        assert len(entry.summary) <= entries.MAX_SUMMARY
        assert len(entry.link) <= links.MAX_LINK
        assert entry.link.startswith(("http://", "https://")) or not entry.link
        assert len(entry.authors) <= entries.MAX_AUTHORS
        assert len(entry.tags) <= entries.MAX_TAGS
        for text in (entry.key, entry.title, entry.link, entry.summary, *entry.authors, *entry.tags):
            assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in text)
        for when in (entry.published, entry.updated):
            assert when is None or dates.EARLIEST <= when <= NOW + dates.MAX_AHEAD
    times = [when for entry in document.entries if (when := entry.published or entry.updated)]
    assert all(newer >= older for newer, older in pairwise(times))


def test_an_element_that_makes_feedparser_stumble_costs_no_entry() -> None:
    """It is as if nobody knew the element."""
    gml = "<gml:pos xmlns:gml='http://www.opengis.net/gml'>nowhere</gml:pos>"
    assert [entry.key for entry in reading(rss("<guid>1</guid>", f"<guid>2</guid>{gml}")).entries] == ["1", "2"]


SEEDS = sorted(path.read_bytes() for path in FEEDS.iterdir())
PIECES = [
    *(b"<item>", b"</item>", b"<entry>", b"<title>", b"</title>", b"<link/>", b"<guid>", b"<category>", b"</category>"),
    *(b"<author>", b"<source>", b"<image>", b"<textinput>", b"<content>", b"<svg>", b"</svg>", b"<name>", b"<email>"),
    *(b"<![CDATA[", b"]]>", b"<!--", b"&", b"&#xD800;", b"&#1114112;", b"&a;", b"\0", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"<link href='http://[x'/>", b" xml:base='http://[::'", b" mode='base64'", b" type='x'", b"<!DOCTYPE", b"<?xml"),
    *(
        b" xmlns='a b c d'",
        b" xmlns:x='a b c d'",
        b"<cloud/>",
        b"<dc:date>",
        b"<media:thumbnail/>",
        b"<media:content>",
        b"<georss:point>1",
        b"<gml:pos>x</gml:pos>",
    ),
    *(b"<dcterms:valid>start=x;</dcterms:valid>", b"<itunes:image/>", b"<psc:chapter start='x'/>", b"<published>1-1T"),
]
FUZZING = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@FUZZING
@given(st.binary(max_size=2000), st.text(max_size=40))
def test_any_bytes_can_be_read(raw: bytes, content_type: str) -> None:
    """Whatever a server sends, with whatever header."""
    assert_bounded(reading(raw, content_type=content_type))


@FUZZING
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 40), st.sampled_from(PIECES) | st.binary(max_size=6)),
        min_size=1,
        max_size=12,
    ),
)
def test_any_spoiled_document_can_be_read(raw: bytes, spoils: list[tuple[int, int, bytes]]) -> None:
    """Parts of it replaced by parts that parsers stumble over."""
    for place, length, piece in spoils:
        start = place % (len(raw) + 1)
        raw = raw[:start] + piece + raw[start + length :]
    document = reading(raw)
    assert_bounded(document)
    assert "made the parser fail" not in document.problem


@FUZZING
@given(st.lists(st.tuples(*[st.text(max_size=30)] * 5), max_size=5))
def test_any_texts_can_be_read(items: list[tuple[str, str, str, str, str]]) -> None:
    """In elements where something else was meant."""
    names = ("title", "guid", "link", "pubDate", "description")
    document = rss(*("".join(f"<{n}>{t}</{n}>" for n, t in zip(names, texts, strict=True)) for texts in items))
    assert_bounded(reading(document.encode("utf-8", "surrogatepass")))
