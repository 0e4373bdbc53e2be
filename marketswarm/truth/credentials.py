"""Which parts of a document look like a secret. Truth is readable by every service, so it must hold none."""

import re
from collections.abc import Iterator
from itertools import pairwise

Loc = tuple[str | int, ...]

KEY_PHRASE = "must not be in truth, give it as a variable or a systemd credential of the service"
URL_PHRASE = "must not hold a password in a URL, give the URL as a variable of the service"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_ENDINGS = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "pwd", "requirepass"),
    *("secret", "secrets", "credential", "credentials", "creds", "authorization"),
    *("apikey", "apikeys", "privatekey", "secretkey", "accesskey"),
)
_SECRET_PAIRS = frozenset(
    (kind, thing)
    for kind in ("api", "private", "secret", "access", "auth", "signing", "encryption")
    for thing in ("key", "keys", "tokens")
)
# A key that ends so says where a secret is, or something about it, as password_file and secret_ttl_sec do.
_ABOUT_SECRETS = frozenset(
    (
        *("file", "path", "dir", "env", "var", "variable", "name", "ref", "field", "header", "id", "url"),
        *("bucket", "store", "manager", "provider", "policy", "type"),
        *("length", "count", "limit", "ttl", "sec", "ms", "days"),
    )
)
# What is under these is named by the document's author and is no setting.
_TABLES: tuple[Loc, ...] = (("services",), ("buses",))

# A number with nothing but a path behind it is a port, as in https://host:8080/@name.
_USERINFO_PASSWORD = re.compile(r"[^\s/?#@:\[]*:(?!\d*(?:[/?#]|$))[^\s@]+@")
_QUERY_FIELD = re.compile(r"[?&]([^=&\s#?]+)=[^&\s#]")


def names_secret(key: str) -> bool:
    """Whether a key says that its value is a secret: ``smtp_pass`` and ``polygonApiKey`` do, ``token_bucket`` not."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT_SECRETS:
        return False
    # "token" and "pass" mean other things in front of another word, as in token_bucket and pass_band.
    return (
        any(word.endswith(_SECRET_ENDINGS) for word in words)
        or words[-1].endswith("token")
        or words[-1] == "pass"
        or words == ["tokens"]
        or not _SECRET_PAIRS.isdisjoint(pairwise(words))
    )


def holds_password(text: str) -> bool:
    """Whether a URL in the text carries a password, before its host or as a field of its query."""
    if "://" not in text:
        return False
    # Each piece is looked at on its own, so that time stays linear in the length of the text.
    return any(_USERINFO_PASSWORD.match(piece) for piece in text.split("://")[1:]) or any(
        names_secret(field[1]) for field in _QUERY_FIELD.finditer(text)
    )


def leaks(value: object, loc: Loc = (), *, secret: bool = False) -> Iterator[tuple[Loc, str]]:
    """Find secrets in a JSON value: where each one is, and a phrase that says what is wrong.

    ``secret`` says that a key above ``value`` names a secret.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if holds_password(key):
                yield (*loc, key), URL_PHRASE
            about = names_secret(key) or (secret and not _is_about_secrets(key))
            yield from leaks(item, (*loc, key), secret=about and loc not in _TABLES)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaks(item, (*loc, index), secret=secret)
    elif isinstance(value, str) and holds_password(value):
        yield loc, URL_PHRASE
    elif secret and value not in ("", None) and not isinstance(value, bool):
        yield loc, KEY_PHRASE


def _is_about_secrets(key: str) -> bool:
    words = _WORD.findall(key)
    return bool(words) and words[-1].lower() in _ABOUT_SECRETS
