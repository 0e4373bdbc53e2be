"""Mesh: who should be there, who is, and on what; in `mesh:services`, on `mesh:gossip`, and as a person looks at it."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testkit import INTERVAL_SEC, TIMEOUT_SEC, Swarm, beating, eventually, free_port, listening, truth

NEW_SVC = {"heartbeat": {"interval_sec": INTERVAL_SEC, "timeout_sec": TIMEOUT_SEC}}
MESH = {"heartbeat": {"interval_sec": INTERVAL_SEC, "timeout_sec": TIMEOUT_SEC}}
CALM = {"heartbeat": {"interval_sec": 1, "timeout_sec": 4}}
"""Who beats so is suspected after two seconds: a busy machine makes nobody a suspect."""
CALM_TIMEOUT_SEC = 4
Heard = Callable[[], list[bytes]]


@pytest.fixture
def gossip(swarm: Swarm) -> Iterator[Heard]:
    """What is heard on the channel from the start of the test on."""
    with listening(swarm.system, "mesh:gossip") as heard:
        yield heard


def only(*services: str, **sections: Any) -> dict[str, Any]:
    """Make a document of mesh and these services alone."""
    return {"services": dict.fromkeys(services, CALM) | sections | {"mesh": MESH}}


def member(swarm: Swarm, service: str) -> dict[str, Any]:
    """The registry's entry of a service; empty where there is none."""
    raw: Any = swarm.system.client.hget("mesh:services", service)
    return json.loads(raw) if raw else {}


def entries(swarm: Swarm) -> dict[str, dict[str, Any]]:
    """All entries, but for their last beats."""
    found: Any = swarm.system.client.hgetall("mesh:services")
    members = {service.decode(): json.loads(raw) for service, raw in found.items()}
    return {svc: {name: said for name, said in one.items() if name not in ("i", "ts")} for svc, one in members.items()}


def until(swarm: Swarm, service: str, state: str) -> dict[str, Any]:
    """Wait until a service is in a state, and give its entry."""

    def found() -> dict[str, Any] | None:
        entry = member(swarm, service)
        return entry if entry.get("state") == state else None

    return eventually(found, lambda: f"{service} is {state}; it is {member(swarm, service)}")


def turns(heard: list[bytes], service: str) -> list[tuple[str, str]]:
    """The changes of a service that were told."""
    return [(told["old"], told["new"]) for told in map(json.loads, heard) if told["svc"] == service]


def known(swarm: Swarm, service: str) -> dict[str, Any]:
    """Wait until it is known which process a service is, and give its entry."""
    eventually(lambda: "boot" in member(swarm, service), f"the process of {service}")
    return member(swarm, service)


def mesh(swarm: Swarm, *words: str, code: int, **environ: str) -> str:
    """Run `marketswarm mesh`, which must end with a code, and return what it said."""
    done = swarm.command("marketswarm", "mesh", *words, **environ)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_member_is_known_by_its_beats(swarm: Swarm) -> None:
    """Where it is, which process, on which truth: what its lease says; mesh knows itself, and alarms nobody."""
    swarm.seed(only("rss_agg"))
    for service in (swarm.start("rss_agg").ready(), swarm.start("mesh").ready()):
        until(swarm, service.name, "alive")
        entry, beat = known(swarm, service.name), swarm.system.json(f"{service.name}:heartbeat")
        assert beat is not None
        assert {name: entry[name] for name in ("host", "pid", "boot", "truth")} == {
            "host": socket.gethostname(),
            "pid": service.pid,
            "boot": beat["boot"],
            "truth": beat["truth"],
        }
        assert (entry["bus"], entry["channel"]) == ("system-redis", f"{service.name}:heartbeat")
        assert 0 <= time.time() - entry["since"] < 60
    assert swarm.system.alerts() == []
    assert swarm.system.client.keys("health*") == []


def test_a_goodbye_is_told_at_once_and_a_return_as_another_process(swarm: Swarm, gossip: Heard) -> None:
    """Left, while the lease is still there; then alive, with a boot of its own."""
    swarm.seed(only("rss_agg", rss_agg={"heartbeat": {"interval_sec": 10, "timeout_sec": 600}}))
    swarm.start("mesh").ready()
    worker = swarm.start("rss_agg").ready()
    before = known(swarm, "rss_agg")
    worker.stop()
    left = until(swarm, "rss_agg", "left")
    assert swarm.system.client.exists("rss_agg:heartbeat")
    assert (left["boot"], "reason" in left) == (before["boot"], False)
    after = swarm.start("rss_agg").ready()
    back = until(swarm, "rss_agg", "alive")
    assert (back["pid"], back["boot"] != before["boot"]) == (after.pid, True)
    eventually(lambda: turns(gossip(), "rss_agg")[-1] == ("left", "alive"), "the return is told")
    assert [turn for turn in turns(gossip(), "rss_agg") if turn[0] != turn[1]] == [
        ("", "unseen"),
        ("unseen", "alive"),
        ("alive", "left"),
        ("left", "alive"),
    ]
    last = json.loads(gossip()[-1])
    assert (last["host"], last["boot"], last["since"]) == (back["host"], back["boot"], back["since"])
    assert [json.loads(raw)["i"] for raw in gossip()] == [*range(1, len(gossip()) + 1)]


def test_who_dies_is_suspected_and_then_failed(swarm: Swarm, gossip: Heard) -> None:
    """With the reason that healer would give; what it was stays known."""
    swarm.seed(only("rss_agg"))
    swarm.start("mesh").ready()
    worker = swarm.start("rss_agg").ready()
    before = known(swarm, "rss_agg")
    worker.kill()
    failed = until(swarm, "rss_agg", "failed")
    assert (failed["reason"], failed["boot"], failed["pid"]) == ("crashed", before["boot"], worker.pid)
    eventually(lambda: turns(gossip(), "rss_agg")[-1][1] == "failed", "the failure is told")
    assert turns(gossip(), "rss_agg")[-2:] == [("alive", "suspected"), ("suspected", "failed")]
    assert json.loads(gossip()[-1])["reason"] == "crashed"


def test_a_program_that_only_publishes_is_a_member(swarm: Swarm) -> None:
    """Of its process nothing is known; once it is silent it has failed, as far as anybody knows."""
    swarm.seed({"services": {"new_svc": NEW_SVC, "mesh": MESH}})
    swarm.start("mesh").ready()
    assert until(swarm, "new_svc", "unseen").keys() == {"svc", "state", "since", "bus", "channel"}
    with beating(swarm.system, "new_svc"):
        assert until(swarm, "new_svc", "alive").keys() == {"svc", "state", "since", "bus", "channel"}
    assert until(swarm, "new_svc", "failed")["reason"] == "unknown"


def test_who_beats_by_its_lease_alone_is_a_member(swarm: Swarm) -> None:
    """As healer takes it: its beats are as old as the lease says."""
    swarm.seed({"services": {"new_svc": NEW_SVC, "mesh": MESH}})
    with beating(swarm.system, "new_svc", lease=True, publish=False):
        swarm.start("mesh").ready()
        until(swarm, "new_svc", "alive")
    until(swarm, "new_svc", "failed")


def test_an_idle_swarm_costs_no_write(swarm: Swarm, gossip: Heard) -> None:
    """Beats change nothing that is kept."""
    swarm.seed(only("rss_agg"))
    for name in ("rss_agg", "mesh"):
        swarm.start(name).ready()
    for name in ("rss_agg", "mesh"):
        known(swarm, name)
    told, before = len(gossip()), swarm.system.client.hgetall("mesh:services")
    time.sleep(2)  # two beats of rss_agg, and eight of mesh
    assert len(gossip()) == told
    assert swarm.system.client.hgetall("mesh:services") == before


def test_a_restart_of_mesh_tells_of_itself_alone(swarm: Swarm, gossip: Heard) -> None:
    """It takes over who is alive since when, who has failed, who has left; and judges those who went meanwhile."""
    swarm.seed(only("rss_agg", "massive", "vexy_ai"))
    first = swarm.start("mesh").ready()
    workers = {name: swarm.start(name).ready() for name in ("rss_agg", "massive", "vexy_ai")}
    for name in workers:
        known(swarm, name)
    workers["massive"].kill()
    workers["vexy_ai"].stop()
    until(swarm, "massive", "failed")
    until(swarm, "vexy_ai", "left")
    time.sleep(CALM_TIMEOUT_SEC)  # so that no lease of theirs is there to be found
    first.kill()
    before = {name: member(swarm, name) for name in workers}
    told = len(gossip())
    second = swarm.start("mesh").ready()
    eventually(lambda: member(swarm, "mesh").get("pid") == second.pid, "mesh knows itself")
    time.sleep(1.5 * CALM_TIMEOUT_SEC)
    assert {name: member(swarm, name) for name in workers} == before
    assert {json.loads(raw)["svc"] for raw in gossip()[told:]} == {"mesh"}
    workers["rss_agg"].kill()
    until(swarm, "rss_agg", "failed")


def test_a_goodbye_that_nobody_heard_is_not_said_to_be_a_crash(swarm: Swarm) -> None:
    """Said while mesh was away, for longer than the lease says so."""
    swarm.seed(only("rss_agg"))
    mesh_before, worker = swarm.start("mesh").ready(), swarm.start("rss_agg").ready()
    until(swarm, "rss_agg", "alive")
    mesh_before.kill()
    worker.stop()
    eventually(lambda: not swarm.system.client.exists("rss_agg:heartbeat"), "its lease is over")
    swarm.start("mesh").ready()
    assert until(swarm, "rss_agg", "failed")["reason"] == "silent since before mesh was started"


def test_a_reseed_adds_members_and_buries_others(swarm: Swarm, gossip: Heard) -> None:
    """All run on; the newcomer is alive, who is gone has a tombstone, nobody else was anything but alive."""
    swarm.seed(only("rss_agg", "massive"))
    mesh_before = swarm.start("mesh").ready()
    for name in ("rss_agg", "massive", "vexy_ai"):
        swarm.start(name).ready()
    since = {name: known(swarm, name)["since"] for name in ("rss_agg", "massive")}
    assert member(swarm, "vexy_ai") == {}
    swarm.seed(only("rss_agg", "vexy_ai"))
    gone = until(swarm, "massive", "left")
    assert gone["reason"] == "left the truth"
    until(swarm, "vexy_ai", "alive")
    sha = swarm.system.client.get("truth:sha256")
    eventually(lambda: member(swarm, "rss_agg")["truth"].encode() == sha, "rss_agg is known to follow")
    time.sleep(1.5 * CALM_TIMEOUT_SEC)
    assert member(swarm, "rss_agg")["since"] == since["rss_agg"]
    assert member(swarm, "massive") == gone
    assert turns(gossip(), "massive")[-1] == ("alive", "left")
    assert not {"suspected", "failed"} & {json.loads(raw)["new"] for raw in gossip()}
    assert not mesh_before.ended()
    swarm.seed(only("rss_agg", "massive", "vexy_ai"))
    until(swarm, "massive", "alive")


def test_a_registry_that_is_deleted_is_there_again(swarm: Swarm, gossip: Heard) -> None:
    """All of it, and nothing is told: nobody has changed."""
    swarm.seed(only("rss_agg"))
    for name in ("rss_agg", "mesh"):
        swarm.start(name).ready()
    for name in ("rss_agg", "mesh"):
        known(swarm, name)
    before, told = entries(swarm), len(gossip())
    swarm.system.client.delete("mesh:services")
    eventually(lambda: entries(swarm) == before, "all entries are back")
    swarm.system.client.hdel("mesh:services", "mesh")
    eventually(lambda: entries(swarm) == before, "the one entry is back")
    assert len(gossip()) == told


def test_what_is_no_entry_is_left_alone(swarm: Swarm) -> None:
    """Anybody may write to the bus; one whose service is not in the truth is a tombstone."""
    swarm.seed(only())
    stranger = {"svc": "stranger", "state": "alive", "since": 2**40}
    for field, value in {"junk": "{", "other": json.dumps(stranger), "stranger": json.dumps(stranger)}.items():
        swarm.system.client.hset("mesh:services", field, value)
    swarm.start("mesh").ready()
    until(swarm, "mesh", "alive")
    left = until(swarm, "stranger", "left")
    assert left["reason"] == "left the truth"
    assert left["since"] <= time.time()
    assert swarm.system.client.hget("mesh:services", "junk") == b"{"


def test_mesh_listens_to_all_but_itself(swarm: Swarm) -> None:
    """So PUBSUB NUMSUB is one higher for each of the others; its own is healer's to hear."""
    swarm.seed(truth())
    swarm.start("mesh").ready()
    heard = dict(swarm.system.client.pubsub_numsub("rss_agg:heartbeat", "healer:heartbeat", "mesh:heartbeat"))
    assert heard == {b"rss_agg:heartbeat": 1, b"healer:heartbeat": 1, b"mesh:heartbeat": 0}


def test_doctor_does_not_take_mesh_for_healer(swarm: Swarm) -> None:
    """That mesh hears everybody is no reason to believe that healer does."""
    swarm.seed(truth())
    swarm.start("mesh").ready()

    def listens() -> str:
        report = json.loads(swarm.command("marketswarm", "doctor", "--json").stdout)
        return str(next(check["verdict"] for check in report["checks"] if check["name"] == "healer listens"))

    assert listens() == "FAIL"
    swarm.start("healer").ready()
    assert listens() == "ok"


def test_members_are_shown(swarm: Swarm) -> None:
    """A line each in truth's order, then those that have left it; the exit code says how it is."""
    swarm.seed(only("rss_agg", "massive", "vexy_ai"))
    assert "! mesh does not beat" in (said := mesh(swarm, code=3))
    assert "! system-redis has no mesh:services" in said
    swarm.start("mesh").ready()
    workers = {name: swarm.start(name).ready() for name in ("rss_agg", "massive", "vexy_ai")}
    for name in (*workers, "mesh"):
        known(swarm, name)
    head, *lines, _, total = mesh(swarm, code=0).splitlines()
    assert head.split() == ["service", "state", "since", "host", "pid", "version", "truth", "standbys", "why"]
    assert [line.split()[:2] for line in lines] == [[name, "alive"] for name in (*workers, "mesh")]
    assert [str(worker.pid) in line for worker, line in zip(workers.values(), lines, strict=False)] == [True] * 3
    assert total == "4 members: 4 alive"
    workers["massive"].stop()
    until(swarm, "massive", "left")
    assert "massive  left " in mesh(swarm, code=1)
    workers["rss_agg"].kill()
    until(swarm, "rss_agg", "failed")
    found = json.loads(mesh(swarm, "--json", code=2))
    assert (found["exit_code"], found["notes"]) == (2, [])
    assert [(one["svc"], one["state"], one["reason"]) for one in found["members"]] == [
        ("rss_agg", "failed", "crashed"),
        ("massive", "left", ""),
        ("vexy_ai", "alive", ""),
        ("mesh", "alive", ""),
    ]
    swarm.seed(only("vexy_ai"))
    until(swarm, "rss_agg", "left")
    eventually(lambda: swarm.command("marketswarm", "mesh").returncode == 0, "all of the truth are alive")
    assert [one["svc"] for one in json.loads(mesh(swarm, "--json", code=0))["members"]] == [
        "vexy_ai",
        "mesh",
        "massive",
        "rss_agg",
    ]
    assert "2 members: 2 alive; 2 left the truth within a day" in mesh(swarm, code=0)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_registry_that_nobody_keeps_does_not_lie(swarm: Swarm, how: str) -> None:
    """What it holds is shown, below the line that says that it may be old; that is exit 3."""
    swarm.seed(only("rss_agg"))
    service = swarm.start("mesh").ready()
    swarm.start("rss_agg").ready()
    known(swarm, "rss_agg")
    getattr(service, how)()
    eventually(lambda: swarm.command("marketswarm", "mesh").returncode == 3, "mesh is known not to run")
    assert mesh(swarm, code=3).startswith("! mesh does not beat, so nobody keeps this up: start it")
    found = json.loads(mesh(swarm, "--json", code=3))
    assert (found["exit_code"], len(found["members"]), len(found["notes"])) == (3, 2, 1)


def test_what_cannot_be_told_is_exit_3(swarm: Swarm) -> None:
    """A bus that is away, a variable that is bad, a wrong word, a bus without a truth: one line each."""
    swarm.seed(only())
    away = f"redis://127.0.0.1:{free_port()}"
    both = {"SYSTEM_REDIS_URL": away, "MARKET_REDIS_URL": away}
    assert mesh(swarm, code=3, **both).startswith("can't tell: system-redis at ")
    assert mesh(swarm, code=3, SYSTEM_REDIS_URL=away).startswith("can't tell: system-redis at ")
    assert json.loads(mesh(swarm, "--json", code=3, LOG_LEVEL="loud"))["exit_code"] == 3
    assert "--bogus" in mesh(swarm, "--bogus", code=3)
    for bus in (swarm.system, swarm.market):
        bus.client.flushall()
    assert "run marketswarm-seed" in mesh(swarm, code=3)


def test_who_stands_by_to_own_a_singleton_stands_beside_its_owner(swarm: Swarm) -> None:
    """By the host, for as long as it does; it is no change to be told of."""
    swarm.seed(only("rss_agg", rss_agg=CALM | {"singleton": True}))
    swarm.start("rss_agg").ready().logs("owns it by token")
    swarm.start("mesh").ready()
    until(swarm, "rss_agg", "alive")
    with listening(swarm.system, "mesh:gossip") as heard:
        second = swarm.start("rss_agg").ready().logs("standing by")
        eventually(lambda: member(swarm, "rss_agg").get("standbys") == [socket.gethostname()], "it stands by")
        shown = swarm.command("marketswarm", "mesh")
        line = next(line for line in shown.stdout.splitlines() if line.startswith("rss_agg "))
        assert line.split()[-2:] == [socket.gethostname(), "-"]
        second.stop()
        eventually(lambda: "standbys" not in member(swarm, "rss_agg"), "it stands by no more")
        assert heard() == []
    assert member(swarm, "rss_agg")["state"] == "alive"


def test_nobody_stands_by_for_who_has_left_the_truth(swarm: Swarm) -> None:
    """Whatever the registry said before."""
    swarm.seed(only("massive", rss_agg=CALM | {"singleton": True}))
    swarm.start("rss_agg").ready().logs("owns it by token")
    swarm.start("mesh").ready()
    until(swarm, "rss_agg", "alive")
    swarm.start("rss_agg").ready().logs("standing by")
    eventually(lambda: "standbys" in member(swarm, "rss_agg"), "it stands by")
    swarm.seed(only("massive"))
    until(swarm, "rss_agg", "left")
    eventually(lambda: "standbys" not in member(swarm, "rss_agg"), "nobody does")
