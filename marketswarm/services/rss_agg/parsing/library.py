"""All use of feedparser, and everything that is known here of its inside."""

import contextlib
import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import feedparser
import feedparser.api

from marketswarm.services.rss_agg.parsing import dates

FAILURES: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What feedparser raises on documents for which nobody has written a test."""
_BEFORE_ROOT: Final = re.compile(
    r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL
)
_ELEMENT: Final = re.compile(r"<[a-z_]", re.IGNORECASE)
_EVENTS: Final = {"startElementNS", "endElementNS", "unknown_starttag", "unknown_endtag", "handle_charref"}
"""What the XML parser and the loose one call."""
_NO_MEMORY: Final = "out of memory"


class Parsed(NamedTuple):
    """What feedparser made of a document: its own names, values as they come."""

    version: str
    """Which kind of feed it is (``rss20``, ``atom10``); "" if it is none."""
    feed: Mapping[str, Any]
    entries: Sequence[dict[str, Any]]
    fault: str
    """Why it is not well-formed XML; "" if it is."""


def parse(text: str, url: str) -> Parsed:
    """Parse a document that came from ``url``. Raises FAILURES, and MemoryError.

    What stands before its root element is left out: no document type, with its entities, gets to an XML parser.
    Markup in texts comes as it is: who takes it out need not mend it first.
    """
    start = root(text)
    found: Any = feedparser.parse(
        io.BytesIO(
            f"<?xml version='1.0'?>{text[start:]}".encode()
        ),  # of bytes alone it would first try whether they name a file
        response_headers={"content-type": "application/xml; charset=utf-8", "content-location": url},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    # Plain mappings: its own look for dates elsewhere, and warn.
    entries = [dict(entry) for entry in found["entries"]]
    return Parsed(
        found.get("version") or "",
        dict(found["feed"]),
        entries,
        _fault(found.get("bozo_exception"), text.count("\n", 0, start)),
    )


def root(text: str) -> int:
    """Find where a document's root element begins: behind declaration, comments, instructions, document type."""
    start = 0
    while part := _BEFORE_ROOT.match(text, start):
        start = part.end()
    if text.startswith("<!", start):  # of no shape that it may have; whatever follows, an element is wanted
        element = _ELEMENT.search(text, start)
        return element.start() if element else len(text)
    return start


def _fault(error: Any, lines_before: int) -> str:
    if error is None:
        return ""
    message = getattr(error, "getMessage", error.__str__)()
    if message == _NO_MEMORY:
        raise MemoryError
    number = getattr(error, "getLineNumber", lambda: None)()
    return re.sub(r"^<unknown>.*?: ", "", message) + (f", line {number + lines_before}" if number else "")


def _keep_guids(parser: Any) -> None:
    """Let guids be: resolved against the document's address, they would all be new once that address changes."""
    parser.can_be_relative_uri = parser.can_be_relative_uri - {"id"}


def _forgive(parser: Any) -> None:
    """Let an element that its handler fails at be one that nobody knows, for which feedparser takes AttributeError.

    And where even that fails, none. Otherwise a ``gml:pos`` without numbers would cost all entries of the feed.
    """
    for name in dir(parser):
        if name.startswith(("_start_", "_end_")):
            setattr(parser, name, _unknown_if_it_fails(getattr(parser, name)))
        elif name in _EVENTS:
            setattr(parser, name, _nothing_if_it_fails(getattr(parser, name)))


def _unknown_if_it_fails(handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    def handle(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except FAILURES as error:
            raise AttributeError from error

    return handle


def _nothing_if_it_fails(handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    def handle(*arguments: Any) -> Any:
        with contextlib.suppress(*FAILURES):
            return handler(*arguments)
        return None

    return handle


for _parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
    _keep_guids(_parser)
    _forgive(_parser)
feedparser.registerDateHandler(dates.in_named_zone)
