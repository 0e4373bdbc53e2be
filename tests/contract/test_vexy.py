"""What vexy_ai promises: an insight of every item, once; what has none is put aside with its reason."""

import time
from collections import Counter

from testkit import Swarm, eventually
from working import INSIGHTS, QUEUE, dead, insights, item, own_handler, pending, put, vexy, worked_through


def test_every_item_has_an_insight_with_its_tickers_and_sentiment(swarm: Swarm) -> None:
    """Also those that were on the queue before there was a group."""
    swarm.seed(vexy())
    put(swarm.market, [item("Apple shares surge to a record after $MSFT news"), item("Nothing much")])
    swarm.start("vexy_ai").ready()
    first, second = sorted(worked_through(swarm.market, 2), key=lambda one: str(one["title"]))
    assert first["item_id"] == "Apple shares surge to a record after $MSFT news#0"
    assert first["tickers"] == ["AAPL", "MSFT"]
    assert 0 < first["sentiment"] <= 1
    assert (second["tickers"], second["feed"], second["revision"]) == ([], "tests", 1)
    put(swarm.market, [item("One more")])
    assert worked_through(swarm.market, 3)[2]["title"] == "One more"


def test_tellings_of_one_story_are_a_group(swarm: Swarm) -> None:
    """Whichever feed they came from: the story is the first item that told it."""
    swarm.seed(vexy())
    title = "Regulators fine three large banks over their handling of customer records"
    put(
        swarm.market, [item(title, 1), item(f"{title} - Reuters", 2), item("Wheat harvest falls short in the north", 3)]
    )
    swarm.start("vexy_ai").ready()
    one, two, three = worked_through(swarm.market, 3)
    assert one["story"] == two["story"] != three["story"]
    assert sorted([one["duplicate"], two["duplicate"]]) == [False, True]


def test_what_is_no_item_is_put_aside_at_once(swarm: Swarm) -> None:
    """With the reason and all that it held; what comes behind it is worked through."""
    swarm.seed(vexy())
    swarm.market.client.xadd(QUEUE, {"item": b"rubbish"})
    swarm.market.client.xadd(QUEUE, {"other": b"field"})
    put(swarm.market, [item("good")])
    swarm.start("vexy_ai").ready()
    worked_through(swarm.market, 1)
    eventually(lambda: len(dead(swarm.market)) == 2, "two are put aside")
    assert dead(swarm.market)[0]["item"] == "rubbish"
    assert {letter["reason"] for letter in dead(swarm.market)} == {"is no item as rss_agg writes them"}
    assert pending(swarm.market) == 0


def test_a_users_own_handler_is_found_by_its_name(swarm: Swarm) -> None:
    """Installed beside the package."""
    swarm.seed(vexy(handler="scripted"))
    put(swarm.market, [item("anything")])
    swarm.start("vexy_ai", PYTHONPATH=own_handler(swarm.directory)).ready()
    assert "by" in worked_through(swarm.market, 1)[0]


def test_a_handler_that_is_not_there_ends_the_service_with_78(swarm: Swarm) -> None:
    """And says which there are."""
    swarm.seed(vexy(handler="nobody"))
    service = swarm.start("vexy_ai")
    assert service.exit_code() == 78
    assert "no handler named 'nobody' is installed; there are: lexicon, openai" in service.log


def test_an_item_that_fails_is_tried_again_and_then_put_aside(swarm: Swarm) -> None:
    """After as many tries as truth says, with the reason of the last."""
    swarm.seed(vexy(handler="scripted", max_deliveries=2))
    put(swarm.market, [item("fail"), item("fine")])
    service = swarm.start("vexy_ai", PYTHONPATH=own_handler(swarm.directory)).ready()
    worked_through(swarm.market, 1)
    (letter,) = eventually(lambda: dead(swarm.market), "it is put aside")
    assert letter["reason"] == "the handler failed: ValueError: does not like it"
    assert letter["deliveries"] == "2"
    assert int(letter["ts"]) <= time.time()
    assert "try 2 follows" in service.log


def test_names_come_from_the_environment(swarm: Swarm) -> None:
    """The stream over what truth says, the group and the consumer."""
    environ = {"RSS_STREAM": "other:queue", "RSS_GROUP": "readers", "RSS_CONSUMER": "me"}
    swarm.seed(vexy(), **environ)
    put(swarm.market, [item("elsewhere")], stream="other:queue")
    swarm.start("vexy_ai", **environ).ready()
    eventually(lambda: insights(swarm.market), "an insight")
    (group,) = swarm.market.client.xinfo_groups("other:queue")
    (consumer,) = swarm.market.client.xinfo_consumers("other:queue", "readers")
    assert (group["name"], consumer["name"]) == (b"readers", b"me")


def test_a_stop_takes_no_time_and_leaves_nothing_half_done(swarm: Swarm) -> None:
    """Exit 0 within two seconds; the lease is given up, what was in hand is the next one's."""
    swarm.seed(vexy(handler="scripted"))
    put(swarm.market, [item("slow 60"), item("quick")])
    path = own_handler(swarm.directory)
    service = swarm.start("vexy_ai", PYTHONPATH=path, RSS_CONSUMER="me").ready()
    eventually(lambda: swarm.market.client.xlen(INSIGHTS) == 1, "the quick one is done")
    assert swarm.market.client.exists("rss:queue:vexy_ai:me:lease")
    assert service.stop() == 0
    assert not swarm.market.client.exists("rss:queue:vexy_ai:me:lease")
    assert pending(swarm.market) == 1


def test_two_workers_of_one_name_are_told(swarm: Swarm) -> None:
    """They would take up each other's items whenever one of them starts."""
    swarm.seed(vexy())
    one = swarm.start("vexy_ai", RSS_CONSUMER="same").ready()
    swarm.start("vexy_ai", RSS_CONSUMER="same").ready()
    one.logs("another worker of the group vexy_ai is called same too: set RSS_CONSUMER of one of them")


def test_two_workers_share_the_queue(swarm: Swarm) -> None:
    """Each item is one's, and both have some."""
    swarm.seed(vexy(handler="scripted", batch=4))
    path = own_handler(swarm.directory)
    for name in ("one", "two"):
        swarm.start("vexy_ai", PYTHONPATH=path, RSS_CONSUMER=name).ready()
    put(swarm.market, [item("slow 0.02", number) for number in range(60)])
    found = worked_through(swarm.market, 60)
    assert Counter(one["item_id"] for one in found) == Counter({f"slow 0.02#{number}": 1 for number in range(60)})
    assert {one["worker"] for one in found} == {"one", "two"}
