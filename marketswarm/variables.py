"""What each environment variable means to whoever sets one: the only place where it is told.

README's table says the same, which a test holds.
"""

from dataclasses import dataclass
from typing import Final

from marketswarm import names, users


@dataclass(frozen=True, slots=True)
class Variable:
    """Variables that are explained together; in texts, backticks mark what is literal."""

    names: tuple[str, ...]
    used_by: str
    meaning: str
    default: str = ""


NOTE: Final = "An empty value counts as unset. Any of them may come as a systemd credential of the same name."

_SYSTEM, _MARKET = map(names.bus_env, names.DEFAULT_BUS_URLS)
_SYSTEM_URL, _MARKET_URL = names.DEFAULT_BUS_URLS.values()
_TELLERS: Final = f"{names.HEALER}, {names.SENTINEL}"

VARIABLES: Final = (
    Variable(
        (_SYSTEM, _MARKET),
        "all",
        "where the buses are; win over truth's `buses`",
        f"`{_SYSTEM_URL}`, `:{_MARKET_URL.rpartition(':')[2]}`",
    ),
    Variable((names.ENV_REDIS_URL,), "all", f"the same as `{_SYSTEM}`, which wins"),
    Variable(
        (names.ENV_TRUTH_REDIS_URL,),
        "all",
        "read the truth from there only, and follow it there",
        f"{names.SYSTEM_BUS}, then {names.MARKET_BUS}",
    ),
    Variable((names.ENV_TRUTH_REDIS_KEY,), "all", "the truth's key", f"`{names.TRUTH_KEY}`"),
    Variable(
        (names.ENV_REDIS_SOCKETS,),
        "all",
        "by which sockets the buses of this host are reached, as `PORT=PATH` with blanks between: an address on "
        "loopback with that port, wherever it was set, is that socket; the units set it, and commands that you type "
        "use the ports",
    ),
    Variable(
        (names.ENV_REDIS_CREDENTIALS,),
        "all",
        "a folder with the passwords of the users of the buses, a file each; on a host set by the units, and there "
        "empty where nobody is to log in",
        f"`{users.PASSWORDS}` for commands on a host",
    ),
    Variable(
        (names.ENV_REDIS_TLS_CA_FILE,),
        "all",
        "for buses with an address of `rediss://`: a file of the CAs that sign their certificates, in PEM",
        "the system's CAs",
    ),
    Variable(
        (names.ENV_REDIS_TLS_CERT_FILE, names.ENV_REDIS_TLS_KEY_FILE),
        "all",
        "the certificate that is shown to them, and its private key: two files in PEM. A systemd credential of such a "
        "name is the file itself",
        "none is shown",
    ),
    Variable((names.ENV_LOG_LEVEL,), "all", "DEBUG, INFO, WARNING, ERROR, CRITICAL", "INFO"),
    Variable(
        (names.ENV_DEFAULT_TIMEOUT_SEC,),
        "all",
        "a service's timeout where truth states none",
        f"{names.DEFAULT_TIMEOUT_SEC:g}",
    ),
    Variable(
        (names.ENV_HB_INTERVAL_SEC, names.ENV_HEALER_HEARTBEAT_CHANNEL),
        "healer",
        "its own beat; win over truth",
        f"{names.DEFAULT_INTERVAL_SEC:g}, `{names.heartbeat_channel(names.HEALER)}`",
    ),
    Variable(
        (names.ENV_ALERT_CHANNEL,),
        _TELLERS,
        "where alerts go if truth does not say",
        f"`{names.ALERT_CHANNEL}`",
    ),
    Variable(
        (names.ENV_SENTINEL_TIMEOUT_SEC,),
        "sentinel",
        "when healer is missed; wins over truth's `timeout_sec` of healer",
        "3 \N{MULTIPLICATION SIGN} healer's interval",
    ),
    Variable(
        (names.ENV_WEBHOOK_URL,),
        _TELLERS,
        "an address that alerts are posted to: Slack's, Discord's, or any that takes JSON",
    ),
    Variable(
        (names.ENV_WEBHOOK_TIMEOUT_SEC,),
        _TELLERS,
        "how long a post may take in all",
        f"{names.DEFAULT_WEBHOOK_TIMEOUT_SEC:g}",
    ),
    Variable((names.ENV_SMTP_HOST,), _TELLERS, "the server that takes mail; without it, none is sent"),
    Variable(
        (names.ENV_SMTP_TO, names.ENV_SMTP_FROM),
        _TELLERS,
        "who gets mail, with commas between them; who it is from",
        f"none, `{names.ENV_SMTP_USER}` or `marketswarm@HOST`",
    ),
    Variable(
        (names.ENV_SMTP_TLS, names.ENV_SMTP_PORT),
        _TELLERS,
        "starttls, tls or none; with each its usual port: 587, 465, 25",
        "starttls, and tls on port 465",
    ),
    Variable((names.ENV_SMTP_USER, names.ENV_SMTP_PASS), _TELLERS, "the login, where the server wants one"),
    Variable(
        (names.ENV_NOTIFY_URLS,),
        _TELLERS,
        "addresses of any kind that Apprise knows, with blanks between them; needs `marketswarm[apprise]`",
    ),
    Variable(
        (names.ENV_RATE_LIMIT_SEC,),
        _TELLERS,
        "no target is told of the same trouble of one service twice within it; ends always pass; 0: no limit",
        f"{names.DEFAULT_RATE_LIMIT_SEC:g}",
    ),
    Variable(
        (names.ENV_DEADMAN_URL, names.ENV_DEADMAN_SEC),
        names.SENTINEL,
        "an address to call as a sign of life, and how often: a watcher elsewhere says when the calls end",
        f"none, {names.DEFAULT_DEADMAN_SEC:g}",
    ),
    Variable(
        (names.ENV_SCHEDULE_SEC,),
        names.RSS_AGG,
        "how often a feed is fetched where truth states no `interval_sec`",
        f"{names.DEFAULT_SCHEDULE_SEC:g}",
    ),
    Variable(
        (names.ENV_FETCH_TIMEOUT_SEC,),
        names.RSS_AGG,
        "how long a fetch may take in all",
        f"{names.DEFAULT_FETCH_TIMEOUT_SEC:g}",
    ),
    Variable(
        (names.ENV_MAX_PER_FEED,),
        names.RSS_AGG,
        "how many entries of a document are read, the newest",
        f"{names.DEFAULT_MAX_PER_FEED}",
    ),
    Variable(
        (names.ENV_USER_AGENT,),
        names.RSS_AGG,
        "what it calls itself; some publishers want an address in it",
        "marketswarm and its version",
    ),
    Variable(
        (names.ENV_RSS_STREAM, names.ENV_RSS_GROUP),
        names.VEXY_AI,
        "the stream it reads, which wins over truth, and the consumer group it belongs to",
        f"`{names.QUEUE}`, `{names.DEFAULT_RSS_GROUP}`",
    ),
    Variable(
        (names.ENV_RSS_CONSUMER,),
        names.VEXY_AI,
        "its name in the group; one that is its own, and the same after a restart",
        "`HOST-SERVICE`",
    ),
    Variable(
        (names.ENV_RSS_BLOCK_MS,),
        names.VEXY_AI,
        "how long it waits for an item before it asks again, in milliseconds",
        f"{names.DEFAULT_RSS_BLOCK_MS}",
    ),
    Variable(
        (names.ENV_OPENAI_BASE_URL, names.ENV_OPENAI_MODEL),
        names.VEXY_AI,
        "for the handler `openai`: an endpoint for chat completions, as in `https://api.openai.com/v1`, and the model",
    ),
    Variable((names.ENV_OPENAI_API_KEY,), names.VEXY_AI, "the key for it, where it wants one"),
    Variable((names.ENV_OPENAI_TIMEOUT_SEC,), names.VEXY_AI, "how long it may take over an item", "30"),
    Variable(
        (names.ENV_NET_HOST, names.ENV_NET_URL),
        names.MASSIVE,
        "a host to connect to, as in `1.1.1.1:53` (without a port 443 is meant), and an address to ask, as in "
        "`https://example.com/`: targets beside those of the truth",
    ),
    Variable(
        (names.ENV_NET_TIMEOUT_SEC,),
        names.MASSIVE,
        "how long a probe may take in all where truth states no `timeout_sec`",
        f"{names.DEFAULT_NET_TIMEOUT_SEC:g}",
    ),
    Variable(
        (names.ENV_NET_PROBE_ON_START,),
        names.MASSIVE,
        "1: every target is probed at once at the start; 0: each in its turn",
        "1",
    ),
    Variable(
        (names.ENV_NET_PROBE_STRICT,),
        names.MASSIVE,
        "1: it does not start while one of those probes fails, and says which",
        "0",
    ),
    Variable(
        (names.ENV_MASSIVE_API_KEY, names.ENV_POLYGON_API_KEY),
        names.MASSIVE,
        "the key for the market API; the first that is set. Without one the API is not asked",
    ),
    Variable(
        (names.ENV_MASSIVE_BASE_URL, names.ENV_MASSIVE_WS_URL),
        names.MASSIVE,
        "where the market API is",
        f"`{names.DEFAULT_MASSIVE_BASE_URL}`, `{names.DEFAULT_MASSIVE_WS_URL}`",
    ),
    Variable(
        (names.ENV_POLYGON_TIMEOUT_SEC,),
        names.MASSIVE,
        "how long the market API may take in all",
        f"{names.DEFAULT_API_TIMEOUT_SEC:g}",
    ),
    Variable(
        (names.ENV_POLYGON_TEST_REST, names.ENV_POLYGON_TEST_WS),
        names.MASSIVE,
        "1 or 0: whether the REST API is probed, and whether its websocket is. An account has one connection to "
        "that, so a probe can throw out who works with it",
        "1, 0",
    ),
)
