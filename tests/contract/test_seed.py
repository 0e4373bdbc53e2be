"""The bootstrap's promises."""

import hashlib
import json

import pytest
from testkit import Swarm, free_port, listening, truth


def test_the_document_its_hash_and_the_news_reach_both_buses(swarm: Swarm) -> None:
    """The hash is of the exact bytes stored; who listens on truth:changed hears it."""
    path = swarm.write(truth())
    raw = path.read_bytes()
    sha256 = hashlib.sha256(raw).hexdigest().encode()
    with listening(swarm.system, "truth:changed") as heard:
        done = swarm.command("marketswarm-seed", "--truth", str(path))
        assert done.returncode == 0
        for bus in (swarm.system, swarm.market):
            assert bus.client.mget("truth:doc", "truth:sha256") == [raw, sha256]
        assert heard() == [sha256]


def test_run_again_it_changes_nothing(swarm: Swarm) -> None:
    """No write and no news where the buses have it already."""
    path = swarm.write(truth())
    swarm.command("marketswarm-seed", "--truth", str(path))
    with listening(swarm.system, "truth:changed") as heard:
        done = swarm.command("marketswarm-seed", "--truth", str(path))
        assert done.returncode == 0
        assert done.stdout.count("unchanged") == 2
        assert heard() == []


def test_a_bad_document_is_told_whole_and_changes_nothing(swarm: Swarm) -> None:
    """One line a fault with its JSON path, all at once, exit 65; the good truth stays on both buses."""
    swarm.seed()
    before = swarm.system.client.get("truth:doc")
    document = truth()
    document["services"]["healer"]["threshold"]["heartbeat_cadence"] = -3
    document["services"]["rss_agg"]["heartbeat"]["interval_sec"] = 0
    done = swarm.command("marketswarm-seed", "--truth", str(swarm.write(document)))
    assert done.returncode == 65
    assert "error: services.healer.threshold.heartbeat_cadence: must be > 0, is -3" in done.stderr
    assert "error: services.rss_agg.heartbeat.interval_sec: must be > 0, is 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert swarm.system.client.get("truth:doc") == swarm.market.client.get("truth:doc") == before


def test_without_a_file_it_says_where_it_looked(swarm: Swarm) -> None:
    """Exit 66 for a file that is missing, named or not; what next is what the command itself takes."""
    for command, clue in (
        (["marketswarm-seed"], "name one by --truth FILE"),
        (["marketswarm-seed", "--truth", "nowhere.json"], "nowhere.json: no such file"),
        (["marketswarm", "truth", "check"], "name one by the argument FILE"),
        (["marketswarm", "truth", "diff", "nowhere.json"], "nowhere.json: no such file"),
    ):
        done = swarm.command(*command)
        assert done.returncode == 66
        assert len(done.stderr.splitlines()) == 1
        assert clue in done.stderr


def test_a_bus_that_does_not_come_ends_in_69_and_nothing_written(swarm: Swarm) -> None:
    """After the bound it says which bus; the bus that is up is untouched."""
    words = ["marketswarm-seed", "--truth", str(swarm.write(truth())), "--wait-sec", "1"]
    done = swarm.command(*words, MARKET_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert done.returncode == 69
    assert "market-redis" in done.stderr
    assert "nothing was written" in done.stderr
    assert swarm.system.client.keys() == []


def test_check_contacts_no_bus(swarm: Swarm) -> None:
    """--check validates and no more."""
    gone = f"redis://127.0.0.1:{free_port()}"
    words = ["marketswarm-seed", "--check", "--truth", str(swarm.write(truth()))]
    done = swarm.command(*words, SYSTEM_REDIS_URL=gone, MARKET_REDIS_URL=gone)
    assert done.returncode == 0
    assert "good, 6 service(s)" in done.stdout


def test_diff_shows_who_is_concerned_and_each_change_by_its_path(swarm: Swarm) -> None:
    """--diff and `truth diff` say once for both buses what a seed would change, and change nothing."""
    swarm.seed()
    changed = truth(mesh={"heartbeat": {"interval_sec": 0.5}})
    path = str(swarm.write(changed))
    before = swarm.system.client.get("truth:doc")
    for words in (["marketswarm-seed", "--diff", "--truth", path], ["marketswarm", "truth", "diff", path]):
        done = swarm.command(*words)
        assert done.returncode == 1
        first, *lines = done.stdout.splitlines()
        assert first.startswith("system-redis, market-redis: ")
        assert lines == [
            "mesh begins its work anew, no restart",
            "  ~ services.mesh.heartbeat.interval_sec: 0.25 -> 0.5",
            "healer begins its work anew, no restart",
            "  ~ watches.mesh.interval_sec: 0.25 -> 0.5",
            "each other service goes on, only its beats name the new truth",
        ]
    assert swarm.system.client.get("truth:doc") == swarm.market.client.get("truth:doc") == before
    swarm.seed(changed)
    done = swarm.command("marketswarm", "truth", "diff", path)
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"{path}: the same as on every bus"])


def test_diff_for_programs_says_the_same(swarm: Swarm) -> None:
    """One object, with the exit code in it; a bus without truth has no hash there."""
    swarm.seed()
    stored = hashlib.sha256(swarm.write(truth()).read_bytes()).hexdigest()
    swarm.market.client.delete("truth:doc")
    path = str(swarm.write(truth(new_svc={})))
    done = swarm.command("marketswarm", "truth", "diff", path, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == found["exit_code"] == 1
    assert found["buses"] == {"system-redis": stored, "market-redis": None}
    changes = {name: service["change"] for name, service in found["services"].items()}
    assert changes == {"new_svc": "added", "mesh": "changed"}
    assert found["other"] == ["market-redis: has no truth:doc"]


def test_show_prints_what_is_stored(swarm: Swarm) -> None:
    """Byte for byte, but for the line end; without truth it says what to do."""
    assert swarm.command("marketswarm", "truth", "show").returncode == 66
    swarm.seed()
    done = swarm.command("marketswarm", "truth", "show", "--bus", "market-redis")
    assert json.loads(done.stdout) == truth()


OPEN = "warning: system-redis and market-redis without users: anybody who reaches them can forge beats"


def test_buses_that_are_open_are_warned_of_once(swarm: Swarm) -> None:
    """For all of them in one line that says what to do, after the work is done; with users there is none of it.

    Nothing is said of rights beyond that: here nobody gives any.
    """
    for said in ("is now", "unchanged"):
        path = str(swarm.write(truth()))
        done = swarm.command("marketswarm-seed", "--truth", path, REDIS_CREDENTIALS=credentials(swarm))
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        about_rights = [line for line in lines if "rights" in line or "users" in line]
        assert sum(said in line for line in lines) == 2
        if swarm.system.users:
            assert about_rights == []
        else:
            assert about_rights == lines[-1:]
            assert lines[-1].startswith(OPEN)
            assert lines[-1].endswith("marketswarm acl show")


def credentials(swarm: Swarm) -> str:
    """A folder with the seed's own password alone, as its unit has it; none where the buses have no users."""
    if not swarm.system.users:
        return ""
    folder = swarm.directory / "of-the-unit"
    folder.mkdir(exist_ok=True)
    (folder / "marketswarm-seed").write_text(swarm.system.users.passwords.of("marketswarm-seed"), encoding="ascii")
    return str(folder)


@pytest.mark.parametrize("words", [["--check"], ["--diff"], ["--restore", "--wait-sec", "1"]])
def test_who_only_looks_is_not_warned(swarm: Swarm, words: list[str]) -> None:
    """It is said where the truth is put on a bus."""
    swarm.seed()
    done = swarm.command("marketswarm-seed", "--truth", str(swarm.write(truth())), *words)
    assert done.returncode == 0
    assert "without users" not in done.stdout + done.stderr
