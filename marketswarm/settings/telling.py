"""Reads how people are told: the channels that the environment sets up, and the sign of life for somebody outside."""

import ipaddress
import re
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

from marketswarm import names
from marketswarm.notices.channels import MAIL, WEBHOOK, Apprise, Channel, Mail, Ping, Webhook
from marketswarm.settings.outward import Outward
from marketswarm.settings.reader import Reader

DEADMAN: Final = "deadman"
Security = Literal["starttls", "tls", "none"]
_PORTS: Final[dict[Security, int]] = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\\\[\]]+@[^\s@<>,;:\"()\\\[\]]+", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://[\x21-\x7e]+")


def outward(reader: Reader) -> Outward:
    """Read how people are told. What is wrong is left with the reader."""
    incomplete: list[str] = []
    found = (_webhook(reader), _mail(reader, incomplete))
    channels: list[Channel] = [channel for channel in found if channel]
    channels += _apprise(reader)
    limit = reader.seconds(names.ENV_RATE_LIMIT_SEC, or_none=True)
    deadman_url = web_url(reader, names.ENV_DEADMAN_URL)
    return Outward(
        channels=tuple(channels),
        rate_limit_sec=names.DEFAULT_RATE_LIMIT_SEC if limit is None else limit,
        deadman=Ping(DEADMAN, deadman_url) if deadman_url else None,
        deadman_sec=reader.seconds(names.ENV_DEADMAN_SEC) or names.DEFAULT_DEADMAN_SEC,
        incomplete=tuple(incomplete),
    )


def _webhook(reader: Reader) -> Webhook | None:
    timeout_sec = reader.seconds(names.ENV_WEBHOOK_TIMEOUT_SEC) or names.DEFAULT_WEBHOOK_TIMEOUT_SEC
    url = web_url(reader, names.ENV_WEBHOOK_URL)
    return Webhook(WEBHOOK, url, timeout_sec) if url else None


def _apprise(reader: Reader) -> Iterator[Apprise]:
    """Name each by its scheme, and from the second of a scheme on by a number too."""
    seen = Counter((WEBHOOK, MAIL))
    for number, url in enumerate((reader.text(names.ENV_NOTIFY_URLS) or "").split(), 1):
        match = _SCHEME.fullmatch(url)
        if match is None:
            reader.fault(names.ENV_NOTIFY_URLS, f"number {number} is no URL as in ntfy://topic; blanks go between them")
            continue
        scheme = match[1].lower()
        seen[scheme] += 1
        yield Apprise(scheme if seen[scheme] == 1 else f"{scheme}-{seen[scheme]}", url)


def web_url(reader: Reader, name: str) -> str | None:
    """Read a URL of the web; a fault shows nothing of it, since most are secrets."""
    url = reader.text(name)
    wrong = _wrong_with(url) if url else None
    if wrong:
        reader.fault(name, wrong)
    return None if wrong else url


def _wrong_with(url: str) -> str | None:
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return "must be ASCII without blanks"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "has a host or a port that cannot be; it must be a URL as in https://host/path"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be a URL that starts with https:// or http:// and a host"
    return "has a port that is not a number from 1 to 65535" if port == 0 else None


def _mail(reader: Reader, incomplete: list[str]) -> Mail | None:
    """Read all of SMTP_*, so that each fault is told, whether there is a host or not."""
    host = _host(reader)
    recipients = _recipients(reader)
    security, port = _transport(reader)
    user, password = reader.text(names.ENV_SMTP_USER) or "", reader.text(names.ENV_SMTP_PASS) or ""
    sender = _sender(reader, user)
    missing = [*_missing(host, recipients, user, password)]
    incomplete += missing
    if password and security == "none" and host and not loopback(host):
        what = f"none would show {names.ENV_SMTP_PASS} to the network on its way to another host; use starttls or tls"
        reader.fault(names.ENV_SMTP_TLS, what)
    if missing or not host:
        return None
    return Mail(MAIL, host, port, security, user, password, sender, recipients)


def _missing(host: str | None, recipients: tuple[str, ...], user: str, password: str) -> Iterator[str]:
    if host and not recipients:
        yield f"{names.ENV_SMTP_HOST}: is set without {names.ENV_SMTP_TO}, the addresses that mail goes to"
    if user and not password:
        yield f"{names.ENV_SMTP_USER}: is set without {names.ENV_SMTP_PASS}"
    if password and not user:
        yield f"{names.ENV_SMTP_PASS}: is set without {names.ENV_SMTP_USER}"


def _host(reader: Reader) -> str | None:
    host = reader.text(names.ENV_SMTP_HOST)
    if host is None or _HOST.fullmatch(host) or _ip(host):
        return host
    reader.fault(names.ENV_SMTP_HOST, f"must be the name or the address of a host; its port is {names.ENV_SMTP_PORT}")
    return None


def _transport(reader: Reader) -> tuple[Security, int]:
    """Read how the connection is secured, and its port; each stands for the other where only one is set."""
    port = _port(reader)
    text = (reader.text(names.ENV_SMTP_TLS) or "").lower()
    usual: Security = "tls" if port == _PORTS["tls"] else "starttls"
    security: Security = next((known for known in _PORTS if known == text), usual)
    if text and security != text:
        reader.fault(names.ENV_SMTP_TLS, f"must be one of {', '.join(_PORTS)}")
    return security, port or _PORTS[security]


def _port(reader: Reader) -> int | None:
    text = reader.text(names.ENV_SMTP_PORT)
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 1 << 16:
        return int(text)
    reader.fault(names.ENV_SMTP_PORT, "must be a number from 1 to 65535")
    return None


def _sender(reader: Reader, user: str) -> str:
    sender = reader.text(names.ENV_SMTP_FROM)
    if sender and not _ADDRESS.fullmatch(sender):
        reader.fault(names.ENV_SMTP_FROM, "must be an address as in marketswarm@example.com")
    usual = user if _ADDRESS.fullmatch(user) else f"marketswarm@{socket.gethostname()}"
    return sender or usual


def _recipients(reader: Reader) -> tuple[str, ...]:
    parts = (part.strip() for part in (reader.text(names.ENV_SMTP_TO) or "").split(","))
    addresses = tuple(part for part in parts if part)
    for number, address in enumerate(addresses, 1):
        if not _ADDRESS.fullmatch(address):
            reader.fault(names.ENV_SMTP_TO, f"number {number} is no address as in ops@example.com; commas between them")
    return addresses


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    address = _ip(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)
