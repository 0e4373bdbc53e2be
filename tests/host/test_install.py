"""packaging/install.sh on bare Debian hosts: first, again, cut off, hindered; and what is left when it goes."""

import json
from pathlib import Path

import pytest
from host.conftest import SOURCE, Boot, Figure, Installation, copy_checkout
from host.layout import BUSES, INTERVAL_SEC, NAME_SERVER, UNITS, document, pids, unit
from host.machine import PASSWORDS, Machine, eventually
from testkit import SERVICES

from marketswarm import users

INSTALL = f"/{SOURCE}/packaging/install.sh"
NO_TRACE = (
    "find / -xdev ( -path /proc -o -path /sys -o -path /srv -o -path /var/log -o -path /var/cache ) -prune"
    " -o -name *marketswarm* -print"
)
INSTALL_SEC = 300
SHIPPED_TIMEOUT_SEC = 30
CHANGES_NOTHING = pytest.mark.xdist_group("install")


@pytest.fixture
def host(boot: Boot) -> Machine:
    """A host as the installer left it, with the checkout to install from."""
    machine = boot()
    copy_checkout(machine.root / SOURCE)
    machine.active(*UNITS)
    return machine


@pytest.fixture(scope="module")
def looked_at(untouched: Machine) -> Machine:
    """The same, for tests that change nothing of it."""
    copy_checkout(untouched.root / SOURCE)
    return untouched


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def starts(host: Machine) -> dict[str, int]:
    """How often each service was started."""
    return {name: host.run("journalctl", "-u", unit(name)).count("Started ") for name in SERVICES}


def test_one_command_makes_a_bare_host_run_the_swarm(installation: Installation, figure: Figure) -> None:
    """Python, Redis, environment, units, config: all comes, all runs; the last lines say what to do next."""
    figure(f"install.sh on a bare host, downloads at hand: {installation.seconds:.1f} s")
    assert {name: installation.states.get(name) for name in UNITS} == dict.fromkeys(UNITS, "active")
    assert [line.strip() for line in installation.output.splitlines()[-5:]] == [
        "marketswarm status",
        "marketswarm doctor",
        "marketswarm alerts --follow",
        "journalctl -fu 'marketswarm@*'",
        'It tells nobody before it knows whom: docs/operate.md, "How people are told"; then: marketswarm notify test',
    ]


@CHANGES_NOTHING
def test_the_group_and_the_name_servers_are_there_from_the_start(
    installation: Installation, looked_at: Machine
) -> None:
    """The user runs nothing and cannot log in; which name servers were opened is said, and no others are."""
    user = looked_at.run("getent", "passwd", "marketswarm").strip()
    assert user.endswith(":MarketSwarm:/:/usr/sbin/nologin")
    assert looked_at.run("getent", "group", "marketswarm").strip().endswith(":"), "nobody is in the group by its file"
    assert looked_at.tries("pgrep", "--uid", "marketswarm").stdout == ""
    opened = "opened to services with egress, as name servers of /etc/resolv.conf: "
    (line,) = [line for line in installation.output.splitlines() if opened in line]
    assert line.startswith(f"{opened}{NAME_SERVER} (/usr/local/lib/systemd/system/system-marketswarm.slice.d/")
    assert looked_at.show("system-marketswarm.slice", "IPAddressAllow") == (f"{NAME_SERVER}/32",)


def test_run_again_it_upgrades(host: Machine, figure: Figure) -> None:
    """Edited config and data stay, the rest is new; each service restarts once, no bus does, nobody is missed."""
    edit(host.root / SOURCE / "pyproject.toml", 'version = "0.1.0"', 'version = "0.1.1"')
    edit(host.root / SOURCE / "etc/marketswarm.env", "#LOG_LEVEL", "# A new line.\n#LOG_LEVEL")
    edit(host.root / SOURCE / "etc/truth.json", '"version": 1', '"version": 2')
    edit(host.root / "etc/marketswarm/marketswarm.env", "#LOG_LEVEL=INFO", "LOG_LEVEL=DEBUG")
    host.redis("SET", "mine", "kept")
    buses = [host.pid(bus) for bus in BUSES]
    before, processes = starts(host), pids(host)
    host.systemctl("stop", unit("mesh"))
    said = host.run(INSTALL, within_sec=INSTALL_SEC)
    assert (
        "/etc/marketswarm/marketswarm.env was edited and stays; this version's is beside it: marketswarm.env.new"
        in said
    )
    assert "LOG_LEVEL=DEBUG" in (host.root / "etc/marketswarm/marketswarm.env").read_text()
    assert "# A new line." in (host.root / "etc/marketswarm/marketswarm.env.new").read_text()
    assert '"version": 2' in host.redis("GET", "truth:doc")
    assert host.redis("GET", "mine") == "kept"
    assert [host.pid(bus) for bus in BUSES] == buses
    assert host.run("marketswarm", "--version").strip() == "marketswarm 0.1.1"
    assert host.states(unit("mesh")) == ["inactive"], "what the operator stopped stays stopped"
    host.systemctl("start", unit("mesh"))
    assert all(processes[name] != pid for name, pid in pids(host).items())
    assert starts(host) == {name: count + 1 for name, count in before.items()}
    host.active(*UNITS)
    # Where the installer takes longer than its timeout, mesh was stopped for as long: one miss, one end, no more.
    assert host.alert_types() == host.alert_types("mesh")
    assert host.alert_types("mesh") in ([], ["heartbeat_miss"], ["heartbeat_miss", "heartbeat_ok"])


def test_upgrade_and_downgrade_under_load_are_no_outage(boot: Boot, figure: Figure) -> None:
    """The bus busy with a stranger's requests, up a version and down again: no gap in anybody's beats alarms healer."""
    wanted = document()
    wanted["services"]["healer"]["threshold"]["heartbeat_cadence"] = SHIPPED_TIMEOUT_SEC
    wanted["services"]["healer"]["heartbeat"]["timeout_sec"] = SHIPPED_TIMEOUT_SEC
    host = boot(wanted)
    copy_checkout(host.root / SOURCE)
    host.active(*UNITS)
    # As fast as the machine has nothing else to do: other hosts are on it too.
    busy = ("redis-benchmark", *host.login(), "-c", "1", "-t", "get", "-l", "-q")
    host.run("systemd-run", "--quiet", "--unit=load", "--nice=19", *busy)
    host.run("systemd-run", "--quiet", "--unit=ear", *host.redis_cli(), "PSUBSCRIBE", "*:heartbeat")
    before, buses = starts(host), [host.pid(bus) for bus in BUSES]
    for number, (old, new) in enumerate((("0.1.0", "0.1.1"), ("0.1.1", "0.1.0")), start=1):
        edit(host.root / SOURCE / "pyproject.toml", f'version = "{old}"', f'version = "{new}"')
        host.run(INSTALL, within_sec=INSTALL_SEC)
        assert host.run("marketswarm", "--version").strip() == f"marketswarm {new}"
        host.active(*UNITS)
        assert starts(host) == {name: count + number for name, count in before.items()}
    assert [host.pid(bus) for bus in BUSES] == buses
    assert host.states("load") == ["active"]
    gap, service = longest_gap(host.journal("ear"))
    figure(f"upgrade and downgrade under load: longest gap {gap:.1f} s ({service}), beats each {INTERVAL_SEC} s")
    assert gap < SHIPPED_TIMEOUT_SEC
    assert host.alerts() == []


def longest_gap(heard: str) -> tuple[float, str]:
    """The longest time between two beats of a service, and whose it was; every service must be among them."""
    last: dict[str, float] = {}
    gaps: list[tuple[float, str]] = []
    for line in heard.splitlines():
        if line.startswith("{"):
            beat = json.loads(line)
            gaps.append((beat["ts"] - last.get(beat["svc"], beat["ts"]), beat["svc"]))
            last[beat["svc"]] = beat["ts"]
    assert set(last) == set(SERVICES)
    return max(gaps)


def test_cut_off_at_any_step_it_can_be_run_again(bare_host: Machine) -> None:
    """Killed at each of its steps, with all that it had started; the next run ends with a swarm that runs."""
    for step in ("installing", "making /opt", "getting", "laying"):
        cut_off(bare_host, f"==> {step}")
    said = bare_host.run(INSTALL, within_sec=INSTALL_SEC)
    assert said.splitlines()[-6] == "MarketSwarm runs. Look at it:"
    bare_host.active(*UNITS)


def cut_off(host: Machine, step: str) -> None:
    """Start the installer, and kill it and its children a moment after it says ``step``."""
    host.run("systemd-run", "--quiet", "--unit=cut-off", "--collect", INSTALL)
    eventually(lambda: step in host.journal("cut-off"), f"{step}", INSTALL_SEC)
    host.run("sleep", "0.7")
    host.tries("systemctl", "kill", "--signal=KILL", "cut-off")
    for pid in host.tries("pgrep", "--full", "install.sh|apt-get|dpkg|pip wheel|marketswarm install").stdout.split():
        host.tries("kill", "-KILL", pid)
    # Until the last of its processes is gone, which still holds the lock while it dies, the unit is deactivating.
    eventually(lambda: host.states("cut-off") == ["inactive"], "the installer and all its children are dead", 10)


def test_a_port_that_somebody_holds_stops_it_with_two_ways_out(bare_host: Machine) -> None:
    """Debian's own Redis was there before: it is named and left alone; the second way out is taken, and works."""
    bare_host.run("apt-get", "-qq", "-y", "install", "--no-install-recommends", "redis-server")
    bare_host.active("redis-server.service")
    done = bare_host.tries(INSTALL)
    assert done.returncode == 69
    (line,) = done.stderr.splitlines()
    pid = bare_host.pid("redis-server.service")
    assert line.startswith("error: port 6379, which a bus needs, is held by redis-server.service")
    assert f"(pid {pid}, redis-server)" in line
    assert "systemctl disable --now redis-server.service" in line
    assert "--system-port 6479" in line
    assert bare_host.pid("redis-server.service") == pid
    assert not (bare_host.root / "opt/marketswarm").exists()
    bare_host.run(INSTALL, "--system-port", "6479", within_sec=INSTALL_SEC)
    bare_host.active(*UNITS)
    assert bare_host.pid("redis-server.service") == pid
    assert bare_host.run("redis-cli", "-p", "6379", "EXISTS", "truth:doc") == "0\n"
    assert bare_host.run("redis-cli", "-p", "6479", "EXISTS", "truth:doc") == "1\n", "whoever asks"
    assert "name=marketswarm:healer" in bare_host.redis("CLIENT", "LIST", port=6479), "by its socket"
    bare_host.systemctl("stop", BUSES[0])
    said = bare_host.tries("marketswarm", "doctor").stdout
    # Once as a unit that is stopped, once as a bus that does not answer.
    assert said.count(f"systemctl start {BUSES[0]}") == 2, said
    assert "redis-server --port" not in said
    bare_host.systemctl("start", BUSES[0])
    status = bare_host.tries("marketswarm", "status")
    assert "healer" in status.stdout, status.stderr
    bare_host.run(INSTALL, within_sec=INSTALL_SEC)
    bare_host.run("marketswarm", "uninstall")
    assert bare_host.states("redis-server.service") == ["active"]


def test_redis_that_it_brought_does_not_start(host: Machine) -> None:
    """Neither now nor when the package is installed once more, which is what an upgrade of Debian does."""
    host.run("apt-get", "-qq", "-y", "install", "--reinstall", "redis-server")
    assert host.states("redis-server.service") == ["inactive"]
    assert host.tries("systemctl", "is-enabled", "redis-server.service").stdout.strip() == "masked"


def test_uninstalled_nothing_of_it_runs_and_config_and_data_stay(host: Machine) -> None:
    """No unit, user, process or command; what was the operator's is there. Purged, nothing is."""
    host.systemctl("enable", unit("new_svc"))
    said = host.run("marketswarm", "uninstall")
    assert "MarketSwarm is uninstalled" in said
    loaded = host.tries("systemctl", "list-units", "--all", "--no-legend", "--plain", "marketswarm*").stdout
    assert loaded == ""
    assert host.tries("systemctl", "list-unit-files", "--no-legend", "marketswarm*").stdout == ""
    assert host.tries("pgrep", "-a", "redis-server|marketswarm").stdout == ""
    assert "ms-" not in host.run("getent", "passwd")
    # The data that stays is of his group.
    host.run("getent", "passwd", "marketswarm")
    left = set(host.run(*NO_TRACE.split()).splitlines())
    assert left == {
        "/etc/marketswarm",
        "/etc/marketswarm/marketswarm.env",
        "/var/lib/marketswarm",
        "/var/lib/private/marketswarm",
        *(f"/{PASSWORDS}/{user}" for user in users.OWN),
    }
    assert host.tries("systemctl", "is-enabled", "redis-server.service").stdout.strip() == "disabled"
    # Back again, over what stayed, and away for good.
    host.run(INSTALL, within_sec=INSTALL_SEC)
    host.active(*UNITS)
    host.run("marketswarm", "uninstall", "--purge")
    assert host.run(*NO_TRACE.split()) == ""
    assert "marketswarm" not in host.run("getent", "passwd") + host.run("getent", "group")


@CHANGES_NOTHING
def test_who_is_not_root_is_told_so(looked_at: Machine) -> None:
    """One line, exit code 77, and nothing is touched."""
    for command in ((INSTALL,), ("/opt/marketswarm/bin/marketswarm", "install"), ("marketswarm", "uninstall")):
        done = looked_at.tries("setpriv", "--reuid=65534", "--clear-groups", *command)
        assert (done.returncode, done.stderr) == (
            77,
            "error: a host's files are root's: run it with sudo"
            + {INSTALL: "\n"}.get(command[0], ", or with --root DIR\n"),
        )


@CHANGES_NOTHING
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--help"], 0, "Usage: packaging/install.sh"),
        (["--sytem-port", "1"], 64, "--sytem-port: no such option"),
        (["--system-port", "x"], 64, "--system-port: needs a port number"),
        (["/nowhere.whl"], 66, "/nowhere.whl: no such file"),
    ],
)
def test_a_wrong_word_changes_nothing(looked_at: Machine, words: list[str], code: int, says: str) -> None:
    """Each is one line that says what to do."""
    done = looked_at.tries(INSTALL, *words)
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == (1 if code else 0)
