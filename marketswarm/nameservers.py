"""Which name servers this host asks (resolv.conf(5)), and whether a unit with these IP filters may ask them too."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final

RESOLV_CONF: Final = "/etc/resolv.conf"
CLOSED: Final = (
    "127.0.0.0/8",
    "::1/128",
    "169.254.0.0/16",
    "fe80::/10",
    "224.0.0.0/4",
    "ff00::/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
)
"""What egress.conf closes to a service that talks to the internet, as systemd.resource-control(5) writes it out."""
Address = IPv4Address | IPv6Address


def of_host(root: Path = Path("/")) -> list[Address]:
    """Read the host's name servers, each once, in their order; none where nothing says so, or nothing can be read."""
    path = root / RESOLV_CONF.lstrip("/")
    if path.is_symlink():
        # As within an image: an absolute link must not lead out of it.
        target = path.readlink()
        path = root / str(target).lstrip("/") if target.is_absolute() else path.parent / target
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return list(dict.fromkeys(parse(text)))


def parse(text: str) -> Iterable[Address]:
    """Yield the addresses of ``nameserver`` lines; a link-local one without its interface, of which no filter knows."""
    for words in map(str.split, text.splitlines()):
        if len(words) > 1 and words[0] == "nameserver":
            try:
                yield ip_address(words[1].partition("%")[0])
            except ValueError:
                continue  # the resolver, too, goes on with the next line


def closed(address: Address, *, deny: Iterable[str] = CLOSED, allow: Iterable[str] = ()) -> bool:
    """Whether IPAddressDeny= and IPAddressAllow= keep this address from a unit; the latter wins."""
    return _within(address, deny) and not _within(address, allow)


def _within(address: Address, networks: Iterable[str]) -> bool:
    return any(address in ip_network(network, strict=False) for network in networks)
