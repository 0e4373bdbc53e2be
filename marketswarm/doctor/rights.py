"""Whether each bus has its users, and whom it has refused what: by ACL WHOAMI and ACL LOG."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from marketswarm import users
from marketswarm.address import Address
from marketswarm.doctor.remedies import Remedies
from marketswarm.doctor.report import Check, ok, skip, warn
from marketswarm.errors import BusRefusedError, MarketSwarmError
from marketswarm.text import counted, listed, printable

RECENT_SEC = 3600.0
_FEW = 3
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Denied:
    """What a bus refused somebody, how often, and how long ago last. ``what`` is a command, a key, or a channel."""

    user: str
    reason: str
    what: str
    times: int
    age_sec: float

    def __str__(self) -> str:
        """Say it in a few words."""
        act = {"command": "to run", "key": "the key", "channel": "the channel", "auth": "the login by"}
        often = f"{counted(self.times, 'time')}, last {self.age_sec:.0f} s ago"
        return f"{printable(self.user)} {act.get(self.reason, '')} {printable(self.what)[:_SHOWN]} ({often})"


@dataclass(frozen=True, slots=True)
class RightsFound:
    """What one bus said of rights: who asked, and whom it refused; an error where it does not say."""

    bus: str
    address: Address
    asked: tuple[str, Sequence[Denied]] | MarketSwarmError


def read_log(answer: Sequence[Sequence[Any]]) -> list[Denied]:
    """Read what ACL LOG says (https://redis.io/docs/latest/commands/acl-log/), the newest first."""
    entries = (dict(zip(words[::2], words[1::2], strict=False)) for words in answer)
    return [
        Denied(
            user=entry.get(b"username", b"").decode(errors="replace"),
            reason=entry.get(b"reason", b"").decode(errors="replace"),
            what=entry.get(b"object", b"").decode(errors="replace"),
            times=int(entry.get(b"count", 1)),
            age_sec=float(entry.get(b"age-seconds", 0)),
        )
        for entry in entries
    ]


def judge_rights(found: RightsFound, remedies: Remedies) -> Iterator[Check]:
    """Judge one bus: one that is open lets anybody forge beats, one that refuses a service keeps it from its work."""
    name = f"{found.bus} rights"
    if isinstance(found.asked, BusRefusedError):
        yield skip(name, "it tells nobody who gives no login; run this as root")
        return
    if isinstance(found.asked, MarketSwarmError):
        return
    who, denied = found.asked
    if who == users.DEFAULT:
        yield warn(name, "it has no users: whoever reaches it can forge beats and wipe the truth", remedies.see_users())
        return
    recent = [each for each in denied if each.age_sec < RECENT_SEC]
    ours = [each for each in recent if each.user != users.DEFAULT]
    if ours:
        yield warn(name, f"refused {listed([str(each) for each in ours], _FEW)}", remedies.give_rights())
    elif recent:
        yield ok(name, f"as the truth has them; refused {listed([str(each) for each in recent], _FEW)}")
    else:
        yield ok(name, "as the truth has them, nobody was refused anything in the last hour")
