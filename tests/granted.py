"""What users may do by their rights, judged as a Redis server judges it: for tests that have no server."""

import json
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from marketswarm import hostfiles, names
from marketswarm.rights import Choices, User, roster
from marketswarm.rights.grants import READING, WRITING, Grant
from marketswarm.truth import Truth, parse

SYSTEM: Final = names.SYSTEM_BUS
MARKET: Final = names.MARKET_BUS
BOTH: Final = (SYSTEM, MARKET)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern of an ACL matches a name, byte by byte; none of ours has a set of characters or an escape."""
    assert not set(pattern) & set("[\\")
    return fnmatchcase(name.encode().decode("latin-1"), pattern.encode().decode("latin-1"))


class Rights:
    """The users of a server."""

    def __init__(self, users: Iterable[User]) -> None:
        self.users = {user.name: user for user in users}

    @classmethod
    def of(
        cls,
        *truths: Truth,
        buses: Collection[str] = (SYSTEM,),
        choices: Choices | None = None,
        besides: Collection[str] = (),
    ) -> "Rights":
        """Those that these truths give."""
        return cls(roster(buses, truths, choices or Choices(), besides=besides))

    def may(self, user: str, command: str, key: str) -> bool:
        """Whether a user may run a command that reads and writes a key."""
        return any(
            command in grant.commands and matches(pattern, key)
            for grant in self.users[user].grants
            for pattern in grant.keys
            if not pattern.startswith((READING, WRITING))
        )

    def reads(self, user: str, command: str, key: str) -> bool:
        """Whether a user may run a command that only reads a key."""
        return any(
            command in grant.commands and matches(pattern.removeprefix(READING), key)
            for grant in self.users[user].grants
            for pattern in grant.keys
            if not pattern.startswith(WRITING)
        )

    def sets(self, user: str, key: str) -> bool:
        """Whether a user may overwrite a key, be it that it may not read it."""
        return any(
            {"set", "@string"} & {*grant.commands} and matches(pattern.removeprefix(WRITING), key)
            for grant in self.users[user].grants
            for pattern in grant.keys
            if not pattern.startswith(READING)
        )

    def publishes(self, user: str, channel: str) -> bool:
        """Whether a user may publish on a channel."""
        return self._on(channel, "publish", self.users[user].grants)

    def hears(self, user: str, channel: str) -> bool:
        """Whether a user may subscribe to a channel."""
        return self._on(channel, "subscribe", self.users[user].grants)

    def publishers(self, channel: str) -> set[str]:
        """Name those who may publish on a channel, but for the one who may do anything."""
        return {user for user in self.users if user != "marketswarm-admin" and self.publishes(user, channel)}

    @staticmethod
    def _on(channel: str, command: str, grants: Sequence[Grant]) -> bool:
        return any(
            command in grant.commands and matches(pattern, channel) for grant in grants for pattern in grant.channels
        )


def shipped(**services: dict[str, Any]) -> Truth:
    """The truth that comes along, with further services or others in place of its own."""
    document: dict[str, Any] = json.loads(Path(hostfiles.find("etc/truth.json")).read_bytes())
    document["services"] |= services
    return parse(json.dumps(document).encode())


def access(publish_to: Sequence[object] = (), subscribe_to: Sequence[object] = (), **more: Any) -> dict[str, Any]:
    """A service with these access points: each a key on system-redis, or a bus and a key."""
    return {"access_points": {"publish_to": points(publish_to), "subscribe_to": points(subscribe_to)}, **more}


def points(given: Sequence[object]) -> list[dict[str, str]]:
    """Spell access points as a truth does."""
    return [
        {"bus": point[0], "key": point[1]} if isinstance(point, tuple) else {"bus": SYSTEM, "key": str(point)}
        for point in given
    ]
