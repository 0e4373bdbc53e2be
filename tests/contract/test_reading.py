"""`feeds` and `queue`, as a person types them, on what rss_agg and vexy_ai leave on the bus."""

import asyncio
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from testkit import INTERVAL_SEC, Swarm, free_port, truth

import marketswarm
from marketswarm import queueing, settings
from marketswarm.backlog import Backlog, Delivery
from marketswarm.bus import Bus
from marketswarm.feedbook import FeedBook
from marketswarm.feeds.item import Item, encode_item
from marketswarm.feeds.state import FeedState

QUEUE, DEAD, GROUP = "rss:queue", "rss:queue:dead", "vexy_ai"
FEEDS = [{"name": name, "url": f"https://{name}.test/rss"} for name in ("alpha", "beta", "gamma", "delta")]
RSS_AGG = {"heartbeat": {"interval_sec": INTERVAL_SEC}, "feeds": FEEDS, "stream": {"maxlen": 100}}


@pytest.fixture(autouse=True)
def same_package(swarm: Swarm) -> None:
    """Commands are of the package that this test has imported: of the installed one, or of the tree."""
    swarm.environ["PYTHONPATH"] = str(Path(marketswarm.__file__).parents[1])


@pytest.fixture
def seeded(swarm: Swarm) -> Swarm:
    """Two buses with a truth that names feeds."""
    swarm.seed(truth(rss_agg=RSS_AGG))
    return swarm


def typed(swarm: Swarm, *words: str, code: int = 0, **environ: str) -> str:
    """Run `marketswarm WORDS`, which must end with a code, and return all that it said."""
    done = swarm.command("marketswarm", *words, **environ)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def on_market(swarm: Swarm, work: Any) -> Any:
    """Do something on market-redis as a service does."""

    async def run() -> Any:
        bus = Bus("market-redis", swarm.market.address, client_name="test")
        try:
            return await work(bus)
        finally:
            await bus.close()

    return asyncio.run(run())


def keep(swarm: Swarm, **states: FeedState) -> None:
    """Store how feeds are doing, as rss_agg does."""

    async def work(bus: Bus) -> None:
        for name, state in states.items():
            await FeedBook(bus, QUEUE, 100).keep(name, state)

    on_market(swarm, work)


def state(name: str, **kept: Any) -> FeedState:
    """A feed that was fetched a minute ago and is due in four."""
    now = time.time()
    usual = {"fetched": now - 65, "succeeded": now - 65, "status": 200, "entries": 20, "items": 7, "next_at": now + 245}
    return FeedState(url=f"https://{name}.test/rss", **usual | kept)


def raw_item(title: str) -> bytes:
    """An item of a feed."""
    return encode_item(Item(id="1", feed="alpha", title=title, fetched=datetime.now(UTC)))


def put(swarm: Swarm, *titles: str) -> None:
    """Put items on the queue."""
    for title in titles:
        swarm.market.client.xadd(QUEUE, {"item": raw_item(title)})


def queued(swarm: Swarm) -> list[str]:
    """The titles of all items on the queue."""
    entries: Any = swarm.market.client.xrange(QUEUE)
    return [json.loads(fields[b"item"])["title"] for _, fields in entries]


def worker(swarm: Swarm, work: Any, name: str = "w1") -> Any:
    """Do something as a worker of vexy_ai's group."""

    async def run(bus: Bus) -> Any:
        backlog = Backlog(bus, QUEUE, GROUP, name)
        await backlog.open()
        return await work(backlog, bus)

    return on_market(swarm, run)


async def take_all(backlog: Backlog, bus: Bus) -> list[Delivery]:
    """Take what there is."""
    return await backlog.take(bus, 1000, 1)


def lives(swarm: Swarm, name: str = "w1") -> None:
    """Give a worker a lease."""
    swarm.market.client.set(f"{QUEUE}:{GROUP}:{name}:lease", "x", px=60_000)


def bury(swarm: Swarm, *titles: str, reason: str = "HTTP 503") -> list[str]:
    """Have items die as vexy_ai has them; their ids among the dead."""
    put(swarm, *titles)

    async def work(backlog: Backlog, bus: Bus) -> None:
        for delivery in await take_all(backlog, bus):
            kept: dict[str, str | bytes | int] = {"item": delivery.raw, "reason": reason, "entry": delivery.id}
            assert await backlog.bury(delivery, kept | {"deliveries": 5, "worker": "w1", "ts": int(time.time())})

    worker(swarm, work)
    return dead_ids(swarm)


def dead_ids(swarm: Swarm) -> list[str]:
    """The ids of the dead."""
    entries: Any = swarm.market.client.xrange(DEAD)
    return [entry.decode() for entry, _ in entries]


def test_feeds_are_shown_as_rss_agg_left_them(seeded: Swarm) -> None:
    """A line each in truth's order, and a sum; a broken one is exit 1, in JSON too."""
    keep(seeded, alpha=state("alpha"), beta=state("beta", status=304, error="not well-formed", moved_to="https://x.y/"))
    _, *lines, _, total = typed(seeded, "feeds").splitlines()
    assert re.fullmatch(r"alpha  ok       1m ago   200   20       7      in 4m", lines[0])
    assert re.fullmatch(
        r"beta   odd      1m ago   304   20       7      in 4m  not well-formed; moved to \S+, put .*",
        lines[1],
    )
    assert re.fullmatch(r"gamma  waiting  -        -     0        0      -", lines[2])
    assert lines[3].startswith("delta  waiting")
    assert total == "4 feeds: 1 ok, 1 odd, 2 waiting; 14 items in all"
    keep(seeded, gamma=state("gamma", succeeded=0, status=404, failures=3, error="answers 404"))
    assert "gamma  BROKEN " in (said := typed(seeded, "feeds", code=1))
    assert "answers 404; 3 times in a row, never well" in said
    as_json = json.loads(typed(seeded, "feeds", "--json", code=1))
    assert as_json["exit_code"] == 1
    assert [(row["feed"], row["state"]) for row in as_json["feeds"]] == [
        ("alpha", "ok"),
        ("beta", "odd"),
        ("gamma", "broken"),
        ("delta", "waiting"),
    ]
    assert as_json["feeds"][2]["url"] == "https://gamma.test/rss"
    assert (as_json["feeds"][2]["status"], as_json["feeds"][2]["error"]) == (404, "answers 404")


def test_feeds_that_nobody_fetches_are_told(seeded: Swarm) -> None:
    """Long after they were due; who has to be looked at is said."""
    keep(seeded, alpha=state("alpha", next_at=time.time() - 3700))
    said = typed(seeded, "feeds", code=1)
    assert "1h overdue" in said
    assert "! 1 feed overdue: does rss_agg run" in said


def test_without_feeds_it_is_said_how_to_add_some(swarm: Swarm) -> None:
    """One line, and no fault."""
    swarm.seed()
    assert typed(swarm, "feeds") == (
        "the truth names no feeds: add them under services.rss_agg.feeds, then run marketswarm-seed\n"
    )
    assert json.loads(typed(swarm, "feeds", "--json")) == {"exit_code": 0, "feeds": [], "notes": []}


def test_a_queue_that_nobody_has_used_is_no_fault(seeded: Swarm) -> None:
    """Neither where there is none, nor where there is nothing on it."""
    assert (
        typed(seeded, "queue") == "rss:queue on market-redis: 0 of about 100 entries, 0 dead\nno group reads it yet\n"
    )
    worker(seeded, take_all)
    assert "group vexy_ai: nothing waits\n" in typed(seeded, "queue")


def test_what_waits_is_shown_and_who_lives(seeded: Swarm) -> None:
    """Not delivered, pending and since when; without a living worker it is exit 1."""
    put(seeded, "one", "two")
    said = typed(seeded, "queue", code=1)
    assert "! vexy_ai: what waits for it has no living worker; is vexy_ai running?" in said
    worker(seeded, take_all)
    put(seeded, "three")
    lives(seeded)
    head, group, member = typed(seeded, "queue").splitlines()
    assert head == "rss:queue on market-redis: 3 of about 100 entries, 0 dead"
    assert re.fullmatch(r"group vexy_ai: 1 not delivered yet, 2 pending, the oldest for \d+ s", group)
    assert re.fullmatch(r"  w1  alive  2 pending, idle \d+ s", member)
    as_json = json.loads(typed(seeded, "queue", "--json"))
    assert {name: as_json[name] for name in ("exit_code", "bus", "stream", "length", "maxlen", "dead", "notes")} == {
        "exit_code": 0,
        "bus": "market-redis",
        "stream": QUEUE,
        "length": 3,
        "maxlen": 100,
        "dead": 0,
        "notes": [],
    }
    (found,) = as_json["groups"]
    assert (found["name"], found["lag"], found["pending"], found["stranded"]) == (GROUP, 1, 2, False)
    assert 0 <= found["oldest_sec"] < 60
    (consumer,) = found["consumers"]
    assert (consumer["name"], consumer["pending"], consumer["alive"]) == ("w1", 2, True)
    seeded.market.client.delete(f"{QUEUE}:{GROUP}:w1:lease")
    assert "w1  gone   2 pending" in typed(seeded, "queue", code=1)


def test_a_queue_is_nearly_full_by_what_waits_and_not_by_what_it_keeps(seeded: Swarm) -> None:
    """Settled entries stay until there are maxlen; that is how it is meant."""
    put(seeded, *map(str, range(120)))

    async def settle(backlog: Backlog, bus: Bus) -> None:
        done = [(delivery.id, b"{}") for delivery in await take_all(backlog, bus)]
        await backlog.finish("vexy:insights", "insight", 1000, done)

    worker(seeded, settle)
    lives(seeded)
    assert "group vexy_ai: nothing waits" in typed(seeded, "queue")
    put(seeded, *map(str, range(91)))
    assert "! 91 of about 100 entries wait" in typed(seeded, "queue", code=1)


def test_a_stream_that_rss_stream_names_is_looked_at(seeded: Swarm) -> None:
    """As vexy_ai does; how long another's may get, nobody knows."""
    seeded.market.client.xadd("mine", {"item": "x"})
    assert typed(seeded, "queue", code=1, RSS_STREAM="mine").startswith("mine on market-redis: 1 entry, 0 dead\n")


def test_dead_items_are_listed_with_their_reasons(seeded: Swarm) -> None:
    """A line each, the id first; `queue` itself is exit 1 as long as there are some."""
    lives(seeded)
    assert typed(seeded, "queue", "--dead") == "nothing is dead\n"
    one, two = bury(seeded, "one", "two")
    assert "! 2 dead: marketswarm queue --dead shows them and why" in typed(seeded, "queue", code=1)
    first, second = typed(seeded, "queue", "--dead").splitlines()
    assert re.fullmatch(rf"{one}  \d\d:\d\d:\d\d  alpha: one  HTTP 503 \(5 tries, the last by w1\)", first)
    assert second.startswith(two)
    listed = [json.loads(line) for line in typed(seeded, "queue", "--dead", "--json").splitlines()]
    assert [(found["id"], found["title"]) for found in listed] == [(one, "one"), (two, "two")]
    assert listed[0].keys() == {"id", "entry", "reason", "deliveries", "ts", "worker", "feed", "title"}
    assert (listed[0]["deliveries"], listed[0]["worker"], listed[0]["feed"]) == (5, "w1", "alpha")


def test_dead_items_are_sent_back(seeded: Swarm) -> None:
    """All, or those that are named; each is a new entry with all its tries before it."""
    lives(seeded)
    one, _, three = bury(seeded, "one", "two", "three")
    assert typed(seeded, "queue", "--resend", one) == "1 item is back on the queue\n"
    assert queued(seeded) == ["one", "two", "three", "one"]
    (delivery,) = worker(seeded, take_all)
    assert delivery.count == 1
    said = typed(seeded, "queue", "--resend", one, three, code=1)
    assert said == "1 item is back on the queue\n1 not there any more; marketswarm queue --dead shows what is\n"
    assert json.loads(typed(seeded, "queue", "--dead", "--resend", "--json")) == {
        "exit_code": 0,
        "sent": 1,
        "missing": 0,
    }
    assert queued(seeded)[-2:] == ["three", "two"]
    assert typed(seeded, "queue", "--resend") == "nothing is dead\n"
    assert dead_ids(seeded) == []


def test_two_that_send_back_at_once_send_each_once(seeded: Swarm) -> None:
    """Whoever comes second finds it gone; together they have sent as many as there were."""
    titles = [f"t{number}" for number in range(250)]
    bury(seeded, *titles)
    seeded.market.client.xtrim(QUEUE, maxlen=0)
    environment = settings.load(seeded.environ)

    def revive(ids: list[str] | None) -> int:
        return asyncio.run(queueing.revive(environment, ids))

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(revive, [None, dead_ids(seeded), None, dead_ids(seeded)[::-1]]))
    assert sum(counts) == len(titles)
    assert sorted(queued(seeded)) == sorted(titles)
    assert dead_ids(seeded) == []


def test_dead_items_are_thrown_away_by_name_only(seeded: Swarm) -> None:
    """For good, and never all at once by a slip."""
    one, two = bury(seeded, "one", "two")
    assert "--drop wants the IDs" in typed(seeded, "queue", "--drop", code=2)
    assert typed(seeded, "queue", "--drop", one, one) == "1 item is thrown away\n"
    assert dead_ids(seeded) == [two]
    assert json.loads(typed(seeded, "queue", "--drop", one, two, "--json", code=1)) == {
        "exit_code": 1,
        "dropped": 1,
        "missing": 1,
    }
    assert queued(seeded) == ["one", "two"]


def test_only_the_last_dead_are_shown_to_people(seeded: Swarm) -> None:
    """How many older ones there are is said; a program gets all."""
    bury(seeded, *(f"t{number}" for number in range(130)))
    lines = typed(seeded, "queue", "--dead").splitlines()
    assert len(lines) == 51
    assert "t80  " in lines[0]
    assert lines[-1] == "and 80 older: marketswarm queue --dead --json lists all"
    assert len(typed(seeded, "queue", "--dead", "--json").splitlines()) == 130


def test_what_is_no_item_is_left_where_it_is(seeded: Swarm) -> None:
    """It can be seen and thrown away; nothing in it reaches the terminal as it is."""
    seeded.market.client.xadd(DEAD, {b"\xff": b"\x1b[2J", "reason": "\x1b[2J\nforged", "deliveries": "9" * 400})
    seeded.market.client.xadd(DEAD, {"item": b"\xff\x1b", "ts": "-1", "worker": "\x9b"})
    said = typed(seeded, "queue", "--dead")
    assert [line for line in said.split("\n") if not line.isprintable()] == []
    assert len(said.splitlines()) == 2
    assert "what is no item" in said
    assert typed(seeded, "queue", "--resend") == "1 item is back on the queue\n"
    assert len(dead_ids(seeded)) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["1-0"], "an ID goes with --resend or --drop"),
        (["--resend", "--drop", "1-0"], "exclude each other"),
        (["--resend", "1"], "'1' is no id as --dead shows it"),
        (["--drop", f"{2**64}-0"], "is no id"),
        (["--bogus"], "--bogus"),
    ],
)
def test_a_wrong_word_is_refused(swarm: Swarm, words: list[str], says: str) -> None:
    """With exit 2, before a bus is asked."""
    assert says in typed(swarm, "queue", *words, code=2)


@pytest.mark.parametrize("words", [["feeds"], ["queue"], ["queue", "--dead"], ["queue", "--resend"]])
def test_what_cannot_be_told_is_exit_3(seeded: Swarm, words: list[str]) -> None:
    """A bus that is away, a variable that is bad, a bus without a truth, a key of another kind: one line each."""
    away = {name: f"redis://127.0.0.1:{free_port()}" for name in ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL")}
    said = typed(seeded, *words, code=3, **away)
    assert re.fullmatch(r"can't tell: system-redis at \S+ does not answer \(connection refused\); .*\n", said)
    said = typed(seeded, *words, code=3, MARKET_REDIS_URL=away["MARKET_REDIS_URL"])
    assert said.startswith("can't tell: market-redis at ")
    said = typed(seeded, *words, "--json", code=3, LOG_LEVEL="loud")
    assert json.loads(said)["exit_code"] == 3
    for key in (QUEUE, DEAD, "rss:feeds"):
        seeded.market.client.set(key, "x")
    assert re.fullmatch(r"can't tell: market-redis at \S+ refuses: .*\n", typed(seeded, *words, code=3))
    for bus in (seeded.system, seeded.market):
        bus.client.flushall()
    assert "run marketswarm-seed" in typed(seeded, *words, code=3)


def doctor(swarm: Swarm) -> dict[str, dict[str, Any]]:
    """What doctor finds, by the checks' names."""
    report = json.loads(swarm.command("marketswarm", "doctor", "--json").stdout)
    return {check["name"]: check for check in report["checks"]}


def test_doctor_looks_at_feeds_and_queue(swarm: Swarm) -> None:
    """Nothing is said of what the truth or the bus does not have; what is wrong is a warning with its remedy."""
    swarm.seed()
    assert not {"feeds", "queue", "dead items"} & doctor(swarm).keys()
    swarm.seed(truth(rss_agg=RSS_AGG))
    keep(swarm, **{str(feed["name"]): state(str(feed["name"])) for feed in FEEDS})
    worker(swarm, take_all)
    found = doctor(swarm)
    assert (found["feeds"]["verdict"], found["feeds"]["found"]) == ("ok", "4 feeds, none broken")
    assert (found["queue"]["verdict"], found["queue"]["found"]) == ("ok", "rss:queue: 0 of 0 entries wait, none dead")
    bury(swarm, "one")
    put(swarm, "two")
    keep(swarm, beta=state("beta", failures=1))
    found = doctor(swarm)
    assert (found["feeds"]["verdict"], found["feeds"]["found"]) == ("warn", "4 feeds, 1 broken: beta")
    assert found["feeds"]["remedy"] == "marketswarm feeds"
    assert found["queue"]["verdict"] == found["dead items"]["verdict"] == "warn"
    assert found["queue"]["remedy"] == "marketswarm run vexy_ai"
    assert found["dead items"]["remedy"].startswith("marketswarm queue --dead")
