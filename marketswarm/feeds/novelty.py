"""What of a document is new: an entry that was never seen, or one in other words; and what to keep so as to know it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketswarm.feeds.item import Entry, digest

FIRST_REVISION = 1


@dataclass(frozen=True, slots=True)
class News:
    """An entry to publish, and the mark to keep with it. ``before`` is the mark that was kept; "" for none."""

    entry: Entry
    field: str
    before: str
    after: str
    revision: int

    @property
    def alias(self) -> str:
        """The field that knows the entry by its wording, whatever its key may be next time."""
        return alias_of(self.entry)


@dataclass(frozen=True, slots=True)
class Novelty:
    """What a document has of news, the oldest first, and which marks of it are still in use."""

    news: tuple[News, ...]
    known: tuple[str, ...]


def field_of(entry: Entry) -> str:
    """The field under which an entry is known by its key."""
    return digest(entry.key)


def alias_of(entry: Entry) -> str:
    """The field under which an entry is known by its wording."""
    return f"={entry.fingerprint()}"


def fields_of(entries: Iterable[Entry]) -> list[str]:
    """All fields that have to be looked up to judge these entries."""
    return [field for entry in entries for field in (field_of(entry), alias_of(entry))]


def judge(entries: Iterable[Entry], marks: Mapping[str, str]) -> Novelty:
    """Decide what is new among entries that stand newest first. ``marks`` holds what is kept of their fields.

    A known key with another fingerprint is an edit: the next revision. An unknown key with a known fingerprint is the
    same entry under a changed guid, as some feeds make one for each request: no news.
    """
    news: dict[str, News] = {}
    known: list[str] = []
    wordings: set[str] = set()
    for entry in entries:
        field, alias = field_of(entry), alias_of(entry)
        before = marks.get(field, "")
        revision, _, fingerprint = before.partition(":")
        if alias in wordings or (not before and alias in marks):
            known += [found for found in (field, alias) if found in marks]
        elif before and fingerprint == entry.fingerprint():
            known += [field, alias]
        elif field not in news:
            following = int(revision) + 1 if revision.isdigit() else FIRST_REVISION
            news[field] = News(entry, field, before, f"{following}:{entry.fingerprint()}", following)
        wordings.add(alias)
    return Novelty(tuple(reversed(news.values())), tuple(dict.fromkeys(known)))
