"""The commands that prove the way to people, what was refused, and the sign of life for somebody outside."""

import json
import time

from receivers import HttpReceiver, answer
from telling import healer, kinds, told, until
from testkit import Swarm, eventually, watching


def test_what_is_refused_for_good_is_parked_and_can_be_sent_again(swarm: Swarm, receiver: HttpReceiver) -> None:
    """It is listed with its reason, also as JSON; sent again when that is gone, it leaves the list."""
    swarm.seed(watching("rss_agg"))
    watcher = healer(swarm, receiver.always(answer(404)))
    swarm.until("rss_agg", "heartbeat_miss")
    watcher.logs("refused for good")
    listed = eventually(lambda: swarm.command("marketswarm", "alerts", "--undelivered").stdout, "it is listed")
    assert "webhook" in listed
    assert "heartbeat_miss rss_agg" in listed
    assert "404" in listed
    (letter,) = swarm.command("marketswarm", "alerts", "--undelivered", "--json").stdout.splitlines()
    assert json.loads(letter)["target"] == "webhook"
    again = swarm.command("marketswarm", "alerts", "--undelivered", "--resend")
    assert again.returncode == 1
    assert "FAILED" in again.stdout
    receiver.always(answer())
    again = swarm.command("marketswarm", "alerts", "--undelivered", "--resend")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "delivered" in again.stdout
    assert len({one["key"] for one in told(receiver)}) == 1
    assert swarm.command("marketswarm", "alerts", "--undelivered").stderr == "nothing was refused, and nothing waits\n"
    assert "secret-path" not in watcher.log + listed + again.stdout


def test_a_command_proves_every_target_of_healer_and_sentinel(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Both send to each of theirs, and what each answered is printed; doctor shows the proof."""
    swarm.seed(watching("rss_agg"))
    swarm.start("rss_agg").ready()
    healer(swarm, receiver)
    swarm.start("sentinel", WEBHOOK_URL=f"{receiver.url}/secret-path").ready()
    done = swarm.command("marketswarm", "notify", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[:3] for line in sorted(done.stdout.splitlines()) if "delivered" in line] == [
        ["healer", "webhook", "delivered:"],
        ["sentinel", "webhook", "delivered:"],
    ]
    assert [kind for kind, _ in kinds(receiver)] == ["test", "test"]
    examined = swarm.command("marketswarm", "doctor").stdout
    assert "telling webhook by healer" in examined
    assert "nothing was ever delivered" not in examined
    receiver.always(answer(401))
    done = swarm.command("marketswarm", "notify", "test", "--json")
    assert done.returncode == 1
    assert {json.loads(line)["result"] for line in done.stdout.splitlines()} == {"permanent"}
    assert "test webhook by healer" in swarm.command("marketswarm", "doctor", "--notify").stdout


def test_a_target_can_be_proved_from_the_shell_before_anything_runs(swarm: Swarm, receiver: HttpReceiver) -> None:
    """No bus is needed where the variables are set in the shell itself."""
    swarm.system.stop()
    done = swarm.command("marketswarm", "notify", "test", WEBHOOK_URL=f"{receiver.url}/secret-path")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "delivered" in done.stdout
    assert [kind for kind, _ in kinds(receiver)] == ["test"]
    swarm.system.start()


def test_nobody_to_send_a_test_is_said_in_a_line(swarm: Swarm) -> None:
    """Neither healer nor sentinel beats: what, and what next."""
    swarm.seed(watching("rss_agg"))
    done = swarm.command("marketswarm", "notify", "test")
    assert done.returncode == 69
    assert done.stderr.startswith("error: nobody is there to send it")
    assert len(done.stderr.splitlines()) == 1


def test_the_sign_of_life_stops_with_the_chain(swarm: Swarm, receiver: HttpReceiver) -> None:
    """DEADMAN_URL is called while all works, and no more when healer is dead."""
    swarm.seed(watching("rss_agg"))
    watcher = swarm.start("healer").ready()
    swarm.start("sentinel", DEADMAN_URL=f"{receiver.url}/ping", DEADMAN_SEC="0.3").ready()
    eventually(lambda: len(receiver.requests) >= 3, "three signs of life")
    assert {(request.method, request.path) for request in receiver.requests} == {("GET", "/ping")}
    watcher.kill()
    swarm.until("healer", "healer_miss")
    time.sleep(1)
    before = len(receiver.requests)
    time.sleep(1.5)
    assert len(receiver.requests) == before
    swarm.start("healer").ready()
    eventually(lambda: len(receiver.requests) > before, "it is called again")


def test_a_target_that_is_taken_away_is_none_that_fails(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Started anew without it, healer has no target, and doctor says so; nothing is left that could be on no duty."""
    swarm.seed(watching("rss_agg"))
    watcher = healer(swarm, receiver)
    until(receiver, ("alert", "rss_agg"))
    watcher.stop()
    swarm.start("healer").ready()
    eventually(lambda: "no target is set" in swarm.command("marketswarm", "doctor").stdout, "no target is set")
    assert "telling webhook" not in swarm.command("marketswarm", "doctor").stdout


def test_a_watcher_that_said_goodbye_is_not_waited_for(swarm: Swarm, receiver: HttpReceiver) -> None:
    """Healer was stopped: sentinel alone proves its targets."""
    swarm.seed(watching("rss_agg"))
    watcher = healer(swarm, receiver)
    swarm.start("sentinel", WEBHOOK_URL=receiver.url).ready()
    watcher.stop()
    done = swarm.command("marketswarm", "notify", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["sentinel", "sentinel"]
