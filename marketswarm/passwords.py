"""The passwords of the users of the buses: a folder with a file each, which its owner alone may read."""

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from marketswarm import files, names, users

_BYTES: Final = 32
_MODE: Final = 0o600
_NEXT: Final = "next"
_LAST: Final = "last"
_SERVICE: Final = re.compile(names.SERVICE_NAME)


def new_password() -> str:
    """Make one that nobody guesses."""
    return secrets.token_urlsafe(_BYTES)


def hashed(password: str) -> str:
    """The SHA-256 of a password, as Redis has it in ACL files."""
    return hashlib.sha256(password.encode()).hexdigest()


class Passwords:
    """The passwords in a folder. Every method raises OSError where that may not be read or written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def known(self) -> list[str]:
        """Name the users that have one, in order; what else lies there, or is empty, is nobody's."""
        mays = (path for path in self.folder.iterdir() if path.name in users.OWN or _SERVICE.fullmatch(path.name))
        return sorted(path.name for path in mays if _holds(path))

    def make(self, wanted: Iterable[str]) -> list[str]:
        """Give one to each user that has none; returns those."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = sorted(set(wanted).difference(self.known()))
        for user in new:
            self._write(self.folder / user, new_password())
        if new:
            os.sync()
        return new

    def of(self, user: str) -> str:
        """Read one."""
        return _read(self.folder / user)

    def hashes(self) -> dict[str, tuple[str, ...]]:
        """The SHA-256 of each that is good, which is all that a server is given; while they change, a user has two."""
        return {user: tuple(dict.fromkeys(self._good(user))) for user in self.known()}

    def drop(self, user: str) -> None:
        """Forget a user's."""
        for path in (self.folder / user, self._beside(user, _NEXT), self._beside(user, _LAST)):
            path.unlink(missing_ok=True)

    # A new password is good before anybody is given it, and an old one for as long as somebody may have it. Whatever
    # cuts this off, the next run goes on where it stood.

    @property
    def changing(self) -> bool:
        """Whether old ones are still good beside those that are given out."""
        return any(self._beside(user, _LAST).exists() for user in self.known())

    def prepare_change(self) -> None:
        """Have a second one for each user, which servers are to know before it is given out."""
        for user in self.known():
            if not _holds(self._beside(user, _NEXT)):
                self._write(self._beside(user, _NEXT), new_password())
        os.sync()

    def change(self) -> None:
        """Give out the second ones from now on; the first ones stay good."""
        for user in self.known():
            if _holds(self._beside(user, _NEXT)):
                self._write(self._beside(user, _LAST), self.of(user))
        os.sync()
        for user in self.known():
            if _holds(self._beside(user, _NEXT)):
                self._beside(user, _NEXT).replace(self.folder / user)

    def end_change(self) -> None:
        """Let the old ones be good no more."""
        for user in self.known():
            self._beside(user, _LAST).unlink(missing_ok=True)

    def _write(self, path: Path, password: str) -> None:
        files.write(path, password.encode(), _MODE, sync=False)

    def _good(self, user: str) -> Iterator[str]:
        for path in (self.folder / user, self._beside(user, _NEXT), self._beside(user, _LAST)):
            # An empty one would let in whoever says nothing.
            if path.exists() and (password := _read(path)):
                yield hashlib.sha256(password.encode()).hexdigest()

    def _beside(self, user: str, when: str) -> Path:
        return self.folder / f".{user}.{when}"


def _holds(path: Path) -> bool:
    """Whether there is a file with anything in it; a power cut may leave one with nothing."""
    return path.is_file() and path.stat().st_size > 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise OSError(errno.EINVAL, "holds no text", str(path)) from None  # its own words would show a part of it
