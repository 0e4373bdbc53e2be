"""Reads how feeds are fetched and items worked through."""

from typing import Final

from marketswarm import names
from marketswarm.settings.reader import Reader
from marketswarm.settings.telling import web_url
from marketswarm.settings.working import DEFAULT_CHAT_TIMEOUT_SEC, Chat, Fetching, Working

_MAX_PER_FEED: Final = 5000
_MAX_BLOCK_MS: Final = 60_000


def fetching(reader: Reader) -> Fetching:
    """Read how feeds are fetched. What is wrong is left with the reader."""
    return Fetching(
        schedule_sec=reader.seconds(names.ENV_SCHEDULE_SEC) or names.DEFAULT_SCHEDULE_SEC,
        max_per_feed=reader.integer(names.ENV_MAX_PER_FEED, 1, _MAX_PER_FEED) or names.DEFAULT_MAX_PER_FEED,
        user_agent=_header(reader, names.ENV_USER_AGENT),
        timeout_sec=reader.seconds(names.ENV_FETCH_TIMEOUT_SEC) or names.DEFAULT_FETCH_TIMEOUT_SEC,
    )


def working(reader: Reader) -> Working:
    """Read where items come from. What is wrong is left with the reader."""
    return Working(
        stream=_key(reader, names.ENV_RSS_STREAM),
        group=_key(reader, names.ENV_RSS_GROUP) or names.DEFAULT_RSS_GROUP,
        consumer=_key(reader, names.ENV_RSS_CONSUMER),
        block_ms=reader.integer(names.ENV_RSS_BLOCK_MS, 1, _MAX_BLOCK_MS) or names.DEFAULT_RSS_BLOCK_MS,
    )


def chat(reader: Reader) -> Chat | None:
    """Read which model is asked; None where OPENAI_MODEL and OPENAI_BASE_URL do not name one."""
    base_url, model = web_url(reader, names.ENV_OPENAI_BASE_URL), reader.text(names.ENV_OPENAI_MODEL)
    api_key = _header(reader, names.ENV_OPENAI_API_KEY, secret=True)
    timeout_sec = reader.seconds(names.ENV_OPENAI_TIMEOUT_SEC) or DEFAULT_CHAT_TIMEOUT_SEC
    return Chat(base_url.rstrip("/"), model, api_key, timeout_sec) if base_url and model else None


def _key(reader: Reader, name: str) -> str | None:
    text = reader.text(name)
    if text and (not text.isprintable() or " " in text):
        reader.fault(name, "must be a name without blanks")
        return None
    return text


def _header(reader: Reader, name: str, *, secret: bool = False) -> str | None:
    text = reader.text(name)
    if text and not (text.isascii() and text.isprintable()):
        reader.fault(name, "must be one line of ASCII" + ("" if secret else f", is {text!r}"))
        return None
    return text
