"""The headers of a request and of an answer, as the rest of the house wants them."""

from typing import Final

from multidict import CIMultiDictProxy

_ONE_VALUE: Final = frozenset(
    {"age", "content-length", "content-type", "date", "etag", "expires", "last-modified", "location", "retry-after"}
)
"""Headers that are no lists: of several the first one counts."""


def plain(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Return an answer's headers by lower-case names, as text that can be written in UTF-8 and so be kept."""
    names = dict.fromkeys(name.lower() for name in headers)
    return {_text(name): _text(_value(name, headers.getall(name))) for name in names}


def validators(etag: str, last_modified: str) -> dict[str, str]:
    """Return the headers of a conditional request.

    A validator that a server should not have sent, and that no request can carry, costs a full answer and no more.
    """
    wanted = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in wanted.items() if value and value.isascii() and value.isprintable()}


def _value(name: str, values: list[str]) -> str:
    return values[0] if name in _ONE_VALUE else ", ".join(values)


def _text(value: str) -> str:
    """Read what is no UTF-8 as Latin-1, which headers once were; aiohttp hands such bytes over as surrogates."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
