"""Every user of a bus, with the rights that the truth and the contract give it."""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Final

from marketswarm import names, users
from marketswarm.rights.choices import Choices
from marketswarm.rights.duties import SMALL_TALK, At, Duties, Given, document, items_from
from marketswarm.rights.grants import LISTEN, READ, Grant, User, reading, writing
from marketswarm.truth import Truth
from marketswarm.truth.patterns import pattern

_HISTORY: Final = ("xrange", "xrevrange", "xlen", "xread")
_TRUTH_READERS: Final = ("mget", "get", "exists")
_HEARERS: Final = (*names.WATCHERS, names.MESH)
"""They ask who is connected where somebody is silent, and are to be the last to lose their connection."""
_OPERATOR: Final = (*SMALL_TALK, "info", "client|list", "pubsub", "acl|log", "acl|whoami")
_DEFAULT: Final = ("ping", "client|setname", "select", "command", "pubsub|numsub", "scan", "keys|health:*")


def roster(
    buses: Collection[str], truths: Sequence[Truth], choices: Choices, *, besides: Collection[str] = ()
) -> tuple[User, ...]:
    """All users of a server: of one bus, or of several that lead to the same.

    Of several ``truths`` each gives its rights, as while services change from one to another. ``besides`` are services
    that no truth has and that may beat all the same: they stand where the defaults put them.
    """
    named = dict.fromkeys(chain(*(truth.services for truth in truths), besides))
    own = {
        users.DEFAULT: (_DEFAULT, _default),
        users.SEED: (SMALL_TALK, _seed),
        users.OPERATOR: (_OPERATOR, _operator),
        users.FAILED: (SMALL_TALK, _failed),
    }
    made = [
        User(name, commands, _on(buses, (given for truth in truths for given in give(truth, choices))))
        for name, (commands, give) in own.items()
    ]
    admin = User(users.ADMIN, ("@all",), (Grant(("@all",), ("*",), ("*",)),))
    all_duties = [Duties(truth, choices) for truth in truths]
    looks = _truth(choices)

    def given_to(service: str) -> Given:
        """By the truths that have it; what no truth has stands where any of them would put it."""
        having = [each for each in all_duties if service in each.truth.services]
        return chain.from_iterable(each.of(service) for each in having or all_duties)

    services = (User(name, _commands(name), (looks, *_on(buses, given_to(name)))) for name in named)
    return (*made, admin, *services)


def _commands(service: str) -> tuple[str, ...]:
    return (*SMALL_TALK, *(("client|list", "client|no-evict") if service in _HEARERS else ()))


def _on(buses: Collection[str], given: Given) -> tuple[Grant, ...]:
    """Collect what is given on these buses, each grant once."""
    return tuple(dict.fromkeys(grant for bus, grant in given if bus in buses))


def _truth(choices: Choices) -> Grant:
    return Grant(_TRUTH_READERS, reading(*map(pattern, document(choices))))


def _default(truth: Truth, choices: Choices) -> Given:
    """Whoever is on the host and gives no login: looks at what the runbooks look at, and changes nothing."""
    looks = Grant(_TRUTH_READERS, reading(names.health_key("*"), *map(pattern, document(choices))))
    for bus in truth.bus_urls():
        yield bus, looks
    yield names.SYSTEM_BUS, Grant(_HISTORY, reading(names.ALERT_LOG))
    where = truth.alerts_to(choices.alert_channel)
    yield where.bus, Grant(LISTEN, channels=(pattern(where.key),))


def _seed(truth: Truth, choices: Choices) -> Given:
    for bus in truth.bus_urls():
        yield bus, _truth(choices)
        yield bus, Grant(("set",), writing(*map(pattern, document(choices))))
        yield bus, Grant(("publish",), channels=(names.TRUTH_CHANGED,))


def _failed(truth: Truth, choices: Choices) -> Given:
    for bus in truth.bus_urls():
        yield bus, _truth(choices)
    yield names.SYSTEM_BUS, Grant(("xadd", "xrevrange"), (names.ALERT_LOG,))
    where = truth.alerts_to(choices.alert_channel)
    yield where.bus, Grant(("publish",), channels=(pattern(where.key),))


def _operator(truth: Truth, choices: Choices) -> Given:
    """Who types commands as root: reads everything, and writes what commands write."""
    for bus in truth.bus_urls():
        yield bus, Grant(READ, reading("*"))
        yield bus, Grant(LISTEN, channels=("*",))
    yield names.SYSTEM_BUS, Grant(("hset", "hdel"), (names.SILENCES, names.ACKS))
    yield names.SYSTEM_BUS, Grant(("xadd",), (names.NOTIFY_ASKED,))
    yield names.SYSTEM_BUS, Grant(("xdel",), (names.DEAD_LETTERS,))
    queue = At(items_from(truth, choices))
    dead = pattern(names.dead_items(queue.name))
    yield queue.bus, Grant(("eval",), (queue.key, dead))
    yield queue.bus, Grant(("xadd",), (queue.key,))
    yield queue.bus, Grant(("xdel",), (dead,))
