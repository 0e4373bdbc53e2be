"""Why a connection failed: what is said to whoever was cut off from the network, and to whoever was not."""

import errno
import socket
import ssl

import pytest

from marketswarm import trouble
from marketswarm.address import Address

ELSEWHERE = Address("10.0.0.1", 6379)
SOCKET = Address(path="/run/marketswarm/system/redis.sock")


@pytest.fixture
def _cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may make no socket but AF_UNIX ones, as RestrictAddressFamilies=AF_UNIX has it."""

    def refuse(*_words: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize(
    ("bus", "why", "says"),
    [
        (ELSEWHERE, "no answer in time", "is its redis-server running?"),
        (SOCKET, "no such socket", "is its redis-server running?"),
        (SOCKET, "permission denied", "only members of the group marketswarm may open it"),
        (ELSEWHERE, "no file descriptor left", "raise LimitNOFILE= of this service, or find what it leaves open"),
    ],
)
def test_a_bus_that_does_not_answer_comes_with_what_to_look_at(bus: Address, why: str, says: str) -> None:
    """By the reason, where one says more than that nobody is there."""
    assert trouble.hint(bus, why) == says


SECURED = Address("10.0.0.1", 6380, tls=True)


@pytest.mark.parametrize(
    ("bus", "why", "says"),
    [
        (SECURED, "its certificate is not valid (of a CA that is not trusted)", "into REDIS_TLS_CA_FILE"),
        (SECURED, "its certificate is not valid (revoked)", "see the log of its redis-server"),
        (SECURED, "TLS failed (wrong version number)", "see the log of its redis-server"),
        (SECURED, "it does not take the certificate of its client", "see REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE"),
        (SECURED, "no answer in time", "is its redis-server running, and does it speak TLS at that port?"),
        (ELSEWHERE, "connection reset", "is its redis-server running, and not for rediss:// alone?"),
        (Address("127.0.0.1"), "connection reset", "is its redis-server running?"),
    ],
)
def test_what_tls_may_have_to_do_with_is_told(bus: Address, why: str, says: str) -> None:
    """A certificate that is no good, and a port of the other kind."""
    assert trouble.hint(bus, why).endswith(says)


def test_an_end_amid_tls_is_no_fault_of_a_certificate() -> None:
    """The server was killed, say."""
    assert trouble.of_bus(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")) == "connection reset"
    assert not trouble.of_tls("connection reset")


@pytest.mark.usefixtures("_cut_off")
def test_a_bus_elsewhere_is_out_of_reach_for_who_has_no_network() -> None:
    """Whatever the system says of it; the socket of a bus here is not."""
    assert trouble.hint(ELSEWHERE, "Address family not supported by protocol") == trouble.NO_NETWORK
    assert trouble.hint(SOCKET, "no such socket") == "is its redis-server running?"


@pytest.mark.usefixtures("_cut_off")
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        OSError("several"),
    ],
)
def test_no_connection_comes_about_without_a_network(error: OSError) -> None:
    """A name is not "unknown" then, and an address not "unreachable": the unit has no way out."""
    assert trouble.of_connection(error) == trouble.NO_NETWORK


def test_who_has_a_network_hears_what_is_the_matter() -> None:
    """An IPv6 address where the host has no IPv6, say."""
    assert trouble.of_connection(OSError(errno.EAFNOSUPPORT, "no IPv6")) == "it cannot be reached"
    assert trouble.of_connection(socket.gaierror(socket.EAI_NONAME, "unknown")) == "no such host"


def test_another_fault_is_no_missing_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has no file descriptor left can make no socket either."""

    def refuse(*_words: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    assert not trouble.cut_off()
