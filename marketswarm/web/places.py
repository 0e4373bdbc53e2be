"""Where a request goes: URLs in one spelling, without what is secret in them, and judged where they name an address."""

import base64
import re
import socket
from ipaddress import ip_address
from typing import Final

from yarl import URL

from marketswarm.web import guard

BAD_ADDRESS: Final = "its address is not valid"
_SCHEMES: Final = ("http", "https")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class BadPlaceError(Exception):
    """A place that nothing is fetched from; the text says why, in plain words and without a URL."""


class RefusedError(BadPlaceError):
    """A host that is not on the public internet; ``why`` is a guard's refusal."""

    def __init__(self, why: str) -> None:
        super().__init__(f"leads to a private address ({why})")


def first(text: str) -> tuple[URL, dict[str, str]]:
    """Read the URL that is asked for. Returns it without user and password, and a header that holds those, if any.

    Raises BadPlaceError.
    """
    try:
        url = URL(text.strip())
        login = _login(url)
    except ValueError:
        raise BadPlaceError(BAD_ADDRESS) from None
    if url.scheme not in _SCHEMES:
        raise BadPlaceError("its address is neither http nor https")
    return _spelled(url, BAD_ADDRESS), login


def following(url: URL, location: str) -> URL:
    """Return where a Location leads from ``url``; a user and a password in it are dropped. Raises BadPlaceError."""
    bad = "redirects to an address that is not valid"
    try:
        target = url.join(URL(location.strip()))
    except ValueError:
        raise BadPlaceError(bad) from None
    if target.scheme not in _SCHEMES:
        raise BadPlaceError("redirects to what is neither http nor https")
    return _spelled(target, bad)


def same_origin(one: URL, other: URL) -> bool:
    """Whether what is secret to one may be told to the other."""
    return (one.scheme, one.raw_host, one.port) == (other.scheme, other.raw_host, other.port)


def must_be_public(url: URL) -> None:
    """Raise RefusedError where a URL names an address that may not be fetched from; a name is for the resolver."""
    host = url.raw_host or ""
    try:
        ip_address(host)
    except ValueError:
        return
    if why := guard.refusal(host):
        raise RefusedError(why)


def _login(url: URL) -> dict[str, str]:
    if url.user is None and url.password is None:
        return {}
    pair = f"{url.user or ''}:{url.password or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


def _spelled(url: URL, bad: str) -> URL:
    """Return a URL whose host is a name, or an address as the standards write it.

    A system's resolver takes 2130706433, 0x7f.1 and 127.1 for 127.0.0.1, and aiohttp does not show them to ours. As in
    browsers, a host whose last part is a number is an address, or nothing.
    """
    try:
        host = url.raw_host.rstrip(".") if url.raw_host else ""
        if ":" in host:
            ip_address(host)
        elif _NUMBER.fullmatch(host.rpartition(".")[2]):
            url = url.with_host(socket.inet_ntoa(socket.inet_aton(host)))
        bare = url.with_user(None).with_fragment(None)
    except (ValueError, OSError):
        raise BadPlaceError(bad) from None
    if not host:
        raise BadPlaceError(bad)
    return bare
