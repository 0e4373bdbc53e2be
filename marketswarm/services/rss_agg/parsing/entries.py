"""An entry as feedparser gives it, made one of ours."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from marketswarm.feeds.item import Entry, digest
from marketswarm.services.rss_agg.parsing import dates, links, plain

MAX_KEY: Final = 512
MAX_TITLE: Final = 500
MAX_SUMMARY: Final = 2000
MAX_AUTHORS: Final = 10
MAX_TAGS: Final = 20
MAX_NAME: Final = 100
_READABLE: Final = {"text/plain", "text/html", "application/xhtml+xml"}


class Found(NamedTuple):
    """An entry of which is known what it takes to choose: most of a long document is never cleaned."""

    key: str
    link: str
    published: datetime | None
    updated: datetime | None
    raw: dict[str, Any]
    atom: bool

    @property
    def when(self) -> datetime | None:
        """By what it is sorted."""
        return self.published or self.updated


def find(raw: Iterable[dict[str, Any]], version: str, now: datetime) -> Iterator[Found]:
    """Yield the entries that say anything, each once.

    A key that came before belongs to another entry where title or link differ: some feeds give all entries one guid,
    or one link. It is known by those as well then, so that none is lost.
    """
    seen: dict[str, Found] = {}
    for entry in raw:
        found = _find(entry, now, atom=version.startswith("atom"))
        other = seen.get(found.key)
        if other and _says(other) != _says(found):
            found = found._replace(key=digest(found.key, *_says(found), size=16))
        if found.key and found.key not in seen:
            seen[found.key] = found
            yield found


def _says(found: Found) -> tuple[str, str]:
    return _title(found), found.link


def clean(found: Found) -> Entry:
    """Make the entry, with texts in plain words and everything within its bounds."""
    return Entry(
        key=found.key,
        title=_title(found),
        link=found.link,
        published=found.published,
        updated=found.updated,
        summary=_summary(found),
        authors=_names(_author(author) for author in _list(found.raw, "authors"))[:MAX_AUTHORS],
        tags=_names(tag.get("term") or tag.get("label") for tag in _list(found.raw, "tags"))[:MAX_TAGS],
    )


def _find(raw: dict[str, Any], now: datetime, *, atom: bool) -> Found:
    published, updated = _moment(raw, "published", now) or _moment(raw, "created", now), _moment(raw, "updated", now)
    found = Found("", _link(raw), published, updated, raw, atom)
    key = plain.line(guid, len(guid)) if (guid := _str(raw, "id")) else ""
    return found._replace(key=_bounded(key or _without_guid(found)))


def _moment(raw: dict[str, Any], name: str, now: datetime) -> datetime | None:
    return dates.moment(raw.get(f"{name}_parsed"), raw.get(name), now)


def _without_guid(found: Found) -> str:
    """By what to know an entry again that has no guid; "" if it says nothing at all."""
    if found.link:
        return found.link
    title, summary = _title(found), _summary(found)
    published = found.published.isoformat() if found.published else ""
    return digest(title, published, summary, size=16) if title or summary else ""


def _bounded(key: str) -> str:
    return key if len(key) <= MAX_KEY else digest(key, size=16)


def _link(raw: dict[str, Any]) -> str:
    """Find where the entry leads to: its page, or another form of it, or what it is about (a podcast's sound)."""
    others = _list(raw, "links")
    hrefs = (
        _str(raw, "link"),
        *(_str(other, "href") for rel in ("alternate", "enclosure") for other in others if other.get("rel") == rel),
    )
    found = (links.canonical(href) for href in hrefs if href)
    return next((link for link in found if 0 < len(link) <= links.MAX_LINK), "")


def _title(found: Found) -> str:
    return _text(found, _str(found.raw, "title"), found.raw.get("title_detail"), MAX_TITLE)


def _summary(found: Found) -> str:
    """Take the summary, else the beginning of the content."""
    contents = _list(found.raw, "content")
    if summary := _str(found.raw, "summary"):
        # What feedparser copied from the content has the content's kind.
        detail = found.raw.get("summary_detail") or next(iter(contents), None)
        if text := _text(found, summary, detail, MAX_SUMMARY):
            return text
    readable = (content for content in contents if content.get("type") in _READABLE)
    texts = (_text(found, _str(content, "value"), content, MAX_SUMMARY) for content in readable)
    return next(filter(None, texts), "")


def _text(found: Found, value: str, detail: Any, limit: int) -> str:
    """Make a line of a text, which is markup unless it says that it is plain. RSS says nothing of that, but may be."""
    if isinstance(detail, dict) and detail.get("type") == "text/plain" and (found.atom or not plain.is_markup(value)):
        return plain.line(value, limit)
    return plain.strip(value, limit)


def _author(author: dict[str, Any]) -> Any:
    return author.get("name") or author.get("email")


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    """Clean names, each once, in their order."""
    cleaned = (plain.line(value, MAX_NAME) for value in values if isinstance(value, str))
    return tuple(dict.fromkeys(filter(None, cleaned)))


def _str(mapping: dict[str, Any], name: str) -> str:
    """Get a text; an element that was misused may have left something else there."""
    value = mapping.get(name)
    return value if isinstance(value, str) else ""


def _list(raw: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = raw.get(name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
