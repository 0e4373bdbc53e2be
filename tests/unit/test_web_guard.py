"""Which addresses are fetched from: a table of all kinds, with the borders of each, the same on every Python."""

import pytest

from marketswarm.web.guard import refusal

PUBLIC = """
1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255
192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
2000:: 2001:200:: 2001:4860:4860::8888 2001:db7:ffff:: 2001:db9:: 2003:: 2606:4700::1111 2a00:1450::1 3ffe:ffff::
3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
::ffff:8.8.8.8 ::ffff:808:808 2002:808:808::1 64:ff9b::8.8.8.8 2001:0:808:808::f7f7:f7f7
"""
REFUSED = {
    "is unspecified": "0.0.0.0 ::",
    "is reserved": """0.0.0.1 0.255.255.255 192.0.0.0 192.0.0.9 192.0.0.255 192.88.99.1 240.0.0.0 255.255.255.254
        ::2 ::8.8.8.8 ::ffff:0:808:808 64:ff9b:1::808:808 100::1 1fff:ffff:: 4000:: 5f00::1 fbff:: fe00:: fe7f::
        2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1""",
    "is private": """10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255
        fc00:: fd00::1 fdff:ffff::1""",
    "is shared by a provider's customers": "100.64.0.0 100.127.255.255",
    "is on loopback": "127.0.0.0 127.0.0.1 127.255.255.255 ::1",
    "is link-local": "169.254.0.0 169.254.169.254 169.254.255.255 fe80::1 febf:: fe80::1%eth0 fe80::1%2",
    "is site-local": "fec0::1 feff::1",
    "is for documentation": """192.0.2.0 192.0.2.255 198.51.100.1 203.0.113.0 203.0.113.255
        2001:db8:: 2001:db8:ffff:ffff:: 3fff:: 3fff:fff:ffff::""",
    "is for benchmarks": "198.18.0.0 198.19.255.255",
    "is multicast": "224.0.0.0 239.255.255.255 ff00:: ff02::1 ff0e::1",
    "is broadcast": "255.255.255.255",
    "is bound to one interface": "2606:4700::1111%eth0 2002:808:808::1%1 ::ffff:8.8.8.8%1",
    "is 10.0.0.1, which is private": "::ffff:10.0.0.1 ::ffff:a00:1 2002:a00:1::1 64:ff9b::10.0.0.1",
    "is 127.0.0.1, which is on loopback": "::ffff:127.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1",
    "is 169.254.169.254, which is link-local": "::ffff:169.254.169.254 ::ffff:a9fe:a9fe",
    "is 192.168.0.1, which is private": "2001:0:c0a8:1::f7f7:f7f7 2001:0:808:808::3f57:fffe",
    "is 0.0.0.0, which is unspecified": "::ffff:0.0.0.0 64:ff9b::",
    "is no IP address": """127.1 2130706433 0x7f000001 0x7f.1 010.0.0.1 127.0.0.1. 1.2.3.4.5 256.1.1.1 example.com
        localhost [::1] ::1/128 1::2::3""",
}


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_is_let_through(address: str) -> None:
    """Among them the ones just before and just after each range that is not."""
    assert refusal(address) is None


@pytest.mark.parametrize(("address", "why"), [(one, why) for why, some in REFUSED.items() for one in some.split()])
def test_every_other_address_is_refused_with_its_reason(address: str, why: str) -> None:
    """The first and the last of each range; one that stands for an IPv4 address is judged by that."""
    assert refusal(address) == f"{address} {why}"


@pytest.mark.parametrize("text", ["", " ", "8.8.8.8 ", "8.8.8.8\n", "٨.8.8.8"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """It may be one to a system's resolver."""
    assert refusal(text) == f"{text} is no IP address"
