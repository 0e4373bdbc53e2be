"""How a fault or a warning is worded: ``path: phrase, is VALUE``, in one line and without secrets."""

import json
import re

from marketswarm.truth.credentials import Loc, holds_password, leaks, names_secret

_MAX_SHOWN = 60
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$-]{1,64}")


def line(loc: Loc, phrase: str) -> str:
    """Put a place and a phrase together."""
    return f"{path(loc)}: {phrase}"


def path(loc: Loc) -> str:
    """Write a place as people do: ``services.healer.access_points.publish_to[0].bus``; ``truth`` for the whole."""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        elif _PLAIN_KEY.fullmatch(part):
            parts.append(f".{part}")
        else:
            parts.append('["..."]' if holds_password(part) else f"[{quoted(part)}]")
    return "".join(parts).removeprefix(".") or "truth"


def shown(loc: Loc, value: object) -> str:
    """Say which value stands there: ``, is VALUE``, or nothing where the value might hold a secret."""
    text = json.dumps(value)
    # An "@" may end a password even where no URL can be made out.
    secret = "@" in text or any(isinstance(part, str) and names_secret(part) for part in loc) or any(leaks(value))
    return "" if secret else f", is {cut(text)}"


def quoted(text: str) -> str:
    """Write a text as JSON, so that no character in it can play tricks on a terminal."""
    return cut(json.dumps(text))


def number(value: float) -> str:
    """Write seconds without a fraction where there is none: 10, not 10.0."""
    return str(int(value)) if value == int(value) else repr(value)


def cut(text: str) -> str:
    """Shorten a text to what fits into a line."""
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
