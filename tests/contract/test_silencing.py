"""`silence`, `unsilence`, `silences` and `ack`, as a person types them, and what `status` shows of them."""

import json
import re
import socket
import time
from typing import Any

import pytest
from testkit import Swarm, free_port, watching

HOUR = 3600
MISS = {"type": "heartbeat_miss", "svc": "rss_agg", "late_sec": 3.0, "timeout_sec": 2.0, "ts": 1}
CLOCK = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"


def typed(swarm: Swarm, *words: str, code: int = 0, **environ: str) -> str:
    """Run `marketswarm WORDS`, which must end with a code, and return the one stream on which it spoke."""
    done = swarm.command("marketswarm", *words, **environ)
    assert done.returncode == code, done.stdout + done.stderr
    assert "" in (done.stdout, done.stderr)
    return done.stdout or done.stderr


def listed(swarm: Swarm) -> list[dict[str, Any]]:
    """What `silences --json` prints."""
    found: list[dict[str, Any]] = json.loads(typed(swarm, "silences", "--json"))
    return found


def stored(swarm: Swarm, key: str) -> dict[str, dict[str, Any]]:
    """A hash on system-redis."""
    fields: Any = swarm.system.client.hgetall(key)
    return {field.decode(): json.loads(value) for field, value in fields.items()}


def row(swarm: Swarm, service: str) -> dict[str, Any]:
    """What `status --json` prints of a service."""
    services = json.loads(swarm.command("marketswarm", "status", "--json").stdout)["services"]
    return next(found for found in services if found["service"] == service)


def down(swarm: Swarm) -> None:
    """Put down that rss_agg is missed, as healer does."""
    swarm.system.client.set("health:rss_agg", json.dumps(MISS | {"ts": int(time.time())}))


@pytest.fixture
def seeded(swarm: Swarm) -> Swarm:
    """Two buses with a truth."""
    swarm.seed(watching("rss_agg"))
    return swarm


def test_a_service_is_silenced_shown_and_heard_again(seeded: Swarm) -> None:
    """One line each, with the time, who and why, and what to type to undo it."""
    said = typed(seeded, "silence", "rss_agg", "--for", "2h", "--why", "new feed")
    assert re.fullmatch(
        rf"rss_agg is silenced until {CLOCK} \(2 h\): nobody is told, its state is still tracked; "
        r"undo: marketswarm unsilence rss_agg\n",
        said,
    )
    kept = stored(seeded, "healer:silences")
    assert kept.keys() == {"rss_agg"}
    assert kept["rss_agg"].keys() == {"subject", "since", "until", "by", "why"}
    assert kept["rss_agg"]["until"] - kept["rss_agg"]["since"] == pytest.approx(2 * HOUR)
    assert kept["rss_agg"]["by"].endswith(f"@{socket.gethostname()}")
    line = typed(seeded, "silences")
    by = re.escape(kept["rss_agg"]["by"])
    assert re.fullmatch(rf"rss_agg  until {CLOCK}  (2 h|1 h 59 min) left  {by}  new feed\n", line)
    (as_json,) = listed(seeded)
    assert 2 * HOUR - 60 < as_json.pop("left_sec") <= 2 * HOUR
    assert as_json == kept["rss_agg"]
    assert typed(seeded, "unsilence", "rss_agg") == "the silence of rss_agg is over\n"
    assert typed(seeded, "silences") == "no silences\n"
    assert typed(seeded, "unsilence", "rss_agg", code=1) == "rss_agg is not silenced; see marketswarm silences\n"


def test_silenced_again_the_new_end_counts(seeded: Swarm) -> None:
    """Be it sooner or later; an hour where nothing is said."""
    typed(seeded, "silence", "market-redis", "--for", "3d")
    assert "(1 h)" in typed(seeded, "silence", "market-redis")
    (found,) = listed(seeded)
    assert (found["subject"], found["why"]) == ("market-redis", "")
    assert HOUR - 60 < found["left_sec"] <= HOUR


def test_everything_is_silenced_beside_a_service(seeded: Swarm) -> None:
    """Each has its own end, and who ends the one is told of the other."""
    said = typed(seeded, "silence", "--all", "--for", "30d")
    assert said.startswith("everything is silenced until 2")
    assert said.endswith("(30 d): nobody is told, its state is still tracked; undo: marketswarm unsilence --all\n")
    typed(seeded, "silence", "rss_agg")
    assert [found["subject"] for found in listed(seeded)] == ["rss_agg", "*"]
    assert [line.split()[0] for line in typed(seeded, "silences").splitlines()] == ["rss_agg", "everything"]
    tail = rf"but everything is until {CLOCK} \(marketswarm unsilence --all\)"
    assert re.fullmatch(rf"the silence of rss_agg is over, {tail}\n", typed(seeded, "unsilence", "rss_agg"))
    assert re.match(rf"rss_agg is not silenced, {tail};", typed(seeded, "unsilence", "rss_agg", code=1))
    assert typed(seeded, "unsilence", "--all") == "the silence of everything is over\n"
    assert typed(seeded, "unsilence", "--all", code=1) == "everything is not silenced; see marketswarm silences\n"


def test_a_silence_that_is_over_is_none_and_is_thrown_away(seeded: Swarm) -> None:
    """Without anybody's doing; what is no silence is left alone."""
    now = time.time()
    over = {"subject": "rss_agg", "since": now - 9, "until": now - 1}
    for subject in ("rss_agg", "mesh"):
        seeded.system.client.hset("healer:silences", subject, json.dumps(over))
    seeded.system.client.hset("healer:silences", "healer", "junk")
    assert row(seeded, "rss_agg")["silenced_until"] is None
    assert typed(seeded, "unsilence", "mesh", code=1).startswith("mesh is not silenced;")
    assert typed(seeded, "silences") == "no silences\n"
    assert seeded.system.client.hkeys("healer:silences") == [b"healer"]
    typed(seeded, "silence", "rss_agg", "--for", "1s")
    time.sleep(1.1)
    assert listed(seeded) == []


def test_a_name_that_the_truth_does_not_have_is_refused(seeded: Swarm) -> None:
    """In one line with what may be meant; nothing is stored."""
    for words in (["silence", "rss_ag"], ["ack", "rss_ag"]):
        said = typed(seeded, *words, code=78)
        assert said == "error: there is no service, bus or probe named 'rss_ag'; did you mean rss_agg?\n"
    assert "; there are: healer, market-redis, massive" in typed(seeded, "silence", "zzz", code=78)
    assert seeded.system.client.exists("healer:silences", "healer:acks") == 0


def test_who_is_down_is_acknowledged_until_it_is_back(seeded: Swarm) -> None:
    """One who is up is not; taken back, it is gone."""
    assert typed(seeded, "ack", "rss_agg", code=1) == "rss_agg is not down: nothing to acknowledge\n"
    down(seeded)
    assert typed(seeded, "ack", "rss_agg", "--why", "the provider is down") == (
        "rss_agg is acknowledged: no reminders and no escalation until it is back; "
        "undo: marketswarm ack rss_agg --undo\n"
    )
    kept = stored(seeded, "healer:acks")["rss_agg"]
    assert kept.keys() == {"subject", "ts", "by", "why"}
    assert abs(kept["ts"] - time.time()) < 60
    assert (kept["subject"], kept["why"]) == ("rss_agg", "the provider is down")
    assert row(seeded, "rss_agg")["acked_by"] == kept["by"]
    assert typed(seeded, "ack", "rss_agg", "--undo").startswith("rss_agg is not acknowledged any more")
    assert typed(seeded, "ack", "rss_agg", "--undo", code=1) == "rss_agg was not acknowledged: nothing to undo\n"
    assert row(seeded, "rss_agg")["acked_by"] is None


def test_a_bus_is_acknowledged_at_the_persons_word(seeded: Swarm) -> None:
    """Whether it is down is not looked at."""
    typed(seeded, "ack", "market-redis")
    assert stored(seeded, "healer:acks").keys() == {"market-redis"}


def test_status_says_what_keeps_people_from_being_told(seeded: Swarm) -> None:
    """Behind the reason, and in JSON; the exit code is that of a service that is down."""
    down(seeded)
    typed(seeded, "ack", "rss_agg")
    typed(seeded, "silence", "rss_agg", "--for", "10m")
    done = seeded.command("marketswarm", "status")
    by = re.escape(stored(seeded, "healer:acks")["rss_agg"]["by"])
    assert done.returncode == 2
    assert re.search(rf"^rss_agg .* silenced until \d\d:\d\d:\d\d; acknowledged by {by}$", done.stdout, re.MULTILINE)
    assert row(seeded, "rss_agg")["silenced_until"] == stored(seeded, "healer:silences")["rss_agg"]["until"]
    assert (row(seeded, "mesh")["silenced_until"], row(seeded, "mesh")["acked_by"]) == (None, None)
    typed(seeded, "silence", "--all", "--for", "20m")
    assert row(seeded, "mesh")["silenced_until"] == stored(seeded, "healer:silences")["*"]["until"]
    assert seeded.command("marketswarm", "status").returncode == 2


def test_hostile_text_forges_no_line_and_moves_no_cursor(seeded: Swarm) -> None:
    """Whether it comes by --why, or from somebody who can write to the bus."""
    bad = "\x1b[2J\x07one\ntwo\x9b\u202e"
    down(seeded)
    typed(seeded, "silence", "rss_agg", "--why", bad)
    typed(seeded, "ack", "rss_agg", "--why", bad)
    for key in ("healer:silences", "healer:acks"):
        assert stored(seeded, key)["rss_agg"]["why"] == r"\x1b[2J\x07one two\x9b\u202e"
    forged = {"subject": bad, "since": 0, "until": 1e18, "by": bad, "why": bad}
    seeded.system.client.hset("healer:silences", b"\xff\x1b[2J\n", json.dumps(forged))
    seeded.system.client.hset("healer:acks", "rss_agg", json.dumps(forged | {"ts": time.time() + 1}))
    shown = typed(seeded, "silences").split("\n")
    shown += seeded.command("marketswarm", "status").stdout.split("\n")
    assert [line for line in shown if not line.isprintable()] == []
    assert len(shown) == (2 + 1) + (1 + 6 + 2 + 1)  # silences; a head, services and notes; and an end of each
    assert len(listed(seeded)) == 2


def test_without_a_truth_only_everything_can_be_silenced(swarm: Swarm) -> None:
    """A bad truth is a reason to want silence; a name cannot be looked up in it."""
    for words in (["silence", "rss_agg"], ["ack", "rss_agg"]):
        assert "run marketswarm-seed" in typed(swarm, *words, code=69)
    for bus in (swarm.system, swarm.market):
        bus.client.set("truth:doc", "{")
    assert typed(swarm, "silence", "rss_agg", code=65).startswith("error: ")
    assert typed(swarm, "silence", "--all").startswith("everything is silenced")
    assert [found["subject"] for found in listed(swarm)] == ["*"]
    assert typed(swarm, "unsilence", "--all") == "the silence of everything is over\n"


@pytest.mark.parametrize(
    "words",
    [
        ["silence", "rss_agg"],
        ["silence", "--all"],
        ["unsilence", "rss_agg"],
        ["silences"],
        ["ack", "rss_agg"],
        ["ack", "rss_agg", "--undo"],
    ],
)
def test_a_bus_that_is_away_and_a_setting_that_is_bad_are_one_line(seeded: Swarm, words: list[str]) -> None:
    """69 and 78, as everywhere."""
    away = {name: f"redis://127.0.0.1:{free_port()}" for name in ("SYSTEM_REDIS_URL", "MARKET_REDIS_URL")}
    said = typed(seeded, *words, code=69, **away)
    assert re.fullmatch(r"error: system-redis at \S+ does not answer \(connection refused\); .*\n", said)
    said = typed(seeded, *words, code=69, SYSTEM_REDIS_URL=away["SYSTEM_REDIS_URL"])
    assert re.fullmatch(r"error: system-redis at \S+ does not answer \(connection refused\); .*\n", said)
    assert typed(seeded, *words, code=78, LOG_LEVEL="loud").startswith("error: LOG_LEVEL: ")


def test_a_bus_that_says_no_is_one_line(seeded: Swarm) -> None:
    """77: what stands under the key is something else."""
    for key in ("healer:silences", "healer:acks"):
        seeded.system.client.set(key, "x")
    down(seeded)
    for words in (["silence", "rss_agg"], ["unsilence", "rss_agg"], ["silences"], ["ack", "rss_agg"]):
        assert typed(seeded, *words, code=77).startswith("error: system-redis at 127.0.0.1:")
