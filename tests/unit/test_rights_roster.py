"""Who may do what by a truth: the shipped one, services of one's own, several truths, and what variables move."""

from collections.abc import Callable, Collection
from typing import Final

import pytest
from granted import BOTH, MARKET, SYSTEM, Rights, access, shipped

from marketswarm.rights import Choices
from marketswarm.truth import Truth

SEED, OPERATOR, FAILED, ADMIN = (f"marketswarm-{name}" for name in ("seed", "operator", "failed", "admin"))
NOBODY: Final = "default"
SERVICES: Final = ("rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel")
WATCHERS: Final = ("healer", "sentinel")
HEARERS: Final = (*WATCHERS, "mesh", OPERATOR)
SHIPPED: Final = shipped()
BY_BUS: Final = {bus: Rights.of(SHIPPED, buses=[bus]) for bus in BOTH}
EVERYBODY: Final = (*SERVICES, NOBODY, SEED, OPERATOR, FAILED)


def allowed(asked: Callable[..., bool], *words: str, users: Collection[str] = EVERYBODY) -> set[str]:
    """Name those who are allowed it."""
    return {user for user in users if asked(user, *words)}


def test_everybody_has_a_user_on_each_bus() -> None:
    """The services of the truth, and those of ours that are none; one is nobody in particular and has no password."""
    for rights in BY_BUS.values():
        assert rights.users.keys() == {*SERVICES, NOBODY, SEED, OPERATOR, FAILED, ADMIN}
        assert [user.name for user in rights.users.values() if "nopass" in user.rules()] == [NOBODY]


@pytest.mark.parametrize(
    ("bus", "command", "key", "who"),
    [
        (SYSTEM, "xadd", "healer:alerts:log", {*WATCHERS, FAILED}),
        (SYSTEM, "xtrim", "healer:alerts:log", set()),
        (SYSTEM, "xadd", "healer:alerts:dead", {*WATCHERS}),
        (SYSTEM, "xdel", "healer:alerts:dead", {*WATCHERS, OPERATOR}),
        (SYSTEM, "mset", "health:rss_agg", {"healer"}),
        (SYSTEM, "mset", "health:healer", {*WATCHERS}),
        (SYSTEM, "hset", "healer:silences", {OPERATOR}),
        (SYSTEM, "hset", "healer:acks", {*WATCHERS, OPERATOR}),
        (SYSTEM, "hset", "healer:records", {*WATCHERS}),
        (SYSTEM, "hset", "mesh:services", {"mesh"}),
        (SYSTEM, "hset", "massive:told", {"massive"}),
        (SYSTEM, "xadd", "healer:notify:asked", {OPERATOR}),
        (SYSTEM, "rpush", "healer:notify:answers:1", {*WATCHERS}),
        (MARKET, "hset", "massive:probes", {"massive"}),
        (MARKET, "xadd", "massive:probes:log", {"massive"}),
        (MARKET, "xadd", "rss:queue", {"rss_agg", OPERATOR}),
        (MARKET, "xtrim", "rss:queue", {"rss_agg"}),
        (MARKET, "del", "rss:queue", set()),
        (MARKET, "xreadgroup", "rss:queue", {"vexy_ai"}),
        (MARKET, "eval", "rss:queue", {"rss_agg", "vexy_ai", OPERATOR}),
        (MARKET, "xadd", "rss:queue:dead", {"vexy_ai"}),
        (MARKET, "set", "rss:queue:vexy_ai:w1:lease", {"vexy_ai"}),
        (MARKET, "hset", "rss:feeds", {"rss_agg"}),
        (MARKET, "zadd", "rss:seen:a:at", {"rss_agg"}),
        (MARKET, "xadd", "vexy:insights", {"vexy_ai"}),
        (MARKET, "set", "vexy:story:x", {"vexy_ai"}),
        (MARKET, "xadd", "healer:alerts:log", set()),
        (MARKET, "hset", "mesh:services", set()),
        (SYSTEM, "xadd", "rss:queue", set()),
    ],
)
def test_what_is_written_by_whom(bus: str, command: str, key: str, who: set[str]) -> None:
    """By the truth as it is shipped; and the one who may do anything may this, too."""
    rights = BY_BUS[bus]
    assert allowed(rights.may, command, key) == who
    assert rights.may(ADMIN, "@all", key)


@pytest.mark.parametrize(
    ("bus", "command", "key", "who"),
    [
        *((bus, "mget", key, {*EVERYBODY}) for bus in BOTH for key in ("truth:doc", "truth:sha256")),
        (SYSTEM, "mget", "health:mesh", {NOBODY, OPERATOR, *WATCHERS}),
        (SYSTEM, "get", "health:mesh", {NOBODY, OPERATOR}),
        (SYSTEM, "xrevrange", "healer:alerts:log", {NOBODY, OPERATOR, FAILED, *WATCHERS}),
        (SYSTEM, "mget", "rss_agg:heartbeat", {*HEARERS, "rss_agg"}),
        (SYSTEM, "mget", "mesh:heartbeat", {*HEARERS}),
        (SYSTEM, "hvals", "rss_agg:standbys", {*HEARERS}),
        (SYSTEM, "hgetall", "healer:silences", {*WATCHERS, OPERATOR}),
        (MARKET, "xrange", "rss:queue", {"rss_agg", "vexy_ai", OPERATOR}),
        (MARKET, "hgetall", "rss:feeds", {"rss_agg", OPERATOR}),
        (MARKET, "get", "anything", {OPERATOR}),
    ],
)
def test_what_is_read_by_whom(bus: str, command: str, key: str, who: set[str]) -> None:
    """The truth by all; the rest by those whose business it is, and by whoever types commands as root."""
    assert allowed(BY_BUS[bus].reads, command, key) == who


@pytest.mark.parametrize("service", SERVICES)
def test_a_beat_is_its_services_own(service: str) -> None:
    """Channel and lease, on the bus where it beats and on no other; nobody may read what it only writes."""
    channel = f"{service}:heartbeat"
    assert BY_BUS[SYSTEM].publishers(channel) == {service}
    assert allowed(BY_BUS[SYSTEM].sets, channel) == {service}
    assert BY_BUS[MARKET].publishers(channel) == allowed(BY_BUS[MARKET].sets, channel) == set()


@pytest.mark.parametrize(
    ("channel", "publishers", "hearers"),
    [
        ("healer:alerts", {*WATCHERS, FAILED}, {NOBODY, OPERATOR}),
        ("truth:changed", {SEED}, {OPERATOR}),
        ("mesh:gossip", {"mesh"}, {OPERATOR}),
        ("healer:canary", {"healer"}, {"healer", OPERATOR}),
        ("sentinel:canary", {"sentinel"}, {"sentinel", OPERATOR}),
        ("rss_agg:heartbeat", {"rss_agg"}, {*HEARERS}),
        ("anything", set(), {OPERATOR}),
    ],
)
def test_who_speaks_and_who_hears(channel: str, publishers: set[str], hearers: set[str]) -> None:
    """On system-redis."""
    rights = BY_BUS[SYSTEM]
    assert rights.publishers(channel) == publishers
    assert allowed(rights.hears, channel) == hearers


def test_the_truth_is_the_seeds_to_write_on_both_buses() -> None:
    """And nobody's else, whatever the command."""
    for rights in BY_BUS.values():
        for key in ("truth:doc", "truth:sha256"):
            assert allowed(rights.sets, key) == {SEED}


def test_nobody_but_one_has_commands_that_endanger_a_server() -> None:
    """Neither without a key nor in a grant; whoever gives no login changes nothing at all."""
    for rights in BY_BUS.values():
        for user in rights.users.values():
            words = [*user.commands, *(word for grant in user.grants for word in grant.commands)]
            assert ("@all" in words) is (user.name == ADMIN)
            assert not {"config", "flushall", "shutdown", "acl", "script", "debug", "keys"} & {*words}
        assert all(key.startswith("%R~") for grant in rights.users[NOBODY].grants for key in grant.keys)


# Services of one's own.


def test_access_points_are_rights() -> None:
    """To a key and a channel of that name, on that bus; what is only read can be taken from, and not be written."""
    orders = access([(MARKET, "orders:out")], [(MARKET, "rss:queue"), "mesh:heartbeat"])
    rights = Rights.of(shipped(orders=orders), buses=[MARKET])
    assert rights.may("orders", "@stream", "orders:out")
    assert rights.may("orders", "del", "orders:out")
    assert rights.publishes("orders", "orders:out")
    assert rights.reads("orders", "xrange", "rss:queue")
    assert rights.hears("orders", "rss:queue")
    assert rights.may("orders", "xreadgroup", "rss:queue")
    assert not rights.may("orders", "xadd", "rss:queue")
    assert not rights.may("orders", "@stream", "rss:queue")
    assert not rights.may("orders", "@stream", "orders:other")
    system = Rights.of(shipped(orders=orders), buses=[SYSTEM])
    assert not system.may("orders", "@stream", "orders:out")
    assert not system.publishes("orders", "orders:out")
    assert system.hears("orders", "mesh:heartbeat")
    assert system.reads("orders", "get", "mesh:heartbeat")
    assert not system.may("orders", "xack", "mesh:heartbeat"), "others write there, so there is nothing to be taken"


KEPT: Final = (
    "truth:doc",
    "truth:anything",
    "health",
    "health:mesh",
    "healer:alerts",
    "healer:alerts:log",
    "healer:silences",
    "mesh:services",
    "massive:told",
    "rss:feeds",
    "rss:seen:x",
    "vexy:story:x",
    "rss_agg:heartbeat",
    "nobody:heartbeat",
    "rss_agg:owner",
    "rss_agg:token",
    "rss_agg:standbys",
)


@pytest.mark.parametrize("key", KEPT)
@pytest.mark.parametrize("bus", BOTH)
def test_an_access_point_that_is_kept_for_others_gives_nothing(bus: str, key: str) -> None:
    """Whatever the truth says: those alone write there to whom the contract gives it."""
    rights = Rights.of(shipped(orders=access([(bus, key)])), buses=[bus])
    plain = Rights.of(shipped(orders={}), buses=[bus])
    assert rights.users["orders"] == plain.users["orders"]


@pytest.mark.parametrize("key", ["healthy", "truthful:x", "rss:seenx", "mesher:x", "vexy:stories", "x:heartbeats", "a"])
def test_what_only_begins_like_it_is_free(key: str) -> None:
    """A name ends at a colon."""
    assert Rights.of(shipped(orders=access([key]))).may("orders", "@string", key)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("rss_agg?heartbeat", "rss_agg:heartbeat"),
        ("health*mesh", "health:mesh"),
        ("?ealth:mesh", "health:mesh"),
        ("truth(doc", "truth:doc"),
        ("healer'alerts", "healer:alerts"),
        ("orders\\alive", "orders:alive"),
        ("rss_agg[token", "rss_agg:token"),
    ],
)
def test_a_name_with_a_wildcard_is_no_way_to_what_is_kept(key: str, meant: str) -> None:
    """Its pattern matches more than the name, and where that would be what others alone write, it gives nothing."""
    alive = {"heartbeat": {"channel": "orders:alive"}}
    rights = Rights.of(shipped(orders=alive, thief=access([key])))
    assert not rights.publishes("thief", meant)
    assert not rights.may("thief", "@string", meant)


@pytest.mark.parametrize("key", ["odd*", "jobs(1)", "kurse:\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", "{tag}:x"])
def test_other_odd_names_give_what_they_say(key: str) -> None:
    """As those beyond ASCII do, however long."""
    rights = Rights.of(shipped(orders=access([key])))
    assert rights.may("orders", "@string", key)
    assert rights.publishes("orders", key)


@pytest.mark.parametrize(
    ("service", "section", "key"),
    [
        ("rss_agg", access(["truth:doc"]), "truth:doc"),
        ("rss_agg", access(["health:mesh"]), "health:mesh"),
        ("massive", access(["truth:doc"]), "truth:doc"),
        ("massive", access(["mesh:services"]), "mesh:services"),
        ("vexy_ai", access(["truth:doc"], ["rss:queue"]), "truth:doc"),
        ("vexy_ai", access(["vexy:insights"], ["truth:doc"]), "truth:doc"),
    ],
)
def test_what_a_service_of_ours_is_told_to_write_to_is_kept_too(
    service: str, section: dict[str, object], key: str
) -> None:
    """The check of the truth says that such an access point gives no right, and so it is."""
    rights = Rights.of(shipped(**{service: section}))
    for command in ("xadd", "eval", "hset", "set", "hdel", "xtrim"):
        assert not rights.may(service, command, key)


def test_a_channel_that_another_beats_on_is_no_ones_to_publish_on() -> None:
    """An odd one, too; nor is that of the alerts, wherever the truth puts it."""
    healer = access(["warnings:here"], ["orders:alive"])
    alive = access(["warnings:here", "orders:alive"], heartbeat={"channel": "orders:alive"})
    thief = access(["orders:alive", "warnings:here"])
    rights = Rights.of(shipped(healer=healer, orders=alive, thief=thief))
    assert rights.publishers("orders:alive") == {"orders"}
    assert rights.publishers("warnings:here") == {*WATCHERS, FAILED}


def test_an_odd_channel_of_beats_is_heard_by_the_watchers_where_it_is_and_by_nobody_else() -> None:
    """It is in no pattern of heartbeats."""
    odd = {"heartbeat": {"channel": "orders(alive)", "redis_url": "redis://market-redis"}}
    truth = shipped(orders=odd)
    market, system = (Rights.of(truth, buses=[bus]) for bus in (MARKET, SYSTEM))
    users = (*EVERYBODY, "orders")
    assert allowed(market.hears, "orders(alive)", users=users) == {*HEARERS}
    assert allowed(system.hears, "orders(alive)", users=users) == {OPERATOR}
    assert market.publishers("orders(alive)") == {"orders"}
    assert system.publishers("orders(alive)") == set()


def test_a_singleton_has_its_lease_where_its_tenancy_is() -> None:
    """rss_agg on the bus of its queue, any other where it beats; and nobody else touches it."""
    truth = shipped(orders={"singleton": True}, other={})
    for service, bus, elsewhere in (("rss_agg", MARKET, SYSTEM), ("orders", SYSTEM, MARKET)):
        here, there = Rights.of(truth, buses=[bus]), Rights.of(truth, buses=[elsewhere])
        for kind in ("owner", "token", "standbys"):
            users = (*EVERYBODY, "orders", "other")
            assert allowed(here.may, "eval", f"{service}:{kind}", users=users) == {service}
            assert not there.may(service, "set", f"{service}:{kind}")
    assert not Rights.of(truth).may("other", "set", "other:owner"), "it is none"


# Servers and truths.


def test_two_buses_on_one_server_are_one_roster_with_both_rights() -> None:
    """Who may do something on one of them may do it there."""
    one = Rights.of(SHIPPED, buses=BOTH)
    assert one.users.keys() == BY_BUS[SYSTEM].users.keys()
    for rights in BY_BUS.values():
        for user in rights.users.values():
            assert user.within(one.users[user.name])
    assert one.publishes("rss_agg", "rss_agg:heartbeat")
    assert one.may("rss_agg", "xadd", "rss:queue")
    assert all(len(user.grants) == len({*user.grants}) for user in one.users.values()), "no right stands twice"


def test_of_several_truths_each_gives_its_rights() -> None:
    """As long as services change from one to the other, those of both do their work."""
    old = shipped(orders=access(["orders:old"]), gone=access(["gone:out"]))
    new = shipped(orders=access(["orders:new"]), came=access(["came:out"]))
    both = Rights.of(old, new)
    assert both.may("orders", "@string", "orders:old")
    assert both.may("orders", "@string", "orders:new")
    assert both.may("gone", "@string", "gone:out")
    assert both.may("came", "@string", "came:out")
    assert not Rights.of(old, shipped(came={"heartbeat": {"channel": "odd"}})).publishes("came", "came:heartbeat")
    only = Rights.of(new)
    assert not only.may("orders", "@string", "orders:old")
    assert "gone" not in only.users
    for truth in (old, new):
        alone = Rights.of(truth)
        assert all(user.within(both.users[user.name]) for user in alone.users.values())


def test_one_truth_twice_is_one() -> None:
    """Word for word, so nobody notices that it is given again."""
    assert Rights.of(SHIPPED, SHIPPED).users == Rights.of(SHIPPED).users


def test_who_has_left_the_truth_beats_on_where_the_defaults_put_it() -> None:
    """Until it is stopped; it may do nothing else, and who is in the truth is not changed by it."""
    rights = Rights.of(SHIPPED, besides=["gone", "mesh"])
    assert rights.publishers("gone:heartbeat") == {"gone"}
    assert rights.sets("gone", "gone:heartbeat")
    assert rights.reads("gone", "mget", "truth:doc")
    assert rights.users["mesh"] == BY_BUS[SYSTEM].users["mesh"]
    plain = Rights.of(shipped(gone={}))
    assert rights.users["gone"] == plain.users["gone"]


def test_a_truth_without_services_has_the_users_that_are_none() -> None:
    """A host that has no good truth yet starts its servers all the same."""
    rights = Rights.of(Truth(services={}), buses=BOTH)
    assert rights.users.keys() == {NOBODY, SEED, OPERATOR, FAILED, ADMIN}
    assert rights.sets(SEED, "truth:doc")


# What variables say otherwise than the truth.


def test_rss_stream_moves_what_vexy_ai_reads() -> None:
    """With what goes with it: leases, and what is put aside; who types commands puts back into it."""
    rights = Rights.of(SHIPPED, buses=[MARKET], choices=Choices(stream="my:queue"))
    assert rights.may("vexy_ai", "xreadgroup", "my:queue")
    assert rights.may("vexy_ai", "xadd", "my:queue:dead")
    assert rights.may("vexy_ai", "set", "my:queue:vexy_ai:w1:lease")
    assert rights.may(OPERATOR, "xadd", "my:queue")
    assert not rights.may("vexy_ai", "xreadgroup", "rss:queue")
    assert rights.may("rss_agg", "xadd", "rss:queue"), "it is not told of it"


def test_rss_group_moves_the_leases_of_workers() -> None:
    """And nothing else."""
    rights = Rights.of(SHIPPED, buses=[MARKET], choices=Choices(group="mine"))
    assert rights.may("vexy_ai", "set", "rss:queue:mine:w1:lease")
    assert not rights.may("vexy_ai", "set", "rss:queue:vexy_ai:w1:lease")
    assert rights.may("vexy_ai", "xreadgroup", "rss:queue")


def test_alert_channel_counts_where_the_truth_names_none() -> None:
    """As it does for those who publish."""
    moved = Choices(alert_channel="my:alerts")
    unnamed = shipped(healer=access([], ["mesh:heartbeat"]))
    rights = Rights.of(unnamed, choices=moved)
    assert rights.publishers("my:alerts") == {*WATCHERS, FAILED}
    assert rights.hears(NOBODY, "my:alerts")
    assert rights.publishers("healer:alerts") == set()
    assert Rights.of(SHIPPED, choices=moved).publishers("healer:alerts") == {*WATCHERS, FAILED}


def test_healer_heartbeat_channel_moves_healers_beat() -> None:
    """It is heard by those who watch, and its lease is where it was."""
    rights = Rights.of(SHIPPED, choices=Choices(healer_channel="my(beat)"))
    assert rights.publishers("my(beat)") == {"healer"}
    assert allowed(rights.hears, "my(beat)") == {*HEARERS}
    assert rights.publishers("healer:heartbeat") == set()
    assert rights.sets("healer", "healer:heartbeat")


def test_truth_redis_key_moves_the_truth_and_its_hash() -> None:
    """For who writes it and for all who read it; no access point leads there."""
    truth = shipped(orders=access(["my:doc", "my:doc:sha256"]), rss_agg=access(["my:doc"]))
    rights = Rights.of(truth, choices=Choices(truth_key="my:doc"))
    for key in ("my:doc", "my:doc:sha256"):
        users = (*EVERYBODY, "orders")
        assert allowed(rights.sets, key, users=users) == {SEED}
        assert allowed(rights.reads, "mget", key, users=users) == {*users}
        assert not rights.may("rss_agg", "eval", key)
    assert not rights.sets(SEED, "truth:doc")
    assert not rights.reads("mesh", "mget", "truth:doc")
