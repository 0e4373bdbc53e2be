"""Puts rights into force: passwords in a folder, a file for each server of this host, and the servers that run."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from marketswarm import files, names, unitnames, users
from marketswarm.address import Address
from marketswarm.bus import Bus, connect
from marketswarm.errors import BusRefusedError, BusUnreachableError, NotAllowedError
from marketswarm.messages import decode_full
from marketswarm.passwords import Passwords
from marketswarm.rights import AclFile, Choices, User, roster, rules_of, words
from marketswarm.settings import Login, Settings
from marketswarm.truth import NOTHING, Truth, examine

FOLLOWED_SEC: Final = 12.0
"""How long it is waited, at most, until services run on the truth that was seeded: they look for it each 4 s."""
SERVERS_SEC: Final = 10.0
"""How long it is waited, at most, for a server of this host that does not answer: it may be about to start."""
CLIENT_NAME: Final = "marketswarm:acl"
_LOOK_SEC: Final = 0.2
_CHUNK: Final = 500
_MODE: Final = 0o600
_DEFAULT: Final = ".default"
"""What the file of a server has beside it: the rights of who gives no login."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who has all passwords, and so may say on the buses who may do what."""

    settings: Settings
    """Where the buses are; without a login, which here is one user's or another's."""
    passwords: Passwords
    files: Mapping[str, Path] = field(default_factory=dict)
    """By bus: the file from which its server has its users."""
    durable: bool = False
    """Whether those servers load what they hold from a file of their own when they start: see ``_starting``."""

    def prepare(self, truths: Sequence[Truth]) -> list[Path]:
        """Make what servers start from: the passwords that are missing, and the files; returns the files that changed.

        Raises NotAllowedError where this user may not.
        """
        try:
            self.passwords.make([*users.OWN, *(service for truth in truths for service in truth.services)])
            return [
                path
                for bus, path in self.files.items()
                if self._write(path, self._roster(self._beside(bus, truths), truths))
            ]
        except OSError as error:
            where, why = error.filename or self.passwords.folder, (error.strerror or str(error)).lower()
            remedy = "run it as root" if isinstance(error, PermissionError) else "mend that, and run it again"
            raise NotAllowedError(f"{where}: {why}; {remedy}") from error

    async def apply(self, truths: Sequence[Truth], say: Say) -> None:
        """Give everybody on every bus of these truths its rights, and nobody more.

        A server that does not know who gives them is left alone, and that is said. Raises NotAllowedError,
        BusUnreachableError for one that no file of this host gives its users.
        """
        self.prepare(truths)
        hashes = self.passwords.hashes()
        for buses, address in self._servers(truths).items():
            try:
                async with self._as(users.ADMIN, buses[0], address) as bus:
                    await _set(bus, self._roster(buses, truths), hashes)
            except BusRefusedError as error:
                say(f"warning: rights on {' and '.join(buses)} stay as they are: {error}")
            except BusUnreachableError as error:
                if not self.files.keys() & set(buses):
                    raise
                say(f"{error}; it gets its users when it starts")

    async def open_doors(self) -> None:
        """Give whoever has no login his few rights, as last written, on each server of this host as soon as it answers.

        Where there is no truth to go by, people may look all the same. None is waited for longer than SERVERS_SEC, and
        none in vain that is about to start: systemd may begin what a unit that it restarts wants before that unit is
        there. One that refuses is left alone; ``apply`` says so.
        """
        closed: dict[str, str] = {}
        for bus, path in self.files.items():
            with contextlib.suppress(FileNotFoundError):
                closed[bus] = path.with_suffix(_DEFAULT).read_text(encoding="utf-8")
        until = time.monotonic() + SERVERS_SEC
        while closed := {bus: rules for bus, rules in closed.items() if not await self._opened(bus, rules)}:
            if time.monotonic() >= until:
                return
            await asyncio.sleep(_LOOK_SEC)

    async def _opened(self, bus: str, rules: str) -> bool:
        try:
            async with self._as(users.ADMIN, bus, self.settings.address(bus)) as server:
                await server.ask([("ACL", "SETUSER", users.DEFAULT, "reset", *words(rules))])
        except BusUnreachableError:
            return False
        except BusRefusedError:
            return True
        return True

    async def in_force(self) -> list[Truth]:
        """Give the truths that buses hold and services run by, whatever the file says: nobody may have seeded that."""
        found: list[Truth] = []
        for bus in names.DEFAULT_BUS_URLS:
            with contextlib.suppress(BusUnreachableError, BusRefusedError):
                async with self._as(users.ADMIN, bus, self.settings.address(bus)) as server:
                    stored = await server.truth(self.settings.truth_key)
                    held = examine(stored.raw, stored.sha256) if stored else NOTHING
                    if held.truth and held.sha256 in await _truths(server, list(held.truth.services)):
                        found.append(held.truth)
        return found

    async def forget(self, gone: Collection[str], truths: Sequence[Truth]) -> None:
        """Take users away, on servers and here: services that nobody runs, and no truth has. Raises as ``apply``."""
        for buses, address in self._servers(truths).items():
            async with self._as(users.ADMIN, buses[0], address) as bus:
                await bus.ask([("ACL", "DELUSER", *gone)])
        for name, path in self.files.items():
            given = self._roster(self._beside(name, truths), truths)
            self._write(path, [user for user in given if user.name not in gone])
        for user in gone:  # last: whoever has no password here is somebody else's, and stays in a file
            self.passwords.drop(user)

    def narrows(self, old: Sequence[Truth], new: Truth) -> bool:
        """Whether somebody has rights by ``old`` truths that it has not by ``new``."""
        every = (*old, new)
        for buses in self._servers(every):
            left = {user.name: user for user in self._roster(buses, (new,))}
            if not all(user.name in left and user.within(left[user.name]) for user in self._roster(buses, every)):
                return True
        return False

    async def followed(self, truths: Sequence[Truth], sha256: str) -> None:
        """Wait until all services that tell by which truth they run are run by that one; FOLLOWED_SEC at most."""
        urls = {name: url for truth in truths for name, url in truth.bus_urls().items()}
        beating = {(at.bus, at.service) for truth in truths for at in truth.positions()}
        operator = self._login(users.OPERATOR)
        addresses = {name: operator.at(self.settings.address(name, urls)) for name in {bus for bus, _ in beating}}
        buses = connect(addresses, client_name=CLIENT_NAME)
        until = time.monotonic() + FOLLOWED_SEC
        try:
            while time.monotonic() < until:
                seen = [
                    await _truths(bus, [svc for where, svc in beating if where == bus.name]) for bus in buses.values()
                ]
                if set().union(*seen) <= {"", sha256}:
                    return
                await asyncio.sleep(_LOOK_SEC)
        finally:
            for bus in buses.values():
                await bus.close()

    @contextlib.asynccontextmanager
    async def _as(self, user: str, bus: str, address: Address) -> AsyncIterator[Bus]:
        """Go to a server as one of its users."""
        (server,) = connect({bus: self._login(user).at(address)}, client_name=CLIENT_NAME).values()
        try:
            yield server
        finally:
            await server.close()

    def _servers(self, truths: Sequence[Truth]) -> dict[tuple[str, ...], Address]:
        """Where the buses of these truths are: two that lead to one server are one.

        One whose address has a login of its own is not ours: its users are its owner's business.
        """
        found: dict[tuple[str, ...], Address] = {}
        for bus, url in {bus: url for truth in truths for bus, url in truth.bus_urls().items()}.items():
            address = self.settings.address(bus, {bus: url})
            if address.password is not None:
                continue
            same = next((buses for buses, known in found.items() if known.same_server(address)), ())
            found[(*same, bus)] = found.pop(same, address)
        return found

    def _beside(self, bus: str, truths: Sequence[Truth]) -> tuple[str, ...]:
        """The buses of the server that a bus is on, that one among them."""
        return next((buses for buses in self._servers(truths) if bus in buses), (bus,))

    def _roster(self, buses: Collection[str], truths: Sequence[Truth]) -> tuple[User, ...]:
        return roster(buses, truths, choices(self.settings), besides=self._services())

    def _services(self) -> list[str]:
        """Every service that was ever given a password: one that left the truth beats until it is stopped."""
        return [user for user in self.passwords.known() if user not in users.OWN]

    def _login(self, user: str) -> Login:
        return Login(user, self.passwords.of(user))

    def _write(self, path: Path, given: Sequence[User]) -> bool:
        """Write a server's file; users that are not made here stay in it. Returns whether it is another now."""
        old = path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""
        ours = {users.DEFAULT, *self.passwords.known()}
        made = AclFile.of(given, self.passwords.hashes())
        deferred = False
        if self.durable:
            made, deferred = _starting(made, path)
        new = made.over(AclFile.parse(old), ours).text()
        if new != old:
            files.write(path, new.encode(errors="surrogateescape"), _MODE)
        return new != old or deferred


def _starting(made: AclFile, path: Path) -> tuple[AclFile, bool]:
    """Have a server begin with a ``default`` that may do anything and that nobody can be; whether a file changed.

    Redis loads its append-only file as that user, and leaves out of it, and so loses, each transaction in which it has
    no right to a command (7.0 and 8.0). What whoever gives no login may do stands beside, for ``open_doors``.
    """
    beside = path.with_suffix(_DEFAULT)
    rules = made.rules[users.DEFAULT].encode()
    changed = not beside.exists() or beside.read_bytes() != rules
    if changed:
        files.write(beside, rules, _MODE)
    return AclFile({**made.rules, users.DEFAULT: "on resetpass ~* &* +@all"}), changed


def keeper(settings: Settings) -> Keeper | None:
    """Make the keeper of the users of these buses; None for who may not read the password that it takes."""
    folder = settings.credentials
    if folder is None:
        return None
    passwords = Passwords(folder)
    try:
        passwords.of(users.ADMIN)
    except OSError:
        return None
    of_host = folder == Path(users.PASSWORDS)
    return Keeper(replace(settings, login=None), passwords, host_files(Path("/")) if of_host else {}, durable=of_host)


def choices(settings: Settings) -> Choices:
    """What the environment says otherwise than the truth, of what rights are given for."""
    working = settings.working
    return Choices(settings.truth_key, settings.alert_channel, settings.healer_channel, working.stream, working.group)


def lines(bus: str, truth: Truth, settings: Settings) -> str:
    """The users of a bus as an ACL file has them, without passwords: for who has to put them there by hand."""
    return AclFile.of(roster((bus,), (truth,), choices(settings)), {}).text()


def host_files(root: Path) -> dict[str, Path]:
    """The files of the servers of a host, by bus."""
    return {bus: root / path.lstrip("/") for bus, path in unitnames.redis_acls().items()}


async def _set(bus: Bus, given: Sequence[User], hashes: Mapping[str, Collection[str]]) -> None:
    """Give users their rights; who keeps all of his notices nothing, and only who lost one is cut off.

    One step for each user: there is no moment in which it has less than before and after.
    """
    commands = [("ACL", "SETUSER", user.name, "reset", *rules_of(user, hashes.get(user.name, ()))) for user in given]
    for start in range(0, len(commands), _CHUNK):
        await bus.ask(commands[start : start + _CHUNK])


async def _truths(bus: Bus, services: Sequence[str]) -> set[str]:
    """By which truths these services run, as far as they beat and say so; nothing of a bus that does not tell."""
    try:
        beats = await bus.beats(services)
    except (BusUnreachableError, BusRefusedError):
        return set()
    return set(_named(beats))


def _named(beats: Mapping[str, bytes]) -> Iterator[str]:
    for service, raw in beats.items():
        beat = decode_full(raw, service)
        yield beat.truth if beat and not beat.bye else ""
