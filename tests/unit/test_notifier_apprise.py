"""What goes through Apprise, with one of its own plugins and a real server behind it."""

import importlib.util
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from delivering import MESSAGE, SECRET, carry
from receivers import HttpReceiver, Trust, answer, endless, hang
from testkit import leave_out

from marketswarm.notices.channels import Apprise
from marketswarm.notices.message import Outcome, Result
from marketswarm.notifier import through_apprise

HERE = importlib.util.find_spec("apprise") is not None


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """A web server, where there is Apprise to call it."""
    if not HERE:
        leave_out("LEFT OUT: no Apprise; pip install apprise")
    with HttpReceiver() as server:
        yield server


def through(receiver: HttpReceiver, scheme: str = "json", timeout_sec: float = 30.0) -> Apprise:
    """The receiver as a channel of Apprise's, with a secret in its path."""
    return Apprise(scheme, f"{scheme}://127.0.0.1:{receiver.port}/{SECRET}", timeout_sec)


def test_a_message_arrives(receiver: HttpReceiver) -> None:
    """Title and text, as Apprise's plugin writes them."""
    assert carry(through(receiver)) == Outcome(Result.DELIVERED, "Apprise says it went out")
    (request,) = receiver.requests
    assert (request.json["title"], request.json["message"]) == (MESSAGE.title, MESSAGE.text)
    assert request.path == f"/{SECRET}"


def test_what_does_not_go_out_is_tried_again(receiver: HttpReceiver) -> None:
    """Apprise says why in its log only, of which the status is kept."""
    receiver.then(answer(403, body=SECRET.encode()))
    assert carry(through(receiver)) == Outcome(Result.TRANSIENT, "Apprise could not send it (HTTP 403)")
    receiver.close()
    assert carry(through(receiver)) == Outcome(Result.TRANSIENT, "Apprise could not send it")


@pytest.mark.parametrize("url", [f"nosuch://{SECRET}", f"{SECRET}", f"slack://{SECRET}"])
def test_a_url_that_apprise_does_not_know_is_for_good(receiver: HttpReceiver, url: str) -> None:
    """And is not shown."""
    assert carry(Apprise("x", url)) == Outcome(Result.PERMANENT, through_apprise.UNKNOWN)


def test_the_same_authorities_are_trusted_as_by_webhooks(receiver: HttpReceiver, tmp_path: Path) -> None:
    """SSL_CERT_FILE counts here too."""
    trust = Trust(tmp_path)
    with HttpReceiver(trust.server()) as server:
        assert carry(through(server, "jsons"), environ=trust.environ).result is Result.DELIVERED
        assert carry(through(server, "jsons"), environ=Trust(tmp_path).environ).result is Result.TRANSIENT


def test_a_library_that_hangs_or_is_fed_without_end_costs_the_deadline(receiver: HttpReceiver) -> None:
    """It reads all of a gigabyte if it may; the child that does so is small and short-lived."""
    for behaviour in (hang(), endless()):
        receiver.then(behaviour)
        assert carry(through(receiver, timeout_sec=3.0)).result is Result.TRANSIENT
        # No gigabyte is in anybody's memory; between fork and exec a child counts as large as this process.
        largest_kib = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        assert largest_kib < 700 << 10


def test_without_apprise_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is here or not."""
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    outcome = through_apprise.send(Apprise("json", "json://h"), MESSAGE)
    assert outcome == Outcome(Result.PERMANENT, f"Apprise is not installed; {sys.prefix}/bin/pip install apprise")
