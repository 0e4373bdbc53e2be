"""Truth holds no credentials, and what looks like one is never repeated in a fault."""

import json
from typing import Any

import pytest

from marketswarm.errors import BadTruthError
from marketswarm.truth import parse
from marketswarm.truth.credentials import holds_password, names_secret

NO_SECRETS = "must not be in truth, give it as a variable or a systemd credential of the service"
NO_PASSWORDS = "must not hold a password in a URL, give the URL as a variable of the service"
SECRETS = (
    *("password", "passwd", "Password", "smtp_pass", "SMTP_PASS", "pass", "secret", "secrets"),
    *("client_secret", "token", "access_token", "authToken", "apitoken", "api_key", "apikey", "API_KEY"),
    *("polygon_api_key", "polygonApiKey", "polygonAPIKey", "massive-api-key", "private_key", "privateKey"),
    *("aws_secret_access_key", "credential", "credentials", "db_credentials", "passphrase", "password1"),
    *("api_key_2", "secret_value", "pwd", "requirepass", "authorization", "api_tokens", "tokens"),
    *("signing_key", "password_hash"),
)
NO_SECRET = (
    *("author", "authority", "key", "keys", "channel", "token_bucket", "tokenizer", "max_tokens"),
    *("tokens_per_sec", "pass_count", "bypass_rate", "compass", "passive", "passthrough", "monkey", "keyword"),
    *("primary_key", "public_key", "routing_key", "password_file", "api_key_env", "secret_name"),
    *("credentials_dir", "token_url", "token_ttl_sec", "private_key_path", "secretary", "access_points"),
)


def faults(document: object) -> list[str]:
    """Tell every fault of a document; none if it is taken."""
    try:
        parse(json.dumps(document).encode())
    except BadTruthError as error:
        return list(error.faults)
    return []


def service(**section: object) -> dict[str, Any]:
    """Make a document of one service, ``a``."""
    return {"services": {"a": section}}


@pytest.mark.parametrize("key", SECRETS)
def test_refuses_a_key_that_names_a_secret(key: str) -> None:
    """However it is written and wherever it stands, and the value is not repeated."""
    assert names_secret(key)
    assert faults(service(settings=[{key: "hunter2"}])) == [f"services.a.settings[0].{key}: {NO_SECRETS}"]


@pytest.mark.parametrize("key", NO_SECRET)
def test_takes_a_key_that_only_resembles_one(key: str) -> None:
    """Other words, and words about a secret, are no secrets."""
    assert not names_secret(key)
    assert faults(service(settings={key: "hunter2"})) == []


@pytest.mark.parametrize("value", ["x", " ", 0, 1.5, ["x"], {"polygon": "x"}, {"in": [{"deep": 1}]}])
def test_refuses_whatever_a_secret_may_be(value: object) -> None:
    """Text, numbers, and both inside of lists and objects."""
    assert len(faults(service(credentials=value))) == 1


@pytest.mark.parametrize("value", ["", None, True, False, [], {}, {"file": "/run/x"}, {"user_env": "X"}])
def test_takes_an_empty_secret_or_the_place_of_one(value: object) -> None:
    """An empty value, a switch, or a hint where the secret is gives nothing away."""
    assert faults(service(credentials=value)) == []


def test_names_of_services_and_buses_are_no_secrets() -> None:
    """A service may be called token."""
    document = {"services": {"token": {"note": "x"}}, "buses": {"secret": {"url": "redis://h"}}}
    assert faults(document) == []


@pytest.mark.parametrize(
    "text",
    [
        "redis://:pw@h",
        "redis://user:pw@h:6379/0",
        "https://u:p@ss@h",
        "redis://:pa/ss@h",
        "see amqp://u:p@h/v for more",
        "redis://h, redis://u:p@h",
        "redis://h?password=x",
        "wss://h/x?feed=1&apiKey=x",
    ],
)
def test_refuses_a_url_with_a_password_anywhere(text: str) -> None:
    """In a value of any field, in a key, and never shown."""
    assert holds_password(text)
    assert faults(service(note=[text])) == [f"services.a.note[0]: {NO_PASSWORDS}"]
    assert faults(service(**{text: True})) == [f'services.a["..."]: {NO_PASSWORDS}']


@pytest.mark.parametrize(
    "text",
    [
        "redis://user@h",
        "redis://user:@h",
        "https://h:8080/@name",
        "https://h/a:b@c",
        "https://[::1]:80/@name",
        "a:b@c",
        "https://h?token=",
        "https://h?key=x",
    ],
)
def test_takes_a_url_without_a_password(text: str) -> None:
    """A user, a port, a path with an at sign or a harmless query is no password."""
    assert not holds_password(text)
    assert faults(service(note=text)) == []


@pytest.mark.parametrize(
    "document",
    [
        service(heartbeat={"redis_url": "redis://:hunter2@other"}),
        service(heartbeat={"redis_url": "redis://:hun/hunter2@h"}),
        service(heartbeat={"redis_url": "user:hunter2@h"}),
        service(heartbeat={"redis_url": "redis://[hunter2]@h"}),
        service(heartbeat={"channel": "redis://u:hunter2@h x"}),
        service(heartbeat="redis://u:hunter2@h"),
        service(heartbeat=[{"password": "hunter2"}]),
        service(dependencies={"api_key": "hunter2"}),
        {"services": [{"token": "hunter2"}]},
        {"services": {"token": "hunter2"}},
        [{"url": "redis://u:hunter2@h"}],
    ],
)
def test_never_repeats_a_secret(document: object) -> None:
    """Whatever else is wrong with it, a value that may hold a secret is not shown."""
    found = faults(document)
    assert found
    assert "hunter2" not in "\n".join(found)
