"""The file from which a Redis server has its users: lines "user NAME RULE...", see redis.conf's ``aclfile``."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from marketswarm.rights.grants import User


@dataclass(frozen=True, slots=True)
class AclFile:
    """Users by their names, each with its rules as one text."""

    rules: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "AclFile":
        """Read a file; what is no user is left out."""
        words = (line.strip(" \t\r").partition(" ") for line in text.split("\n"))
        users = (rest.partition(" ") for kind, _, rest in words if kind == "user")
        return cls({name: rules for name, _, rules in users if rules})

    @classmethod
    def of(cls, given: Iterable[User], hashes: Mapping[str, Collection[str]]) -> "AclFile":
        """Put users with the SHA-256 of their passwords into a file; who has none cannot log in."""
        return cls({user.name: " ".join(rules_of(user, hashes.get(user.name, ()))) for user in given})

    def over(self, old: "AclFile", ours: Collection[str]) -> "AclFile":
        """Keep of an ``old`` file the users that are not ``ours``."""
        kept = {name: rules for name, rules in old.rules.items() if name not in ours and name not in self.rules}
        return AclFile({**self.rules, **kept})

    def text(self) -> str:
        """Write it."""
        return "".join(f"user {name} {rules}\n" for name, rules in self.rules.items())


def rules_of(user: User, hashes: Collection[str]) -> tuple[str, ...]:
    """All rules of a user, from nothing on: rights and passwords."""
    return (*user.rules(), *(f"#{found}" for found in hashes))


def words(rules: str) -> list[str]:
    """Take the rules of a user apart, as ACL SETUSER is given them: what stands within parentheses is one."""
    return re.findall(r"\([^)]*\)|\S+", rules)
