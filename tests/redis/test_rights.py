"""Each user of the buses against each place on them: what the truth gives is allowed, and everything else refused."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from testkit import RealServer, Swarm, Users, free_port, truth

from marketswarm import hostfiles, names

SYSTEM: Final = names.SYSTEM_BUS
MARKET: Final = names.MARKET_BUS
OWN: Final = {
    "heartbeat": {"channel": "orders:alive"},
    "access_points": {
        "publish_to": [
            {"bus": MARKET, "key": "orders:out"},
            {"bus": MARKET, "key": "odd*[a-z]?(x)"},
            {"bus": SYSTEM, "key": "healer:alerts"},
            {"bus": SYSTEM, "key": "truth:doc"},
            {"bus": SYSTEM, "key": "rss_agg:heartbeat"},
        ],
        "subscribe_to": [
            {"bus": MARKET, "key": "vexy:insights"},
            {"bus": SYSTEM, "key": "healer:alerts"},
            {"bus": SYSTEM, "key": "mesh:heartbeat"},
        ],
    },
    "singleton": True,
}
"""A service of one's own; three of its access points name what others alone write."""
SERVICES: Final = ("rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel", "orders")
NOBODY: Final = ""
WATCHERS: Final = ("healer", "sentinel")
SEED, OPERATOR, FAILED = "marketswarm-seed", "marketswarm-operator", "marketswarm-failed"
USERS: Final = (*SERVICES, NOBODY, SEED, OPERATOR, FAILED)

Command = tuple[str, ...]
Place = tuple[str, Command, tuple[str, ...]]
"""A bus, a command that writes there, and who may."""


def beats() -> Iterator[Place]:
    """Each service's beat is its own."""
    for service in SERVICES:
        channel = "orders:alive" if service == "orders" else f"{service}:heartbeat"
        yield SYSTEM, ("PUBLISH", channel, "{}"), (service,)
        yield SYSTEM, ("SET", f"{service}:heartbeat", "{}", "PX", "1000"), (service,)
        yield SYSTEM, ("DEL", f"{service}:heartbeat"), ()
        yield MARKET, ("PUBLISH", channel, "{}"), ()
        yield MARKET, ("SET", f"{service}:heartbeat", "{}", "PX", "1000"), ()


WRITES: Final[tuple[Place, ...]] = (
    *beats(),
    (SYSTEM, ("SET", "truth:doc", "{}"), (SEED,)),
    (SYSTEM, ("SET", "truth:sha256", "0"), (SEED,)),
    (MARKET, ("SET", "truth:doc", "{}"), (SEED,)),
    (SYSTEM, ("DEL", "truth:doc"), ()),
    (SYSTEM, ("PUBLISH", "truth:changed", "0"), (SEED,)),
    (SYSTEM, ("PUBLISH", "healer:alerts", "{}"), (*WATCHERS, FAILED)),
    (MARKET, ("PUBLISH", "healer:alerts", "{}"), ()),
    (SYSTEM, ("XADD", "healer:alerts:log", "*", "event", "{}"), (*WATCHERS, FAILED)),
    (SYSTEM, ("XTRIM", "healer:alerts:log", "MAXLEN", "0"), ()),
    (SYSTEM, ("DEL", "healer:alerts:log"), ()),
    (SYSTEM, ("XGROUP", "DESTROY", "healer:alerts:log", "notify:webhook"), ()),
    (SYSTEM, ("XADD", "healer:alerts:dead", "*", "event", "{}"), WATCHERS),
    (SYSTEM, ("XDEL", "healer:alerts:dead", "1-1"), (*WATCHERS, OPERATOR)),
    (SYSTEM, ("SET", "health:rss_agg", "{}"), ("healer",)),
    (SYSTEM, ("MSET", "health:healer", "{}"), WATCHERS),
    (SYSTEM, ("MSET", "health:x", "{}"), ("healer",)),
    (SYSTEM, ("DEL", "health:rss_agg"), ()),
    (SYSTEM, ("HSET", "healer:records", "rss_agg", "{}"), WATCHERS),
    (SYSTEM, ("HSET", "healer:silences", "*", "{}"), (OPERATOR,)),
    (SYSTEM, ("HSET", "healer:acks", "rss_agg", "{}"), (*WATCHERS, OPERATOR)),
    (SYSTEM, ("SET", "healer:notify:lease", "x", "NX", "GET", "PX", "10"), WATCHERS),
    (SYSTEM, ("HSET", "healer:notify:state", "x", "{}"), WATCHERS),
    (SYSTEM, ("HSET", "healer:notify:webhook", "x", "{}"), WATCHERS),
    (SYSTEM, ("XADD", "healer:notify:asked", "*", "event", "{}"), (OPERATOR,)),
    (SYSTEM, ("RPUSH", "healer:notify:answers:1", "{}"), WATCHERS),
    (SYSTEM, ("PUBLISH", "healer:canary", "1"), ("healer",)),
    (SYSTEM, ("PUBLISH", "sentinel:canary", "1"), ("sentinel",)),
    (MARKET, ("PUBLISH", "mesh:canary", "1"), ("mesh",)),
    (SYSTEM, ("HSET", "mesh:services", "rss_agg", "{}"), ("mesh",)),
    (SYSTEM, ("PUBLISH", "mesh:gossip", "{}"), ("mesh",)),
    (SYSTEM, ("HSET", "massive:told", "broker", "{}"), ("massive",)),
    (SYSTEM, ("XADD", "massive:alerts", "*", "event", "{}"), ("massive",)),
    (SYSTEM, ("SET", "massive:alerts:last", "{}"), ("massive",)),
    (SYSTEM, ("XDEL", "massive:alerts", "1-1"), WATCHERS),
    (MARKET, ("HSET", "massive:probes", "broker", "{}"), ("massive",)),
    (MARKET, ("XADD", "massive:probes:log", "*", "probe", "broker"), ("massive",)),
    (MARKET, ("XADD", "rss:queue", "*", "item", "{}"), ("rss_agg", OPERATOR)),
    (MARKET, ("XTRIM", "rss:queue", "MINID", "0"), ("rss_agg",)),
    (MARKET, ("DEL", "rss:queue"), ()),
    (MARKET, ("XDEL", "rss:queue", "1-1"), ()),
    (MARKET, ("HSET", "rss:feeds", "a", "{}"), ("rss_agg",)),
    (MARKET, ("HSET", "rss:seen:a", "x", "1"), ("rss_agg",)),
    (MARKET, ("ZADD", "rss:seen:a:at", "1", "x"), ("rss_agg",)),
    (MARKET, ("SET", "rss_agg:owner", "{}"), ("rss_agg",)),
    (MARKET, ("SET", "rss_agg:token", "9"), ("rss_agg",)),
    (MARKET, ("HSET", "rss_agg:standbys", "x", "{}"), ("rss_agg",)),
    (SYSTEM, ("SET", "orders:token", "9"), ("orders",)),
    (MARKET, ("XGROUP", "CREATE", "rss:queue", "vexy_ai", "0", "MKSTREAM"), ("vexy_ai",)),
    (MARKET, ("XACK", "rss:queue", "vexy_ai", "1-1"), ("vexy_ai",)),
    (MARKET, ("XADD", "rss:queue:dead", "*", "item", "{}"), ("vexy_ai",)),
    (MARKET, ("XDEL", "rss:queue:dead", "1-1"), (OPERATOR,)),
    (MARKET, ("SET", "rss:queue:vexy_ai:w1:lease", "x", "PX", "10"), ("vexy_ai",)),
    (MARKET, ("XADD", "vexy:insights", "*", "insight", "{}"), ("vexy_ai",)),
    (MARKET, ("SET", "vexy:story:a", "1-1", "NX", "PX", "10"), ("vexy_ai",)),
    (MARKET, ("XADD", "orders:out", "*", "x", "1"), ("orders",)),
    (MARKET, ("PUBLISH", "orders:out", "1"), ("orders",)),
    (MARKET, ("DEL", "orders:out"), ("orders",)),
    (MARKET, ("HSET", "odd*[a-z]?(x)", "x", "1"), ("orders",)),
    (MARKET, ("HSET", "oddly", "x", "1"), ()),
    (MARKET, ("XACK", "vexy:insights", "orders", "1-1"), ("orders",)),
    (SYSTEM, ("SET", "anything", "1"), ()),
    (MARKET, ("SET", "anything", "1"), ()),
)
LOOKERS: Final = (NOBODY, OPERATOR)
READS: Final[tuple[Place, ...]] = (
    (SYSTEM, ("MGET", "truth:doc", "truth:sha256"), USERS),
    (MARKET, ("MGET", "truth:doc", "truth:sha256"), USERS),
    (SYSTEM, ("GET", "truth:doc"), USERS),
    (SYSTEM, ("EXISTS", "truth:doc"), USERS),
    (SYSTEM, ("GET", "health:rss_agg"), LOOKERS),
    (SYSTEM, ("MGET", "health:rss_agg", "health:mesh"), (*LOOKERS, *WATCHERS)),
    (SYSTEM, ("XRANGE", "healer:alerts:log", "-", "+"), (*LOOKERS, *WATCHERS)),
    (SYSTEM, ("XREVRANGE", "healer:alerts:log", "+", "-"), (*LOOKERS, *WATCHERS, FAILED)),
    (SYSTEM, ("MGET", "mesh:heartbeat"), (*WATCHERS, "mesh", OPERATOR, "orders")),
    (SYSTEM, ("MGET", "rss_agg:heartbeat"), (*WATCHERS, "mesh", OPERATOR, "rss_agg")),
    (SYSTEM, ("HGETALL", "healer:silences"), (*WATCHERS, OPERATOR)),
    (SYSTEM, ("HGETALL", "healer:records"), (*WATCHERS, OPERATOR)),
    (SYSTEM, ("HGETALL", "massive:told"), ("massive", OPERATOR)),
    (MARKET, ("XRANGE", "rss:queue", "-", "+"), ("rss_agg", "vexy_ai", OPERATOR)),
    (MARKET, ("XRANGE", "vexy:insights", "-", "+"), (OPERATOR, "orders")),
    (MARKET, ("XREADGROUP", "GROUP", "orders", "o1", "STREAMS", "vexy:insights", ">"), ("orders",)),
    (MARKET, ("HGETALL", "rss:feeds"), ("rss_agg", OPERATOR)),
    (SYSTEM, ("GET", "anything"), (OPERATOR,)),
)
DANGEROUS: Final[tuple[Command, ...]] = (
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory", "0"),
    ("CONFIG", "RESETSTAT"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("SWAPDB", "0", "1"),
    ("SCRIPT", "LOAD", "return 1"),
    ("SCRIPT", "FLUSH"),
    ("SCRIPT", "KILL"),
    ("EVALSHA", "0" * 40, "0"),
    ("FUNCTION", "FLUSH"),
    ("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() return 1 end)"),
    ("DEBUG", "JMAP"),
    ("SHUTDOWN", "ABORT"),
    ("KEYS", "*"),
    ("RANDOMKEY",),
    ("MONITOR",),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "{user}", "allcommands", "allkeys"),
    ("ACL", "SETUSER", "mallory", "on", "nopass", "+@all", "~*"),
    ("ACL", "DELUSER", "healer"),
    ("ACL", "LOAD"),
    ("ACL", "LOG", "RESET", "x"),
    ("REPLICAOF", "NO", "ONE"),
    ("SLAVEOF", "NO", "ONE"),
    ("MODULE", "LIST"),
    ("MODULE", "LOAD", "/nowhere.so"),
    ("CLIENT", "KILL", "TYPE", "pubsub"),
    ("CLIENT", "PAUSE", "0"),
    ("SAVE",),
    ("BGSAVE",),
    ("BGREWRITEAOF",),
    ("SLOWLOG", "RESET"),
    ("LATENCY", "RESET"),
    ("MIGRATE", "127.0.0.1", "1", "truth:doc", "0", "1"),
    ("RESTORE", "truth:doc", "0", "x"),
    ("RENAME", "truth:doc", "x"),
    ("COPY", "truth:doc", "x"),
    ("MOVE", "truth:doc", "1"),
    ("SORT", "truth:doc"),
    ("PSUBSCRIBE", "*"),
    ("EVAL", "return redis.call('SET', 'anything', '1')", "0"),
    ("EVAL", "return redis.call('SET', KEYS[1], '1')", "1", "truth:doc"),
    ("EVAL", "return redis.call('PUBLISH', 'rss_agg:heartbeat', '{}')", "0"),
    ("EVAL", "return redis.call('FLUSHALL')", "0"),
)


REFUSALS: Final = ("ACL failure in script", "The user executing the script", "command not allowed")
"""How a server says no otherwise: within a script, and to DEBUG and MODULE, which are off whoever asks."""


class Buses:
    """Two servers with the users of a truth, and a connection for each user."""

    def __init__(self, servers: Mapping[str, RealServer], users: Users) -> None:
        self._servers = servers
        self._users = users
        self._clients: dict[tuple[str, str], redis.Redis] = {}

    def client(self, bus: str, user: str) -> redis.Redis:
        """The connection of a user; of nobody, it gives no login."""
        if (bus, user) not in self._clients:
            self._clients[bus, user] = redis.Redis(
                host="127.0.0.1",
                port=self._servers[bus].port,
                username=user or None,
                password=self.password(user) if user else None,
                socket_timeout=5,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        return self._clients[bus, user]

    def password(self, user: str) -> str:
        """A user's password."""
        return self._users.passwords.of(user)

    def refuses(self, bus: str, user: str, command: Command) -> bool:
        """Whether the rights of a user are what keeps a command from being carried out."""
        try:
            self.client(bus, user).execute_command(*(word.replace("{user}", user) for word in command))
        except redis.exceptions.NoPermissionError:
            return True
        except redis.ResponseError as error:
            return any(words in str(error) for words in REFUSALS)
        return False

    def hears(self, bus: str, user: str, channel: str) -> bool:
        """Whether a user may subscribe to a channel."""
        subscription = self.client(bus, user).pubsub()
        try:
            subscription.subscribe(channel)
            return subscription.get_message(timeout=5) is not None
        except redis.exceptions.NoPermissionError:
            return False
        finally:
            subscription.close()

    def close(self) -> None:
        """Leave nothing behind."""
        for client in self._clients.values():
            client.close()
        for server in self._servers.values():
            server.stop()


@pytest.fixture(scope="module")
def buses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buses]:
    """Servers with the users of the truth as it is shipped, and of one service more."""
    directory = tmp_path_factory.mktemp("rights")
    document: dict[str, Any] = json.loads(Path(hostfiles.find("etc/truth.json")).read_bytes())
    document["services"]["orders"] = OWN
    users = Users(directory)
    users.prepare(document)
    servers = {}
    for bus in names.DEFAULT_BUS_URLS:
        servers[bus] = RealServer(free_port(), directory, users=users, bus=bus)
        servers[bus].start()
    both = Buses(servers, users)
    try:
        yield both
    finally:
        both.close()


def wrong(buses: Buses, user: str, places: tuple[Place, ...]) -> list[str]:
    """Say where a user may do what it should not, or may not do what it should."""
    found = []
    for bus, command, who in places:
        refused = buses.refuses(bus, user, command)
        if refused is (user in who):
            found.append(f"{bus}: {' '.join(command)} is {'refused' if refused else 'allowed'}")
    return found


each_user = pytest.mark.parametrize("user", USERS, ids=lambda user: user or "default")


@each_user
def test_everybody_writes_where_the_truth_and_the_contract_let_him_and_nowhere_else(buses: Buses, user: str) -> None:
    """Beats, alerts, health, truth, streams and leases, of each of the others too, on both buses."""
    assert wrong(buses, user, WRITES) == []


@each_user
def test_everybody_reads_what_he_has_to(buses: Buses, user: str) -> None:
    """And nothing of the others' business."""
    assert wrong(buses, user, READS) == []


@each_user
def test_nobody_endangers_a_server_or_widens_his_rights(buses: Buses, user: str) -> None:
    """Each command that could is refused on both buses, within a script too, and the server is there afterwards."""
    for bus in names.DEFAULT_BUS_URLS:
        allowed = [" ".join(command) for command in DANGEROUS if not buses.refuses(bus, user, command)]
        expected = ["ACL LOG RESET x", "PSUBSCRIBE *"] if user == OPERATOR else []
        assert [command for command in allowed if command not in expected] == []
        assert buses.client(bus, user).ping()


@pytest.mark.parametrize(
    ("channel", "who"),
    [
        ("healer:alerts", (*LOOKERS, "orders")),
        ("rss_agg:heartbeat", (*WATCHERS, "mesh", OPERATOR)),
        ("mesh:heartbeat", (*WATCHERS, "mesh", OPERATOR, "orders")),
        ("orders:alive", (*WATCHERS, "mesh", OPERATOR)),
        ("healer:canary", ("healer", OPERATOR)),
        ("mesh:gossip", (OPERATOR,)),
        ("anything", (OPERATOR,)),
    ],
)
def test_everybody_hears_what_he_has_to(buses: Buses, channel: str, who: tuple[str, ...]) -> None:
    """Who watches hears all beats, and can send none but his own."""
    assert [user for user in USERS if buses.hears(SYSTEM, user, channel)] == [user for user in USERS if user in who]


def test_the_lines_of_the_runbook_need_no_password(buses: Buses) -> None:
    """Whoever is on the host may type them, and sees what they show."""
    assert not buses.refuses(SYSTEM, NOBODY, ("PING",))
    assert not buses.refuses(SYSTEM, NOBODY, ("KEYS", "health:*"))
    assert not buses.refuses(SYSTEM, NOBODY, ("SCAN", "0", "MATCH", "health:*"))
    assert not buses.refuses(SYSTEM, NOBODY, ("EXISTS", "truth:doc"))
    assert not buses.refuses(SYSTEM, NOBODY, ("XREVRANGE", "healer:alerts:log", "+", "-", "COUNT", "5"))
    beats = [f"{service}:heartbeat" for service in ("rss_agg", "massive", "mesh", "vexy_ai")]
    assert not buses.refuses(SYSTEM, NOBODY, ("PUBSUB", "NUMSUB", *beats))
    assert buses.refuses(SYSTEM, NOBODY, ("PUBSUB", "CHANNELS"))


@pytest.mark.parametrize("command", [("CONFIG", "GET", "port"), ("ACL", "LIST"), ("KEYS", "*"), ("SET", "x", "1")])
def test_who_gives_rights_is_root_on_the_bus(buses: Buses, command: Command) -> None:
    """It is no daemon's user."""
    assert not buses.refuses(SYSTEM, "marketswarm-admin", command)


@pytest.mark.parametrize("password", ["", "none-yet"])
def test_a_users_password_is_its_own(buses: Buses, password: str) -> None:
    """Neither another's nor none opens its account."""
    others = password or buses.password("rss_agg")
    with pytest.raises(redis.AuthenticationError):
        buses.client(SYSTEM, NOBODY).execute_command("AUTH", "healer", others)


def test_a_login_that_a_bus_does_not_know_is_told(swarm: Swarm) -> None:
    """By the name of the user; nothing is written."""
    folder = swarm.directory / "wrong"
    folder.mkdir()
    (folder / "marketswarm-seed").write_text("s3cret", encoding="ascii")
    done = swarm.command("marketswarm-seed", "--truth", str(swarm.write(truth())), REDIS_CREDENTIALS=str(folder))
    assert done.returncode == 77
    assert "refuses the login of marketswarm-seed" in done.stderr
    assert "s3cret" not in done.stderr
    assert swarm.system.client.get("truth:doc") is None
