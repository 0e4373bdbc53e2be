"""What a bus says no to, in words that tell who may not do what."""

from collections.abc import Sequence
from typing import Final

from marketswarm import users
from marketswarm.address import Address
from marketswarm.text import printable

_NO_RIGHT: Final = ("NOPERM", "ERR The user executing the script", "ERR ACL failure in script")
"""How Redis 7.0 and later begin where the ACL says no, to a command or within a script."""
_NO_LOGIN: Final = ("WRONGPASS", "NOAUTH", "ERR AUTH")
_ARGUMENTS: Final = ", with args beginning with:"
"""Where a server goes on to repeat what it was sent, for a command that it does not know."""
_WITHIN: Final = "do within a script what it does by "
_WORDS: Final = {"XGROUP": 2, "XINFO": 2, "PUBSUB": 2, "CLIENT": 2, "ACL": 2}
"""Commands whose second word says what they do."""
_KEYLESS: Final = {"PING", "INFO", "TIME", "CLIENT", "AUTH", "SELECT", "MULTI", "EXEC", "ACL"}
_SHOWN: Final = 100

Words = Sequence[str | bytes | int]
"""A command as it goes over the wire."""


def is_of_rights(said: str) -> bool:
    """Whether it is the ACL that says no to a command."""
    return said.startswith(_NO_RIGHT)


def is_of_login(said: str) -> bool:
    """Whether it is the login that is refused, or missing."""
    return said.startswith(_NO_LOGIN)


def explained(said: str, at: Address, command: Words | None) -> str:
    """Put a server's no into words: who was refused what, and what to do; ``said`` is its sentence.

    ``command`` is what was refused, where that is known.
    """
    user = at.username or users.DEFAULT
    if is_of_login(said):
        if at.password is None:
            return "refuses: it wants a login, and none is set; see REDIS_CREDENTIALS"
        return f"refuses the login of {user}: unknown there, or by another password; run marketswarm-seed as root"
    if is_of_rights(said):
        what = f"{user} may not {_WITHIN if said.startswith('ERR') else ''}{named(command)}" if command else said
        remedy = "run it as root" if user == users.DEFAULT else "its rights come from the truth: marketswarm acl show"
        return f"refuses: {what}; {remedy}"
    return f"refuses: {said.partition(_ARGUMENTS)[0]}; see its log"


def named(command: Words) -> str:
    """Name a command and what it is about, as in ``SET health:rss_agg``; never a value, which may be a secret."""
    words = [word.decode(errors="replace") if isinstance(word, bytes) else str(word) for word in command]
    verb = " ".join(words[: _WORDS.get(words[0], 1)])
    about = _about(words)
    return printable(f"{verb} {about}" if about else verb)[:_SHOWN]


def _about(words: Sequence[str]) -> str:
    """Find the key or the channel; of several the first, and of a script all that it was given."""
    verb = words[0]
    if verb in _KEYLESS or len(words) == 1:
        return ""
    if verb == "EVAL":
        count = int(words[2])
        return ", ".join(words[3 : 3 + count])
    if verb in ("XREAD", "XREADGROUP"):
        return words[words.index("STREAMS") + 1]
    at = _WORDS.get(verb, 1)
    return words[at] if len(words) > at else ""
