"""Documents from servers of every kind: what comes back, and that no server can do harm."""

import asyncio
import gzip
import random
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import brotli
import pytest
import trustme
from feedserver import (
    Behaviour,
    Exchange,
    FeedServer,
    bomb,
    cut_off,
    drip,
    endless,
    hang,
    head,
    raw,
    redirect,
    status,
)
from receivers import Trust
from testkit import eventually, free_port

from marketswarm import lookup
from marketswarm.web import guard
from marketswarm.web.fetching import Fetcher, FetchError, Limits, Request, Response

SECRET = "hunter2"
PATIENCE_SEC = 20.0
FEED = b"<rss>" + b"<item/>" * 1000 + b"</rss>"
IPV4 = socket.AF_INET


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A web server, with a feed."""
    with FeedServer() as running:
        running.put("/feed", FEED)
        yield running


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take 127.0.0.1, where the tests' server is, for a public address; 127.0.0.2 stays what it is."""
    judge = guard.refusal
    monkeypatch.setattr(guard, "refusal", lambda address: None if address == "127.0.0.1" else judge(address))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What hosts resolve to; no other name is looked up anywhere. Each lookup is counted under ""."""
    table: dict[str, list[str]] = {"": []}

    async def addresses(host: str, _port: int, _family: socket.AddressFamily) -> list[lookup.Address]:
        table[""].append(host)
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "no")
        return [(socket.AF_INET6 if ":" in one else IPV4, one) for one in table[host]]

    monkeypatch.setattr(lookup, "addresses", addresses)
    return table


def fetch(request: Request, limits: Limits | None = None) -> Response:
    """Fetch once."""

    async def work() -> Response:
        async with Fetcher("tests/1", limits or Limits(PATIENCE_SEC)) as fetcher:
            return await fetcher.fetch(request)

    return asyncio.run(work())


def get(url: str, etag: str = "", last_modified: str = "", limits: Limits | None = None) -> Response:
    """Fetch from loopback, with the guard lifted."""
    return fetch(Request(url, etag, last_modified, allow_private=True), limits)


def failure(url: str, limits: Limits | None = None, *, allow_private: bool = True) -> str:
    """Fetch what cannot be, and return the reason, of which no part is secret."""
    with pytest.raises(FetchError) as caught:
        fetch(Request(url, allow_private=allow_private), limits)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_a_document_comes_with_its_headers(server: FeedServer) -> None:
    """Names of headers are lower-case; of what is no list the first one counts."""
    sent = (b"Content-Type: a/b", b"CONTENT-type: c/d", b"Cache-Control: max-age=60", b"Cache-Control: private")
    server.set("/odd", raw(b"\r\n".join([b"HTTP/1.1 200 OK", *sent, b'ETag: W/"\xe9"', b"", b"hi"])))
    found = get(server.url("/feed"))
    assert (found.status, found.body, found.url, found.moved_to) == (200, FEED, server.url("/feed"), "")
    assert found.headers["content-type"] == "application/rss+xml"
    odd = get(server.url("/odd"))
    assert odd.headers["content-type"] == "a/b"
    assert odd.headers["cache-control"] == "max-age=60, private"
    assert odd.headers["etag"] == 'W/"é"'


def test_a_request_says_who_asks_and_what_for(server: FeedServer) -> None:
    """And carries nothing from the environment."""
    get(f"{server.url('/feed')}?a=b c#part")
    (asked,) = server.requests
    assert asked.path == "/feed?a=b+c"
    assert asked.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "tests/1",
        "accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1",
        "accept-encoding": "gzip, deflate, br",
        "connection": "close",
    }


def test_what_has_not_changed_is_not_sent_again(server: FeedServer) -> None:
    """By either validator; a document that was replaced is sent."""
    first = get(server.url("/feed"))
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for validators in ((etag, modified), (etag, ""), ("", modified)):
        again = get(server.url("/feed"), *validators)
        assert (again.status, again.body) == (304, b"")
    server.put("/feed", b"<rss/>")
    for validators in ((etag, modified), (etag, ""), ("", modified)):
        assert get(server.url("/feed"), *validators).body == b"<rss/>"
    sent = server.asked("/feed")[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == (etag, modified)


@pytest.mark.parametrize("validator", ["a\r\nX: y", "\udce9", "é", "\x00"])
def test_a_validator_that_no_request_can_carry_costs_a_full_answer(server: FeedServer, validator: str) -> None:
    """A server sent it; that must not be the end of the feed."""
    assert get(server.url("/feed"), validator, validator).status == 200
    assert "if-none-match" not in server.requests[0].headers


@pytest.mark.parametrize("code", [201, 204, 206, 300, 304, 400, 401, 404, 410, 429, 500, 503, 599])
def test_any_status_is_an_answer(server: FeedServer, code: int) -> None:
    """With its headers, and without a body that nobody needs."""
    server.set("/x", status(code, {"Retry-After": "7", "ETag": '"1"'}, b"" if code in {204, 304} else b"sorry"))
    found = get(server.url("/x"))
    assert (found.status, found.headers["retry-after"], found.body) == (code, "7", b"")


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_compressed_document_is_unpacked(server: FeedServer, encoding: str, *, chunked: bool) -> None:
    """In pieces, wherever they are cut."""
    body = random.Random(1).randbytes(300_000) + bytes(3_000_000) + b"end"
    server.put("/x", body, encoding=encoding, chunked=chunked)
    assert get(server.url("/x")).body == body


def packed(encoding: str, data: bytes) -> Behaviour:
    """Answer with data as it is, and close."""
    return raw(head(200, {"Content-Encoding": encoding}) + data)


def bare_deflate(data: bytes) -> bytes:
    """Compress without zlib's header, as some servers do."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("x-gzip", gzip.compress(FEED, mtime=0)),
        ("GZIP", gzip.compress(FEED, mtime=0)),
        ("gzip", gzip.compress(FEED[:100], mtime=0) + gzip.compress(FEED[100:], mtime=0)),
        ("gzip", gzip.compress(FEED, mtime=0) + bytes(512)),
        ("gzip", gzip.compress(FEED, mtime=0) + b"\x1f"),
        ("deflate", bare_deflate(FEED)),
        ("identity", FEED),
    ],
    ids=["x-gzip", "upper-case", "members", "padding", "half-a-magic", "bare-deflate", "identity"],
)
def test_what_servers_make_of_compression_is_understood(server: FeedServer, encoding: str, data: bytes) -> None:
    """Other names, several members, something after the end, no header."""
    server.set("/x", packed(encoding, data))
    assert get(server.url("/x")).body == FEED


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_nothing_stays_nothing(server: FeedServer, encoding: str) -> None:
    """However it says it is compressed."""
    server.set("/x", packed(encoding, b""))
    assert get(server.url("/x")).body == b""


BROKEN, CUT = "its compressed data is broken", "its compressed data is cut off"


@pytest.mark.parametrize(
    ("encoding", "data", "says"),
    [
        ("gzip", FEED, BROKEN),
        ("gzip", gzip.compress(FEED, mtime=0)[:-9], CUT),
        ("gzip", gzip.compress(FEED, mtime=0)[:-5] + b"\0\0\0\0\0", BROKEN),
        ("gzip", gzip.compress(FEED, mtime=0) + gzip.compress(FEED, mtime=0)[:9], CUT),
        ("gzip", gzip.compress(b"", mtime=0) * 1001, "its compressed data has more than 1000 members"),
        ("deflate", zlib.compress(FEED)[:-9], CUT),
        ("deflate", b"\x78" + FEED, BROKEN),
        ("br", FEED, BROKEN),
        ("br", brotli.compress(FEED)[:-3], CUT),
        ("zstd", b"(\xb5/\xfd", "it is compressed in a way that was not asked for"),
        ("gzip, br", b"", "it is compressed in a way that was not asked for"),
    ],
)
def test_broken_compression_is_said(server: FeedServer, encoding: str, data: bytes, says: str) -> None:
    """A part of a document is none."""
    server.set("/x", packed(encoding, data))
    assert failure(server.url("/x")) == says


def test_the_cap_holds_before_and_after_unpacking(server: FeedServer) -> None:
    """To the byte, and said in a unit of its own size."""
    limits = Limits(PATIENCE_SEC, max_bytes=2048)
    for encoding in ("", "gzip", "deflate", "br"):
        server.put("/fits", bytes(2048), encoding=encoding, chunked=True)
        server.put("/over", bytes(2049), encoding=encoding, chunked=True)
        assert len(get(server.url("/fits"), limits=limits).body) == 2048
        assert failure(server.url("/over"), limits) == "larger than 2 KiB"
    server.set("/empties", packed("deflate", b"\x78\x9c" + b"\0\0\0\xff\xff" * 1000))
    assert failure(server.url("/empties"), limits) == "larger than 2 KiB"
    assert failure(server.url("/fits"), Limits(PATIENCE_SEC, max_bytes=100)) == "larger than 100 bytes"


def test_a_length_over_the_cap_is_refused_at_once(server: FeedServer) -> None:
    """Nothing of the body is waited for."""
    server.set("/x", raw(head(200, {"Content-Length": str((8 << 20) + 1)})))
    assert failure(server.url("/x")) == "larger than 8 MiB"


def test_an_endless_body_ends_at_the_cap(server: FeedServer) -> None:
    """The connection is closed on it."""
    server.set("/x", endless())
    assert failure(server.url("/x")) == "larger than 8 MiB"
    assert server.sent < 32 << 20


CHILD = """
import asyncio, sys
from pathlib import Path
from marketswarm.web.fetching import Fetcher, FetchError, Limits, Request
def peak():  # not getrusage's, which begins with what the parent had
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
async def main():
    async with Fetcher("tests/1", Limits(20.0)) as fetcher:
        await fetcher.fetch(Request(sys.argv[1], allow_private=True))
        before = peak()
        try:
            await fetcher.fetch(Request(sys.argv[2], allow_private=True))
        except FetchError as error:
            print(peak() - before, error)
asyncio.run(main())
"""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_bomb_costs_little_memory(server: FeedServer, encoding: str) -> None:
    """Four gigabytes of nothing, in a process of which nobody else takes memory."""
    server.set("/bomb", bomb(encoding))
    command = [sys.executable, "-c", CHILD, server.url("/feed"), server.url("/bomb")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    grown_kib, _, says = done.stdout.strip().partition(" ")
    assert says == "larger than 8 MiB"
    assert int(grown_kib) < 64 << 10


@pytest.mark.parametrize(
    "behaviour",
    [hang(), drip(b"x" * 600), endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["hang", "drip", "continue"],
)
def test_a_server_that_does_not_come_to_an_end_costs_the_deadline(server: FeedServer, behaviour: Behaviour) -> None:
    """One deadline for all of it: it is over soon after the time is up, and holds nobody else up meanwhile.

    What other processes of a busy machine take is in neither figure.
    """
    server.set("/x", behaviour)

    async def work() -> None:
        async with Fetcher("tests/1", Limits(0.5)) as fetcher:
            up: list[float] = []
            worked = time.thread_time()
            asyncio.get_running_loop().call_later(0.5, lambda: up.append(time.monotonic()))
            with pytest.raises(FetchError, match=r"^took longer than 0\.5 s$"):
                await fetcher.fetch(Request(server.url("/x"), allow_private=True))
            assert time.monotonic() - up[0] < 1.5
            assert time.thread_time() - worked < 2.0

    asyncio.run(work())


def test_redirects_share_the_deadline(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hop does not begin anew. Each takes a second of the client's clock, which stands still otherwise."""
    now = 0.0

    async def a_second(exchange: Exchange) -> None:
        nonlocal now
        now += 1.0
        await exchange.reply(302, {"Location": "/x"})

    async def work() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        async with Fetcher("tests/1", Limits(2.5)) as fetcher:
            with pytest.raises(FetchError, match=r"^took longer than 2\.5 s$"):
                await fetcher.fetch(Request(server.url("/x"), allow_private=True))

    server.set("/x", a_second)
    asyncio.run(work())
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (raw(b""), "the connection broke off"),
        (raw(b"HTTP/1.1 200 OK\r\nX"), "the connection broke off"),
        (cut_off(b"<rss>"), "the connection broke off"),
        (raw(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\n<rs"), "the connection broke off"),
        (raw(head(200, {"Transfer-Encoding": "chunked"}) + b"zz\r\n<rs"), "what it answers is no HTTP"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "what it answers is no HTTP"),
        (raw(b"\x15\x03\x01\x00\x02\x02\x16"), "what it answers is no HTTP"),
        (raw(b"HTTP/1.1 banana\r\n\r\n"), "what it answers is no HTTP"),
        (raw(head(200, {"Content-Length": "-5"})), "what it answers is no HTTP"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), "its headers are too long"),
        (endless(b"HTTP/1.1 200 OK\r\nX: "), "its headers are too long"),
        (endless(b"HTTP/1.1 200 "), "its headers are too long"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_answer_is_said_in_plain_words(server: FeedServer, behaviour: Behaviour, says: str) -> None:
    """And nothing of what was sent is repeated."""
    server.set("/x", behaviour)
    assert failure(f"{server.url('/x', login=f'me:{SECRET}')}?key={SECRET}") == says


def test_nothing_but_a_fetch_error_comes_out(server: FeedServer) -> None:
    """Of answers with a few bytes wrong, by a seed; none of them redirects."""
    chance = random.Random(7)
    good = [
        head(200, {"Content-Length": "10", "ETag": '"1"'}) + b"0123456789",
        head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\nabcde\r\n0\r\n\r\n",
        head(200, {"Content-Encoding": "gzip"}) + gzip.compress(FEED, mtime=0),
        head(200, {"Content-Encoding": "br"}) + brotli.compress(FEED),
        head(304, {"ETag": '"1"'}),
    ]

    async def work() -> set[str]:
        seen = set()
        async with Fetcher("tests/1", Limits(PATIENCE_SEC)) as fetcher:
            for _ in range(500):
                data = bytearray(chance.choice(good))
                for _ in range(chance.randint(1, 5)):
                    at = chance.randrange(len(data))
                    data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
                server.set("/x", raw(bytes(data)))
                try:
                    found = await fetcher.fetch(Request(server.url("/x"), allow_private=True))
                except FetchError as error:
                    seen.add(str(error))
                else:
                    "".join(found.headers.values()).encode()
        return seen

    assert len(asyncio.run(work())) > 3


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server: FeedServer, code: int) -> None:
    """By a path as by a URL; validators go along, for the feed that has them is where it leads."""
    server.set("/path", redirect("feed?x=1#part", code))
    server.set("/url", redirect(server.url("/feed"), code))
    etag = get(server.url("/feed")).headers["etag"]
    assert get(server.url("/path")).url == server.url("/feed?x=1")
    assert get(server.url("/url"), etag).status == 304


def test_where_a_feed_has_moved_for_good_is_told(server: FeedServer) -> None:
    """Up to the first redirect that is temporary; one after that says nothing of the address that was asked."""
    for path, to, code in (("/1", "/2", 301), ("/2", "/3", 308), ("/3", "/4", 302), ("/4", "/feed", 301)):
        server.set(path, redirect(to, code))
    moved = [get(server.url(path)).moved_to for path in ("/1", "/2", "/3", "/4", "/feed")]
    assert moved == [server.url("/3"), server.url("/3"), "", server.url("/feed"), ""]


def test_redirects_are_followed_so_far_and_no_further(server: FeedServer) -> None:
    """The fifth one still is."""
    for number in range(6):
        server.set(f"/{number}", redirect(f"/{number + 1}"))
    server.put("/5", FEED)
    assert get(server.url("/0")).body == FEED
    server.set("/5", redirect("/6"))
    assert failure(server.url("/0")) == "redirects more than 5 times"
    assert failure(server.url("/0"), Limits(PATIENCE_SEC, max_redirects=0)) == "redirects more than 0 times"


def test_a_redirect_without_an_address_is_an_answer(server: FeedServer) -> None:
    """As it stands."""
    server.set("/x", status(302))
    assert get(server.url("/x")).status == 302


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("ftp://h/x", "redirects to what is neither http nor https"),
        ("file:///etc/passwd", "redirects to what is neither http nor https"),
        ("javascript:alert(1)", "redirects to what is neither http nor https"),
        ("http://h:99999/", "redirects to an address that is not valid"),
        ("http://[::1", "redirects to an address that is not valid"),
        ("http://300.1.1.1/", "redirects to an address that is not valid"),
    ],
)
def test_a_redirect_to_nowhere_is_said(server: FeedServer, to: str, says: str) -> None:
    """Only http and https lead anywhere."""
    server.set("/x", redirect(to))
    assert failure(server.url("/x")) == says


def test_of_a_redirect_that_fails_the_host_is_named(server: FeedServer, names: dict[str, list[str]]) -> None:
    """It is not the one that was asked."""
    server.set("/x", redirect(f"http://me:{SECRET}@gone.test/?key={SECRET}"))
    assert failure(server.url("/x")) == "redirects to gone.test: no such host"
    assert names[""] == ["gone.test"]


def test_a_login_is_told_to_its_origin_only(server: FeedServer, names: dict[str, list[str]]) -> None:
    """A redirect elsewhere does not carry it on, and brings none of its own; no URL that comes back has it."""
    names["other.test"] = ["127.0.0.1"]
    server.set("/here", redirect("/feed", 301))
    server.set("/away", redirect(f"http://you:{SECRET}@other.test:{server.port}/feed", 301))
    at_home = get(server.url("/here", login=f"me:{SECRET}"))
    away = get(server.url("/away", login=f"me:{SECRET}"))
    sent = [asked.headers.get("authorization") for asked in server.requests]
    assert sent == ["Basic bWU6aHVudGVyMg==", "Basic bWU6aHVudGVyMg==", "Basic bWU6aHVudGVyMg==", None]
    assert at_home.moved_to == at_home.url == server.url("/feed")
    assert away.moved_to == away.url == f"http://other.test:{server.port}/feed"


def test_cookies_are_not_kept(server: FeedServer) -> None:
    """Nobody is logged in."""
    server.set("/x", status(302, {"Location": "/feed", "Set-Cookie": "a=b"}))
    get(server.url("/x"))
    assert "cookie" not in server.requests[1].headers


def test_a_proxy_of_the_environment_is_not_used(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look names up, and the guard would judge the proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert get(server.url("/feed")).status == 200


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("127.0.0.1", "127.0.0.1 is on loopback"),
        ("[::1]", "::1 is on loopback"),
        ("[::ffff:127.0.0.1]", "is 127.0.0.1, which is on loopback"),
        ("2130706433", "127.0.0.1 is on loopback"),
        ("017700000001", "127.0.0.1 is on loopback"),
        ("0x7f000001", "127.0.0.1 is on loopback"),
        ("0x7f.1", "127.0.0.1 is on loopback"),
        ("0177.0.0.1", "127.0.0.1 is on loopback"),
        ("127.1", "127.0.0.1 is on loopback"),
        ("127.0.0.1.", "127.0.0.1 is on loopback"),
        ("127\u30020\u30020\u30021", "127.0.0.1 is on loopback"),
        ("\uff11\uff12\uff17.0.0.1", "127.0.0.1 is on loopback"),
        ("0", "0.0.0.0 is unspecified"),
        ("169.254.169.254", "169.254.169.254 is link-local"),
        ("[fe80::1%25lo]", "fe80::1%25lo is link-local"),
    ],
)
def test_a_private_address_is_not_fetched_from(server: FeedServer, host: str, refused: str) -> None:
    """However it is spelled, and no connection is made to find out."""
    says = failure(f"http://{host}:{server.port}/feed", allow_private=False)
    assert says.startswith("leads to a private address (")
    assert says.endswith(f"{refused})")
    assert server.connections == 0


def test_a_redirect_to_a_private_address_is_not_followed(
    server: FeedServer, names: dict[str, list[str]], loopback_is_public: None
) -> None:
    """By its number or by a name."""
    names["inside.test"] = ["192.168.0.1", "fd00::1"]
    server.set("/number", redirect(f"http://127.0.0.2:{server.port}/"))
    server.set("/name", redirect("http://inside.test/"))
    says = "leads to a private address (127.0.0.2 is on loopback)"
    assert failure(server.url("/number"), allow_private=False) == says
    says = "leads to a private address (192.168.0.1 is private)"
    assert failure(server.url("/name"), allow_private=False) == says


def test_a_name_is_judged_by_where_it_leads(
    server: FeedServer, names: dict[str, list[str]], loopback_is_public: None
) -> None:
    """Of several addresses the public ones are used; the name is looked up once, and that is what is connected to."""
    names["mixed.test"] = ["10.0.0.1", "::1", "127.0.0.1"]
    assert fetch(Request(f"http://mixed.test:{server.port}/feed")).body == FEED
    assert names[""] == ["mixed.test"]
    assert server.requests[0].headers["host"] == f"mixed.test:{server.port}"


def test_each_fetch_looks_the_name_up_anew(
    server: FeedServer, names: dict[str, list[str]], loopback_is_public: None
) -> None:
    """What was public, or allowed to somebody else, is not so for ever."""
    url = f"http://turns.test:{server.port}/feed"

    async def work() -> list[str]:
        said = []
        async with Fetcher("tests/1", Limits(PATIENCE_SEC)) as fetcher:
            for address in ("127.0.0.1", "127.0.0.2"):
                names["turns.test"] = [address]
                for allow_private in (True, False):
                    try:
                        said.append(str((await fetcher.fetch(Request(url, allow_private=allow_private))).status))
                    except FetchError as error:
                        said.append(str(error))
        return said

    refused = "leads to a private address (127.0.0.2 is on loopback)"
    assert asyncio.run(work()) == ["200", "200", "connection refused", refused]


def test_a_private_feed_may_redirect_anywhere(server: FeedServer, names: dict[str, list[str]]) -> None:
    """It is allowed for the request, not for the host."""
    names["inside.test"] = names["also.test"] = ["127.0.0.1"]
    server.set("/x", redirect(f"http://also.test:{server.port}/feed"))
    assert get(f"http://inside.test:{server.port}/x").body == FEED


def test_a_name_goes_through_the_systems_resolver(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its answers once; what DNS says no to is no host, what it does not answer may be one later."""

    def answers(*_: object) -> list[tuple[object, ...]]:
        return [(IPV4, 1, 6, "", ("127.0.0.1", 0)), (IPV4, 2, 17, "", ("127.0.0.1", 0))]

    def fails(code: int) -> Callable[..., None]:
        def fail(*_: object) -> None:
            raise socket.gaierror(code, "no")

        return fail

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    assert asyncio.run(lookup.addresses("feed.test", 80, IPV4)) == [(IPV4, "127.0.0.1")]
    assert get(f"http://feed.test:{server.port}/feed").status == 200
    assert failure("http://feed.test/", allow_private=False) == "leads to a private address (127.0.0.1 is on loopback)"
    for code, says in (
        (socket.EAI_NONAME, "no such host"),
        (socket.EAI_NODATA, "no such host"),
        (socket.EAI_AGAIN, "its name cannot be looked up now"),
        (socket.EAI_FAIL, "its name cannot be looked up now"),
    ):
        monkeypatch.setattr(socket, "getaddrinfo", fails(code))
        assert failure("http://feed.test/") == says


def test_names_that_are_not_answered_hold_up_nobody(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another fetch, however many of them there are, nor the end of the loop."""
    let_go = threading.Event()
    find = socket.getaddrinfo

    def hanging(host: str, *rest: int) -> object:
        if host == "dead.test":
            let_go.wait(30)
        return find("127.0.0.1", *rest)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)

    async def work() -> list[object]:
        async with Fetcher("tests/1", Limits(3.0)) as fetcher:
            dead = [asyncio.ensure_future(fetcher.fetch(Request("http://dead.test/"))) for _ in range(40)]
            live = await fetcher.fetch(Request(f"http://live.test:{server.port}/feed", allow_private=True))
            assert live.status == 200
            assert not any(one.done() for one in dead)
            return [str(one) for one in await asyncio.gather(*dead, return_exceptions=True)]

    assert set(asyncio.run(work())) == {"took longer than 3 s"}
    still_asked = sum(thread.name == "lookup" for thread in threading.enumerate())
    let_go.set()
    assert still_asked == 40, "nobody has waited for them"
    eventually(lambda: all(thread.name != "lookup" for thread in threading.enumerate()), "the threads have ended")


@pytest.mark.parametrize(
    "url", ["", "feed", "//h/x", "ftp://h/x", "http:///x", f"http://h:{SECRET}/", "http://[::1/", "http://1.2.3.4.5/"]
)
def test_an_address_that_cannot_be_asked_is_said(url: str) -> None:
    """And is not shown."""
    assert failure(url).startswith("its address is n")


def test_nobody_there_is_said() -> None:
    """A closed port, and a name that no name can be."""
    assert failure(f"http://127.0.0.1:{free_port()}/{SECRET}") == "connection refused"
    assert failure(f"http://a..test/{SECRET}") == "no such host"
    assert failure(f"http://{'a' * 70}.test/") == "no such host"


def certificate(authority: trustme.CA, name: str, not_after: datetime | None = None) -> ssl.SSLContext:
    """Make the context of a server whose certificate is as told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of a CA that is trusted is; of any other it is said what is wrong with its certificate."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "no-such"))
    now = datetime.now(UTC)
    with FeedServer(certificate(authority, "127.0.0.1")) as server:
        server.put("/feed", FEED, encoding="gzip")
        assert get(server.url("/feed")).body == FEED
        assert failure(server.url("/feed").replace("https", "http")) == "the connection broke off"
    for context, why in (
        (certificate(other, "127.0.0.1"), "of a CA that is not trusted"),
        (certificate(authority, "127.0.0.2"), "for another address"),
        (certificate(authority, "127.0.0.1", not_after=now - timedelta(days=1)), "expired"),
    ):
        with FeedServer(context) as server:
            assert failure(server.url("/feed")) == f"its certificate is not valid ({why})"
            assert server.requests == []


def test_a_name_is_compared_with_the_certificate(
    tmp_path: Path, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the address that it was pinned to."""
    trust = Trust(tmp_path)
    for name, value in trust.environ.items():
        monkeypatch.setenv(name, value)
    names["feed.test"] = names["other.test"] = ["127.0.0.1"]
    with FeedServer(trust.server("feed.test")) as server:
        server.put("/feed", FEED)
        assert get(f"https://feed.test:{server.port}/feed").body == FEED
        says = "its certificate is not valid (for another host)"
        assert failure(f"https://other.test:{server.port}/feed") == says


def test_tls_where_there_is_none_is_said() -> None:
    """As a plain web server answers to it."""

    async def work() -> str:
        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head(400, {}))
            writer.close()

        plain = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with plain, Fetcher("tests/1", Limits(PATIENCE_SEC)) as fetcher:
            port = plain.sockets[0].getsockname()[1]
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch(Request(f"https://127.0.0.1:{port}/", allow_private=True))
            return str(caught.value)

    assert asyncio.run(work()).startswith("TLS failed (")


def test_hundreds_of_feeds_are_fetched_at_once(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They do not wait for each other: none is answered before all have asked. No connection stays open.

    The client's clock stands still until all have come but the one that hangs.
    """
    paths = [f"/{number}" for number in range(200)]
    all_have_asked = asyncio.Event()
    now = 0.0

    async def answer(exchange: Exchange) -> None:
        if len(server.requests) == len(paths):
            all_have_asked.set()
        await all_have_asked.wait()
        if exchange.asked.path == "/7":
            await hang()(exchange)
        else:
            await exchange.reply(200, {}, exchange.asked.path.encode())

    for path in paths:
        server.set(path, answer)

    async def work() -> list[str]:
        nonlocal now
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        async with Fetcher("tests/1", Limits(2.0)) as fetcher:
            asks = [asyncio.create_task(fetcher.fetch(Request(server.url(path), allow_private=True))) for path in paths]
            await asyncio.wait(asks[:7] + asks[8:])
            assert not asks[7].done()
            now = 2.0
            answers = await asyncio.gather(*asks, return_exceptions=True)
        return [one.body.decode() if isinstance(one, Response) else str(one) for one in answers]

    open_files = len(list(Path("/proc/self/fd").iterdir()))
    wanted = list(paths)
    wanted[7] = "took longer than 2 s"
    assert asyncio.run(work()) == wanted
    eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= open_files, "all is closed")


def test_no_descriptor_left_is_said(server: FeedServer) -> None:
    """It is this host's trouble, not the feed's."""

    async def work() -> str:
        async with Fetcher("tests/1", Limits(PATIENCE_SEC)) as fetcher:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                await fetcher.fetch(Request(server.url("/feed"), allow_private=True))
            except FetchError as error:
                return str(error)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return ""

    assert asyncio.run(work()) == "no file descriptor left"


def test_a_fetch_that_is_cancelled_is_cancelled(server: FeedServer) -> None:
    """It does not become an error of the server."""
    server.set("/x", hang())

    async def work() -> None:
        async with Fetcher("tests/1", Limits(PATIENCE_SEC)) as fetcher:
            task = asyncio.create_task(fetcher.fetch(Request(server.url("/x"), allow_private=True)))
            await asyncio.to_thread(eventually, lambda: server.requests, "a request")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())


def test_importing_the_package_imports_no_aiohttp() -> None:
    """A command that fetches nothing does not pay for it."""
    program = "import sys, marketswarm.web; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
