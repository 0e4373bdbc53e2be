"""`marketswarm-seed --restore`: a bus that lost the truth gets back what the swarm runs on."""

import hashlib
import json
from subprocess import CompletedProcess
from typing import Any

import pytest
from testkit import Server, Swarm, free_port, listening, truth

KEYS = ["truth:doc", "truth:sha256"]
OTHER = truth(mesh={"heartbeat": {"interval_sec": 0.5}})
BAD = truth(mesh={"heartbeat": {"interval_sec": 0}}, rss_agg={"heartbeat": {"interval_sec": -1}})
GARBAGE = "{no truth"

each_bus = pytest.mark.parametrize("lost", ["system", "market"])


def restore(swarm: Swarm, document: Any, *words: str, **environ: str) -> CompletedProcess[str]:
    """Run it with a file that holds ``document``."""
    path = str(swarm.write(document))
    return swarm.command("marketswarm-seed", "--restore", "--wait-sec", "0.5", "--truth", path, *words, **environ)


def held(bus: Server) -> list[bytes | None]:
    """The document on a bus, and the hash beside it."""
    found: Any = bus.client.mget(KEYS)
    return list(found)


def sealed(document: Any) -> list[bytes | None]:
    """What a bus holds after a seed of the document."""
    raw = json.dumps(document).encode()
    return [raw, hashlib.sha256(raw).hexdigest().encode()]


def pair(swarm: Swarm, lost: str) -> tuple[Server, Server]:
    """The bus that is to lose its truth, and the one that keeps it."""
    return (swarm.system, swarm.market) if lost == "system" else (swarm.market, swarm.system)


@each_bus
@pytest.mark.parametrize("document", [OTHER, BAD, GARBAGE], ids=["edited", "bad", "garbage"])
def test_a_wiped_bus_gets_what_the_other_holds(swarm: Swarm, lost: str, document: Any) -> None:
    """Not the file, be it an edit that nobody has seeded or no truth at all; who listens on the bus hears of it."""
    swarm.seed()
    wiped, other = pair(swarm, lost)
    wiped.client.flushall()
    with listening(wiped, "truth:changed") as heard:
        done = restore(swarm, document)
        assert (done.returncode, done.stderr) == (0, "")
        assert held(wiped) == held(other) == sealed(truth())
        assert heard() == [sealed(truth())[1]]
    assert f"{lost}-redis: truth:doc is now " in done.stdout


def test_two_wiped_buses_get_the_file(swarm: Swarm) -> None:
    """There is nothing better; both hold it, with its hash."""
    done = restore(swarm, truth())
    assert (done.returncode, done.stderr) == (0, "")
    assert held(swarm.system) == held(swarm.market) == sealed(truth())
    assert done.stdout.count("truth:doc is now ") == 2


def test_two_wiped_buses_and_a_bad_file_end_in_65(swarm: Swarm) -> None:
    """The file is named, each fault is a line with its JSON path, and nothing is written."""
    path = swarm.write(BAD)
    done = swarm.command("marketswarm-seed", "--restore", "--truth", str(path))
    assert done.returncode == 65
    first, *faults = done.stderr.splitlines()
    assert first == f"{path}: not usable"
    assert sorted(faults) == [
        "error: services.mesh.heartbeat.interval_sec: must be > 0, is 0",
        "error: services.rss_agg.heartbeat.interval_sec: must be > 0, is -1",
    ]
    assert swarm.system.client.keys() == swarm.market.client.keys() == []


def test_two_wiped_buses_and_no_file_end_in_66(swarm: Swarm) -> None:
    """One line says which file was looked for."""
    done = swarm.command("marketswarm-seed", "--restore", "--truth", "nowhere.json")
    assert done.returncode == 66
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: nowhere.json: no such file or directory")


@each_bus
@pytest.mark.parametrize(
    ("raw", "sha256"),
    [
        (b"\xff\x00 garbage", None),
        (b"{}", hashlib.sha256(b"{}").hexdigest()),
        (json.dumps(OTHER).encode(), None),
        (json.dumps(OTHER).encode(), "0" * 64),
    ],
    ids=["garbage", "no-truth", "without-hash", "wrong-hash"],
)
def test_what_no_seed_has_written_is_replaced(swarm: Swarm, lost: str, raw: bytes, sha256: str | None) -> None:
    """By what the other bus holds; the file is another and does not count."""
    swarm.seed()
    spoiled, other = pair(swarm, lost)
    spoiled.client.delete(*KEYS)
    spoiled.client.mset({"truth:doc": raw} | ({"truth:sha256": sha256} if sha256 else {}))
    done = restore(swarm, OTHER)
    assert (done.returncode, done.stderr) == (0, "")
    assert held(spoiled) == held(other) == sealed(truth())


def test_two_good_ones_that_differ_are_left_alone(swarm: Swarm) -> None:
    """Which of them is right is not for a restart to decide; the line says what does."""
    swarm.seed(OTHER)
    kept = dict(zip(KEYS, held(swarm.market), strict=True))
    swarm.seed()
    swarm.market.client.mset({key: value for key, value in kept.items() if value is not None})
    done = restore(swarm, truth())
    assert (done.returncode, done.stderr) == (0, "")
    assert (held(swarm.system), held(swarm.market)) == (sealed(truth()), sealed(OTHER))
    assert "market-redis: has its truth:doc, another than elsewhere: run marketswarm-seed" in done.stdout


def test_where_nothing_is_lost_nothing_is_written(swarm: Swarm) -> None:
    """Nobody hears of a change, whatever the file says."""
    swarm.seed()
    with listening(swarm.system, "truth:changed") as system, listening(swarm.market, "truth:changed") as market:
        done = restore(swarm, OTHER)
        assert done.returncode == 0
        assert (system(), market()) == ([], [])
    assert done.stdout.splitlines() == [f"{bus}: has its truth:doc" for bus in ("system-redis", "market-redis")]
    assert held(swarm.system) == held(swarm.market) == sealed(truth())


@each_bus
def test_a_bus_that_is_away_is_left_to_its_own_next_start(swarm: Swarm, lost: str) -> None:
    """It is said and is no failure; the other keeps what it has, and the file, a bad one, is not asked."""
    swarm.seed()
    port = free_port()
    done = restore(swarm, BAD, **{f"{lost.upper()}_REDIS_URL": f"redis://127.0.0.1:{port}"})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{lost}-redis: does not answer at 127.0.0.1:{port}, left alone" in done.stdout
    away, other = pair(swarm, lost)
    assert held(other) == held(away) == sealed(truth())


def test_the_key_of_the_environment_is_the_one(swarm: Swarm) -> None:
    """TRUTH_REDIS_KEY names another document, with a hash of its own; truth:doc is not touched."""
    key = {"TRUTH_REDIS_KEY": "other:doc"}
    swarm.seed()
    swarm.allow(truth(), **key)
    assert restore(swarm, OTHER, **key).returncode == 0
    swarm.system.client.delete("other:doc", "other:doc:sha256")
    assert restore(swarm, truth(), **key).returncode == 0
    for bus in (swarm.system, swarm.market):
        assert bus.client.mget("other:doc", "other:doc:sha256") == sealed(OTHER)
        assert held(bus) == sealed(truth())
