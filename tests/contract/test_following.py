"""A new truth reaches what runs, and nothing else that stands under truth:doc does."""

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from testkit import INTERVAL_SEC, TIMEOUT_SEC, Server, Service, Swarm, beating, eventually, listening, truth, watching

from marketswarm.daemon.following import POLL_SEC
from marketswarm.truth import digest

NEW_SVC = {"heartbeat": {"interval_sec": INTERVAL_SEC}}
SETTLED_SEC = 1.5 * POLL_SEC
"""Long enough for another look."""


def last_beat(server: Server, service: str) -> dict[str, Any]:
    """The beat in the service's lease."""
    return eventually(lambda: server.json(f"{service}:heartbeat"), f"a lease of {service}")


def moved(service: Service) -> Callable[[], bool]:
    """Whether the service began its work anew."""
    return lambda: "its work begins anew" in service.log


def test_a_new_service_is_monitored_without_a_restart(swarm: Swarm) -> None:
    """Re-seed: the same healer misses the newcomer after its warm-up and hears it come; nobody else is announced."""
    swarm.seed(watching("rss_agg"))
    swarm.start("rss_agg").ready()
    healer, sentinel = swarm.start("healer").ready(), swarm.start("sentinel").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    swarm.until("healer", "healer_ok")
    before = last_beat(swarm.system, "healer")
    swarm.seed(watching("rss_agg", "new_svc", new_svc=NEW_SVC))
    swarm.until("new_svc", "heartbeat_miss")
    with beating(swarm.system, "new_svc"):
        swarm.until("new_svc", "heartbeat_ok")
    after = last_beat(swarm.system, "healer")
    assert (after["boot"], after["pid"]) == (before["boot"], before["pid"])
    assert after["i"] > before["i"]
    assert after["truth"] != before["truth"]
    assert [alert["svc"] for alert in swarm.system.alerts()[:2]] == ["new_svc", "new_svc"]
    assert healer.notified().count("READY=1") == 1
    assert healer.log.count("rss_agg: first beat heard") == 1
    assert "its work goes on" in sentinel.log
    assert not moved(sentinel)()


def test_a_service_that_leaves_truth_is_judged_no_more(swarm: Swarm) -> None:
    """It may be stopped then, and nobody is told."""
    swarm.seed(watching("rss_agg", "mesh"))
    worker, _ = swarm.start("rss_agg").ready(), swarm.start("mesh").ready()
    healer = swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    swarm.until("mesh", "heartbeat_ok")
    swarm.seed(watching("mesh"))
    eventually(moved(healer), "healer has the new truth")
    worker.kill()
    time.sleep(2 * TIMEOUT_SEC)
    assert swarm.system.alerts() == []


def test_an_outage_over_a_reseed_is_one_miss_and_one_ok(swarm: Swarm) -> None:
    """Healer remembers what it announced, and tells the end of it."""
    swarm.seed(watching("rss_agg"))
    worker, healer = swarm.start("rss_agg").ready(), swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    worker.kill()
    swarm.until("rss_agg", "heartbeat_miss")
    swarm.seed(watching("rss_agg", "sentinel"))
    eventually(moved(healer), "healer has the new truth")
    time.sleep(TIMEOUT_SEC)
    assert swarm.system.alert_types("rss_agg") == ["heartbeat_miss"]
    swarm.start("rss_agg").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    assert swarm.system.alert_types("rss_agg") == ["heartbeat_miss", "heartbeat_ok"]


def test_a_worker_takes_a_new_interval_and_channel_in_its_stride(swarm: Swarm) -> None:
    """The same process, the same boot, each number once, and no pause longer than an interval."""
    swarm.seed(truth(massive={"heartbeat": {"interval_sec": 1, "timeout_sec": 10}}))
    with listening(swarm.system, "massive:heartbeat", "beats:massive") as heard:
        worker = swarm.start("massive").ready()
        first = last_beat(swarm.system, "massive")
        swarm.seed(truth(massive={"heartbeat": {"interval_sec": 0.1, "channel": "beats:massive", "timeout_sec": 5}}))
        with listening(swarm.system, "beats:massive") as moved_beats:
            eventually(lambda: len(moved_beats()) >= 10, "beats on the new channel")
        beats = [json.loads(raw) for raw in heard()]
    assert {(beat["boot"], beat["pid"]) for beat in beats} == {(first["boot"], worker.pid)}
    numbers = [beat["i"] for beat in beats]
    assert numbers == sorted(set(numbers))
    gaps = [later["ts"] - earlier["ts"] for earlier, later in itertools.pairwise(beats)]
    assert max(gaps) < 1.5
    assert gaps[-1] < 0.5
    assert len({beat["truth"] for beat in beats}) == 2
    assert worker.notified().count("READY=1") == 1
    assert any(line.startswith("STATUS=follows the truth") for line in worker.said)
    assert worker.said[-1] == "STATUS=1 target(s), 0 failed"


def test_a_change_that_does_not_concern_a_worker_leaves_its_work_alone(swarm: Swarm) -> None:
    """Only the truth that its beats name is another."""
    swarm.seed(truth())
    worker = swarm.start("massive").ready()
    before = last_beat(swarm.system, "massive")["truth"]
    swarm.seed(truth(new_svc=NEW_SVC))
    eventually(lambda: last_beat(swarm.system, "massive")["truth"] != before, "beats name the new truth")
    assert not moved(worker)()
    assert worker.log.count("its work goes on") == 1


def garbage(swarm: Swarm) -> None:
    """An editor's accident, on both buses."""
    for bus in (swarm.system, swarm.market):
        bus.client.set("truth:doc", "{garbage")


def deletion(swarm: Swarm) -> None:
    """DEL on both buses."""
    for bus in (swarm.system, swarm.market):
        bus.client.delete("truth:doc")


def older(swarm: Swarm) -> None:
    """A good document without its hash, on both buses."""
    for bus in (swarm.system, swarm.market):
        bus.client.set("truth:doc", json.dumps(watching()))


def one_bus_behind(swarm: Swarm) -> None:
    """An older truth, hash and all, on system-redis alone."""
    raw = json.dumps(watching()).encode()
    swarm.system.client.mset({"truth:doc": raw, "truth:sha256": digest(raw)})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (garbage, "system-redis holds a truth:doc that is no truth"),
        (deletion, "system-redis holds no truth:doc"),
        (older, "system-redis holds a truth:doc that marketswarm-seed did not write"),
    ],
)
def test_the_last_good_truth_stays_and_what_is_wrong_is_said_once(
    swarm: Swarm, spoil: Callable[[Swarm], None], said: str
) -> None:
    """Healer watches on as before, and a seed that puts it right is said, too."""
    document = watching("rss_agg")
    swarm.seed(document)
    worker = swarm.start("rss_agg").ready()
    healer = swarm.start("healer").ready()
    swarm.until("rss_agg", "heartbeat_ok")
    spoil(swarm)
    for service in (healer, worker):
        service.logs(said)
    time.sleep(SETTLED_SEC)
    for service in (healer, worker):
        assert service.log.count(said) == 1
        assert not service.ended()
        assert not moved(service)()
    worker.kill()
    swarm.until("rss_agg", "heartbeat_miss")
    swarm.seed(document)
    healer.logs("system-redis holds the truth again")
    assert not moved(healer)()


def test_one_bus_with_another_truth_moves_nobody(swarm: Swarm) -> None:
    """As long as the other has the right one; the difference is said."""
    swarm.seed(watching("mesh"))
    swarm.start("mesh").ready()
    healer = swarm.start("healer").ready()
    one_bus_behind(swarm)
    healer.logs("system-redis holds another truth")
    assert not moved(healer)()


def test_a_good_truth_on_one_bus_outweighs_garbage_on_the_other(swarm: Swarm) -> None:
    """A service that crashes after a bad edit comes back, and says which bus to mend and how."""
    swarm.seed()
    swarm.system.client.set("truth:doc", "{garbage")
    worker = swarm.start("rss_agg").ready()
    worker.logs("system-redis holds a truth:doc that is no truth")
    assert "run marketswarm-seed" in worker.log


def test_a_truth_that_this_environment_forbids_does_not_end_healer(swarm: Swarm) -> None:
    """The same line as at a start, but the last good truth stays and the watch goes on."""
    document = watching("mesh", mesh={"heartbeat": {"interval_sec": INTERVAL_SEC}})
    del document["services"]["healer"]["threshold"]
    swarm.seed(document)
    healer = swarm.start("healer", DEFAULT_TIMEOUT_SEC="2").ready()
    document["services"]["mesh"]["heartbeat"]["interval_sec"] = 5
    swarm.seed(document)
    healer.logs("DEFAULT_TIMEOUT_SEC: must be > 5, the interval_sec of mesh, is 2; the last good one stays")
    swarm.until("mesh", "heartbeat_miss")
    assert not healer.ended()
