"""Feeds in and insights out of closed units: as an operator sees it, whoever is killed, whatever is refused."""

import functools
import json
import os
import secrets
import time
from collections import Counter
from itertools import count
from typing import Any

import pytest
import trustme
from host.conftest import Figure
from host.images import ROOT
from host.layout import document, open_to, unit
from host.machine import MARKET, Machine, eventually

from marketswarm.services.rss_agg.parsing.child import MAX_MEMORY_BYTES

RSS_AGG, VEXY_AI = unit("rss_agg"), unit("vexy_ai")
READERS = (RSS_AGG, VEXY_AI)
PORT = 8000
INTERVAL_SEC = 0.3
STOP_SEC = 2.0
"""What runs a command as an ordinary user."""
PARSER = "marketswarm[.]services[.]rss_agg[.]parsing"
"""What pgrep(1) finds the process by that reads documents."""
CLOSED = ("Uid", "NoNewPrivs", "Seccomp", "CapEff", "CapBnd", "Groups")
"""What of proc_pid_status(5) says how closed a process is."""
TURNS = 6
MODEL_ADDRESS = "127.0.0.2"
"""Of this host, and none that a unit reaches: whoever asks there has a way out, and has this address opened."""
MODEL_PORT = 8001
MODEL = f"""
import http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open("/srv/model-asked", "a") as asked:
            asked.write(self.path + " " + str(self.headers["Authorization"]) + "\\n")
        found = json.dumps({{"tickers": ["ACME"], "sentiment": 0.5, "summary": "Said by a model."}})
        body = json.dumps({{"choices": [{{"message": {{"content": found}}}}]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("{MODEL_ADDRESS}", {MODEL_PORT}), Handler).serve_forever()
"""

NAME, TLS_PORT = "news.test", 8443
TLS = f"""
import contextlib, http.server, os, ssl

class Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        with contextlib.suppress(OSError):
            request.unwrap()  # the end of TLS before that of TCP, as servers of the internet have it
        super().shutdown_request(request)

os.chdir("/srv/site")
server = Server(("127.0.0.1", {TLS_PORT}), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
OFTEN = 20
MAX_SOCKETS = 16
"""Of rss_agg: those to its buses, and that of the fetch which is under way or just over."""


@pytest.fixture
def opened() -> dict[str, str]:
    """The site is on the host itself, which is closed to rss_agg."""
    return {"rss_agg": "127.0.0.1"}


class Site:
    """A web server on the host: what it serves, and what it was asked for."""

    def __init__(self, host: Machine) -> None:
        self._host = host
        self._folder = host.root / "srv/site"
        self._folder.mkdir()
        self._times = count(1_700_000_000)
        # It listens on every address of the host.
        server = ("python3", "-m", "http.server", "--directory", "/srv/site", str(PORT))
        host.run("systemd-run", "--quiet", "--unit=site", *server)
        eventually(lambda: host.tries("sh", "-c", f"ss -ltn | grep :{PORT}").stdout, "the site is there", 20)

    def put(self, name: str, *titles: str) -> None:
        """Serve a feed with these entries, the last one on top."""
        entries = "".join(
            f"<item><guid>{title}</guid><title>{title}</title><link>https://news.example/{number}</link></item>"
            for number, title in reversed(list(enumerate(titles)))
        )
        beside = self._folder / f"{name}.new"
        beside.write_text(f"<rss version='2.0'><channel><title>T</title>{entries}</channel></rss>", encoding="ascii")
        # Two edits within a second are one to HTTP, whose times have no fractions.
        at = next(self._times)
        os.utime(beside, (at, at))
        beside.replace(self._folder / f"{name}.xml")

    def secure(self) -> None:
        """Serve the same over TLS too, under a name, with a certificate that the host trusts."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self._host.root / "usr/local/share/ca-certificates/site.crt"))
        authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(str(self._host.root / "srv/server.pem"))
        self._host.run("update-ca-certificates")
        with (self._host.root / "etc/hosts").open("a", encoding="ascii") as hosts:
            hosts.write(f"127.0.0.1 {NAME}\n")
        (self._host.root / "srv/tls.py").write_text(TLS, encoding="ascii")
        self._host.run("systemd-run", "--quiet", "--unit=site-tls", "python3", "/srv/tls.py")
        eventually(lambda: self._host.tries("sh", "-c", f"ss -ltn | grep :{TLS_PORT}").stdout, "it serves TLS", 20)

    def given(self, name: str) -> int:
        """How often a feed was asked for and given in full."""
        return self._asked().count(f'"GET /{name}.xml HTTP/1.1" 200')

    def asked(self, name: str) -> int:
        """How often a feed was asked for."""
        return self._asked().count(f'"GET /{name}.xml ')

    def _asked(self) -> str:
        return self._host.journal("site") + self._host.journal("site-tls")


@pytest.fixture
def site(swarm: Machine) -> Site:
    """A web server beside a swarm that reads no feed yet."""
    return Site(swarm)


def feed(name: str, *, host: str = "127.0.0.1", page: str | None = None, private: bool = True) -> dict[str, Any]:
    """Name a feed of the site in truth."""
    url = f"http://{host}:{PORT}/{page or name}.xml"
    return {"name": name, "url": url, "interval_sec": INTERVAL_SEC} | ({"allow_private": True} if private else {})


def seed(host: Machine, *feeds: dict[str, Any], handler: str = "lexicon") -> None:
    """Edit the truth so that these feeds are read, and seed it."""
    truth = document(
        rss_agg={"heartbeat": {}, "feeds": list(feeds)}, vexy_ai={"heartbeat": {}, "work": {"handler": handler}}
    )
    (host.root / "etc/marketswarm/truth.json").write_text(json.dumps(truth), encoding="utf-8")
    host.run("marketswarm-seed")


def titles(number: int, first: int = 0) -> list[str]:
    """So many titles."""
    return [f"Shares of company {index} rise" for index in range(first, first + number)]


def insights(host: Machine) -> list[dict[str, Any]]:
    """Every insight."""
    lines = host.redis("XRANGE", "vexy:insights", "-", "+", port=MARKET).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def worked_through(host: Machine, number: int, within_sec: float = 30.0) -> list[dict[str, Any]]:
    """Wait for so many insights, and return them."""
    eventually(
        lambda: int(host.redis("XLEN", "vexy:insights", port=MARKET)) >= number,
        lambda: (
            f"{number} insights; {host.tries('marketswarm', 'feeds').stdout}{host.tries('marketswarm', 'queue').stdout}"
        ),
        within_sec,
    )
    return insights(host)


def once(found: list[dict[str, Any]]) -> bool:
    """Whether no item has two insights."""
    return set(Counter(one["item_id"] for one in found).values()) == {1}


def shows(host: Machine, name: str, says: str) -> bool:
    """Whether `systemctl status` of a unit holds a text."""
    return says in host.systemctl("status", "--no-pager", "--full", name)


def failures(host: Machine) -> dict[str, int]:
    """How often each feed has failed in a row."""
    said = json.loads(host.tries("marketswarm", "feeds", "--json").stdout)
    return {one["feed"]: one["failures"] for one in said["feeds"]}


def parsers(host: Machine) -> list[str]:
    """The processes that read documents."""
    return host.tries("pgrep", "--full", PARSER).stdout.split()


def processes(host: Machine, name: str) -> list[str]:
    """All processes of a unit."""
    (group,) = host.show(name, "ControlGroup")
    return host.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").split()


def pss_mib(host: Machine, pid: str) -> float:
    """The memory of a process, its share of what it has in common with others included (PSS)."""
    lines = host.run("cat", f"/proc/{pid}/smaps_rollup").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def took_sec(host: Machine, name: str, begin: str, end: str) -> float:
    """The seconds between two of systemd's times of a unit."""
    began, ended = host.show(name, f"{begin}TimestampMonotonic", f"{end}TimestampMonotonic")
    return (int(ended) - int(began)) / 1e6


def troubles(host: Machine, *names: str) -> list[str]:
    """What the two, or these, have said at warning and above."""
    units = [f"--unit={name}" for name in names or READERS]
    return host.run("journalctl", "--no-pager", "-p", "warning", "-o", "cat", *units).splitlines()


def test_an_operator_sees_what_comes_in_and_what_is_made_of_it(swarm: Machine, site: Site, figure: Figure) -> None:
    """A feed is seeded: each entry has one insight; status, feeds, queue and doctor say so, the journal complains not.

    Memory and the time to READY=1 are figures: what this host is busy with beside it is in them.
    """
    site.put("news", *titles(20))
    seed(swarm, feed("news"))
    found = worked_through(swarm, 20)
    assert once(found)
    assert sorted(one["title"] for one in found) == sorted(titles(20))
    for name, says in ((RSS_AGG, "1 feed(s), 0 broken; 20 item(s)"), (VEXY_AI, "20 item(s) worked through")):
        eventually(functools.partial(shows, swarm, name, says), f"{name}: {says}", 10)
    row = swarm.run("marketswarm", "feeds").splitlines()[1].split()
    assert (row[:2], row[5:7]) == (["news", "ok"], ["20", "20"]), row
    said = swarm.run("marketswarm", "queue")
    assert "rss:queue on market-redis: 20 of about" in said
    assert "group vexy_ai: nothing waits" in said
    assert "alive" in said
    said = swarm.tries("marketswarm", "doctor").stdout
    assert "1 feed, none broken" in said, said
    assert "rss:queue: 0 of 20 entries wait, none dead" in said, said
    for name in READERS:
        ready_sec = took_sec(swarm, name, "ExecMainStart", "ActiveEnter")
        swarm.systemctl("restart", name)
        again_sec = took_sec(swarm, name, "ExecMainStart", "ActiveEnter")
        figure(f"{name}: ready {ready_sec:.2f} s after its start at boot, {again_sec:.2f} s at a restart")
    site.put("news", *titles(21))
    assert once(worked_through(swarm, 21))
    for name in READERS:
        each = [f"{pss_mib(swarm, pid):.0f}" for pid in processes(swarm, name)]
        (whole,) = swarm.show(name, "MemoryCurrent")
        figure(f"{name}: {' + '.join(each)} MiB (PSS of its processes; MemoryCurrent {whole})")
    assert troubles(swarm) == []


def test_what_reads_documents_is_as_closed_as_its_unit_and_ends_with_it(
    swarm: Machine, site: Site, figure: Figure
) -> None:
    """It is in the unit's control group with all its locks, first to go without memory, and outlives no stop.

    Neither one while it rests nor one while a document hangs in it takes longer than the two seconds of the contract.
    """
    site.put("news", *titles(1))
    seed(swarm, feed("news"))
    worked_through(swarm, 1)
    (parser,) = parsers(swarm)
    main = str(swarm.pid(RSS_AGG))
    assert sorted(processes(swarm, RSS_AGG)) == sorted([main, parser])
    assert shows(swarm, RSS_AGG, "marketswarm.services.rss_agg.parsing")
    closed = locks(swarm, parser)
    assert closed == locks(swarm, main)
    assert (closed["NoNewPrivs"], closed["Seccomp"], closed["CapEff"]) == ("1", "2", "0" * 16)
    assert swarm.run("cat", f"/proc/{parser}/oom_score_adj").strip() == "500"
    assert f"{MAX_MEMORY_BYTES} " in data_limit(swarm, parser)
    assert stopped(swarm) < STOP_SEC, end_of(swarm)
    swarm.systemctl("start", RSS_AGG)
    site.put("news", *titles(2))
    worked_through(swarm, 2)
    (parser,) = parsers(swarm)
    before = site.given("news")
    swarm.run("kill", "-STOP", parser)
    site.put("news", *titles(3))
    eventually(lambda: site.given("news") > before, "a document hangs in it", 10)
    busy_sec = stopped(swarm)
    figure(f"{RSS_AGG}: stopped within {busy_sec:.2f} s while a document hangs in its parser")
    assert busy_sec < STOP_SEC, end_of(swarm)
    swarm.systemctl("start", RSS_AGG)
    assert once(worked_through(swarm, 3))
    assert troubles(swarm) == []


def locks(host: Machine, pid: str) -> dict[str, str]:
    """How closed a process is, as the kernel has it."""
    lines = host.run("cat", f"/proc/{pid}/status").splitlines()
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {name: fields[name] for name in CLOSED}


def data_limit(host: Machine, pid: str) -> str:
    """How much memory a process may take, as the kernel has it."""
    lines = host.run("cat", f"/proc/{pid}/limits").splitlines()
    return next(line for line in lines if line.startswith("Max data size"))


def stopped(host: Machine) -> float:
    """Stop rss_agg as an operator does, which must end well and leave no process; returns how long it took."""
    host.systemctl("stop", RSS_AGG)
    assert parsers(host) == []
    assert host.show(RSS_AGG, "Result", "ExecMainStatus") == ("success", "0")
    return took_sec(host, RSS_AGG, "ActiveExit", "InactiveEnter")


def end_of(host: Machine) -> str:
    """Where the time of the last stop of rss_agg went: how long its process lived on, and who said what when."""
    lived_sec = took_sec(host, RSS_AGG, "ActiveExit", "ExecMainExit")
    said = host.run("journalctl", "--no-pager", "--lines=40", "--output=short-precise", f"--unit={RSS_AGG}")
    return f"its process lived on for {lived_sec:.2f} s\n{said}"


def test_a_feed_over_tls_leaves_nothing_behind(swarm: Machine, site: Site, figure: Figure) -> None:
    """Asked often: its connections go one after another; a new truth finds the same process, and a stop ends it well.

    Not a matter of course: Debian 12's asyncio raises where a TLS connection is aborted that both sides have closed.
    """
    site.secure()
    # Trust is read when it starts.
    swarm.systemctl("restart", RSS_AGG)
    site.put("news", *titles(2))
    secure = feed("news") | {"url": f"https://{NAME}:{TLS_PORT}/news.xml"}
    seed(swarm, secure)
    assert once(worked_through(swarm, 2))
    eventually(lambda: site.asked("news") >= OFTEN, "it is asked often", 60)
    figure(f"{RSS_AGG}: {sockets(swarm)} sockets after {site.asked('news')} fetches over TLS")
    eventually(lambda: sockets(swarm) <= MAX_SOCKETS, lambda: f"few sockets, are {sockets(swarm)}", 10)
    process, asked = swarm.pid(RSS_AGG), site.asked("news")
    seed(swarm, secure | {"category": "markets"})
    eventually(lambda: site.asked("news") >= asked + OFTEN, "it is asked often again", 60)
    assert swarm.pid(RSS_AGG) == process
    stopped(swarm)
    assert "Traceback" not in swarm.journal(RSS_AGG)
    assert troubles(swarm) == []


def sockets(host: Machine) -> int:
    """How many sockets rss_agg holds."""
    return host.run("ls", "-l", f"/proc/{host.pid(RSS_AGG)}/fd").count("socket:")


def test_whoever_is_killed_every_entry_has_one_insight(swarm: Machine, site: Site) -> None:
    """SIGKILL of both, again and again while entries come: they are back by themselves, nothing is lost or doubled.

    With all its processes or alone in turn, each time a little later; the parser never outlives who has started it.
    """
    site.put("news", *titles(20))
    seed(swarm, feed("news"))
    worked_through(swarm, 20)
    for turn in range(1, TURNS + 1):
        site.put("news", *titles(20 + 10 * turn))
        time.sleep(0.2 * turn)
        for name in READERS:
            if turn % 2:
                swarm.systemctl("kill", "--signal=KILL", name)
            else:
                swarm.signal(name, "KILL")
        eventually(functools.partial(restarted, swarm, turn), f"restart {turn} of both", 15)
        swarm.active(*READERS)
    every = titles(20 + 10 * TURNS)
    found = worked_through(swarm, len(every))
    # Who was killed with items in hand has them once more; nothing that comes late may be a second one.
    eventually(lambda: "nothing waits" in swarm.tries("marketswarm", "queue").stdout, "nothing waits", 30)
    found = insights(swarm)
    assert sorted(one["title"] for one in found) == sorted(every)
    assert once(found)
    assert swarm.redis("XLEN", "rss:queue:dead", port=MARKET) == "0"
    assert len(parsers(swarm)) <= 1
    assert [pid for pid in parsers(swarm) if pid not in processes(swarm, RSS_AGG)] == []
    assert "Traceback" not in swarm.journal(RSS_AGG) + swarm.journal(VEXY_AI)


def restarted(host: Machine, times: int) -> bool:
    """Whether each of the two was started again by systemd so often."""
    return {host.show(name, "NRestarts") for name in READERS} == {(str(times),)}


def test_what_may_not_be_asked_and_what_is_not_there_are_said_once(swarm: Machine, site: Site) -> None:
    """Addresses of the host itself, by number and by name, and a page that is gone: a warning each, however often.

    The first two are not even asked. The last comes, and is told as good again.
    """
    with (swarm.root / "etc/hosts").open("a", encoding="ascii") as hosts:
        hosts.write("127.0.0.3 inside.test\n")
    site.put("news", *titles(3))
    feeds = (
        feed("number", page="news", private=False),
        feed("name", host="inside.test", page="news", private=False),
        feed("late"),
    )
    seed(swarm, *feeds)
    eventually(lambda: min(failures(swarm).values()) >= 4, lambda: f"each fails often: {failures(swarm)}", 30)
    shown = swarm.tries("marketswarm", "feeds")
    assert shown.returncode == 1
    for says in (
        "leads to a private address (127.0.0.1 is on loopback)",
        "leads to a private address (127.0.0.3 is on loopback)",
        "answers 404",
    ):
        assert says in shown.stdout, shown.stdout
        assert len([line for line in troubles(swarm) if says in line]) == 1, troubles(swarm)
    assert len(troubles(swarm)) == len(feeds)
    eventually(lambda: shows(swarm, RSS_AGG, "3 feed(s), 3 broken"), "its status says so", 10)
    said = swarm.tries("marketswarm", "doctor").stdout
    assert "3 feeds, 3 broken: number, name, late" in said, said
    assert "marketswarm feeds" in said
    assert site.asked("news") == 0
    assert site.asked("late") >= 4
    site.put("late", *titles(3))
    swarm.logs(RSS_AGG, "late: works again after", within_sec=30)
    assert once(worked_through(swarm, 3))
    assert len(troubles(swarm)) == len(feeds)
    assert "Traceback" not in swarm.journal(RSS_AGG)


def way_out() -> list[str]:
    """What gives vexy_ai a way out, as its drop-in has it."""
    text = (ROOT / "systemd" / f"{VEXY_AI}.d" / "credentials.conf").read_text(encoding="utf-8")
    return [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]


def test_a_model_elsewhere_is_asked_once_the_unit_may(swarm: Machine, site: Site) -> None:
    """Closed, word lists stand in for it; with the way out of the drop-in it answers, and nobody else sees the key.

    The model is no host of the internet here: the address at which it is is opened, too.
    """
    secret = secrets.token_hex()
    (swarm.root / "srv/model.py").write_text(MODEL, encoding="ascii")
    swarm.run("systemd-run", "--quiet", "--unit=model", "python3", "/srv/model.py")
    (swarm.root / "etc/marketswarm/credentials/OPENAI_API_KEY").write_text(f"{secret}\n", encoding="ascii")
    (swarm.root / "etc/marketswarm/vexy_ai.env").write_text(
        f"OPENAI_BASE_URL=http://{MODEL_ADDRESS}:{MODEL_PORT}/v1\nOPENAI_MODEL=a-model\nOPENAI_TIMEOUT_SEC=1\n",
        encoding="ascii",
    )
    swarm.systemctl("restart", VEXY_AI)
    site.put("news", *titles(1))
    seed(swarm, feed("news"), handler="openai")
    (without,) = worked_through(swarm, 1)
    assert without["handler"] == "lexicon"
    assert "the unit of this service is cut off from the network" in without["fallback"]
    assert not (swarm.root / "srv/model-asked").exists()
    open_to(swarm.root, {"vexy_ai": MODEL_ADDRESS})
    for line in way_out():
        swarm.run("sh", "-euc", line)
    site.put("news", *titles(2))
    asked = worked_through(swarm, 2)[1]
    assert (asked["handler"], asked["tickers"], asked["summary"]) == ("openai", ["ACME"], "Said by a model.")
    heard = (swarm.root / "srv/model-asked").read_text(encoding="ascii")
    assert heard == f"/v1/chat/completions Bearer {secret}\n"
    main = swarm.pid(VEXY_AI)
    for command in (
        ("journalctl", "--no-pager", "--output=export"),
        ("systemctl", "show", VEXY_AI),
        ("cat", f"/proc/{main}/environ", f"/proc/{main}/cmdline"),
        ("marketswarm", "doctor"),
        (*swarm.redis_cli(MARKET), "XRANGE", "vexy:insights", "-", "+"),
    ):
        assert secret not in swarm.tries(*command).stdout, command
