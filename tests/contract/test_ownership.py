"""What a bus holds of a singleton: one owner, tokens that only grow, who stands by, and no write of a former owner."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from testkit import Swarm, eventually
from working import AT, QUEUE

from marketswarm.bus import Bus
from marketswarm.errors import BusRefusedError, FencedError
from marketswarm.feedbook import FeedBook
from marketswarm.feeds.item import Entry, item_of
from marketswarm.feeds.novelty import judge
from marketswarm.feeds.state import FeedState
from marketswarm.ownership import Fence, Mine, Others, Ownership, standbys

LONG_MS = 60_000
SHORT_MS = 50
BEAT = b'{"svc":"one","i":0,"ts":1.0,"host":"hostb"}'
Scene = Callable[[Bus], Awaitable[Any]]


def play(swarm: Swarm, scene: Scene) -> Any:
    """Let a scene play on market-redis."""

    async def run() -> Any:
        bus = Bus("market-redis", swarm.market.address, client_name="test", loud=False)
        try:
            return await scene(bus)
        finally:
            await bus.close()

    return asyncio.run(run())


def sides(bus: Bus) -> tuple[Ownership, Ownership]:
    """Two processes of one service, on hosts of their own."""
    return Ownership(bus, "one", "aa", "hosta"), Ownership(bus, "one", "bb", "hostb")


async def mine(side: Ownership, token: int = 0, ttl_ms: int = LONG_MS) -> int:
    """Take or renew the lease, which must succeed; returns the token."""
    answer = await side.take(token, ttl_ms, BEAT)
    assert isinstance(answer, Mine)
    return answer.token


def bus_ms(swarm: Swarm) -> int:
    """The clock of the bus."""
    seconds, micros = swarm.market.client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def gone(swarm: Swarm) -> None:
    """Wait until the lease has run out."""
    eventually(lambda: not swarm.market.client.exists("one:owner"), "the lease runs out")


def test_one_has_the_lease_and_the_other_is_told_who(swarm: Swarm) -> None:
    """The token is the time of the bus, or higher; the lease names the process, the token and the host."""
    before = bus_ms(swarm)

    async def scene(bus: Bus) -> tuple[int, Mine | Others]:
        first, second = sides(bus)
        return await mine(first), await second.take(0, LONG_MS, BEAT)

    token, answer = play(swarm, scene)
    assert before <= token <= bus_ms(swarm)
    assert isinstance(answer, Others)
    assert (answer.host, 0 < answer.left_ms <= LONG_MS) == ("hosta", True)
    assert swarm.market.json("one:owner") == {"owner": "aa", "token": token, "ttl": LONG_MS, "host": "hosta"}
    assert swarm.market.client.get("one:token") == str(token).encode()
    assert 0 < int(swarm.market.client.pttl("one:owner")) <= LONG_MS


def test_a_renewal_keeps_the_token_and_lengthens_the_lease(swarm: Swarm) -> None:
    """Also one that comes when it has run out, and nobody has taken it."""

    async def scene(bus: Bus) -> None:
        first, _ = sides(bus)
        token = await mine(first, ttl_ms=SHORT_MS)
        assert await mine(first, token, LONG_MS) == token
        assert int(swarm.market.client.pttl("one:owner")) > SHORT_MS
        await mine(first, token, SHORT_MS)
        gone(swarm)
        assert await mine(first, token) == token

    play(swarm, scene)


def test_a_token_whose_answer_was_lost_is_given_again(swarm: Swarm) -> None:
    """Who asked and heard nothing owns it all the same, and need not wait for its own lease to run out."""

    async def scene(bus: Bus) -> None:
        first, second = sides(bus)
        token = await mine(first)
        assert await mine(first) == token
        assert await mine(first, token - 1) == token
        swarm.market.client.incr("one:token")
        assert isinstance(await first.take(0, LONG_MS, BEAT), Others)
        assert isinstance(await second.take(token, LONG_MS, BEAT), Others)
        await first.leave()
        assert await mine(second) > token

    play(swarm, scene)


def test_a_renewal_for_another_time_says_so(swarm: Swarm) -> None:
    """The lease is written anew then, by the same token."""

    async def scene(bus: Bus) -> None:
        first, _ = sides(bus)
        token = await mine(first)
        assert await mine(first, token, 2 * LONG_MS) == token
        assert (swarm.market.json("one:owner") or {})["ttl"] == 2 * LONG_MS
        assert int(swarm.market.client.pttl("one:owner")) > LONG_MS

    play(swarm, scene)


@pytest.mark.parametrize(("left_ms", "longest_ms"), [(LONG_MS - 1, LONG_MS - 1), (3_600_000, LONG_MS)])
def test_a_lease_is_no_longer_than_it_was_given_for(swarm: Swarm, left_ms: int, longest_ms: int) -> None:
    """Though the clock of the bus went back, and its end is hours away: whoever stands by sees to that."""

    async def scene(bus: Bus) -> Mine | Others:
        first, second = sides(bus)
        await mine(first)
        swarm.market.client.pexpire("one:owner", left_ms)
        return await second.take(0, SHORT_MS, BEAT)

    answer = play(swarm, scene)
    assert isinstance(answer, Others)
    assert longest_ms - 30_000 < answer.left_ms <= longest_ms
    assert int(swarm.market.client.pttl("one:owner")) <= longest_ms


def test_the_next_owner_has_a_higher_token_and_the_former_is_refused(swarm: Swarm) -> None:
    """However late it asks, and also where the bus's clock stands behind the newest token."""

    async def scene(bus: Bus) -> None:
        first, second = sides(bus)
        old = await mine(first, ttl_ms=SHORT_MS)
        gone(swarm)
        ahead = bus_ms(swarm) + 1_000_000
        swarm.market.client.set("one:token", ahead)
        new = await mine(second)
        assert (new, new > old) == (ahead + 1, True)
        answer = await first.take(old, LONG_MS, BEAT)
        assert isinstance(answer, Others)
        assert answer.host == "hostb"
        await second.leave()
        assert await mine(first, old) == new + 1

    play(swarm, scene)


def test_tokens_grow_over_a_bus_that_was_emptied(swarm: Swarm) -> None:
    """By its clock; the owner that asks first keeps its own."""

    async def scene(bus: Bus) -> None:
        first, second = sides(bus)
        old = await mine(first)
        eventually(lambda: bus_ms(swarm) > old, "the clock goes on")
        swarm.market.client.flushall()
        new = await mine(second)
        assert new > old
        swarm.market.client.flushall()
        assert await mine(second, new) == new
        assert isinstance(await first.take(old, LONG_MS, BEAT), Others)

    play(swarm, scene)


def test_only_the_owner_gives_the_lease_back(swarm: Swarm) -> None:
    """And then it is free at once."""

    async def scene(bus: Bus) -> None:
        first, second = sides(bus)
        token = await mine(first)
        await second.leave()
        assert isinstance(await second.take(0, LONG_MS, BEAT), Others)
        await first.leave()
        assert await mine(second) > token
        await first.leave()
        assert isinstance(await first.take(token, LONG_MS, BEAT), Others)

    play(swarm, scene)


def test_who_stands_by_is_known_until_it_says_no_more(swarm: Swarm) -> None:
    """Its beat stands in the hash with the end of its time, by the bus's clock; whoever asks next clears it away."""

    async def scene(bus: Bus) -> None:
        first, second = sides(bus)
        third = Ownership(bus, "one", "cc", "hostc")
        token = await mine(first)
        await second.take(0, LONG_MS, BEAT)
        await third.take(0, LONG_MS, BEAT.replace(b"hostb", b"hostc"))
        assert await standbys(bus, "one") == ("hostb", "hostc")
        raw: Any = swarm.market.client.hget("one:standbys", "bb")
        kept = json.loads(raw)
        assert kept.pop("until") > bus_ms(swarm)
        assert kept == json.loads(BEAT)
        await third.leave()
        assert await standbys(bus, "one") == ("hostb",)
        end = bus_ms(swarm) + SHORT_MS
        await second.take(0, SHORT_MS, BEAT)
        swarm.market.client.persist("one:standbys")
        eventually(lambda: bus_ms(swarm) > end, "its time is over")
        await mine(first, token)
        assert not swarm.market.client.exists("one:standbys")

    play(swarm, scene)


def test_who_takes_the_lease_stands_by_no_more(swarm: Swarm) -> None:
    """An owner is not counted among those that could take over from it."""

    async def scene(bus: Bus) -> tuple[str, ...]:
        first, second = sides(bus)
        await mine(first)
        await second.take(0, LONG_MS, BEAT)
        await first.leave()
        await mine(second)
        return await standbys(bus, "one")

    assert play(swarm, scene) == ()


@pytest.mark.parametrize("newest", [None, 41, 43])
def test_a_write_by_another_token_than_the_newest_is_refused(swarm: Swarm, newest: int | None) -> None:
    """One that is older, one that the bus does not know of: nothing of the call is carried out."""
    if newest:
        swarm.market.client.set("one:token", newest)

    async def scene(bus: Bus) -> None:
        with pytest.raises(FencedError, match="not the owner"):
            await bus.ask([Fence("one:token", 42).around([("SET", "a", "1"), ("SET", "b", "2")])])

    play(swarm, scene)
    assert swarm.market.client.exists("a", "b") == 0


def test_a_write_by_the_newest_token_is_carried_out(swarm: Swarm) -> None:
    """All commands of the call, whatever their length."""
    swarm.market.client.set("one:token", 42)
    commands = [("SET", "a", "1"), ("HSET", "h", "f", "1", "g", "2"), ("INCR", "a")]
    play(swarm, lambda bus: bus.ask([Fence("one:token", 42).around(commands)]))
    assert swarm.market.client.get("a") == b"2"
    assert swarm.market.client.hgetall("h") == {b"f": b"1", b"g": b"2"}


def test_a_command_that_the_bus_refuses_is_told_as_ever(swarm: Swarm) -> None:
    """Being fenced off is one thing, and a bus that cannot do it another."""
    swarm.market.client.set("one:token", 42)
    with pytest.raises(BusRefusedError, match="refuses"):
        play(swarm, lambda bus: bus.ask([Fence("one:token", 42).around([("HSET", "one:token", "f", "1")])]))


ENTRY = Entry(key="g", title="Rates")


def published(swarm: Swarm, fence: Fence | None) -> Any:
    """Publish an entry of a feed, as rss_agg does; then do all else that it writes."""

    async def scene(bus: Bus) -> Any:
        book = FeedBook(bus, QUEUE, 1, fence)
        (found,) = judge([ENTRY], {}).news
        item = item_of(ENTRY, feed="a", category="", fetched=AT, revision=1)
        return await book.publish("a", [(found, item)], (), FeedState(url="http://a.example/"), 1.0)

    return play(swarm, scene)


WRITES: dict[str, Callable[[FeedBook], Awaitable[Any]]] = {
    "keep": lambda book: book.keep("a", FeedState(url="http://a.example/")),
    "forget": lambda book: book.forget_but([]),
    "trim": lambda book: book.room(),
}


def test_an_item_of_a_singleton_carries_its_token(swarm: Swarm) -> None:
    """One of any other rss_agg does not."""
    assert published(swarm, None) == 1
    swarm.market.client.delete("rss:seen:a")
    swarm.market.client.set("rss_agg:token", 42)
    assert published(swarm, Fence("rss_agg:token", 42)) == 1
    entries: Any = swarm.market.client.xrange(QUEUE)
    assert [sorted(fields) for _, fields in entries] == [[b"item"], [b"item", b"token"]]
    assert entries[1][1][b"token"] == b"42"


def test_a_former_owner_publishes_nothing(swarm: Swarm) -> None:
    """Neither its item nor a mark of it nor how the feed is doing."""
    swarm.market.client.set("rss_agg:token", 43)
    with pytest.raises(FencedError):
        published(swarm, Fence("rss_agg:token", 42))
    assert swarm.market.client.keys() == [b"rss_agg:token"]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("token", [42, 43])
def test_a_former_owner_changes_nothing_else_either(swarm: Swarm, write: str, token: int) -> None:
    """How feeds are doing, and how long the queue is, is the owner's to write."""
    client = swarm.market.client
    client.set("rss_agg:token", 42)
    client.hset("rss:feeds", "old", "{}")
    for _ in range(300):
        client.xadd(QUEUE, {"item": "x"})
    before = (client.hgetall("rss:feeds"), client.xlen(QUEUE))

    async def scene(bus: Bus) -> None:
        await WRITES[write](FeedBook(bus, QUEUE, 1, Fence("rss_agg:token", token)))

    if token == 42:
        play(swarm, scene)
        assert (client.hgetall("rss:feeds"), client.xlen(QUEUE)) != before
    else:
        with pytest.raises(FencedError):
            play(swarm, scene)
        assert (client.hgetall("rss:feeds"), client.xlen(QUEUE)) == before
