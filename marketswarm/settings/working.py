"""How feeds are fetched and items worked through. Without msgspec: whoever completes a command line waits for it."""

from dataclasses import dataclass, field
from typing import Final

from marketswarm import names

DEFAULT_CHAT_TIMEOUT_SEC: Final = 30.0


@dataclass(frozen=True, slots=True)
class Fetching:
    """How rss_agg fetches, where truth does not say otherwise."""

    schedule_sec: float = names.DEFAULT_SCHEDULE_SEC
    max_per_feed: int = names.DEFAULT_MAX_PER_FEED
    user_agent: str | None = None
    timeout_sec: float = names.DEFAULT_FETCH_TIMEOUT_SEC


@dataclass(frozen=True, slots=True)
class Working:
    """Which stream vexy_ai reads, and as whom; None: as truth, or the defaults, say."""

    stream: str | None = None
    group: str = names.DEFAULT_RSS_GROUP
    consumer: str | None = None
    block_ms: int = names.DEFAULT_RSS_BLOCK_MS


@dataclass(frozen=True, slots=True)
class Chat:
    """An endpoint that speaks OpenAI's chat completions, and the model to ask there."""

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout_sec: float = DEFAULT_CHAT_TIMEOUT_SEC
