"""What feeds bring: an entry of a document, and the item that goes to the queue."""

import hashlib
from datetime import datetime

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a feed's document, cleaned: plain text, absolute links, times in UTC, nothing over its bound."""

    key: str
    """By what the entry is known again within its feed: its guid, else its canonical link, else a hash of it."""
    title: str = ""
    link: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    summary: str = ""
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Hash what a reader sees of it (16 hex digits): the same entry in other words has another."""
        published = self.published.isoformat() if self.published else ""
        updated = self.updated.isoformat() if self.updated else ""
        return digest(self.title, self.link, published, updated, self.summary, *self.authors, "", *self.tags)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands on the queue, JSON in field ``item``. An edited entry comes again: same id, next revision.

    Times are RFC 3339 in UTC.
    """

    id: str
    feed: str
    category: str = ""
    title: str = ""
    link: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    summary: str = ""
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    fetched: datetime
    revision: int = 1


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed's document says: its entries, newest first, and how it wants to be asked."""

    entries: tuple[Entry, ...] = ()
    ttl_sec: float | None = None
    """How long the document wants to be kept, in seconds (RSS 2.0's ``ttl``)."""
    problem: str = ""
    """In plain words what is wrong with it; entries may have come through all the same."""
    left_out: int = 0
    """How many entries were left out because there were too many of them."""


def item_of(entry: Entry, *, feed: str, category: str, fetched: datetime, revision: int) -> Item:
    """Make of an entry what goes to the queue."""
    return Item(
        id=digest(feed, entry.key, size=16),
        feed=feed,
        category=category,
        title=entry.title,
        link=entry.link,
        published=entry.published,
        updated=entry.updated,
        summary=entry.summary,
        authors=entry.authors,
        tags=entry.tags,
        fetched=fetched,
        revision=revision,
    )


def digest(*parts: str, size: int = 8) -> str:
    """Hash texts to ``2 * size`` hex digits (BLAKE2b, RFC 7693); where one ends and the next begins counts."""
    hashed = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.hexdigest()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Item)


def encode_item(item: Item) -> bytes:
    """Write an item as JSON."""
    return _encoder.encode(item)


def decode_item(raw: bytes) -> Item | None:
    """Read an item; None for what is none. Fields that it does not know are ignored."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
