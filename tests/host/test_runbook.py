"""The runbooks of an operator, each on a host that has systemd as its first process."""

import functools
import json
import re
import shutil
import time
from pathlib import Path

from host.conftest import Boot, Figure
from host.images import ROOT
from host.layout import BOOTSTRAP, BUSES, TARGET, TIMEOUT_SEC, UNITS, document, pids, unit
from host.machine import MARKET, SYSTEM, Machine, eventually, seconds
from testkit import SERVICES, WORKERS

from marketswarm.granting import SERVERS_SEC

RESEED = "marketswarm-reseed.service"
TRUTH = "/etc/marketswarm/truth.json"


def test_a_stopped_service_is_missed_and_its_start_is_told(swarm: Machine) -> None:
    """The seed's runbook: stop, heartbeat_miss when the timeout has passed; start, heartbeat_ok with the first beat."""
    swarm.systemctl("stop", unit("rss_agg"))
    swarm.alerted("rss_agg", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    swarm.systemctl("start", unit("rss_agg"))
    swarm.alerted("rss_agg", "heartbeat_miss", "heartbeat_ok", within_sec=5)
    assert TIMEOUT_SEC <= swarm.alerts()[0]["late_sec"] < TIMEOUT_SEC + 1
    assert swarm.alerts()[0]["reason"] == "stopped"
    assert swarm.show(unit("rss_agg"), "Result") == ("success",)


def test_a_killed_service_is_back_by_itself(swarm: Machine) -> None:
    """SIGKILL of each: systemd starts it again well within its timeout, so nobody is alarmed."""
    before = pids(swarm)
    swarm.systemctl("kill", "--signal=KILL", *map(unit, SERVICES))
    restarted = [unit(service) for service in SERVICES]
    eventually(lambda: all(swarm.show(name, "NRestarts") == ("1",) for name in restarted), "one restart of each", 10)
    swarm.active(*restarted)
    assert all(pid != before[service] for service, pid in pids(swarm).items())
    time.sleep(TIMEOUT_SEC)
    assert swarm.alert_types() == []


def test_a_service_that_does_not_come_up_again_is_told_from_one_that_was_stopped(swarm: Machine) -> None:
    """Its process is gone, and systemd has started another one, which waits for a truth that there is not."""
    swarm.run("sh", "-euc", "echo TRUTH_REDIS_URL=redis://127.0.0.1:1 > /etc/marketswarm/mesh.env")
    swarm.systemctl("kill", "--signal=KILL", unit("mesh"))
    swarm.alerted("mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    assert swarm.alerts()[0]["reason"] == "restarting"


def test_workers_that_stop_together_are_one_message(swarm: Machine) -> None:
    """The journal has one line for four, and one when they are back; each has a record of its own."""
    swarm.systemctl("stop", *map(unit, WORKERS))
    for service in WORKERS:
        swarm.alerted(service, "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    swarm.systemctl("start", *map(unit, WORKERS))
    for service in WORKERS:
        swarm.alerted(service, "heartbeat_miss", "heartbeat_ok", within_sec=5)
    swarm.alerted("system-redis", "mass_miss", "mass_ok", within_sec=5)
    assert {alert.get("reason") for alert in swarm.alerts() if alert["type"] == "heartbeat_miss"} == {"stopped"}
    told = swarm.journal(unit("healer"))
    assert (told.count("mass_miss system-redis: 4 of 5"), told.count("mass_ok")) == (1, 1)
    assert told.count("heartbeat_miss") == told.count("heartbeat_ok") == 0


def test_what_was_stopped_stays_stopped(swarm: Machine) -> None:
    """Neither the crash of a bus nor its restart, nor a seed, starts what an operator has stopped."""
    swarm.systemctl("stop", unit("mesh"))
    swarm.signal(BUSES[0], "KILL")
    swarm.active(BUSES[0])
    swarm.systemctl("restart", BUSES[1])
    swarm.run("marketswarm-seed")
    swarm.logs("marketswarm-reseed.service", "has its truth:doc")
    assert swarm.states(unit("mesh")) == ["inactive"]


def test_one_service_on_a_cold_host_brings_up_just_what_it_needs(boot: Boot) -> None:
    """`systemctl start marketswarm@healer` where all is stopped: the buses, the truth, healer; nobody else."""
    host = boot(document(), lambda root: (root / "etc/systemd/system/multi-user.target.wants" / TARGET).unlink())
    assert set(host.states(*UNITS)) == {"inactive"}
    host.systemctl("start", unit("healer"))
    running = (*BUSES, BOOTSTRAP, unit("healer"))
    assert host.states(*running) == ["active"] * len(running)
    assert set(host.states(*(set(UNITS) - set(running)))) == {"inactive"}


def test_a_bad_truth_keeps_a_cold_host_down_and_says_why(boot: Boot) -> None:
    """The reason stands in `systemctl status`, people get one alert, and a mended file brings all up."""
    bad = document()
    bad["services"]["mesh"]["heartbeat"]["interval_sec"] = -1
    host = boot(bad)
    eventually(lambda: host.states(BOOTSTRAP) == ["failed"], "the bootstrap fails", 20)
    assert host.show(BOOTSTRAP, "ExecMainStatus") == ("65",)
    assert (
        "services.mesh.heartbeat.interval_sec: must be > 0, is -1"
        in host.tries("systemctl", "status", BOOTSTRAP).stdout
    )
    eventually(lambda: set(host.states(*map(unit, SERVICES))) == {"inactive"}, "nobody starts", 10)
    assert "Dependency failed" in host.tries("systemctl", "status", unit("healer")).stdout
    host.alerted(BOOTSTRAP, "unit_failed")
    assert "the truth is bad (exit status 65)" in host.alerts()[0]["reason"]
    put(host, document())
    host.systemctl("start", TARGET)
    host.active(*UNITS)


def test_after_a_bad_edit_a_crashing_service_comes_back_and_the_edit_is_reported(swarm: Machine) -> None:
    """The truth in force is the one on the buses; the file is looked at when it is written, and its faults are told."""
    swarm.run("sh", "-c", f"echo '{{' > {TRUTH}")
    swarm.alerted("marketswarm-truth.service", "unit_failed")
    assert "not usable" in swarm.journal("marketswarm-truth.service")
    before = pids(swarm)
    swarm.signal(unit("mesh"), "KILL")
    eventually(lambda: swarm.show(unit("mesh"), "NRestarts") == ("1",), "a restart", 10)
    swarm.active(unit("mesh"))
    after = pids(swarm)
    assert {service for service in SERVICES if before[service] != after[service]} == {"mesh"}
    # Nor does the bus that fails now lose the truth that is in force.
    swarm.redis("FLUSHALL")
    swarm.signal(BUSES[0], "KILL")
    eventually(lambda: swarm.tries("redis-cli", "EXISTS", "truth:doc").stdout == "1\n", "the truth is back", 10)
    assert pids(swarm) == after


def test_a_good_edit_is_explained_and_not_in_force_before_it_is_seeded(swarm: Machine) -> None:
    """Saving the file says what seeding would change; the crash of a bus in between does not deploy it."""
    old = swarm.redis("GET", "truth:doc")
    edited = document()
    edited["services"]["mesh"]["heartbeat"]["interval_sec"] = 2
    put(swarm, edited)
    swarm.logs("marketswarm-truth.service", "services.mesh.heartbeat.interval_sec")
    swarm.redis("FLUSHALL")
    swarm.signal(BUSES[0], "KILL")
    eventually(lambda: swarm.tries("redis-cli", "GET", "truth:doc").stdout.rstrip() == old, "the old truth is back", 10)
    swarm.run("marketswarm-seed")
    assert json.loads(swarm.redis("GET", "truth:doc")) == edited


def test_a_killed_bus_is_back_with_its_truth_and_nobody_is_missed(swarm: Machine, figure: Figure) -> None:
    """SIGKILL of each bus in turn: back within 5 s, services keep their processes, no alert of a service."""
    before = pids(swarm)
    sha = swarm.redis("GET", "truth:sha256")
    for bus, port in zip(BUSES, (SYSTEM, MARKET), strict=True):
        swarm.signal(bus, "KILL")
        took = seconds(functools.partial(holds, swarm, port, sha), f"{bus} is back with its truth", 5)
        figure(f"{bus} killed: back with its truth after {took:.2f} s")
    time.sleep(TIMEOUT_SEC)
    assert pids(swarm) == before
    assert [kind for kind in swarm.alert_types() if "bus" not in kind] == []


def test_buses_that_lost_all_their_data_get_the_truth_back(swarm: Machine) -> None:
    """Both stopped, wiped, started: the truth comes from the file, nobody is missed, no process is another."""
    before = pids(swarm)
    sha = swarm.redis("GET", "truth:sha256")
    swarm.systemctl("stop", *BUSES)
    swarm.run("sh", "-c", "rm -r /var/lib/private/marketswarm/redis/*/*")
    swarm.systemctl("start", *BUSES)
    for port in (SYSTEM, MARKET):
        eventually(functools.partial(holds, swarm, port, sha), f"truth on port {port}", 5)
    time.sleep(TIMEOUT_SEC)
    assert pids(swarm) == before
    assert [kind for kind in swarm.alert_types() if "bus" not in kind] == []
    assert swarm.redis("EXISTS", *(f"health:{service}" for service in SERVICES)) == str(len(SERVICES))


def test_fresh_init_as_the_operators_page_has_it_pasted_in_one_piece(swarm: Machine) -> None:
    """All data of the buses is gone, on disk too, the truth is seeded anew, everybody beats."""
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    found = re.search(r"\*\*Fresh init\*\*.*?```sh\n(.*?)```", page, re.DOTALL)
    assert found
    swarm.redis("SET", "old", "data")
    swarm.run("sh", "-euc", found[1].replace("sudo ", ""))
    swarm.active(*UNITS)
    assert swarm.redis("EXISTS", "old") == "0"
    for bus in ("system", "market"):
        assert swarm.run("ls", f"/var/lib/private/marketswarm/redis/{bus}/appendonlydir") != ""
    eventually(lambda: swarm.tries("marketswarm", "status").returncode == 0, "all is well", 20)
    assert swarm.alerts() == []


def test_a_stop_in_the_middle_of_a_seed_is_no_failure(swarm: Machine) -> None:
    """Whether it waits for a bus at the start from cold or puts a truth back: nobody is alarmed, no unit has failed."""
    swarm.systemctl("stop", TARGET, *BUSES)
    swarm.systemctl("mask", "--runtime", *BUSES)
    swarm.systemctl("start", "--no-block", BOOTSTRAP)
    waits(swarm, BOOTSTRAP)
    swarm.systemctl("stop", BOOTSTRAP)
    swarm.systemctl("unmask", "--runtime", *BUSES)
    swarm.systemctl("start", TARGET)
    swarm.active(*UNITS)
    swarm.systemctl("stop", *BUSES)
    swarm.systemctl("start", "--no-block", RESEED)
    waits(swarm, RESEED)
    swarm.systemctl("stop", TARGET, RESEED)
    assert swarm.states(RESEED) == ["inactive"]
    swarm.systemctl("start", TARGET)
    swarm.active(*UNITS)
    assert "unit_failed" not in swarm.run("journalctl", "--no-pager")
    assert [kind for kind in swarm.alert_types() if "bus" not in kind] == []


def waits(host: Machine, seed: str) -> None:
    """Wait until a seed has begun to wait for its buses; who gives the rights before it waits for a while, too."""
    eventually(lambda: host.states(seed) == ["activating"], f"{seed} is under way", SERVERS_SEC + 10)
    host.logs(seed, "waiting for system-redis")


def test_seven_kills_of_a_bus_in_four_seconds_leave_nobody_dead(swarm: Machine) -> None:
    """The usual limit of systemd would give it up after the fifth."""
    before = pids(swarm)
    for _ in range(7):
        began = time.monotonic()
        swarm.signal(BUSES[0], "KILL")
        eventually(lambda: swarm.tries("systemctl", "is-active", BUSES[0]).returncode == 0, "the bus is back", 5)
        time.sleep(max(0.0, 4 / 7 - (time.monotonic() - began)))
    swarm.active(*UNITS)
    assert swarm.redis("EXISTS", "truth:doc") == "1"
    assert pids(swarm) == before
    time.sleep(TIMEOUT_SEC)
    assert [kind for kind in swarm.alert_types() if "bus" not in kind] == []


def test_a_reboot_brings_all_back_and_alarms_nobody(swarm: Machine) -> None:
    """Shut down in order and switched on again."""
    swarm.off()
    swarm.boot()
    swarm.active(*UNITS)
    time.sleep(TIMEOUT_SEC)
    assert swarm.alert_types() == []


def test_a_power_cut_is_survived_unaided(swarm: Machine, figure: Figure) -> None:
    """Everything is killed at once; the next boot brings all back, and no alert that is not true."""
    swarm.pull_the_plug()
    swarm.boot()
    took = seconds(lambda: set(swarm.states(*UNITS)) == {"active"}, "all is up", 30)
    figure(f"power cut: all up {took:.1f} s after the next boot")
    time.sleep(TIMEOUT_SEC)
    assert swarm.alert_types() == []


def test_stopping_the_target_stops_all_in_good_order(swarm: Machine, figure: Figure) -> None:
    """Under five seconds, every exit code 0."""
    began = time.monotonic()
    swarm.systemctl("stop", TARGET)
    eventually(lambda: set(swarm.states(*UNITS)) == {"inactive"}, "all stopped", 5)
    figure(f"stop of the target: {time.monotonic() - began:.2f} s")
    for name in (*BUSES, *map(unit, SERVICES)):
        assert swarm.show(name, "Result", "ExecMainStatus") == ("success", "0"), name
    assert swarm.tries("pgrep", "-a", "redis|marketswarm").stdout == ""


def test_a_new_service_is_monitored_after_a_seed_and_runs_from_another_wheel(swarm: Machine) -> None:
    """Re-seed: healer watches it without a restart of anything; install its package, start it: it beats."""
    before = pids(swarm)
    wider = document(new_svc={"heartbeat": {}})
    wider["services"]["healer"]["access_points"]["subscribe_to"].append(
        {"bus": "system-redis", "key": "new_svc:heartbeat"}
    )
    put(swarm, wider)
    swarm.run("marketswarm-seed")
    swarm.alerted("new_svc", "heartbeat_miss", within_sec=TIMEOUT_SEC + 10)
    assert int(swarm.redis("PUBSUB", "NUMSUB", "new_svc:heartbeat").split()[1]) >= 2  # healer, mesh
    shutil.copytree(Path(__file__).parent / "new_svc", swarm.root / "srv/new_svc")
    swarm.run("/opt/marketswarm/bin/pip", "install", "--quiet", "/srv/new_svc")
    swarm.systemctl("start", unit("new_svc"))
    swarm.alerted("new_svc", "heartbeat_miss", "heartbeat_ok")
    assert swarm.show(unit("new_svc"), "User") == ("ms-new_svc",)
    assert pids(swarm) == before
    assert [kind for kind in swarm.alert_types() if "bus" in kind] == []


def test_a_reload_takes_a_seed_over_at_once_in_the_same_process(swarm: Machine) -> None:
    """`systemctl reload` after a seed with other feeds: the journal says what came of it, and nobody ends."""
    before = pids(swarm)
    feed = {"name": "news", "url": "http://127.0.0.1:8000/news.xml"}
    put(swarm, document(rss_agg={"heartbeat": {}, "feeds": [feed]}))
    swarm.run("marketswarm-seed")
    sha = swarm.redis("GET", "truth:sha256")[:12]
    swarm.systemctl("reload", unit("rss_agg"))
    swarm.logs(unit("rss_agg"), f"follows the truth {sha} now; its work begins anew")
    swarm.active(unit("rss_agg"))
    # Whoever follows it by now says that it is on it already only because it was asked.
    for service in SERVICES:
        swarm.logs(unit(service), f"follows the truth {sha} now")
        swarm.systemctl("reload", unit(service))
        swarm.logs(unit(service), f"already on the truth {sha}")
        eventually(functools.partial(running, swarm, service), f"the reload of {service} is over", 10)
    assert pids(swarm) == before
    assert {swarm.show(unit(service), "NRestarts") for service in SERVICES} == {("0",)}
    time.sleep(TIMEOUT_SEC)
    assert swarm.alert_types() == []


def running(host: Machine, service: str) -> bool:
    """Whether systemd has a service as one that runs, and no longer as one that reloads."""
    return host.show(unit(service), "ActiveState", "SubState") == ("active", "running")


def put(host: Machine, wanted: object) -> None:
    """Write truth.json as an editor does."""
    target = host.root / TRUTH.lstrip("/")
    beside = target.with_suffix(".tmp")
    beside.write_text(json.dumps(wanted), encoding="utf-8")
    host.run("mv", f"{TRUTH.removesuffix('.json')}.tmp", TRUTH)


def holds(host: Machine, port: int, sha: str) -> bool:
    """Whether a bus answers, and has the truth of that hash."""
    return host.tries("redis-cli", "-p", str(port), "GET", "truth:sha256").stdout.strip() == sha
