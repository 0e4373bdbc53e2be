"""Mail through a real SMTP server: what arrives, what each refusal means, and that nothing is sent in the clear."""

import socket
import time
from pathlib import Path

import msgspec
import pytest
from delivering import MESSAGE, SECRET, carry
from receivers import MailReceiver, Trust, receiving_mail
from testkit import free_port

from marketswarm.notices.channels import Mail
from marketswarm.notices.message import Message, Outcome, Result
from marketswarm.notifier import mail

TO = ("ops@example.com", "boss@example.com")
PATIENCE_SEC = 20.0


def channel(port: int, **changed: object) -> Mail:
    """A mail channel to a port of loopback."""
    plain = Mail("email", "127.0.0.1", port, "none", "", "", "swarm@example.com", TO, PATIENCE_SEC)
    return msgspec.structs.replace(plain, **changed)


def test_a_mail_arrives() -> None:
    """With the title as its subject, to all, marked as written by a machine."""
    message = Message("rss_agg-1", "rss_agg ist tot \N{EM DASH} seit 3 s", "Grüße\n.\nFrom here", (), "healer@host")
    with receiving_mail(MailReceiver()) as server:
        assert carry(channel(server.port), message) == Outcome(Result.DELIVERED, "127.0.0.1: taken")
    (found,) = server.mails
    assert found["Subject"] == message.title
    assert (found["From"], found["To"]) == ("swarm@example.com", "ops@example.com, boss@example.com")
    assert found["Message-ID"] == "<rss_agg-1@example.com>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert abs(found["Date"].datetime.timestamp() - time.time()) < 60
    assert found.get_content().replace("\r\n", "\n") == f"{message.text}\n"
    assert server.envelopes[0].rcpt_tos == list(TO)


@pytest.mark.parametrize("wrapped", [False, True], ids=["starttls", "tls"])
def test_a_login_goes_through_tls(tmp_path: Path, *, wrapped: bool) -> None:
    """Both ways of it, and with the password that is set."""
    trust = Trust(tmp_path)
    server = MailReceiver(tls=trust.server(), wrapped=wrapped, login=("me", SECRET))
    with receiving_mail(server):
        target = channel(server.port, security="tls" if wrapped else "starttls", user="me", password=SECRET)
        assert carry(target, environ=trust.environ) == Outcome(Result.DELIVERED, "127.0.0.1: taken")
        wrong = carry(msgspec.structs.replace(target, password=f"{SECRET}?"), environ=trust.environ)
        says = "127.0.0.1: refuses the login (SMTP_USER, SMTP_PASS): 535 5.7.8"
        assert wrong == Outcome(Result.PERMANENT, says)
        stranger = carry(target, environ=Trust(tmp_path).environ)
        assert stranger.result is Result.TRANSIENT
        assert stranger.says.startswith("127.0.0.1: its certificate is not trusted: ")
    assert server.encrypted == [True]


def test_no_password_goes_out_where_starttls_is_not_offered() -> None:
    """Somebody on the way may have taken it out of the server's answer."""
    with receiving_mail(MailReceiver(login=("me", SECRET))) as server:
        outcome = carry(channel(server.port, security="starttls", user="me", password=SECRET))
    assert outcome == Outcome(Result.PERMANENT, "127.0.0.1: offers no STARTTLS; set SMTP_TLS to tls, or to none")
    assert server.mails == []


def test_a_server_without_a_login_says_so() -> None:
    """The line says what to unset."""
    with receiving_mail(MailReceiver()) as server:
        outcome = carry(channel(server.port, user="me", password=SECRET))
    assert outcome == Outcome(Result.PERMANENT, "127.0.0.1: takes no login; unset SMTP_USER")


def test_a_password_that_smtp_cannot_carry_is_for_good() -> None:
    """And is not shown."""
    with receiving_mail(MailReceiver(login=("me", "x"))) as server:
        outcome = carry(channel(server.port, user="me", password=f"{SECRET}\N{EURO SIGN}"))
    assert outcome == Outcome(Result.PERMANENT, "SMTP_USER and SMTP_PASS have to be ASCII")


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        (
            MailReceiver(at_sender=f"550 5.7.1 who is {SECRET}"),
            Outcome(Result.PERMANENT, "127.0.0.1: refuses the sender (SMTP_FROM): 550 5.7.1"),
        ),
        (
            MailReceiver(at_sender="451 4.7.1 later"),
            Outcome(Result.TRANSIENT, "127.0.0.1: refuses the sender (SMTP_FROM): 451 4.7.1"),
        ),
        (
            MailReceiver(at_recipient=dict.fromkeys(TO, "550 5.1.1 unknown")),
            Outcome(Result.PERMANENT, "127.0.0.1: refuses every recipient (SMTP_TO): 550 5.1.1"),
        ),
        (
            MailReceiver(at_recipient={TO[0]: "550 5.1.1 unknown", TO[1]: "450 greylisted"}),
            Outcome(Result.TRANSIENT, "127.0.0.1: refuses every recipient (SMTP_TO): 450"),
        ),
        (
            MailReceiver(at_recipient={TO[0]: "550 5.1.1 unknown"}),
            Outcome(Result.DELIVERED, "127.0.0.1: taken; 1 of 2 recipients refused"),
        ),
        (MailReceiver(at_data="452 4.3.1 full"), Outcome(Result.TRANSIENT, "127.0.0.1: refuses the mail: 452 4.3.1")),
        (MailReceiver(at_data="554 5.6.0 spam"), Outcome(Result.PERMANENT, "127.0.0.1: refuses the mail: 554 5.6.0")),
    ],
    ids=["sender", "sender-later", "recipients", "recipients-later", "one-recipient", "data-later", "data"],
)
def test_a_refusal_is_told_by_its_codes(refusal: MailReceiver, outcome: Outcome) -> None:
    """4xx may go well later, 5xx will not; the server's own words are left out, as they may repeat a secret."""
    with receiving_mail(refusal) as server:
        assert carry(channel(server.port)) == outcome


def test_a_login_that_is_refused_for_now_is_tried_again() -> None:
    """454 is a server in trouble."""
    with receiving_mail(MailReceiver(login=("me", SECRET), at_login="454 4.7.0 later")) as server:
        outcome = carry(channel(server.port, user="me", password=SECRET))
    assert outcome == Outcome(Result.TRANSIENT, "127.0.0.1: refuses the login (SMTP_USER, SMTP_PASS): 454 4.7.0")


def test_nobody_there_is_tried_again() -> None:
    """A server that is down comes back."""
    assert carry(channel(free_port())) == Outcome(Result.TRANSIENT, "127.0.0.1: connection refused")


def test_the_wrong_kind_of_tls_is_told() -> None:
    """TLS from the first byte, to a server that speaks first."""
    with receiving_mail(MailReceiver()) as server:
        outcome = carry(channel(server.port, security="tls"))
    assert outcome.result is Result.TRANSIENT
    assert outcome.says.endswith("; is SMTP_TLS right for this port?")


def test_a_server_that_never_greets_costs_the_deadline() -> None:
    """The kernel takes the connection, and nothing follows."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        outcome = carry(channel(silent.getsockname()[1], timeout_sec=1.0))
    assert outcome == Outcome(Result.TRANSIENT, "no answer in 1 s")
    assert time.monotonic() - began < 2.0


def test_a_server_that_hangs_with_the_mail_costs_the_deadline() -> None:
    """Nobody knows whether it was taken, so it is sent again, under the same Message-ID."""
    with receiving_mail(MailReceiver(hang_at_data=True)) as server:
        assert carry(channel(server.port, timeout_sec=1.0)) == Outcome(Result.TRANSIENT, "no answer in 1 s")


@pytest.mark.parametrize(
    "title", ["a\r\nBcc: all@example.com", "a\nBcc: all@x.test", "a\x00\x85\u2028b", "", "x" * 2000]
)
def test_no_title_can_add_a_header(title: str) -> None:
    """It stays one line, with what is not printable escaped."""
    written = mail.write(channel(25), Message("k", title, "text", ()))
    lines = written.as_bytes().partition(b"\r\n\r\n")[0].splitlines()
    assert not any(line.lower().startswith(b"bcc") for line in lines)
    assert max(map(len, lines)) < 998


@pytest.mark.parametrize("key", ["plain-key_1.a", "rss_agg/1:alert", "a b\r\nBcc: x", "..", "", "x" * 500, "ä"])
def test_the_same_key_is_the_same_message_id(key: str) -> None:
    """One that mail programs can read, whatever the key holds; another key is another id."""
    first, again, other = (
        mail.write(channel(25), Message(one, "t", "x", ()))["Message-ID"] for one in (key, key, f"{key}2")
    )
    assert first == again != other
    assert str(first).isascii()
    assert " " not in str(first)
    assert str(first).endswith("@example.com>")


def test_a_message_has_no_secrets_of_its_channel() -> None:
    """A channel shows its name and nothing else."""
    assert repr(channel(25, password=SECRET)) == "<Mail email>"
    assert SECRET not in str(mail.write(channel(25, password=SECRET), MESSAGE))
