"""Buses over TLS, by real certificates: who is let in, who is not and in which words, and how they are renewed."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from securing import HOST, Authority, Pair, TlsServer, environ, files
from testkit import SERVICES, Swarm, Users, eventually, watching

from marketswarm import names
from marketswarm.address import Address
from marketswarm.bus import Bus
from marketswarm.doctor.remedies import redis_cli
from marketswarm.firehose import Firehose

PASSWORD: Final = "hunter2"


class World:
    """Two buses over TLS with one certificate, and the one of their clients."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority(directory)
        self.served = self.authority.issue()
        self.shown = self.authority.issue("swarm.example")
        users = Users(directory)
        for file in users.files.values():
            with file.open("a", encoding="ascii") as lines:
                lines.write(f"user ann on >{PASSWORD} ~* &* +@all\n")
        self.system, self.market = (
            TlsServer(directory, self.authority, self.served, users, bus) for bus in names.DEFAULT_BUS_URLS
        )
        self.system.start()
        self.market.start()
        self.swarm = Swarm(self.system, self.market, directory)
        self.swarm.environ |= environ(self.authority, self.shown)

    def close(self) -> None:
        """Leave nothing behind."""
        self.swarm.close()
        self.system.stop()
        self.market.stop()

    def command(self, *words: str, **variables: str) -> tuple[int, str]:
        """Run a command, for its exit code and all that it says."""
        done = self.swarm.command("marketswarm", *words, **variables)
        return done.returncode, done.stdout + done.stderr

    def doctor(self, **variables: str) -> dict[str, dict[str, Any]]:
        """What the doctor finds, by the names of the checks."""
        said = self.swarm.command("marketswarm", "doctor", "--json", **variables).stdout
        return {check["name"]: check for check in json.loads(said)["checks"]}

    def secrets(self) -> list[str]:
        """Lines that nobody may see: of passwords, and of keys."""
        keys = [line for path in self.directory.glob("key-*.pem") for line in path.read_text().splitlines()[1:-1]]
        passwords = self.system.users.passwords if self.system.users else None
        assert keys
        assert passwords
        return [PASSWORD, *keys, *map(passwords.of, passwords.known())]

    def is_discreet(self, *said: str) -> bool:
        """Whether no secret is in what was said, nor in any log."""
        everything = "".join([*said, *(log.read_text("utf-8") for log in self.directory.glob("*.log"))])
        return not any(secret in everything for secret in self.secrets())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two such buses, empty."""
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_the_whole_swarm_runs_over_tls(world: World) -> None:
    """The seed, six services, the subscriptions of those who watch, and every command that looks."""
    world.swarm.seed(watching("rss_agg", "massive", "mesh", "vexy_ai"))
    services = {name: world.swarm.start(name) for name in SERVICES}
    for service in services.values():
        service.ready()
    world.swarm.until("rss_agg", "heartbeat_ok")
    services["rss_agg"].kill()
    world.swarm.until("rss_agg", "heartbeat_miss")
    code, status = world.command("status")
    assert code == 2, status
    assert re.search(r"massive +up", status)
    assert "heartbeat_miss" in world.command("alerts", "--json")[1]
    found = world.doctor()
    assert found["system-redis"]["found"].startswith(f"{HOST}:{world.system.secure_port} answers in ")
    assert found["market-redis"]["verdict"] == "ok"
    assert found["system-redis memory"]["verdict"] == "ok"
    assert world.is_discreet(status, str(found))


def test_a_login_in_the_address_goes_over_tls(world: World) -> None:
    """The user that it names is the one whom the bus sees, and its password is in no log."""
    world.swarm.environ.pop(names.ENV_REDIS_CREDENTIALS)
    address = world.system.url.replace("//", f"//ann:{PASSWORD}@")
    world.swarm.environ |= {
        "SYSTEM_REDIS_URL": address,
        "MARKET_REDIS_URL": world.market.url.replace("//", f"//ann:{PASSWORD}@"),
        "LOG_LEVEL": "DEBUG",
    }
    done = world.swarm.command("marketswarm-seed", "--truth", str(world.swarm.write(watching("rss_agg"))))
    assert done.returncode == 0, done.stderr
    world.swarm.start("rss_agg").ready()
    world.swarm.start("healer").ready()
    clients = world.system.client.client_list()
    assert {client["user"] for client in clients if client["name"] == "marketswarm:rss_agg"} == {"ann"}
    assert world.is_discreet(done.stderr, world.command("status")[1], str(world.doctor()))


def one_who_shows_nothing(world: World) -> dict[str, str]:
    """A client without a certificate."""
    return environ(world.authority, None)


def one_who_shows_nothing_by_tls_1_2(world: World) -> dict[str, str]:
    """The same, and servers that know no newer TLS, in which the alert of the handshake says less."""
    for server in (world.system, world.market):
        server.client.config_set("tls-protocols", "TLSv1.2")
    return environ(world.authority, None)


def one_of_another_ca(world: World) -> dict[str, str]:
    """A client whose certificate the servers do not trust."""
    return environ(world.authority, Authority(world.directory).issue("swarm.example"))


def one_that_has_expired(world: World) -> dict[str, str]:
    """A client that was not renewed in time."""
    return environ(world.authority, world.authority.issue("swarm.example", expired=True))


def one_who_trusts_others(world: World) -> dict[str, str]:
    """A client that knows of another CA."""
    return environ(Authority(world.directory), world.shown)


def one_who_trusts_the_system(world: World) -> dict[str, str]:
    """A client that knows of none of ours."""
    return environ(None, world.shown)


def servers_that_have_expired(world: World) -> dict[str, str]:
    """Servers that were not renewed in time."""
    for server in (world.system, world.market):
        server.show(world.authority.issue(expired=True))
    return {}


def servers_of_another_name(world: World) -> dict[str, str]:
    """Servers that are somebody else."""
    for server in (world.system, world.market):
        server.show(world.authority.issue("elsewhere.example"))
    return {}


@pytest.mark.parametrize(
    ("wrong", "says", "hint"),
    [
        (one_who_shows_nothing, "it wants a certificate of its client", "set REDIS_TLS_CERT_FILE"),
        (one_who_shows_nothing_by_tls_1_2, "as one does that wants a certificate of its", "set REDIS_TLS_CERT_FILE"),
        (one_of_another_ca, "it does not take the certificate of its client (of a CA", "see REDIS_TLS_CERT_FILE"),
        (one_that_has_expired, "the certificate of its client (expired)", "renew REDIS_TLS_CERT_FILE"),
        (one_who_trusts_others, "certificate is not valid (of a CA that is not trusted)", "into REDIS_TLS_CA_FILE"),
        (one_who_trusts_the_system, "certificate is not valid (of a CA that is", "into REDIS_TLS_CA_FILE"),
        (servers_that_have_expired, "its certificate is not valid (expired)", "renew it"),
        (servers_of_another_name, "its certificate is not valid (for another address)", "the host in the address"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_in_words(world: World, wrong: Any, says: str, hint: str) -> None:
    """By a service, which tries on and says it once; by status; and by the doctor, with what to do."""
    world.swarm.seed(watching("rss_agg"))
    variables = wrong(world)
    service = world.swarm.start("rss_agg", **variables).logs(says)
    code, status = world.command("status", **variables)
    assert code == 3
    assert says in status
    assert hint in status
    found = world.doctor(**variables)["market-redis"]
    assert found["verdict"] == "FAIL"
    assert says in found["found"]
    assert hint in found["remedy"]
    assert f"redis-cli -p {world.market.secure_port} --tls" in found["remedy"]
    lines = [line for line in service.log.splitlines() if f"system-redis at {HOST}:{world.system.secure_port} " in line]
    assert len(lines) == 1, service.log
    assert hint in lines[0]
    assert not service.ended()
    assert not world.system.client.keys("rss_agg:*")
    assert world.is_discreet(status, str(found))


def test_a_service_works_once_its_server_is_renewed(world: World) -> None:
    """It has tried meanwhile, as it does while a bus is away; what is wrong is told though the outage began before."""
    world.swarm.seed(watching("rss_agg"))
    healer = world.swarm.start("healer").ready()
    service = world.swarm.start("rss_agg").ready()
    world.swarm.until("rss_agg", "heartbeat_ok")
    expired = world.authority.issue(expired=True)
    fresh = Pair(expired.cert.with_name("fresh-cert.pem"), expired.key.with_name("fresh-key.pem"))
    for mine, old in ((fresh.cert, world.served.cert), (fresh.key, world.served.key)):
        mine.write_bytes(old.read_bytes())
    world.served.become(expired)
    for server in (world.system, world.market):
        server.kill()
    for who in (healer, service):
        who.logs("connection re")
    for server in (world.system, world.market):
        server.start()
    for who in (healer, service):
        who.logs("does not answer (its certificate is not valid (expired)); renew it")
    world.served.become(fresh)
    for server in (world.system, world.market):
        server.show(world.served)
    world.swarm.seed(watching("rss_agg"))
    service.logs("answers again")
    world.swarm.until("rss_agg", "heartbeat_ok")
    told = [
        line for line in service.log.splitlines() if f"{world.system.secure_port} does not answer (its cert" in line
    ]
    assert len(told) == 1, service.log


def test_a_renewed_certificate_is_shown_by_the_next_connection(world: World) -> None:
    """Of a service that runs: a new CA, a new certificate and its key, and the old ones are worth nothing any more."""
    world.swarm.seed(watching("rss_agg"))
    healer = world.swarm.start("healer").ready()
    service = world.swarm.start("rss_agg").ready()
    world.swarm.until("rss_agg", "heartbeat_ok")
    new = Authority(world.directory)
    world.served.become(new.issue())
    world.authority.path.write_bytes(new.path.read_bytes())
    for server in (world.system, world.market):
        server.kill()
        server.start()
    who_is_refused = world.command("status")[1]
    assert "it does not take the certificate of its client" in who_is_refused
    world.shown.become(new.issue("swarm.example"))
    world.swarm.seed(watching("rss_agg"))
    world.swarm.until("rss_agg", "heartbeat_ok")
    for who in (healer, service):
        who.logs("the files for TLS have changed")
    assert world.is_discreet(who_is_refused)


def test_half_a_renewal_loses_no_bus(world: World) -> None:
    """The new certificate is there and its key is not: the old ones go on, and that is said once."""
    world.swarm.seed(watching("rss_agg"))
    service = world.swarm.start("rss_agg").ready()
    renewed = world.authority.issue("swarm.example")
    world.shown.cert.write_bytes(renewed.cert.read_bytes())
    for _ in range(2):
        cut_off(world)
        still_beats(world)
    assert service.log.count("does not belong to the certificate") == 1, service.log
    world.shown.key.write_bytes(renewed.key.read_bytes())
    cut_off(world)
    service.logs("the files for TLS have changed")


def beats_of(world: World) -> int:
    """How many beats rss_agg has sent."""
    beat = world.system.json("rss_agg:heartbeat")
    assert beat
    return int(beat["i"])


def still_beats(world: World) -> None:
    """Wait for two beats more."""
    before = beats_of(world)
    eventually(lambda: beats_of(world) > before + 1, "beats")


def cut_off(world: World) -> None:
    """End the connections of rss_agg."""
    for client in world.system.client.client_list():
        if client["name"] == "marketswarm:rss_agg":
            world.system.client.client_kill(client["addr"])


@pytest.mark.parametrize("name", ["status", "doctor"])
def test_the_wrong_kind_of_port_is_told_in_words(world: World, name: str) -> None:
    """rediss:// where nobody speaks TLS: it is no riddle, and takes no longer than any bus that hangs."""
    _, said = world.command(name, SYSTEM_REDIS_URL=f"rediss://{HOST}:{world.system.port}")
    assert "no answer in time" in said


def test_a_start_with_files_that_cannot_be_used_ends_with_78(world: World) -> None:
    """The service says which variable and why, and its service manager does not try again."""
    service = world.swarm.start("rss_agg", REDIS_TLS_KEY_FILE=str(world.served.key))
    assert service.exit_code() == 78
    says = f"REDIS_TLS_KEY_FILE: {world.served.key}: does not belong to the certificate {world.shown.cert}"
    assert says in service.log
    found = world.doctor(REDIS_TLS_KEY_FILE=str(world.served.key))
    assert found["environment"]["verdict"] == "FAIL"
    assert says in found["environment"]["found"]
    assert world.is_discreet(str(found))


def test_redis_cli_as_the_doctor_writes_it_can_be_typed(world: World) -> None:
    """It gets through to a bus that is well."""
    address = Address(HOST, world.system.secure_port, tls=True).secured(files(world.authority, world.shown))
    login = ["--user", "ann", "--pass", PASSWORD, "PING"]
    done = subprocess.run([*redis_cli(address).split(), *login], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "PONG"


def test_acl_cli_goes_over_tls(world: World) -> None:
    """As who may do anything."""
    world.swarm.seed(watching("rss_agg"))
    code, said = world.command("acl", "cli", "system-redis", "ACL", "WHOAMI")
    assert (code, said.strip()) == (0, "marketswarm-admin")


def test_a_subscription_that_is_not_let_in_says_why(world: World) -> None:
    """And nothing else, however often it tries; it hears as soon as its certificate is there."""
    lost: list[str] = []
    pair = world.authority.issue("swarm.example", expired=True)
    address = Address(HOST, world.system.secure_port, username="ann", password=PASSWORD, tls=True)

    async def run() -> None:
        live, told = asyncio.Event(), asyncio.Event()

        def on_lost(why: str) -> None:
            lost.append(why)
            told.set()

        bus = Bus("system-redis", world.system.address, client_name="test", loud=False)
        hose = Firehose(
            address.secured(files(world.authority, pair)),
            {},
            [],
            client_name="test",
            canary="test:canary",
            publish=bus.publish,
            on_beats=lambda *_: None,
            on_live=live.set,
            on_lost=on_lost,
            chance=lambda: 0.0,
        )
        listening = asyncio.create_task(hose.run())
        async with asyncio.timeout(30):
            await told.wait()
            pair.become(world.shown)
            await live.wait()
        listening.cancel()
        await asyncio.wait({listening})
        await bus.close()

    asyncio.run(run())
    assert lost == ["it does not take the certificate of its client (expired)"]
