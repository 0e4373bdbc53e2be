"""What a right is made of, in the words of Redis' ACL (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/).

A command is allowed where one selector allows it together with all keys and channels that it names. So each grant is a
selector of its own: commands, and what they may touch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from marketswarm import users

READ: Final = (
    *("exists", "type", "ttl", "pttl", "get", "mget", "strlen", "getrange"),
    *("hget", "hmget", "hgetall", "hkeys", "hvals", "hlen", "hexists", "hscan"),
    *("lrange", "llen", "lindex", "smembers", "sismember", "scard", "sscan"),
    *("zrange", "zrangebyscore", "zrevrange", "zscore", "zcard", "zcount", "zscan"),
    *("xread", "xrange", "xrevrange", "xlen", "xpending", "xinfo"),
)
"""Commands that only read the keys that they name."""
TAKE: Final = (
    *("xgroup|create", "xreadgroup", "xack", "xclaim", "xautoclaim"),
    *("lpop", "rpop", "blpop", "brpop"),
)
"""Commands by which a reader takes what was put into a stream or a list for it."""
WRITE: Final = (
    *("@string", "@hash", "@list", "@set", "@sortedset", "@stream"),
    *("del", "unlink", "exists", "type", "expire", "pexpire", "ttl", "pttl"),
)
"""Everything that one does to a key of one's own."""
EVERYTHING: Final = "+@all"
LISTEN: Final = ("subscribe", "unsubscribe")
READING: Final = "%R~"
WRITING: Final = "%W~"
"""Before the pattern of a key: what may be done to it, and nothing else."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A selector: these commands on these keys and channels. A key is a pattern, and "%R~" before it means reading."""

    commands: tuple[str, ...]
    keys: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write it as ACL SETUSER takes it."""
        keys = (key if key.startswith("%") else f"~{key}" for key in self.keys)
        channels = (f"&{channel}" for channel in self.channels)
        return f"({' '.join((*keys, *channels, *signed(self.commands)))})"

    def within(self, other: "Grant") -> bool:
        """Whether another allows all of this."""
        pairs = ((self.commands, other.commands), (self.keys, other.keys), (self.channels, other.channels))
        return all(set(mine) <= set(others) for mine, others in pairs)


@dataclass(frozen=True, slots=True)
class User:
    """A user of one bus: commands that name no key, and what may be done to which keys and channels."""

    name: str
    commands: tuple[str, ...]
    grants: tuple[Grant, ...]

    def rules(self) -> tuple[str, ...]:
        """The words that give a user who has nothing these rights, without a password."""
        start = ("on", "resetkeys", "resetchannels", "-@all")
        return (*start, *("nopass",) * (self.name == users.DEFAULT), *signed(self.commands), *map(str, self.grants))

    def within(self, other: "User") -> bool:
        """Whether another may do all that this one may, as far as each right lies in one of the other's."""
        return set(self.commands) <= set(other.commands) and all(
            any(grant.within(wider) for wider in other.grants) for grant in self.grants
        )


def signed(commands: Iterable[str]) -> tuple[str, ...]:
    """Put the sign before commands and categories that allows them; of a category, nothing that endangers a server."""
    words = tuple(f"+{command}" for command in commands)
    return (*words, "-@dangerous") if any(word.startswith("+@") and word != EVERYTHING for word in words) else words


def reading(*keys: str) -> tuple[str, ...]:
    """The patterns of keys that may be read only."""
    return tuple(f"{READING}{key}" for key in keys)


def writing(*keys: str) -> tuple[str, ...]:
    """The patterns of keys that may be overwritten, and not read."""
    return tuple(f"{WRITING}{key}" for key in keys)
