"""The name servers of a host, and whether filters keep a unit from them."""

import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from marketswarm import hostfiles, nameservers

MEANT = {
    "localhost": {"127.0.0.0/8", "::1/128"},
    "link-local": {"169.254.0.0/16", "fe80::/64"},
    "multicast": {"224.0.0.0/4", "ff00::/8"},
}
"""systemd.resource-control(5), IPAddressAllow=: its words, and what they stand for."""


def test_what_is_closed_is_what_the_drop_in_closes() -> None:
    """The ranges stand twice: there, and where the installer looks which name servers lie in them."""
    text = hostfiles.find("systemd/marketswarm@rss_agg.service.d/egress.conf").read_text(encoding="utf-8")
    words = " ".join(re.findall(r"^IPAddressDeny=(.+)$", text, re.MULTILINE)).split()
    denied = {network for word in words for network in MEANT.get(word, {word})}
    assert denied - {"fe80::/64"} == set(nameservers.CLOSED)


@pytest.mark.parametrize(
    ("address", "closed"),
    [
        ("127.0.0.53", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.0.1", True),
        ("100.64.0.1", True),
        ("100.128.0.1", False),
        ("169.254.169.254", True),
        ("fe80::1", True),
        ("fd00::1", True),
        ("ff02::1", True),
        ("9.9.9.9", False),
        ("2620:fe::fe", False),
    ],
)
def test_this_host_its_neighbours_and_private_networks_are_closed(address: str, *, closed: bool) -> None:
    """And the internet is not."""
    assert nameservers.closed(ip_address(address)) is closed


def test_what_is_allowed_wins() -> None:
    """As in systemd; what nobody denies is open."""
    server = ip_address("10.1.2.3")
    assert nameservers.closed(server, deny=["0.0.0.0/0", "::/0"])
    assert not nameservers.closed(server, deny=["0.0.0.0/0"], allow=["10.1.0.0/16"])
    assert not nameservers.closed(server, deny=["::/0"])
    assert not nameservers.closed(server, deny=[])


def test_nameserver_lines_are_read_as_the_resolver_reads_them() -> None:
    """Each once; what is no address, and every other line, is passed over."""
    text = "# nameserver 1.1.1.1\nsearch a\n  nameserver\t9.9.9.9 \nnameserver x\nnameserver\nnameserver 9.9.9.9\n"
    assert list(map(str, dict.fromkeys(nameservers.parse(text)))) == ["9.9.9.9"]


def test_a_link_of_an_image_does_not_lead_out_of_it(tmp_path: Path) -> None:
    """An absolute one is meant below its root, as it will be once that has booted; a file that is missing has none."""
    (tmp_path / "etc").mkdir()
    assert nameservers.of_host(tmp_path) == []
    stub = tmp_path / "run/systemd/resolve/stub-resolv.conf"
    stub.parent.mkdir(parents=True)
    stub.write_text("nameserver 127.0.0.53\nnameserver 127.0.0.53\n", encoding="ascii")
    for target in ("/run/systemd/resolve/stub-resolv.conf", "../run/systemd/resolve/stub-resolv.conf"):
        link = tmp_path / "etc/resolv.conf"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert nameservers.of_host(tmp_path) == [ip_address("127.0.0.53")]
    stub.write_bytes(b"\xff\xfe")
    assert nameservers.of_host(tmp_path) == []
