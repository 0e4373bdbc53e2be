"""What rss_agg fetches and vexy_ai makes of it, as the document says."""

from typing import Annotated, Final

from pydantic import Field

from marketswarm import names
from marketswarm.truth.fields import Count, IntervalSec, Line, Section, Text, TimeoutSec

# ECMA and Rust read these alike: the schema and the validator share them.
WEB_URL: Final = r"^https?://[^\s\u0000-\u001f\u007f-\u009f/?#]+(?:[/?][^\s\u0000-\u001f\u007f-\u009f#]*)?$"
FEED_NAME: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9 _.&+-]{0,62}[A-Za-z0-9_.&+-])?$"
WebUrl = Annotated[str, Field(max_length=2048, pattern=WEB_URL)]
FeedName = Annotated[str, Field(pattern=FEED_NAME)]


class Feed(Section):
    """One feed, by RSS or Atom."""

    url: WebUrl = Field(description="Its address, http or https, without a password.")
    name: FeedName = Field(description="By which it is known: in items, in `marketswarm feeds`, across changes of url.")
    category: Line = Field(default="", description="Handed on with its items.")
    interval_sec: IntervalSec | None = Field(
        default=None, description="Seconds between two fetches, at least. Default: SCHEDULE_SEC."
    )
    allow_private: bool = Field(
        default=False, description="Whether it may be, or lead to, an address that is not public, as 127.0.0.1 is."
    )


class Stream(Section):
    """The stream that a service writes to."""

    maxlen: Annotated[int, Field(ge=100, le=100_000_000)] = Field(
        default=names.DEFAULT_QUEUE_MAXLEN,
        description="How many entries it keeps, about; rss_agg waits rather than drop what nobody has read.",
    )


class Fetching(Section):
    """How feeds are fetched."""

    at_once: Count = Field(default=8, description="How many at a time; of one host it is one at a time anyway.")


class Work(Section):
    """How items are worked through."""

    handler: Text = Field(
        default=names.DEFAULT_HANDLER,
        description=f"What is done with each, by its name in the entry-point group {names.HANDLERS_GROUP}.",
    )
    at_once: Count = Field(default=8, description="How many items are in the handler at a time.")
    batch: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=64, description="How many items are taken from the stream before results are stored, at most."
    )
    timeout_sec: TimeoutSec = Field(default=60, description="Seconds that the handler has for an item.")
    max_deliveries: Count = Field(
        default=5, description="After how many tries an item is put aside, into the stream that ends in :dead."
    )
