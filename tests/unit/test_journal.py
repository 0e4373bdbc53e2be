"""The journal's native protocol, byte by byte and on a real datagram socket."""

import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm.log.journal import encode, send

FIELDS = {"MESSAGE": "said"}


def decode(datagram: bytes) -> dict[str, bytes]:
    """Read an entry as journald does."""
    found = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, end, rest = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert end == b"\n"
        found[name.decode("ascii")] = value
        datagram = rest
    return found


def test_a_field_of_one_line_is_an_assignment() -> None:
    """Whatever else is in it."""
    fields = {"MESSAGE": "rss_agg = \xe4", "PRIORITY": "3", "EMPTY": ""}
    assert encode(fields) == b"MESSAGE=rss_agg = \xc3\xa4\nPRIORITY=3\nEMPTY=\n"


def test_a_field_of_several_lines_tells_its_length() -> None:
    """In eight bytes, the lowest first, so that no line of it is taken for another field."""
    assert encode({"MESSAGE": "\xe4\nPRIORITY=0"}) == b"MESSAGE\n\x0d\0\0\0\0\0\0\0\xc3\xa4\nPRIORITY=0\n"


def test_what_utf_8_cannot_hold_is_escaped() -> None:
    """JSON may bring half of a surrogate pair."""
    assert encode({"MESSAGE": "\udc80"}) == b"MESSAGE=\\udc80\n"


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True), st.text()))
def test_any_text_arrives_whole(fields: dict[str, str]) -> None:
    """No value spills into another field."""
    expected = {name: value.encode("utf-8", "backslashreplace") for name, value in fields.items()}
    assert decode(encode(fields)) == expected


def test_an_entry_is_one_datagram() -> None:
    """Sent to the socket that is named."""
    address = f"\0marketswarm-test-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(address)
        assert send(FIELDS, address)
        assert listener.recv(65536) == b"MESSAGE=said\n"


def test_what_is_too_big_is_not_taken() -> None:
    """And said so."""
    address = f"\0marketswarm-test-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(address)
        assert not send({"MESSAGE": "x" * (64 << 20)}, address)


@pytest.mark.timeout(10)
def test_a_full_queue_is_not_waited_for() -> None:
    """A journal that does not read takes so many, and then none."""
    address = f"\0marketswarm-test-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(address)
        taken = 0
        while send(FIELDS, address):
            taken += 1
        assert taken > 0
        listener.recv(65536)
        assert send(FIELDS, address)


def test_no_journal_is_not_taken(tmp_path: Path) -> None:
    """Neither where nothing is, nor where something else is, nor under a name that no socket can have."""
    (tmp_path / "file").touch()
    for address in (tmp_path / "nothing", tmp_path / "file", tmp_path / ("long" * 50)):
        assert not send(FIELDS, str(address))
