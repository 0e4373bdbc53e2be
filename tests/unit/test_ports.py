"""Who listens on a port."""

import os
import pwd
import socket
from pathlib import Path

import pytest

from marketswarm.ports import listener, listens

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = (
    "   0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid} 0 4242 1 0 100 0 0\n"
)


def table(proc: Path, *, port: int = 6379, state: str = "0A", uid: int = 0) -> Path:
    """Write a /proc in which one socket has a port."""
    (proc / "net").mkdir()
    (proc / "net" / "tcp").write_text(HEAD + LINE.format(port=port, state=state, uid=uid), encoding="ascii")
    return proc


def test_a_process_that_one_may_see_is_named() -> None:
    """As this one: its name and its pid."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = listener(server.getsockname()[1])
    assert found is not None
    assert found.endswith(f"(pid {os.getpid()})")


def test_of_another_s_process_the_user_is_named(tmp_path: Path) -> None:
    """The table of sockets is open to everybody, the processes are not; a user may have no name."""
    assert listener(6379, table(tmp_path)) == f"a process of user {pwd.getpwuid(0).pw_name}"
    (tmp_path / "net" / "tcp").write_text(HEAD + LINE.format(port=6379, state="0A", uid=4_000_000_001), "ascii")
    assert listener(6379, tmp_path) == "a process of user 4000000001"


@pytest.mark.parametrize(("port", "state"), [(6380, "0A"), (6379, "01")], ids=["another port", "a connection"])
def test_nobody_listens(tmp_path: Path, port: int, state: str) -> None:
    """Another port, or a connection from that port, is no listener; neither is a machine without such tables."""
    assert listener(6379, table(tmp_path, port=port, state=state)) is None
    assert listener(6379, tmp_path / "none") is None


def test_who_listens_is_known_by_its_session() -> None:
    """Its own is told from another, and its port from others."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens(os.getsid(0), port)
        assert not listens(os.getsid(0) + 1, port)
    assert not listens(os.getsid(0), port)
