"""Which body a webhook's host wants. Pure."""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from marketswarm.notices.message import Message

VERSION: Final = 1
"""Of our own JSON; what is added to it does not change this."""
DISCORD_MAX_CHARS: Final = 2000
_CUT: Final = "\n..."
_SLACK: Final = ("hooks.slack.com", "hooks.slack-gov.com")
_DISCORD: Final = ("discord.com", "discordapp.com")
_ZERO_WIDTH_SPACE: Final = "\N{ZERO WIDTH SPACE}"


def body_for(url: str, message: Message) -> bytes:
    """Write a message as the program behind ``url`` wants it: Slack, Discord, or whoever takes our own JSON."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _SLACK:
        return _encode({"text": _slack_text(message)})
    if parts.path.rstrip("/").endswith("/slack"):
        # Not Slack itself: whoever imitates it may see a mention in any "@".
        return _encode({"text": _slack_text(message).replace("@", f"@{_ZERO_WIDTH_SPACE}")})
    if host in _DISCORD or host.endswith(tuple(f".{name}" for name in _DISCORD)):
        return _encode({"content": cut(_whole_text(message), DISCORD_MAX_CHARS), "allowed_mentions": {"parse": []}})
    return _encode({"version": VERSION, **msgspec.structs.asdict(message)})


def cut(text: str, most: int) -> str:
    """Shorten a text to ``most`` characters, at the end of a line where it has one, and show that it was longer."""
    if len(text) <= most:
        return text
    kept = text[: most - len(_CUT)]
    whole_lines = kept if text[len(kept)] == "\n" else kept.rpartition("\n")[0]
    return (whole_lines or kept) + _CUT


def _whole_text(message: Message) -> str:
    """Title and text, for who has no place for a title; a text that begins with it does not say it twice."""
    return message.text if message.text.startswith(message.title) else f"{message.title}\n{message.text}".rstrip("\n")


def _slack_text(message: Message) -> str:
    """Escape what begins a mention or a link (https://api.slack.com/reference/surfaces/formatting#escaping)."""
    return _whole_text(message).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _encode(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)
