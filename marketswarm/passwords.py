"""The passwords of the users of the buses: a folder with a file each, which its owner alone may read."""

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from marketswarm import files

_BYTES: Final = 32
_MODE: Final = 0o600


class Passwords:
    """The passwords in a folder. Every method raises OSError where that may not be read or written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def known(self) -> list[str]:
        """Name the users that have one, in order."""
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))

    def make(self, users: Iterable[str]) -> list[str]:
        """Give one to each user that has none; returns those."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = sorted(set(users).difference(self.known()))
        for user in new:
            files.write(self.folder / user, secrets.token_urlsafe(_BYTES).encode(), _MODE)
        return new

    def of(self, user: str) -> str:
        """Read one."""
        return (self.folder / user).read_text(encoding="ascii").strip()

    def hashes(self) -> dict[str, tuple[str, ...]]:
        """The SHA-256 of each, which is all that a server is given."""
        return {user: (hashlib.sha256(self.of(user).encode()).hexdigest(),) for user in self.known()}
