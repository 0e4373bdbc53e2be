"""Reads how TLS is done, feeds are fetched, items worked through, and the network and the market API probed."""

from typing import Final

from marketswarm import names, tls
from marketswarm.address import TlsFiles
from marketswarm.place import place_of
from marketswarm.settings.probing import Market, Probing
from marketswarm.settings.reader import Reader
from marketswarm.settings.telling import loopback, web_url
from marketswarm.settings.working import DEFAULT_CHAT_TIMEOUT_SEC, Chat, Fetching, Working

_MAX_PER_FEED: Final = 5000
_MAX_BLOCK_MS: Final = 60_000
_HTTPS: Final = 443


def tls_files(reader: Reader) -> TlsFiles:
    """Read by which files TLS is done, and those files too. What is wrong is left with the reader."""
    before = len(reader.faults)
    files = TlsFiles(*map(reader.path, names.TLS_ENV))
    if len(reader.faults) > before:
        return files
    if files.cert and not files.key:
        reader.fault(names.ENV_REDIS_TLS_CERT_FILE, f"is set without {names.ENV_REDIS_TLS_KEY_FILE}")
    if files.key and not files.cert:
        reader.fault(names.ENV_REDIS_TLS_KEY_FILE, f"is set without {names.ENV_REDIS_TLS_CERT_FILE}")
    if files != TlsFiles():
        try:
            tls.read(files)
        except tls.UnusableFilesError as error:
            for variable, what in error.faults:
                reader.fault(variable, what)
    return files


def fetching(reader: Reader) -> Fetching:
    """Read how feeds are fetched. What is wrong is left with the reader."""
    return Fetching(
        schedule_sec=reader.seconds(names.ENV_SCHEDULE_SEC) or names.DEFAULT_SCHEDULE_SEC,
        max_per_feed=reader.integer(names.ENV_MAX_PER_FEED, 1, _MAX_PER_FEED) or names.DEFAULT_MAX_PER_FEED,
        user_agent=_header(reader, names.ENV_USER_AGENT),
        timeout_sec=reader.seconds(names.ENV_FETCH_TIMEOUT_SEC) or names.DEFAULT_FETCH_TIMEOUT_SEC,
    )


def working(reader: Reader) -> Working:
    """Read where items come from. What is wrong is left with the reader."""
    return Working(
        stream=_key(reader, names.ENV_RSS_STREAM),
        group=_key(reader, names.ENV_RSS_GROUP) or names.DEFAULT_RSS_GROUP,
        consumer=_key(reader, names.ENV_RSS_CONSUMER),
        block_ms=reader.integer(names.ENV_RSS_BLOCK_MS, 1, _MAX_BLOCK_MS) or names.DEFAULT_RSS_BLOCK_MS,
    )


def chat(reader: Reader) -> Chat | None:
    """Read which model is asked; None where OPENAI_MODEL and OPENAI_BASE_URL do not name one."""
    base_url, model = web_url(reader, names.ENV_OPENAI_BASE_URL), reader.text(names.ENV_OPENAI_MODEL)
    api_key = _header(reader, names.ENV_OPENAI_API_KEY, secret=True)
    timeout_sec = reader.seconds(names.ENV_OPENAI_TIMEOUT_SEC) or DEFAULT_CHAT_TIMEOUT_SEC
    return Chat(base_url.rstrip("/"), model, api_key, timeout_sec) if base_url and model else None


def probing(reader: Reader) -> Probing:
    """Read how the network is probed. What is wrong is left with the reader."""
    return Probing(
        on_start=reader.switch(names.ENV_NET_PROBE_ON_START, default=True),
        strict=reader.switch(names.ENV_NET_PROBE_STRICT, default=False),
        timeout_sec=reader.seconds(names.ENV_NET_TIMEOUT_SEC) or names.DEFAULT_NET_TIMEOUT_SEC,
        host=_host(reader),
        url=_target(reader, names.ENV_NET_URL, ("https", "http")),
    )


def market(reader: Reader) -> Market:
    """Read where the market API is, and the key for it. What is wrong is left with the reader."""
    keys = [_header(reader, name, secret=True) for name in (names.ENV_MASSIVE_API_KEY, names.ENV_POLYGON_API_KEY)]
    base_url = _safe(reader, names.ENV_MASSIVE_BASE_URL, ("https", "http"))
    return Market(
        base_url=(base_url or names.DEFAULT_MASSIVE_BASE_URL).rstrip("/"),
        ws_url=_safe(reader, names.ENV_MASSIVE_WS_URL, ("wss", "ws")) or names.DEFAULT_MASSIVE_WS_URL,
        api_key=keys[0] or keys[1],
        timeout_sec=reader.seconds(names.ENV_POLYGON_TIMEOUT_SEC) or names.DEFAULT_API_TIMEOUT_SEC,
        rest=reader.switch(names.ENV_POLYGON_TEST_REST, default=True),
        websocket=reader.switch(names.ENV_POLYGON_TEST_WS, default=False),
    )


def _host(reader: Reader) -> str | None:
    """Read a host to connect to, with a port where it is not that of https."""
    text = reader.text(names.ENV_NET_HOST)
    if text is None:
        return None
    for url in (f"tcp://{text}", f"tcp://{text}:{_HTTPS}"):
        try:
            place_of(url)
        except ValueError:
            continue
        return url
    reader.fault(names.ENV_NET_HOST, "must be a host, or host:port, as in 1.1.1.1:53; without a port 443 is meant")
    return None


def _safe(reader: Reader, name: str, schemes: tuple[str, ...]) -> str | None:
    """Read where a key is sent to: not in plain text over a network."""
    url = _target(reader, name, schemes)
    if url and not place_of(url).secure and not loopback(place_of(url).host):
        reader.fault(name, f"would show the key to the network on its way to another host; use {schemes[0]}://")
        return None
    return url


def _target(reader: Reader, name: str, schemes: tuple[str, ...]) -> str | None:
    """Read a URL without a secret in it; a fault shows nothing of it all the same."""
    url = reader.text(name)
    if url is None:
        return None
    try:
        known = place_of(url).scheme in schemes
    except ValueError:
        known = False
    if not known or "?" in url:
        reader.fault(name, f"must be a URL as in {schemes[0]}://host/path, in ASCII, without user, password, ? and #")
        return None
    return url


def _key(reader: Reader, name: str) -> str | None:
    text = reader.text(name)
    if text and (not text.isprintable() or " " in text):
        reader.fault(name, "must be a name without blanks")
        return None
    return text


def _header(reader: Reader, name: str, *, secret: bool = False) -> str | None:
    text = reader.text(name)
    if text and not (text.isascii() and text.isprintable()):
        reader.fault(name, "must be one line of ASCII" + ("" if secret else f", is {text!r}"))
        return None
    return text
