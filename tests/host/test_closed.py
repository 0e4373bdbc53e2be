"""What units reach, and what they do not: buses by their sockets, the internet, and nothing near, unless it is opened.

Addresses of all kinds are the host's own here, so whatever is sent to one arrives, unless the kernel drops it.
"""

import json
import re
import time
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any

import pytest
from host.conftest import Boot
from host.layout import BUSES, DROP_INS, NAME_SERVER, TIMEOUT_SEC, UNITS, document, drop_in, open_to, unit
from host.machine import MARKET, SYSTEM, Machine, eventually
from testkit import SERVICES

LOOKS = pytest.mark.xdist_group("closed")
EGRESS = ("healer", "sentinel", "rss_agg", "massive")
RSS_AGG = unit("rss_agg")
LINK = "/usr/local/lib/systemd/system/marketswarm@rss_agg.service.d/egress.conf"
SOCKETS = {SYSTEM: "/run/marketswarm/system/redis.sock", MARKET: "/run/marketswarm/market/redis.sock"}
PUBLIC = "9.9.9.9"
ANY = str(IPv4Address(0))
"""By which a connection is made to this host as well."""
NEAR = (
    "127.0.0.1",
    "127.0.0.53",
    "169.254.9.9",
    "10.1.2.3",
    "172.20.0.1",
    "192.168.7.2",
    "100.64.0.1",
    "::1",
    "fd00::1",
    ANY,
)
PORT = 8000
STUB = "127.0.0.53"
NEWS = "news.example.org"
ATTACK = "Possible SECURITY ATTACK detected"
"""What redis-server logs when somebody speaks HTTP to it."""
CONNECT = """
import socket, sys
for address in sys.argv[1:]:
    try:
        socket.create_connection((address, 8000), timeout=1).close()
        print("reached", address)
    except OSError as error:
        print("missed", address, error)
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("224.0.0.251", 5353))
    print("reached 224.0.0.251")
except OSError as error:
    print("missed 224.0.0.251", error)
"""
REDIRECT = f"""
import http.server

FEED = b"<rss version='2.0'><channel><title>T</title><item><guid>1</guid><title>One</title></item></channel></rss>"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/sly.xml":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:{SYSTEM}/")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/rss+xml")
        self.send_header("Content-Length", str(len(FEED)))
        self.end_headers()
        self.wfile.write(FEED)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("{PUBLIC}", {PORT}), Handler).serve_forever()
"""
NAME_SERVER_CODE = f"""
import socket, struct, sys

def answer(asked):
    end = asked.index(0, 12) + 1
    (kind,) = struct.unpack("!H", asked[end : end + 2])
    found = b""
    if kind == 1:
        found = b"\\xc0\\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton("{PUBLIC}")
    return asked[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if found else 0, 0, 0) + asked[12 : end + 4] + found

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    asked, who = server.recvfrom(4096)
    server.sendto(answer(asked), who)
"""


# --- the sockets ---


@LOOKS
def test_services_come_by_sockets_alone(untouched: Machine) -> None:
    """Every connection of theirs to a bus is one of its socket; by TCP come commands."""
    for port, path in SOCKETS.items():
        by = clients(untouched, port)
        ours = {name: addresses for name, addresses in by.items() if name.startswith("marketswarm:")}
        assert {address for addresses in ours.values() for address in addresses} == {f"{path}:0"}
        if port == SYSTEM:
            assert ours.keys() == {f"marketswarm:{service}" for service in SERVICES}
        assert any(address.startswith("127.0.0.1:") for address in by[""]), "who asks this is a command"


def clients(host: Machine, port: int) -> dict[str, set[str]]:
    """From where each client of a bus has come, by the name that it gives."""
    found: dict[str, set[str]] = {}
    for line in host.redis("CLIENT", "LIST", port=port).splitlines():
        words = dict(word.partition("=")[::2] for word in line.split())
        found.setdefault(words["name"], set()).add(words["addr"])
    return found


@LOOKS
def test_only_root_and_the_group_open_a_socket(untouched: Machine) -> None:
    """Another user of the host is refused by the kernel; a member of the group is answered."""
    for path in SOCKETS.values():
        ping = ("redis-cli", "-s", path, "PING")
        stranger = untouched.tries("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *ping)
        assert "Permission denied" in stranger.stdout + stranger.stderr
        assert "PONG" not in stranger.stdout
        member = ("setpriv", "--reuid=65534", "--regid=65534", "--groups=marketswarm")
        assert untouched.run(*member, *ping).strip() == "PONG"
        assert untouched.run("stat", "-c", "%a %G", path).split() == ["770", "marketswarm"]
        assert untouched.run("stat", "-c", "%a %G", path.rpartition("/")[0]).split() == ["750", "marketswarm"]


def test_a_bus_that_hangs_behind_its_socket_is_lost_once_and_misses_nobody(swarm: Machine) -> None:
    """Connections to it come about all the same, and what was sent is carried out later; who stops then is found."""
    bus = BUSES[0]
    swarm.signal(bus, "STOP")
    swarm.logs(unit("healer"), "bus_lost system-redis")
    time.sleep(TIMEOUT_SEC)
    swarm.systemctl("stop", unit("mesh"))
    time.sleep(TIMEOUT_SEC)
    swarm.signal(bus, "CONT")
    swarm.alerted("system-redis", "bus_lost", "bus_ok")
    swarm.alerted("mesh", "heartbeat_miss", within_sec=TIMEOUT_SEC + 5)
    time.sleep(TIMEOUT_SEC)
    assert {alert.get("svc") for alert in swarm.alerts() if "svc" in alert} == {"mesh"}


# --- networks ---


@LOOKS
def test_a_unit_without_egress_has_a_network_of_its_own_with_nothing_in_it(untouched: Machine) -> None:
    """Loopback is all, and that is down; those with egress are in the host's network."""
    hosts = untouched.run("readlink", "/proc/1/ns/net")
    for service in SERVICES:
        pid = str(untouched.pid(unit(service)))
        shared = untouched.run("readlink", f"/proc/{pid}/ns/net") == hosts
        assert shared is (service in EGRESS), service
        if not shared:
            links = untouched.run("nsenter", "--target", pid, "--net", "ip", "-oneline", "link").splitlines()
            assert [line.split()[1] for line in links] == ["lo:"]


def probe(host: Machine, name: str, *addresses: str) -> dict[str, str]:
    """Let a service of the operator's try to reach addresses; says of each whether it was "reached"."""
    (host.root / "srv/connect.py").write_text(CONNECT, encoding="ascii")
    folder = host.root / DROP_INS / f"{unit(name)}.d"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ("[Service]", "Type=oneshot", "Restart=no", "ExecStart=")
    command = f"ExecStart=/usr/bin/python3 /srv/connect.py {' '.join(addresses)}"
    (folder / "zz-probe.conf").write_text("\n".join((*lines, command, "")), encoding="ascii")
    host.systemctl("daemon-reload")
    host.systemctl("start", unit(name))
    said = re.findall(r"^(reached|missed) (\S+)", host.journal(unit(name)), re.MULTILINE)
    return {address: how for how, address in said}


def with_egress(host: Machine, name: str) -> None:
    """Give a service of the operator's a way out, as his page has it."""
    folder = f"/{DROP_INS}/{unit(name)}.d"
    host.run("mkdir", "-p", folder)
    host.run("ln", "-s", LINK, folder)


def neighbours(host: Machine) -> None:
    """Make the host have addresses of all kinds, with somebody who listens at every one."""
    wanted = (*NEAR, NAME_SERVER, PUBLIC)
    for address in wanted:
        if address not in (ANY, "::1") and not address.startswith("127."):
            host.run("ip", "address", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo")
    host.run("systemd-run", "--quiet", "--unit=everywhere", "python3", "-m", "http.server", "--bind", "::", str(PORT))
    (host.root / "srv/control.py").write_text(CONNECT, encoding="ascii")
    command = ("python3", "/srv/control.py", *wanted)
    eventually(lambda: set(wanted) <= reached(host.run(*command)), "all of them answer", 20)


def reached(said: str) -> set[str]:
    """Which addresses a probe says that it has reached."""
    return set(re.findall(r"^reached (\S+)", said, re.MULTILINE))


def test_units_reach_the_internet_at_most_and_an_operator_opens_more(swarm: Machine) -> None:
    """Without egress nothing; with it, by a link of the operator's own, what is public, and what answers for names.

    A drop-in opens a network to a service that has egress, and an address of this host to one that has not.
    """
    neighbours(swarm)
    everything = (*NEAR, NAME_SERVER, PUBLIC)
    nothing = dict.fromkeys((*everything, "224.0.0.251"), "missed")
    assert probe(swarm, "shut", *everything) == nothing
    with_egress(swarm, "wide")
    internet = nothing | {PUBLIC: "reached", NAME_SERVER: "reached"}
    assert probe(swarm, "wide", *everything) == internet
    with_egress(swarm, "opened")
    open_to(swarm.root, {"opened": "10.1.0.0/16"})
    assert probe(swarm, "opened", *everything) == internet | {"10.1.2.3": "reached"}
    lines = ("PrivateNetwork=no", "RestrictAddressFamilies=AF_INET", "IPAddressAllow=127.0.0.1")
    drop_in(swarm.root, unit("local"), *lines)
    found = nothing | dict.fromkeys((ANY, "127.0.0.1", NAME_SERVER), "reached")
    assert probe(swarm, "local", *everything) == found


# --- feeds, and names ---


@pytest.fixture
def reading(boot: Boot) -> Machine:
    """A swarm with a site on the internet, and a fetch that gives up soon; its own feeds a test seeds."""
    host = boot(document())
    host.active(*UNITS)
    host.run("ip", "address", "add", f"{PUBLIC}/32", "dev", "lo")
    (host.root / "srv/site.py").write_text(REDIRECT, encoding="ascii")
    host.run("systemd-run", "--quiet", "--unit=site", "python3", "/srv/site.py")
    (host.root / "etc/marketswarm/rss_agg.env").write_text("FETCH_TIMEOUT_SEC=2\n", encoding="ascii")
    host.systemctl("restart", RSS_AGG)
    return host


def seed(host: Machine, *feeds: dict[str, Any]) -> None:
    """Have these feeds read, often."""
    wanted = document(rss_agg={"heartbeat": {}, "feeds": [{"interval_sec": 0.5} | feed for feed in feeds]})
    (host.root / "etc/marketswarm/truth.json").write_text(json.dumps(wanted), encoding="ascii")
    host.run("marketswarm-seed")


def reasons(host: Machine) -> dict[str, str]:
    """What is wrong with each feed, as `marketswarm feeds` says it."""
    said = json.loads(host.tries("marketswarm", "feeds", "--json").stdout)
    return {one["feed"]: one["error"] or "" for one in said["feeds"] if one["fetched"]}


def says(host: Machine, feeds: Iterable[str], text: str) -> bool:
    """Whether this is what is wrong with these feeds."""
    found = reasons(host)
    return all(text in found.get(feed, "-") for feed in feeds)


def test_a_feed_that_redirects_to_a_bus_reaches_nothing(reading: Machine) -> None:
    """Neither one that is guarded nor one that may lead to private addresses; opened by a drop-in, the latter does."""
    sly = f"http://{PUBLIC}:{PORT}/sly.xml"
    seed(reading, {"name": "guarded", "url": sly}, {"name": "free", "url": sly, "allow_private": True})
    eventually(lambda: says(reading, ["guarded"], "127.0.0.1 is on loopback"), "the guard says so", 30)
    eventually(
        lambda: says(reading, ["free"], "took longer than 2 s"), lambda: f"it is dropped: {reasons(reading)}", 30
    )
    assert "took longer than 2 s" in reading.tries("marketswarm", "feeds").stdout
    assert ATTACK not in reading.journal(BUSES[0])
    open_to(reading.root, {"rss_agg": "127.0.0.1"})
    reading.systemctl("daemon-reload")
    reading.systemctl("restart", RSS_AGG)
    reading.logs(BUSES[0], ATTACK, within_sec=30)


def name_server(host: Machine, address: str) -> None:
    """Have a name server at an address, and the host ask it."""
    (host.root / "srv/names.py").write_text(NAME_SERVER_CODE, encoding="ascii")
    if not address.startswith("127."):
        host.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    host.run("systemd-run", "--quiet", f"--unit=names-{address}", "python3", "/srv/names.py", address)
    text = f"nameserver {address}\noptions timeout:1 attempts:1\n"
    (host.root / "etc/resolv.conf").write_text(text, encoding="ascii")
    eventually(lambda: PUBLIC in host.tries("getent", "ahostsv4", NEWS).stdout, "the host knows the name", 20)


def doctor(host: Machine) -> str:
    """What the doctor says of name servers."""
    lines = host.tries("marketswarm", "doctor").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "name servers" in line)
    return "\n".join(lines[at : at + 2])


def test_names_are_looked_up_where_the_installer_has_opened_the_server(reading: Machine) -> None:
    """As it found them; one that came later is closed, doctor says so, and its remedy opens it."""
    name_server(reading, NAME_SERVER)
    feed = {"name": "news", "url": f"http://{NEWS}:{PORT}/news.xml"}
    seed(reading, feed)
    eventually(lambda: reasons(reading).get("news") == "", lambda: f"it is read: {reasons(reading)}", 30)
    assert "ok    name servers" in doctor(reading)
    name_server(reading, STUB)
    eventually(lambda: says(reading, ["news"], "its name cannot be looked up now"), lambda: f"{reasons(reading)}", 30)
    said = doctor(reading)
    assert f"{STUB} of /etc/resolv.conf is closed to marketswarm@healer.service, " in said
    assert "marketswarm install --start" in said
    opened = reading.run("marketswarm", "install", "--start")
    assert f"opened to services with egress, as name servers of /etc/resolv.conf: {STUB} (" in opened
    eventually(lambda: reasons(reading).get("news") == "", lambda: f"it is read again: {reasons(reading)}", 60)
    assert "ok    name servers" in doctor(reading)


# --- buses on other hosts ---


def test_who_is_cut_off_from_a_bus_says_so_and_the_doctor_too(swarm: Machine) -> None:
    """The service says what is the matter and where to read on, and not that its redis-server may not be running."""
    elsewhere = "SYSTEM_REDIS_URL=redis://10.9.8.7:6379\n"
    (swarm.root / "etc/marketswarm/mesh.env").write_text(elsewhere, encoding="ascii")
    swarm.systemctl("restart", "--no-block", unit("mesh"))
    swarm.logs(unit("mesh"), "the unit of this service is cut off from the network (docs/operate.md")
    (line,) = {line for line in swarm.journal(unit("mesh")).splitlines() if "10.9.8.7:6379 does not answer" in line}
    assert "redis-server" not in line
    with (swarm.root / "etc/marketswarm/marketswarm.env").open("a", encoding="ascii") as environment:
        environment.write(elsewhere)
    lines = swarm.tries("marketswarm", "doctor").stdout.splitlines()
    (found,) = [number for number, text in enumerate(lines) if "system-redis reach" in text]
    assert "it is at 10.9.8.7:6379, which " in lines[found]
    assert "IPAddressAllow=10.9.8.7" in lines[found + 1]
