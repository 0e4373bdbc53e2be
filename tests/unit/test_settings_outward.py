"""How people are told, as the environment says it, and what is said of an environment that cannot be used."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketswarm import names, settings
from marketswarm.errors import BadEnvironmentError
from marketswarm.notices.channels import Apprise, Mail, Ping, Webhook
from marketswarm.settings import Outward

SECRET = "hunter2"
MAIL = {"SMTP_HOST": "mail.test", "SMTP_TO": "ops@example.com"}


def outward(environ: dict[str, str]) -> Outward:
    """Load what can be used."""
    return settings.load(environ).outward


def faults(environ: dict[str, str]) -> list[str]:
    """Load what cannot be used, and return what is said of it."""
    with pytest.raises(BadEnvironmentError) as caught:
        settings.load(environ)
    return str(caught.value).splitlines()


def mailer(environ: dict[str, str]) -> Mail:
    """Load settings that make a mail channel and nothing else."""
    (channel,) = outward(MAIL | environ).channels
    assert isinstance(channel, Mail)
    return channel


def test_nothing_set_is_nobody_told() -> None:
    """The defaults stand ready."""
    assert outward({}) == Outward((), 60.0, None, 60.0, ())


def test_every_variable_has_its_place() -> None:
    """The channels in a fixed order, each with its name."""
    found = outward(
        {
            "WEBHOOK_URL": "https://h.test/x",
            "WEBHOOK_TIMEOUT_SEC": "3",
            "SMTP_HOST": "mail.test",
            "SMTP_PORT": "2525",
            "SMTP_TLS": "STARTTLS",
            "SMTP_USER": "me",
            "SMTP_PASS": SECRET,
            "SMTP_FROM": "swarm@example.com",
            "SMTP_TO": "a@example.com, b@example.com,",
            "NOTIFY_URLS": " ntfy://topic  Json://h/x\nntfy://other ",
            "RATE_LIMIT_SEC": "5",
            "DEADMAN_URL": "http://h.test:8000/ping",
            "DEADMAN_SEC": "30",
        }
    )
    recipients = ("a@example.com", "b@example.com")
    assert found == Outward(
        channels=(
            Webhook("webhook", "https://h.test/x", 3.0),
            Mail("email", "mail.test", 2525, "starttls", "me", SECRET, "swarm@example.com", recipients),
            Apprise("ntfy", "ntfy://topic"),
            Apprise("json", "Json://h/x"),
            Apprise("ntfy-2", "ntfy://other"),
        ),
        rate_limit_sec=5.0,
        deadman=Ping("deadman", "http://h.test:8000/ping"),
        deadman_sec=30.0,
    )


def test_no_limit_is_a_limit_of_zero() -> None:
    """Zero is no duration elsewhere."""
    assert outward({"RATE_LIMIT_SEC": "0"}).rate_limit_sec == 0
    assert faults({"RATE_LIMIT_SEC": "-1"}) == ["RATE_LIMIT_SEC: must be a number of seconds >= 0, is '-1'"]
    assert faults({"DEADMAN_SEC": "0"}) == ["DEADMAN_SEC: must be a number of seconds > 0, is '0'"]


@pytest.mark.parametrize(
    ("environ", "security", "port"),
    [
        ({}, "starttls", 587),
        ({"SMTP_TLS": "tls"}, "tls", 465),
        ({"SMTP_TLS": "None"}, "none", 25),
        ({"SMTP_PORT": "465"}, "tls", 465),
        ({"SMTP_PORT": "25"}, "starttls", 25),
        ({"SMTP_PORT": "465", "SMTP_TLS": "starttls"}, "starttls", 465),
        ({"SMTP_PORT": "2465", "SMTP_TLS": "tls"}, "tls", 2465),
    ],
)
def test_port_and_security_stand_for_each_other(environ: dict[str, str], security: str, port: int) -> None:
    """What is not set is what is usual with the other."""
    assert (mailer(environ).security, mailer(environ).port) == (security, port)


@pytest.mark.parametrize(
    ("environ", "sender"),
    [
        ({}, f"marketswarm@{socket.gethostname()}"),
        ({"SMTP_USER": "me", "SMTP_PASS": "x"}, f"marketswarm@{socket.gethostname()}"),
        ({"SMTP_USER": "me@example.com", "SMTP_PASS": "x"}, "me@example.com"),
        ({"SMTP_USER": "me@example.com", "SMTP_PASS": "x", "SMTP_FROM": "it@example.com"}, "it@example.com"),
    ],
)
def test_the_sender_is_the_one_who_logs_in(environ: dict[str, str], sender: str) -> None:
    """Unless another is set, or the login is no address."""
    assert mailer(environ).sender == sender


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.9", "::1"])
def test_a_password_needs_no_tls_within_this_host(host: str) -> None:
    """A relay on loopback is not overheard."""
    assert mailer({"SMTP_HOST": host, "SMTP_TLS": "none", "SMTP_USER": "me", "SMTP_PASS": SECRET}).host == host


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"WEBHOOK_URL": "hooks.test/x"}, "WEBHOOK_URL: must be a URL that starts with https:// or http:// and a host"),
        ({"WEBHOOK_URL": "ftp://h/x"}, "WEBHOOK_URL: must be a URL that starts with https:// or http:// and a host"),
        ({"WEBHOOK_URL": "https:///x"}, "WEBHOOK_URL: must be a URL that starts with https:// or http:// and a host"),
        ({"WEBHOOK_URL": "https://h/a b"}, "WEBHOOK_URL: must be ASCII without blanks"),
        ({"WEBHOOK_URL": "https://h/\udcff"}, "WEBHOOK_URL: must be ASCII without blanks"),
        ({"WEBHOOK_URL": "https://h:0/"}, "WEBHOOK_URL: has a port that is not a number from 1 to 65535"),
        (
            {"DEADMAN_URL": "https://h:x/"},
            "DEADMAN_URL: has a host or a port that cannot be; it must be a URL as in https://host/path",
        ),
        ({"WEBHOOK_TIMEOUT_SEC": "x"}, "WEBHOOK_TIMEOUT_SEC: must be a number of seconds > 0, is 'x'"),
        ({"SMTP_HOST": "h:25"}, "SMTP_HOST: must be the name or the address of a host; its port is SMTP_PORT"),
        ({"SMTP_PORT": "0"}, "SMTP_PORT: must be a number from 1 to 65535"),
        ({"SMTP_PORT": "65536"}, "SMTP_PORT: must be a number from 1 to 65535"),
        ({"SMTP_PORT": "smtp"}, "SMTP_PORT: must be a number from 1 to 65535"),
        ({"SMTP_TLS": "ssl"}, "SMTP_TLS: must be one of starttls, tls, none"),
        ({"SMTP_FROM": "me"}, "SMTP_FROM: must be an address as in marketswarm@example.com"),
        (
            {"SMTP_TO": "a@b.test; c@d.test"},
            "SMTP_TO: number 1 is no address as in ops@example.com; commas between them",
        ),
        ({"SMTP_TO": "a@b.test, ops"}, "SMTP_TO: number 2 is no address as in ops@example.com; commas between them"),
        (
            {"NOTIFY_URLS": "ntfy://a topic"},
            "NOTIFY_URLS: number 2 is no URL as in ntfy://topic; blanks go between them",
        ),
        (
            {**MAIL, "SMTP_TLS": "none", "SMTP_USER": "me", "SMTP_PASS": SECRET},
            "SMTP_TLS: none would show SMTP_PASS to the network on its way to another host; use starttls or tls",
        ),
    ],
)
def test_a_fault_says_what_and_which(environ: dict[str, str], line: str) -> None:
    """One line, which begins with the variable, as all others do."""
    assert faults(environ) == [line]


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"SMTP_HOST": "h"}, "SMTP_HOST: is set without SMTP_TO, the addresses that mail goes to"),
        ({**MAIL, "SMTP_USER": "me"}, "SMTP_USER: is set without SMTP_PASS"),
        ({**MAIL, "SMTP_PASS": SECRET}, "SMTP_PASS: is set without SMTP_USER"),
    ],
)
def test_what_is_missing_is_a_fault_for_who_tells_people(environ: dict[str, str], line: str) -> None:
    """And for nobody else: the password may be a credential that `status`, typed by a person, cannot see."""
    found = outward(environ)
    assert (found.channels, found.incomplete) == ((), (line,))
    with pytest.raises(BadEnvironmentError, match=line):
        found.check()
    outward(MAIL).check()


def test_secrets_may_come_as_credentials(tmp_path: Path) -> None:
    """As every variable."""
    (tmp_path / "SMTP_PASS").write_text(f"{SECRET}\n", encoding="utf-8")
    (tmp_path / "WEBHOOK_URL").write_text("https://h.test/x\n", encoding="utf-8")
    found = outward({**MAIL, "SMTP_USER": "me", "CREDENTIALS_DIRECTORY": str(tmp_path)})
    hook, mail = found.channels
    assert isinstance(hook, Webhook)
    assert isinstance(mail, Mail)
    assert (hook.url, mail.password) == ("https://h.test/x", SECRET)


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).map("hunter2{}hunter2".format)


@given(
    secret=SECRETS,
    form=st.sampled_from(
        ["{}", "https://h/{}", "https://u:{}@h/", "https://h:{}/", "https://[{}/", "ntfy://{}", "x@{}", "a b {}"]
    ),
    variable=st.sampled_from(
        [
            names.ENV_WEBHOOK_URL,
            names.ENV_DEADMAN_URL,
            names.ENV_NOTIFY_URLS,
            names.ENV_SMTP_HOST,
            names.ENV_SMTP_PORT,
            names.ENV_SMTP_TLS,
            names.ENV_SMTP_USER,
            names.ENV_SMTP_PASS,
            names.ENV_SMTP_FROM,
            names.ENV_SMTP_TO,
        ]
    ),
)
def test_nothing_that_may_be_a_secret_is_echoed(secret: str, form: str, variable: str) -> None:
    """Neither in a fault nor in the settings as a log would show them."""
    try:
        said = repr(settings.load(MAIL | {variable: form.format(secret)}))
    except BadEnvironmentError as error:
        said = str(error)
    assert SECRET not in said


BAD = st.fixed_dictionaries(
    {},
    optional={
        "WEBHOOK_URL": st.sampled_from(["https://h/x", "x"]),
        "SMTP_HOST": st.sampled_from(["h", "127.0.0.1", "h:1"]),
        "SMTP_PORT": st.sampled_from(["25", "465", "x"]),
        "SMTP_TLS": st.sampled_from(["none", "tls", "x"]),
        "SMTP_USER": st.just("me"),
        "SMTP_PASS": st.just("x"),
        "SMTP_FROM": st.sampled_from(["a@b.test", "x"]),
        "SMTP_TO": st.sampled_from(["a@b.test", "x"]),
        "NOTIFY_URLS": st.sampled_from(["ntfy://x", "x"]),
    },
)


@given(BAD)
def test_without_the_variables_at_fault_the_rest_can_be_used(environ: dict[str, str]) -> None:
    """The doctor counts on it: it tells the faults and goes on without them."""
    try:
        settings.load(environ)
    except BadEnvironmentError as error:
        wrong = {line.partition(":")[0] for line in str(error).splitlines()}
        settings.load({name: value for name, value in environ.items() if name not in wrong})
