"""When people are told, by the daemons: silences, reminders, acknowledgements, escalation, a changed truth."""

import time

from receivers import HttpReceiver
from telling import FAILOVER_SEC, healer, kinds, told, until
from testkit import Swarm, eventually, watching


def test_who_comes_late_in_the_escalation_hears_of_what_lasts_alone(swarm: Swarm, receiver: HttpReceiver) -> None:
    """A target with after_sec hears of an outage that lasts so long, and of its end; of a short one nothing."""
    document = watching("rss_agg")
    document["services"]["healer"]["notify"] = {"escalation": [{"after_sec": 4, "targets": ["json"]}]}
    swarm.seed(document)
    worker = swarm.start("rss_agg").ready()
    with HttpReceiver() as late:
        healer(swarm, receiver, NOTIFY_URLS=f"json://127.0.0.1:{late.port}/x", RATE_LIMIT_SEC="0")
        swarm.until("rss_agg", "heartbeat_ok")
        worker.stop()
        until(receiver, ("alert", "rss_agg"))
        worker = swarm.start("rss_agg").ready()
        until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))
        assert late.requests == []
        worker.stop()
        eventually(lambda: len(late.requests) == 1, "the outage lasts", FAILOVER_SEC)
        swarm.start("rss_agg").ready()
        eventually(lambda: len(late.requests) == 2, "it ends", FAILOVER_SEC)
    assert [body["title"].split(",")[0] for body in late.bodies] == [
        "[MarketSwarm] DOWN: rss_agg",
        "[MarketSwarm] UP: rss_agg",
    ]


def test_a_silence_holds_back_what_begins_and_lets_go_when_it_ends(swarm: Swarm, receiver: HttpReceiver) -> None:
    """The state is tracked meanwhile; ended by hand, people hear of who is still down within seconds."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.command("marketswarm", "silence", "rss_agg", "--for", "10m").returncode == 0
    worker.stop()
    swarm.until("rss_agg", "heartbeat_miss")
    time.sleep(1.5)
    assert told(receiver) == []
    assert swarm.command("marketswarm", "unsilence", "rss_agg").returncode == 0
    until(receiver, ("alert", "rss_agg"))
    assert swarm.command("marketswarm", "silence", "rss_agg").returncode == 0
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))


def test_reminders_come_until_somebody_acknowledges(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Each truth's remind_sec; after the acknowledgement none, and the recovery all the same."""
    document = watching("rss_agg")
    document["services"]["healer"]["notify"] = {"remind_sec": 1}
    swarm.seed(document)
    worker = swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    worker.stop()
    eventually(lambda: kinds(receiver).count(("reminder", "rss_agg")) >= 2, "two reminders")
    assert swarm.command("marketswarm", "ack", "rss_agg").returncode == 0
    time.sleep(1)
    before = len(told(receiver))
    time.sleep(2.5)
    assert len(told(receiver)) == before
    swarm.start("rss_agg").ready()
    eventually(lambda: kinds(receiver)[-1] == ("recovery", "rss_agg"), "the recovery")
    keys = [one["key"] for one in told(receiver)]
    assert len(set(keys)) == len(keys)


def test_a_changed_truth_changes_how_people_are_told_and_tells_nothing_twice(
    swarm: Swarm, receiver: HttpReceiver
) -> None:
    """Healer follows while it runs: a text of its own, from the next message on."""
    swarm.seed(watching("rss_agg"))
    worker = swarm.start("rss_agg").ready()
    watcher = healer(swarm, receiver)
    swarm.until("rss_agg", "heartbeat_ok")
    worker.stop()
    until(receiver, ("alert", "rss_agg"))
    document = watching("rss_agg")
    document["services"]["healer"]["notify"] = {"text": {"heartbeat_ok": "{svc} ist wieder da, nach {lasted}"}}
    swarm.seed(document)
    watcher.logs("begins anew")
    swarm.start("rss_agg").ready()
    until(receiver, ("alert", "rss_agg"), ("recovery", "rss_agg"))
    assert told(receiver)[1]["text"].startswith("rss_agg ist wieder da, nach ")
