"""The units themselves: sound, closed, each with a user of its own; what the journal keeps of an alert."""

import json
import re
import secrets

import pytest
from host.conftest import Figure
from host.layout import BOOTSTRAP, BUSES, TIMEOUT_SEC, UNITS, unit
from host.machine import Machine
from testkit import SERVICES

FOLDER = "/usr/local/lib/systemd/system"
EGRESS = ("rss_agg", "massive", "healer", "sentinel")
OTHERS = ("marketswarm-reseed.service", "marketswarm-truth.service", "marketswarm-failed@x.service.service")
MAX_EXPOSURE, MAX_EXPOSURE_OF_BUSES, MAX_EXPOSURE_WITH_EGRESS = 0.3, 1.0, 1.1
LOOKS = pytest.mark.xdist_group("units")


@LOOKS
def test_systemd_finds_nothing_to_say_against_a_unit(untouched: Machine) -> None:
    """`systemd-analyze verify` is silent; it exits 0 over a key that it does not know."""
    names = [*UNITS, *OTHERS, "marketswarm-truth.path", unit("new_svc")]
    done = untouched.tries("systemd-analyze", "--man=no", "verify", *names)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@LOOKS
def test_every_unit_is_closed(untouched: Machine, figure: Figure) -> None:
    """Exposure at most 0.3; 1.1 for the services that talk to the internet, 1.0 for the buses with their ports."""
    services = (*BUSES, BOOTSTRAP, *OTHERS, *map(unit, SERVICES), unit("new_svc"))
    most = dict.fromkeys(services, MAX_EXPOSURE) | dict.fromkeys(BUSES, MAX_EXPOSURE_OF_BUSES)
    most |= {unit(service): MAX_EXPOSURE_WITH_EGRESS for service in EGRESS}
    found = {name: exposure(untouched, name) for name in services}
    worst = {
        limit: max(found[name] for name in services if most[name] == limit) for limit in sorted(set(most.values()))
    }
    figure("exposure: " + ", ".join(f"{worst[limit]} of at most {limit}" for limit in sorted(worst)))
    assert {name: level for name, level in found.items() if level > most[name]} == {}


def exposure(host: Machine, name: str) -> float:
    """What `systemd-analyze security` makes of a unit as it is loaded, drop-ins included."""
    said = host.run("systemd-analyze", "--no-pager", "security", name)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    return float(found[1])


@LOOKS
def test_each_process_has_a_user_of_its_own_and_none_is_root(untouched: Machine) -> None:
    """As the kernel sees it."""
    users = [
        untouched.run("ps", "-o", "user=", "-p", str(untouched.pid(name))).strip()
        for name in (*BUSES, *map(unit, SERVICES))
    ]
    assert len(set(users)) == len(users)
    assert "root" not in users


@LOOKS
def test_what_has_no_business_there_writes_nowhere(untouched: Machine) -> None:
    """A unit sees a read-only file system, and a /tmp of its own; what it may do on a network is in test_closed.py."""
    probe = (
        "try: open('/var/tmp/x', 'w'); print('private')\n"
        "except OSError as e: print('no:', e)\n"
        "try: open('/etc/marketswarm/x', 'w'); print('written')\n"
        "except OSError as e: print('read-only:', e)\n"
    )
    (untouched.root / "srv/probe.py").write_text(probe, encoding="utf-8")
    untouched.run("mkdir", "-p", "/run/systemd/system/marketswarm-truth.service.d")
    drop_in = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 /srv/probe.py\n"
    untouched.run("sh", "-c", f"printf '{drop_in}' > /run/systemd/system/marketswarm-truth.service.d/probe.conf")
    untouched.systemctl("daemon-reload")
    untouched.systemctl("start", "marketswarm-truth.service")
    said = untouched.journal("marketswarm-truth.service")
    assert "private" in said
    assert "read-only:" in said


def test_a_secret_reaches_its_service_and_nobody_else(swarm: Machine) -> None:
    """Each finds its key among its credentials; neither its environment nor the journal has it."""
    for service, name in (("massive", "MASSIVE_API_KEY"), ("vexy_ai", "OPENAI_API_KEY")):
        secret = secrets.token_hex()
        path = f"/etc/marketswarm/credentials/{name}"
        swarm.run("sh", "-c", f"printf {secret} > {path}")
        swarm.systemctl("restart", unit(service))
        assert swarm.run("ls", f"/run/credentials/{unit(service)}").split() == [name, service]
        assert swarm.run("cat", f"/run/credentials/{unit(service)}/{name}") == secret
        assert secret not in swarm.run("sh", "-c", f"tr '\\0' '\\n' < /proc/{swarm.pid(unit(service))}/environ")
        assert secret not in swarm.run("journalctl", "--no-pager")
        assert swarm.run("stat", "-c", "%a %U", path).split() == ["600", "root"]


def test_an_alert_in_the_journal_has_fields_and_an_explanation(swarm: Machine) -> None:
    """`journalctl -o json` has type and service; -x says what it means and what to do; -p err finds it.

    Lines and alerts alike say who speaks, in a journal of all services together.
    """
    swarm.systemctl("stop", unit("mesh"))
    swarm.alerted("mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    lines = swarm.run("journalctl", "-u", unit("healer"), "-p", "err", "-o", "json").splitlines()
    (entry,) = map(json.loads, lines)
    assert entry["MARKETSWARM_TYPE"] == "heartbeat_miss"
    assert entry["MARKETSWARM_SERVICE"] == "mesh"
    assert entry["MESSAGE"].startswith("heartbeat_miss mesh: no beat for ")
    assert float(entry["MARKETSWARM_LATE_SEC"]) >= TIMEOUT_SEC
    explained = swarm.run("journalctl", "--no-pager", "-x", "-u", unit("healer"), "-p", "err")
    assert "systemctl status marketswarm@mesh" in explained
    # The line on standard error and the one with fields must not be two.
    assert swarm.journal(unit("healer")).count("heartbeat_miss mesh") == 1
    every = swarm.run("journalctl", "-u", unit("healer"), "-o", "json").splitlines()
    own = [entry for entry in map(json.loads, every) if entry["_COMM"] == "marketswarm"]
    assert {entry["SYSLOG_IDENTIFIER"] for entry in own} == {"marketswarm@healer"}


@LOOKS
def test_priorities_of_ordinary_lines(untouched: Machine) -> None:
    """Information is information: an untroubled swarm has nothing at warning or above."""
    said = untouched.run(
        "journalctl", "--no-pager", "-p", "warning", "-o", "cat", *(f"--unit={unit(s)}" for s in SERVICES)
    )
    assert said == ""
