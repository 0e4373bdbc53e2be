"""The journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram is one entry.

Written out here because no library fits: systemd-python and cysystemd want libsystemd, and logging-journald, which does
not, waits while the journal is busy, makes MESSAGE_ID of the text, and calls every field EXTRA_ something.
"""

import socket
from collections.abc import Mapping
from typing import Final

SOCKET: Final = "/run/systemd/journal/socket"
_LENGTH_BYTES = 8


def send(fields: Mapping[str, str], address: str) -> bool:
    """Send an entry; False where the journal did not take it, for whatever reason. Never waits.

    A socket for each entry: entries with fields are rare, and the journal may have been restarted since the last one.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(encode(fields), address)
    except OSError:
        return False
    return True


def encode(fields: Mapping[str, str]) -> bytes:
    """Write fields as the protocol has them: any text is kept whole and can forge no field of its own."""
    return b"".join(_field(name.encode("ascii"), value) for name, value in fields.items())


def _field(name: bytes, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")  # what JSON lets through need not be valid in UTF-8
    if b"\n" not in data:
        return b"%s=%s\n" % (name, data)
    return b"%s\n%s%s\n" % (name, len(data).to_bytes(_LENGTH_BYTES, "little"), data)
