"""Where a probe goes: a URL of few kinds, and the steps that lead there."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

PHRASE: Final = "must be dns://host, tcp://host:port, tls://host:port, https://host/path or http://host/path, in ASCII"
_URL: Final = re.compile(
    r"(?P<scheme>dns|tcp|tls|https?|wss?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][\x21\x22\x24-\x7e]*)?"
)
_PORTS: Final = {"tls": 443, "https": 443, "http": 80, "wss": 443, "ws": 80}
_SECURE: Final = ("tls", "https", "wss")
_MAX_PORT: Final = 65_535
_MAX_NAME: Final = 253


class Step(StrEnum):
    """What is done on the way to an answer, in this order."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    API = "api"


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the network. ``host`` is a name or an address without brackets; ``path`` has its query."""

    scheme: str
    host: str
    port: int = 0
    path: str = "/"

    @property
    def secure(self) -> bool:
        """Whether TLS leads there."""
        return self.scheme in _SECURE

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them (RFC 9110, 7.2): the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, which nobody has to look up."""
        return _is_address(self.host)


def place_of(url: str) -> Place:
    """Read a URL. Raises ValueError with a phrase that says what it must be; the URL is not in it."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(PHRASE)
    scheme, host = match["scheme"], match["host"].strip("[]").rstrip(".")
    port = int(match["port"] or _PORTS.get(scheme, 0))
    wrong = _wrong_with(scheme, host, match["port"], match["path"])
    if wrong:
        raise ValueError(wrong)
    path = match["path"] or "/"
    return Place(scheme, host, port, path if path.startswith("/") else f"/{path}")


def _wrong_with(scheme: str, host: str, port: str | None, path: str | None) -> str | None:
    address = _is_address(host)
    rules = (
        (
            not host or (":" in host and not address) or len(host) > _MAX_NAME or ".." in host,
            "must have a host that is a name, or an address with [ ] around one of IPv6",
        ),
        (
            scheme == "dns" and address,
            "must have a name behind dns://, to look up; services.massive.dns says whom to ask",
        ),
        (scheme == "dns" and port, "must be dns://host without a port; services.massive.dns says whom to ask"),
        (scheme == "tcp" and not port, "must be tcp://host:port, and has no port"),
        (port and not 0 < int(port) <= _MAX_PORT, f"must have a port from 1 to {_MAX_PORT}"),
        (
            scheme in ("dns", "tcp", "tls") and path not in (None, "/"),
            f"must not have a path behind a host of {scheme}://",
        ),
    )
    return next((phrase for broken, phrase in rules if broken), None)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
