"""Which IP addresses may be fetched from: those of hosts on the public internet, and no other.

The tables are IANA's special-purpose registries, written out: ``ipaddress.is_global`` says one thing on Python 3.11.2
and another on 3.13.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_IPV4: Final = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/32", "is unspecified"),
        ("0.0.0.0/8", "is reserved"),
        ("10.0.0.0/8", "is private"),
        ("100.64.0.0/10", "is shared by a provider's customers"),
        ("127.0.0.0/8", "is on loopback"),
        ("169.254.0.0/16", "is link-local"),
        ("172.16.0.0/12", "is private"),
        ("192.0.0.0/24", "is reserved"),
        ("192.0.2.0/24", "is for documentation"),
        ("192.88.99.0/24", "is reserved"),
        ("192.168.0.0/16", "is private"),
        ("198.18.0.0/15", "is for benchmarks"),
        ("198.51.100.0/24", "is for documentation"),
        ("203.0.113.0/24", "is for documentation"),
        ("224.0.0.0/4", "is multicast"),
        ("255.255.255.255/32", "is broadcast"),
        ("240.0.0.0/4", "is reserved"),
    )
)
_IPV6: Final = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "is unspecified"),
        ("::1/128", "is on loopback"),
        ("fc00::/7", "is private"),
        ("fe80::/10", "is link-local"),
        ("fec0::/10", "is site-local"),
        ("ff00::/8", "is multicast"),
        ("2001::/23", "is reserved"),
        ("2001:db8::/32", "is for documentation"),
        ("3fff::/20", "is for documentation"),
    )
)
_HANDED_OUT: Final = IPv6Network("2000::/3")
"""All of IPv6 that belongs to hosts of the internet is in here; the rest is for other uses, or for none yet."""
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last 32 bits are the IPv4 address to which a gateway carries it."""
_LOW_32: Final = 0xFFFFFFFF


def refusal(address: str) -> str | None:
    """Say why this address must not be fetched from ("10.0.0.1 is private"); None for a public one.

    One that stands for an IPv4 address is judged by that (IPv4-mapped, 6to4, Teredo, NAT64). What is no IP address as
    the standards write it, such as "127.1", is refused.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address} is no IP address"
    why = _why_not(parsed)
    return f"{address} {why}" if why else None


def _why_not(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((why for network, why in _IPV4 if address in network), None)
    inner = _embedded(address)
    if inner:
        why = next((f"is {one}, which {why}" for one in inner if (why := _why_not(one))), None)
    else:
        why = next((why for network, why in _IPV6 if address in network), None)
        if why is None and address not in _HANDED_OUT:
            why = "is reserved"
    return why or ("is bound to one interface" if address.scope_id else None)


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that packets to this one would reach or pass through, if it is of such a kind."""
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in _TRANSLATED:
        return (IPv4Address(int(address) & _LOW_32),)
    return ()
