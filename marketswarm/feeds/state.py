"""What is kept of a feed between two fetches: on the bus, for rss_agg after a restart and for ``marketswarm feeds``."""

import msgspec


class FeedState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a feed was at its last fetch. Times are seconds since the epoch; 0 is never."""

    url: str = ""
    """The address in truth to which all of this belongs."""
    moved_to: str = ""
    """Where that address has moved for good."""
    etag: str = ""
    last_modified: str = ""
    body: str = ""
    """A hash of its last document: many servers send the same one again and again, validators or not."""
    read: float = 0.0
    """When a document was last read for its entries."""
    fetched: float = 0.0
    """When it was asked last."""
    succeeded: float = 0.0
    """When it last had a document, or none that is new."""
    status: int = 0
    """The HTTP status of the last answer; 0 where there was none."""
    entries: int = 0
    """How many entries its last document had."""
    items: int = 0
    """How many items have come of it in all."""
    newest: float = 0.0
    """When the last item came of it."""
    next_at: float = 0.0
    interval_sec: float = 0.0
    """The interval by which that was planned."""
    failures: int = 0
    """How many fetches in a row have failed."""
    error: str = ""
    """Why the last one failed, or what is odd about the document, in plain words."""

    @property
    def source(self) -> str:
        """Where to ask now."""
        return self.moved_to or self.url

    @property
    def broken(self) -> bool:
        """Whether the last fetch failed."""
        return self.failures > 0


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(FeedState)


def encode_state(state: FeedState) -> bytes:
    """Write a state as JSON."""
    return _encoder.encode(state)


def decode_state(raw: bytes | None, url: str) -> FeedState:
    """Read what is kept of the feed at this address; another address, or what cannot be read, begins anew."""
    try:
        state = _decoder.decode(raw or b"")
    except (msgspec.DecodeError, RecursionError):
        return FeedState(url=url)
    return state if state.url == url else FeedState(url=url)
