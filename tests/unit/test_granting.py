"""Rights are put into force: passwords, a file for each server of this host, and the servers that run."""

import asyncio
import hashlib
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from granted import BOTH, MARKET, SYSTEM, access, shipped

from marketswarm import files, granting, settings, unitnames, users
from marketswarm.address import Address
from marketswarm.bus import Bus, StoredTruth
from marketswarm.errors import BusRefusedError, BusUnreachableError, NotAllowedError
from marketswarm.granting import Keeper
from marketswarm.messages import FullHeartbeat, encode
from marketswarm.passwords import Passwords
from marketswarm.rights import AclFile
from marketswarm.settings import Login, Settings
from marketswarm.truth import Truth, digest

GONE = BusUnreachableError("system-redis does not answer")
ONE_SERVER = {"SYSTEM_REDIS_URL": "redis://127.0.0.1:7000", "MARKET_REDIS_URL": "redis://localhost:7000/2"}


class FakeBus:
    """A bus that takes commands, or fails as told; ``now`` runs on with each look at the beats."""

    def __init__(self, name: str, address: Address, world: "World") -> None:
        self.name = name
        self.address = address
        self._world = world

    async def ask(self, commands: Sequence[Sequence[str]]) -> list[bytes]:
        """Take commands."""
        if error := self._world.error(self.name):
            raise error
        self._world.asked.append((self.name, [" ".join(command) for command in commands]))
        return [b"OK" for _ in commands]

    async def beats(self, services: Iterable[str]) -> dict[str, bytes]:
        """Give the beats of the look that is due, the last for ever."""
        if error := self._world.errors.get(self.name):
            raise error
        looks = self._world.looks[self.name]
        beats = looks.pop(0) if len(looks) > 1 else looks[0]
        return {service: beat for service, beat in beats.items() if service in services}

    async def truth(self, key: str) -> StoredTruth | None:
        """Give the document that it holds."""
        assert key == "truth:doc"
        if error := self._world.errors.get(self.name):
            raise error
        return self._world.held.get(self.name)

    async def close(self) -> None:
        """Be closed."""
        self._world.open -= 1


class World:
    """The servers, and the clock."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.looks: dict[str, list[dict[str, bytes]]] = {SYSTEM: [{}], MARKET: [{}]}
        self.held: dict[str, StoredTruth] = {}
        self.starts: dict[str, float] = {}
        self.asked: list[tuple[str, list[str]]] = []
        self.addresses: dict[str, Address] = {}
        self.open = 0
        self.now = 0.0

    def connect(self, buses: Mapping[str, Address], *, client_name: str) -> dict[str, FakeBus]:
        """Stand for marketswarm.bus.connect."""
        assert client_name == "marketswarm:acl"
        self.open += len(buses)
        self.addresses |= buses
        return {name: FakeBus(name, address, self) for name, address in buses.items()}

    def error(self, bus: str) -> Exception | None:
        """Why one does not answer: it does so once its time to start has come."""
        if bus in self.starts and self.now >= self.starts[bus]:
            return None
        return self.errors.get(bus)

    def monotonic(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.now += seconds

    def commands(self, bus: str) -> list[str]:
        """What one was asked."""
        return [command for name, commands in self.asked if name == bus for command in commands]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Servers that take everything."""
    made = World()
    monkeypatch.setattr(granting, "connect", made.connect)
    monkeypatch.setattr(granting, "time", SimpleNamespace(monotonic=made.monotonic))
    monkeypatch.setattr(granting, "asyncio", SimpleNamespace(sleep=made.sleep))
    return made


def keeper(tmp_path: Path, environ: Mapping[str, str] | None = None, *, buses: Iterable[str] = BOTH) -> Keeper:
    """A keeper of a host that has a file for each of these buses."""
    return Keeper(
        settings.load(environ or {}), Passwords(tmp_path / "redis"), {bus: tmp_path / f"acl/{bus}.acl" for bus in buses}
    )


def text(keeper_: Keeper, bus: str = SYSTEM) -> str:
    """A server's file."""
    return keeper_.files[bus].read_text(encoding="utf-8")


def rules(keeper_: Keeper, bus: str = SYSTEM) -> Mapping[str, str]:
    """The users in it."""
    return AclFile.parse(text(keeper_, bus)).rules


ORDERS = shipped(orders=access(["orders:out"]))


# Files.


def test_servers_start_with_the_users_of_the_truth(tmp_path: Path) -> None:
    """Each server with its own rights and the hash of each password; no password is in its file, nor open to others."""
    made = keeper(tmp_path)
    assert made.prepare([ORDERS]) == list(made.files.values())
    assert set(made.passwords.known()) == {*users.OWN, *ORDERS.services}
    for bus, path in made.files.items():
        assert rules(made, bus).keys() == {users.DEFAULT, *made.passwords.known()}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for user in made.passwords.known():
            assert rules(made, bus)[user].endswith(f" #{hashlib.sha256(made.passwords.of(user).encode()).hexdigest()}")
            assert made.passwords.of(user) not in text(made, bus)
        assert "#" not in rules(made, bus)[users.DEFAULT]
    assert "~orders:out" in rules(made)["orders"]
    assert "orders:out" not in rules(made, MARKET)["orders"]


def test_prepared_again_nothing_changes(tmp_path: Path) -> None:
    """No file is written, no password made."""
    made = keeper(tmp_path)
    made.prepare([ORDERS])
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    assert made.prepare([ORDERS]) == []
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before


def test_only_a_file_that_another_truth_changes_is_another(tmp_path: Path) -> None:
    """Access points on one bus are no matter of the other's."""
    made = keeper(tmp_path)
    made.prepare([ORDERS])
    moved = shipped(orders=access(["orders:out", "orders:more"]))
    assert made.prepare([moved]) == [made.files[SYSTEM]]
    assert "~orders:more" in rules(made)["orders"]


def test_users_of_somebody_else_stay_whatever_their_names(tmp_path: Path) -> None:
    """As an operator has put them, byte for byte; one of ours that was edited is put right."""
    made = keeper(tmp_path)
    theirs = b"user grafana on #" + b"0" * 64 + b" %R~* +@read\nuser m\xe9sh on >x ~\xff* +get\n"
    made.files[SYSTEM].parent.mkdir()
    made.files[SYSTEM].write_bytes(theirs + b"user mesh on nopass ~* +@all\nuser default on nopass ~* &* +@all\n")
    made.prepare([ORDERS])
    content = made.files[SYSTEM].read_bytes()
    for line in theirs.splitlines():
        assert line + b"\n" in content
    assert b"user mesh on nopass" not in content
    assert b"user default on nopass" not in content
    assert made.prepare([ORDERS]) == []


def test_a_service_that_has_left_the_truth_keeps_its_user(tmp_path: Path) -> None:
    """It beats until it is stopped, and nothing else; its password stays the same."""
    made = keeper(tmp_path)
    made.prepare([ORDERS])
    password = made.passwords.of("orders")
    made.prepare([shipped()])
    assert made.passwords.of("orders") == password
    assert "&orders:heartbeat" in rules(made)["orders"]
    assert "orders:out" not in rules(made)["orders"]


def test_two_buses_on_one_server_start_from_the_rights_of_both(tmp_path: Path) -> None:
    """Whichever file it is started with."""
    made = keeper(tmp_path, ONE_SERVER)
    made.prepare([ORDERS])
    assert rules(made, SYSTEM) == rules(made, MARKET)
    assert "~orders:out" in rules(made, MARKET)["orders"]
    assert "~rss:queue" in rules(made, SYSTEM)["rss_agg"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied", "/x/mesh"), "/x/mesh: permission denied; run it as root"),
        (
            OSError(30, "Read-only file system", "/x/mesh"),
            "/x/mesh: read-only file system; mend that, and run it again",
        ),
        (OSError(28, "No space left on device"), "{}: no space left on device; mend that, and run it again"),
    ],
)
def test_what_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, says: str
) -> None:
    """Where, why, and what next."""

    def fails(*_words: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(files, "write", fails)
    made = keeper(tmp_path)
    with pytest.raises(NotAllowedError) as caught:
        made.prepare([ORDERS])
    assert str(caught.value) == says.format(made.passwords.folder)


# Servers that run.


def test_each_server_is_told_all_its_users_by_who_may_do_anything(tmp_path: Path, world: World) -> None:
    """Each from nothing to all of it in one command; and the connections are given back."""
    made = keeper(tmp_path)
    said: list[str] = []
    asyncio.run(made.apply([ORDERS], said.append))
    assert said == []
    assert world.open == 0
    for bus in BOTH:
        expected = [f"ACL SETUSER {name} reset {given}" for name, given in rules(made, bus).items()]
        assert world.commands(bus) == expected
        assert world.addresses[bus].username == users.ADMIN
        assert world.addresses[bus].password == made.passwords.of(users.ADMIN)


def test_two_buses_on_one_server_are_told_once(tmp_path: Path, world: World) -> None:
    """As far as addresses tell: another spelling of loopback and another database are the same server."""
    made = keeper(tmp_path, ONE_SERVER)
    asyncio.run(made.apply([ORDERS], lambda _line: None))
    assert world.addresses.keys() == {SYSTEM}
    (mesh,) = [command for command in world.commands(SYSTEM) if " mesh " in command]
    assert mesh.endswith(rules(made)["mesh"])


def test_buses_of_the_truth_are_told_too(tmp_path: Path, world: World) -> None:
    """Where the truth says that they are."""
    truth = Truth.model_validate({"services": {}, "buses": {"feed-redis": {"url": "redis://10.0.0.7:6400"}}})
    asyncio.run(keeper(tmp_path).apply([truth], lambda _line: None))
    assert (world.addresses["feed-redis"].host, world.addresses["feed-redis"].port) == ("10.0.0.7", 6400)
    assert world.addresses.keys() == {SYSTEM, MARKET, "feed-redis"}


def test_a_server_whose_address_has_a_login_of_its_own_is_left_alone(tmp_path: Path, world: World) -> None:
    """Its users are its owner's."""
    environ = {"MARKET_REDIS_URL": "redis://me:mine@10.0.0.7:6379"}
    asyncio.run(keeper(tmp_path, environ).apply([ORDERS], lambda _line: None))
    assert world.addresses.keys() == {SYSTEM}


def test_a_server_that_does_not_know_who_gives_rights_is_left_as_it_is(tmp_path: Path, world: World) -> None:
    """That is said, and is no error; the others are told."""
    world.errors[SYSTEM] = BusRefusedError("system-redis refuses the login")
    said: list[str] = []
    asyncio.run(keeper(tmp_path).apply([ORDERS], said.append))
    assert said == ["warning: rights on system-redis stay as they are: system-redis refuses the login"]
    assert world.commands(MARKET)
    assert world.open == 0


def test_a_server_of_this_host_that_is_away_has_its_file(tmp_path: Path, world: World) -> None:
    """One that has none must answer, for nothing else gives it its users."""
    world.errors[SYSTEM] = GONE
    said: list[str] = []
    asyncio.run(keeper(tmp_path).apply([ORDERS], said.append))
    assert said == ["system-redis does not answer; it gets its users when it starts"]
    assert world.commands(MARKET)
    with pytest.raises(BusUnreachableError, match="does not answer"):
        asyncio.run(keeper(tmp_path, buses=[MARKET]).apply([ORDERS], said.append))
    assert world.open == 0


def test_thousands_of_users_are_several_questions(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server answers within the time that a question has."""
    monkeypatch.setattr(granting, "_CHUNK", 4)
    made = keeper(tmp_path)
    asyncio.run(made.apply([ORDERS], lambda _line: None))
    sizes = [len(commands) for bus, commands in world.asked if bus == SYSTEM]
    assert sum(sizes) == len(rules(made))
    assert max(sizes) == 4


def test_who_is_forgotten_is_gone_everywhere(tmp_path: Path, world: World) -> None:
    """On servers, in the files that they start from, and here; whom a server still has is asked for again."""
    made = keeper(tmp_path)
    made.prepare([ORDERS])
    asyncio.run(made.forget(["orders"], [shipped()]))
    assert [commands for _, commands in world.asked] == [["ACL DELUSER orders"]] * 2
    assert "orders" not in made.passwords.known()
    assert all("orders" not in rules(made, bus) for bus in BOTH)
    assert made.prepare([shipped()]) == []
    world.errors[MARKET] = GONE
    with pytest.raises(BusUnreachableError):
        asyncio.run(made.forget(["mesh"], [shipped()]))
    assert "mesh" in made.passwords.known()
    assert "mesh" in rules(made)
    assert world.open == 0


# From one truth to another.


@pytest.mark.parametrize(
    ("old", "new", "narrows"),
    [
        ({}, {}, False),
        ({}, {"orders": {}}, False),
        ({}, {"orders": access(["orders:out"])}, False),
        ({"orders": access(["orders:out"])}, {"orders": access(["orders:out", "orders:more"])}, False),
        ({"orders": access(["a", "b"])}, {"orders": access(["b", "a"])}, False),
        ({"orders": access(["a", "b"])}, {"orders": access(["a"])}, True),
        ({"orders": access(["a"])}, {"orders": access([], ["a"])}, True),
        ({"orders": access(["a"])}, {"orders": access([(MARKET, "a")])}, True),
        ({"orders": access(["a"])}, {}, True),
        ({"orders": {}}, {}, False),
        ({"orders": {"singleton": True}}, {"orders": {}}, True),
        ({"orders": {}}, {"orders": {"heartbeat": {"channel": "odd"}}}, True),
        ({"a": {"heartbeat": {"channel": "odd"}}}, {"a": {"heartbeat": {"channel": "odd"}}, "b": {}}, False),
        (
            {"a": {"heartbeat": {"channel": "odd"}}},
            {"a": {"heartbeat": {"channel": "odd"}}, "b": {"heartbeat": {"channel": "odder"}}},
            False,
        ),
    ],
)
def test_a_truth_narrows_where_somebody_loses_a_right(
    tmp_path: Path, old: dict[str, Any], new: dict[str, Any], *, narrows: bool
) -> None:
    """Not where somebody gets one more, nor where the same stands in other words or in another order."""
    made = keeper(tmp_path)
    made.prepare([shipped(**old), shipped(**new)])
    assert made.narrows([shipped(**old)], shipped(**new)) is narrows


def test_without_an_older_truth_nothing_is_lost(tmp_path: Path) -> None:
    """As at first."""
    made = keeper(tmp_path)
    made.prepare([ORDERS])
    assert not made.narrows([], ORDERS)


def beat(service: str, truth: str = "", *, bye: bool = False) -> bytes:
    """A beat of a process that runs on a truth."""
    said = f'{{"svc":"{service}","i":1,"ts":1.0'
    said += f',"truth":"{truth}"' if truth else ""
    return (said + (',"bye":true}' if bye else "}")).encode()


def followed(tmp_path: Path, truth: Truth) -> None:
    """Wait for the services of this truth."""
    made = keeper(tmp_path)
    made.prepare([truth])
    asyncio.run(made.followed([truth], "new"))


def test_it_is_waited_until_the_last_service_has_followed(tmp_path: Path, world: World) -> None:
    """On whichever bus it beats; by the login of who reads everything and writes next to nothing."""
    elsewhere = shipped(orders={"heartbeat": {"redis_url": "redis://market-redis"}})
    world.looks[SYSTEM] = [
        {"mesh": beat("mesh", "old"), "healer": beat("healer", "old")},
        {"mesh": beat("mesh", "new"), "healer": beat("healer", "old")},
        {"mesh": beat("mesh", "new"), "healer": beat("healer", "new")},
    ]
    world.looks[MARKET] = [{"orders": beat("orders", "old")}] * 3 + [{"orders": beat("orders", "new")}]
    followed(tmp_path, elsewhere)
    assert world.now == pytest.approx(3 * 0.2)
    assert {at.username for at in world.addresses.values()} == {users.OPERATOR}
    assert world.open == 0


@pytest.mark.parametrize(
    "beats",
    [
        {},
        {"mesh": beat("mesh")},
        {"mesh": beat("mesh", "new")},
        {"mesh": beat("mesh", "old", bye=True)},
        {"mesh": b"no beat"},
        {"stranger": beat("stranger", "old")},
    ],
)
def test_who_does_not_say_by_what_it_runs_is_not_waited_for(
    tmp_path: Path, world: World, beats: dict[str, bytes]
) -> None:
    """Nor who has said goodbye, nor who is in no truth."""
    world.looks[SYSTEM] = [beats]
    followed(tmp_path, shipped())
    assert world.now == 0


def test_who_never_follows_is_not_waited_for_for_ever(tmp_path: Path, world: World) -> None:
    """It will lose what the new truth does not give it."""
    world.looks[SYSTEM] = [{"mesh": beat("mesh", "old")}]
    followed(tmp_path, shipped())
    assert granting.FOLLOWED_SEC <= world.now < granting.FOLLOWED_SEC + 1
    assert world.open == 0


@pytest.mark.parametrize("error", [GONE, BusRefusedError("no")])
def test_a_bus_that_does_not_tell_holds_nothing_up(tmp_path: Path, world: World, error: Exception) -> None:
    """It may be away for as long as it likes."""
    world.errors[SYSTEM] = error
    followed(tmp_path, shipped())
    assert world.now == 0


# Who keeps them.


def test_who_may_not_read_the_password_keeps_nothing(tmp_path: Path) -> None:
    """No folder, none that is there, and one without that password; else the buses, without a login of its own."""
    assert granting.keeper(Settings()) is None
    assert granting.keeper(Settings(credentials=tmp_path / "missing")) is None
    (tmp_path / "mesh").write_text("x", encoding="ascii")
    assert granting.keeper(Settings(credentials=tmp_path)) is None
    (tmp_path / users.ADMIN).write_text("x", encoding="ascii")
    found = granting.keeper(Settings(credentials=tmp_path, login=Login("mesh", "x")))
    assert found
    assert (found.settings.login, found.passwords.folder, found.files) == (None, tmp_path, {})


def test_the_passwords_of_this_host_are_of_its_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They start from files of it; those of a swarm elsewhere do not."""
    (tmp_path / users.ADMIN).write_text("x", encoding="ascii")
    monkeypatch.setattr(users, "PASSWORDS", str(tmp_path))
    found = granting.keeper(Settings(credentials=tmp_path))
    assert found
    assert found.files == {bus: Path(path) for bus, path in unitnames.redis_acls().items()}
    assert found.durable


def durable(tmp_path: Path) -> Keeper:
    """A keeper of servers that load what they hold from files of their own."""
    return replace(keeper(tmp_path), durable=True)


def test_a_server_that_loads_a_file_does_so_with_all_rights_and_lets_nobody_in(tmp_path: Path) -> None:
    """Who gives no login is locked out until it runs; what he may do then stands beside, for who knows the admin's."""
    made = durable(tmp_path)
    assert made.prepare([ORDERS]) == list(made.files.values())
    for bus, path in made.files.items():
        assert rules(made, bus)[users.DEFAULT] == "on resetpass ~* &* +@all"
        beside = path.with_suffix(".default")
        assert beside.read_text(encoding="ascii").startswith("on resetkeys resetchannels -@all nopass +ping ")
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
        assert {name for name, given in rules(made, bus).items() if "nopass" in given} == set()
    assert made.prepare([ORDERS]) == []
    made.files[SYSTEM].with_suffix(".default").unlink()
    assert made.prepare([ORDERS]) == [made.files[SYSTEM]]


def test_without_a_truth_people_may_look_all_the_same(tmp_path: Path, world: World) -> None:
    """As it was last written; a server that never had a file is passed over."""
    made = durable(tmp_path)
    made.prepare([ORDERS])
    allowed = made.files[SYSTEM].with_suffix(".default").read_text(encoding="ascii")
    made.files[MARKET].with_suffix(".default").unlink()
    asyncio.run(made.open_doors())
    assert world.asked == [(SYSTEM, [f"ACL SETUSER default reset {allowed}"])]
    assert (world.addresses[SYSTEM].username, world.open, world.now) == (users.ADMIN, 0, 0)


def test_a_server_that_is_about_to_start_is_waited_for(tmp_path: Path, world: World) -> None:
    """Not for ever: an operator may have stopped it. Nobody waits at the other one for it, nor at one that says no."""
    made = durable(tmp_path)
    made.prepare([ORDERS])
    world.errors = {SYSTEM: BusRefusedError("no"), MARKET: GONE}
    world.starts = {MARKET: 3.0}
    asyncio.run(made.open_doors())
    assert 3 <= world.now < 3.5
    assert [bus for bus, _ in world.asked] == [MARKET]
    world.errors = {SYSTEM: GONE}
    world.asked.clear()
    before = world.now
    asyncio.run(made.open_doors())
    assert before + granting.SERVERS_SEC <= world.now < before + granting.SERVERS_SEC + 1
    assert ([bus for bus, _ in world.asked], world.open) == ([MARKET], 0)


@pytest.mark.parametrize("bye", [False, True])
def test_a_truth_that_services_run_by_is_in_force_whatever_the_file_says(
    tmp_path: Path, world: World, *, bye: bool
) -> None:
    """One that a bus holds and nobody runs by any more is not, nor what is no truth; a bus that is away tells none."""
    made = keeper(tmp_path)
    made.prepare([ORDERS])
    raw = b'{"services": {"mesh": {}}}'
    sha256 = digest(raw)
    world.held = {SYSTEM: StoredTruth(raw, sha256), MARKET: StoredTruth(b"{", None)}
    beat = FullHeartbeat(svc="mesh", i=1, ts=1.0, truth=sha256, bye=bye)
    world.looks[SYSTEM] = [{"mesh": encode(beat)}]
    assert [list(truth.services) for truth in asyncio.run(made.in_force())] == ([] if bye else [["mesh"]])
    world.errors = {SYSTEM: GONE, MARKET: BusRefusedError("no")}
    assert asyncio.run(made.in_force()) == []
    assert world.open == 0


def test_the_environment_says_what_rights_are_given_for(tmp_path: Path) -> None:
    """Each variable that moves a key or a channel."""
    environ = {
        "TRUTH_REDIS_KEY": "my:doc",
        "ALERT_CHANNEL": "my:alerts",
        "HEALER_HEARTBEAT_CHANNEL": "my:beat",
        "RSS_STREAM": "my:queue",
        "RSS_GROUP": "mine",
    }
    made = keeper(tmp_path, environ)
    made.prepare([shipped()])
    assert "%R~my:doc " in rules(made)["mesh"]
    assert "&my:beat" in rules(made)["healer"]
    assert "~my:queue " in rules(made, MARKET)["vexy_ai"]
    assert "~my:queue:mine:*:lease" in rules(made, MARKET)["vexy_ai"]


def test_the_users_for_a_server_of_ones_own_have_no_passwords() -> None:
    """Whoever puts them there gives each one."""
    found = AclFile.parse(granting.lines(SYSTEM, ORDERS, Settings())).rules
    assert found.keys() == {users.DEFAULT, *users.OWN, *ORDERS.services}
    assert not any("#" in given or ">" in given for given in found.values())


def test_the_bus_is_asked_as_any_other_is() -> None:
    """What stands for one here can do what the real one does."""
    assert all(hasattr(Bus, name) for name in ("ask", "beats", "close"))
