"""Who listens on a TCP port of this machine, as /proc tells it (proc(5))."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"


def listener(port: int, proc: Path = _PROC) -> str | None:
    """Name who listens: ``nginx (pid 12)``, or only its user where the process is not ours to see; None for nobody."""
    for inode, uid in _listening(port, proc):
        return _process(inode, proc) or f"a process of user {_user(uid)}"
    return None


def listens(session: int, port: int, proc: Path = _PROC) -> bool:
    """Whether somebody of a session (setsid(2)) listens on a port."""
    for inode, _ in _listening(port, proc):
        for pid in _holders(inode, proc):
            try:
                if os.getsid(pid) == session:
                    return True
            except ProcessLookupError:
                continue  # gone by now
    return False


def _listening(port: int, proc: Path) -> Iterator[tuple[str, int]]:
    """Yield socket inode and user id of each listener, IPv4 before IPv6."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9], int(fields[7])


def _process(inode: str, proc: Path) -> str | None:
    for pid in _holders(inode, proc):
        try:
            return f"{(proc / str(pid) / 'comm').read_text(encoding='utf-8').strip()} (pid {pid})"
        except OSError:
            continue  # gone by now
    return None


def _holders(inode: str, proc: Path) -> Iterator[int]:
    """Yield the processes that have a socket open."""
    socket = Path(f"socket:[{inode}]")
    for directory in proc.glob("[0-9]*"):
        try:
            if any(link.readlink() == socket for link in (directory / "fd").iterdir()):
                yield int(directory.name)
        except OSError:
            continue  # another user's, or gone by now


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
