"""What a worker found in an item, as it goes to the stream of insights."""

from collections.abc import Mapping

import msgspec

from marketswarm.feeds.item import Item

_encoder = msgspec.json.Encoder()


def encode_insight(item: Item, found: Mapping[str, object], *, worker: str, ts: float) -> bytes:
    """Write what a handler found, JSON in field ``insight``, with what leads back to its item.

    ``ts`` is seconds since the epoch. Raises TypeError or ValueError for a finding that JSON does not have.
    """
    about = {
        "item_id": item.id,
        "revision": item.revision,
        "feed": item.feed,
        "category": item.category,
        "title": item.title,
        "link": item.link,
        "published": item.published,
        "worker": worker,
        "ts": ts,
    }
    return _encoder.encode({**found, **about})
