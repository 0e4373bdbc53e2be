"""Bytes of a feed's document in, its entries out."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from marketswarm.feeds.item import Document
from marketswarm.services.rss_agg.parsing import dates, decoding, entries, library, mending
from marketswarm.services.rss_agg.parsing.entries import Found

_HTML: Final = re.compile(r"<(?:html|head|body)\b", re.IGNORECASE)
_HTML_TYPE: Final = re.compile(r"<!doctype\s+html\b", re.IGNORECASE)
_MAX_PROBLEM: Final = 200


def read(raw: bytes, *, content_type: str, url: str, max_entries: int, now: datetime) -> Document:
    """Read a document that came from ``url`` with the header Content-Type: RSS of any version, RDF, Atom.

    Entries come newest first, by when they were published, else updated; the ``max_entries`` newest are kept. An entry
    without a date keeps its place: it counts as old as the dated one before it in the document, or, on top of all
    dated ones, as old as the first of them. So a document that is in order stays in order, and one without any dates
    stays as it is.

    Never raises for what a document is like: what is wrong with it is told by ``problem``, beside what could be read.
    Only MemoryError comes through.
    """
    text, wrong_encoding = decoding.decode(raw, content_type)
    text, wrong_text = mending.mend(text)
    problem = wrong_encoding or wrong_text
    if not text:
        return Document(problem="is empty")
    if _is_html(text):
        return Document(problem="is no feed: it is an HTML page")
    try:
        parsed = library.parse(text, url)
    except library.FAILURES as error:
        return Document(problem=f"made the parser fail ({type(error).__name__})")
    if parsed.fault:
        problem = _short(f"is not well-formed XML ({parsed.fault})")
    if not parsed.entries and not parsed.version:
        return Document(problem=_no_feed(text, problem))
    found = _newest_first(list(entries.find(parsed.entries, parsed.version, now)))
    return Document(
        entries=tuple(entries.clean(entry) for entry in found[:max_entries]),
        ttl_sec=dates.ttl_sec(parsed.feed.get("ttl")),
        problem=problem,
        left_out=max(0, len(found) - max_entries),
    )


def _newest_first(found: Sequence[Found]) -> Sequence[Found]:
    first = when = next((entry.when for entry in found if entry.when), None)
    if first is None:
        return found
    dated = []
    for entry in found:
        when = entry.when or when
        dated.append((when, entry))
    return [entry for _, entry in sorted(dated, key=lambda pair: pair[0] or first, reverse=True)]


def _is_html(text: str) -> bool:
    start = library.root(text)
    return _HTML.match(text, start) is not None or _HTML_TYPE.search(text, 0, start) is not None


def _no_feed(text: str, problem: str) -> str:
    if text.startswith("{"):
        return "is no feed: it is JSON"
    if not text.startswith("<"):
        return "is no feed: it is no XML"
    return problem or "is no feed: it is XML of another kind"


def _short(problem: str) -> str:
    return "".join(char for char in problem if char.isprintable())[:_MAX_PROBLEM]
