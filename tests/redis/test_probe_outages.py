"""What becomes of probes while a bus is away."""

from probing import PROBES, TOLD, accepting, probing, result, target, told
from receivers import HttpReceiver
from testkit import RealServer, Service, Swarm, eventually, free_port, watching


def beats(swarm: Swarm, service: Service, count: int) -> None:
    """Wait for so many more beats of a service."""
    before = swarm.system.json(f"{service.name}:heartbeat")
    assert before
    eventually(
        lambda: (swarm.system.json(f"{service.name}:heartbeat") or before)["i"] >= before["i"] + count, "it beats on"
    )


def history(swarm: Swarm) -> int:
    """How many results the history has."""
    return int(str(swarm.market.client.xlen(f"{PROBES}:log")))


def test_results_wait_for_a_bus_that_hangs_while_beats_and_alerts_go_on(swarm: Swarm, market: RealServer) -> None:
    """They come when it is back, and none is lost."""
    port = free_port()
    swarm.seed(probing(target(port)))
    with accepting(port):
        massive = swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        market.hang()
        beats(swarm, massive, 6)
    eventually(lambda: told(swarm), "probe_failed, while the results wait")
    beats(swarm, massive, 6)
    market.resume()
    found = eventually(lambda: (now := result(swarm)) and now.get("fails", 0) >= 3 and now, "the results come")
    eventually(lambda: history(swarm) >= found["fails"] + 2, "and those before them")


def test_a_bus_of_results_that_came_back_empty_is_filled_again(swarm: Swarm, market: RealServer) -> None:
    """By the next probe of each target."""
    port = free_port()
    swarm.seed(probing(target(port)))
    with accepting(port):
        massive = swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        market.kill()
        beats(swarm, massive, 3)
        market.start()
        assert eventually(lambda: result(swarm), "a result again")["ok"]
    assert not massive.ended()


def test_what_fails_while_the_system_bus_is_away_is_told_once_when_it_is_back(swarm: Swarm, system: RealServer) -> None:
    """The target is known to fail meanwhile, and its end is told too."""
    port = free_port()
    swarm.seed(probing(target(port)))
    with accepting(port):
        swarm.start("massive").ready()
        eventually(lambda: result(swarm), "a result")
        system.hang()
    eventually(lambda: (result(swarm) or {}).get("failed"), "it is found out")
    system.resume()
    eventually(lambda: told(swarm), "probe_failed")
    with accepting(port):
        eventually(lambda: len(told(swarm)) > 1, "probe_ok")
    assert told(swarm) == [("probe_failed", "broker"), ("probe_ok", "broker")]
    assert system.client.exists(TOLD) == 0


def test_people_hear_of_a_target_as_of_a_service(swarm: Swarm, system: RealServer, receiver: HttpReceiver) -> None:
    """By healer, which carries what massive has put into its log."""
    port = free_port()
    swarm.seed(watching("massive", massive=probing(target(port))["services"]["massive"]))
    with accepting(port):
        swarm.start("massive").ready()
        swarm.start("healer", WEBHOOK_URL=receiver.url).ready()
        swarm.until("massive", "heartbeat_ok")
    eventually(lambda: receiver.bodies, "people hear of it")
    with accepting(port):
        eventually(lambda: len(receiver.bodies) > 1, "and of its end")
    titles = [body["title"] for body in receiver.bodies]
    assert titles[0] == "[MarketSwarm] PROBE FAILED: massive/broker"
    assert titles[1].startswith("[MarketSwarm] PROBE OK: massive/broker, after ")
