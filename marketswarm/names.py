"""Every key, channel, stream, variable and default that other programs rely on: the only place where one is spelled."""

from typing import Final

# Buses. The addresses are numbers: a bare Debian host may not resolve "localhost".
SYSTEM_BUS: Final = "system-redis"
MARKET_BUS: Final = "market-redis"
DEFAULT_BUS_URLS: Final = {
    SYSTEM_BUS: "redis://127.0.0.1:6379",
    MARKET_BUS: "redis://127.0.0.1:6380",
}

# Truth.
TRUTH_KEY: Final = "truth:doc"
TRUTH_HASH_KEY: Final = "truth:sha256"
TRUTH_CHANGED: Final = "truth:changed"
TRUTH_FILE: Final = "/etc/marketswarm/truth.json"
ENV_FILE: Final = "/etc/marketswarm/marketswarm.env"
CREDENTIALS: Final = "/etc/marketswarm/credentials"
TRUTH_FILE_IN_CHECKOUT: Final = "etc/truth.json"
MAX_TRUTH_BYTES: Final = 1 << 20
SERVICE_NAME: Final = r"[a-z0-9_]{1,64}"

# Services that the rest knows by name.
HEALER: Final = "healer"
SENTINEL: Final = "sentinel"
MESH: Final = "mesh"
WATCHERS: Final = (HEALER, SENTINEL)
RSS_AGG: Final = "rss_agg"
VEXY_AI: Final = "vexy_ai"
MASSIVE: Final = "massive"
SERVICES_GROUP: Final = "marketswarm.services"

# Heartbeats.
HEARTBEAT_SUFFIX: Final = ":heartbeat"
DEFAULT_INTERVAL_SEC: Final = 10.0
DEFAULT_TIMEOUT_SEC: Final = 30.0

# Alerts.
ALERT_CHANNEL: Final = "healer:alerts"
ALERT_LOG: Final = "healer:alerts:log"
ALERT_LOG_FIELD: Final = "event"
ALERT_LOG_MAXLEN: Final = 10_000
PASSED_ON_FIELD: Final = "passed_on"
"""Of an entry of the alert log that was passed on, and is published on another bus: which process does that."""
RECORDS: Final = "healer:records"
"""A hash: what healer keeps of each service, for itself after a restart and for ``marketswarm status``."""

# Who is in the swarm.
MESH_SERVICES: Final = "mesh:services"
"""A hash, a field a service: who should be there, who is, and on what."""
MESH_GOSSIP: Final = "mesh:gossip"
"""A channel: what changes in it, as it does."""

# Telling people.
DEAD_LETTERS: Final = "healer:alerts:dead"
"""A stream: what a target refused for good, for ``marketswarm alerts --undelivered``."""
DEAD_LETTERS_MAXLEN: Final = 10_000
SILENCES: Final = "healer:silences"
"""A hash, a field a subject: who is not to be told of, and until when."""
ACKS: Final = "healer:acks"
"""A hash, a field a subject: who has been seen to be down, so that nobody is reminded of it."""
EVERYTHING: Final = "*"
"""The subject of a silence, and of a maintenance window, that stands for all of them."""
NOTIFY_LEASE: Final = "healer:notify:lease"
"""A string with a TTL: which of healer and sentinel tells people now."""
NOTIFY_STATE: Final = "healer:notify:state"
"""A hash, a field a watcher and target: how the last delivery went, for ``marketswarm doctor``."""
NOTIFY_ASKED: Final = "healer:notify:asked"
"""A stream: what commands ask of those who tell people."""
NOTIFY_ASKED_MAXLEN: Final = 100
DEFAULT_RATE_LIMIT_SEC: Final = 60.0
DEFAULT_REMIND_SEC: Final = 14_400.0
DEFAULT_WEBHOOK_TIMEOUT_SEC: Final = 10.0
DEFAULT_DEADMAN_SEC: Final = 60.0

# Feeds, and what is made of them.
QUEUE: Final = "rss:queue"
"""A stream: the items of all feeds, in the order in which they came."""
QUEUE_FIELD: Final = "item"
TOKEN_FIELD: Final = "token"
"""Of an entry of the queue: by which token the singleton that wrote it did so."""
DEFAULT_QUEUE_MAXLEN: Final = 100_000
FEEDS: Final = "rss:feeds"
"""A hash, a field a feed: how its last fetch went, when the next one is, what makes that one conditional."""
DEFAULT_SCHEDULE_SEC: Final = 300.0
DEFAULT_MAX_PER_FEED: Final = 200
DEFAULT_FETCH_TIMEOUT_SEC: Final = 20.0
DEFAULT_RSS_GROUP: Final = VEXY_AI
DEFAULT_RSS_BLOCK_MS: Final = 2000
DEAD_ITEMS_MAXLEN: Final = 10_000
INSIGHTS: Final = "vexy:insights"
"""A stream: what vexy_ai found in each item."""
INSIGHTS_FIELD: Final = "insight"
HANDLERS_GROUP: Final = "marketswarm.handlers"
DEFAULT_HANDLER: Final = "lexicon"

# Probes.
PROBES: Final = "massive:probes"
"""A hash, a field a target: the latest result."""
PROBES_LOG_MAXLEN: Final = 10_000
PROBES_TOLD: Final = "massive:told"
"""A hash on system-redis, a field a target: the probe_failed that was told of it and has not ended."""
PROBE_ALERTS: Final = "massive:alerts"
"""A stream on system-redis: what massive announces, until healer or sentinel has passed it on to the alert log."""
PROBE_ALERTS_LAST: Final = "massive:alerts:last"
"""A string: the newest of it, which tells massive what of it the bus has taken, whoever has passed that on since."""
DEFAULT_PROBE_INTERVAL_SEC: Final = 30.0
DEFAULT_PROBE_FAILS: Final = 2
DEFAULT_NET_TIMEOUT_SEC: Final = 5.0
DEFAULT_API_INTERVAL_SEC: Final = 60.0
DEFAULT_API_TIMEOUT_SEC: Final = 10.0
DEFAULT_MASSIVE_BASE_URL: Final = "https://api.massive.com"
DEFAULT_MASSIVE_WS_URL: Final = "wss://socket.massive.com/stocks"
NET_HOST_PROBE: Final = "net-host"
NET_URL_PROBE: Final = "net-url"
API_PROBE: Final = "massive-api"
WS_PROBE: Final = "massive-ws"
PROBES_OF_ENV: Final = (NET_HOST_PROBE, NET_URL_PROBE, API_PROBE, WS_PROBE)
"""Targets that variables make, and no truth."""

HEARTBEAT_MISS: Final = "heartbeat_miss"
HEARTBEAT_OK: Final = "heartbeat_ok"
HEALER_MISS: Final = "healer_miss"
HEALER_OK: Final = "healer_ok"
BUS_LOST: Final = "bus_lost"
BUS_OK: Final = "bus_ok"
TRUTH_DRIFT: Final = "truth_drift"
UNIT_FAILED: Final = "unit_failed"
MASS_MISS: Final = "mass_miss"
MASS_OK: Final = "mass_ok"
FLAPPING: Final = "flapping"
STABLE: Final = "stable"
SERVICE_RESTARTED: Final = "service_restarted"
DUPLICATE_INSTANCE: Final = "duplicate_instance"
PROBE_FAILED: Final = "probe_failed"
PROBE_OK: Final = "probe_ok"

# Environment.
ENV_REDIS_URL: Final = "REDIS_URL"
ENV_TRUTH_REDIS_URL: Final = "TRUTH_REDIS_URL"
ENV_TRUTH_REDIS_KEY: Final = "TRUTH_REDIS_KEY"
ENV_REDIS_SOCKETS: Final = "REDIS_SOCKETS"
ENV_REDIS_TLS_CA_FILE: Final = "REDIS_TLS_CA_FILE"
ENV_REDIS_TLS_CERT_FILE: Final = "REDIS_TLS_CERT_FILE"
ENV_REDIS_TLS_KEY_FILE: Final = "REDIS_TLS_KEY_FILE"
TLS_ENV: Final = (ENV_REDIS_TLS_CA_FILE, ENV_REDIS_TLS_CERT_FILE, ENV_REDIS_TLS_KEY_FILE)
"""In the order of TlsFiles."""
ENV_LOG_LEVEL: Final = "LOG_LEVEL"
ENV_DEFAULT_TIMEOUT_SEC: Final = "DEFAULT_TIMEOUT_SEC"
ENV_ALERT_CHANNEL: Final = "ALERT_CHANNEL"
ENV_HB_INTERVAL_SEC: Final = "HB_INTERVAL_SEC"
ENV_HEALER_HEARTBEAT_CHANNEL: Final = "HEALER_HEARTBEAT_CHANNEL"
ENV_SENTINEL_TIMEOUT_SEC: Final = "SENTINEL_TIMEOUT_SEC"
ENV_WEBHOOK_URL: Final = "WEBHOOK_URL"
ENV_WEBHOOK_TIMEOUT_SEC: Final = "WEBHOOK_TIMEOUT_SEC"
ENV_SMTP_HOST: Final = "SMTP_HOST"
ENV_SMTP_PORT: Final = "SMTP_PORT"
ENV_SMTP_TLS: Final = "SMTP_TLS"
ENV_SMTP_USER: Final = "SMTP_USER"
ENV_SMTP_PASS: Final = "SMTP_PASS"
ENV_SMTP_FROM: Final = "SMTP_FROM"
ENV_SMTP_TO: Final = "SMTP_TO"
ENV_NOTIFY_URLS: Final = "NOTIFY_URLS"
TARGET_ENV: Final = (ENV_WEBHOOK_URL, ENV_SMTP_HOST, ENV_NOTIFY_URLS)
"""Each of these makes a target."""
ENV_RATE_LIMIT_SEC: Final = "RATE_LIMIT_SEC"
ENV_DEADMAN_URL: Final = "DEADMAN_URL"
ENV_DEADMAN_SEC: Final = "DEADMAN_SEC"
ENV_SCHEDULE_SEC: Final = "SCHEDULE_SEC"
ENV_MAX_PER_FEED: Final = "MAX_PER_FEED"
ENV_USER_AGENT: Final = "USER_AGENT"
ENV_FETCH_TIMEOUT_SEC: Final = "FETCH_TIMEOUT_SEC"
ENV_RSS_STREAM: Final = "RSS_STREAM"
ENV_RSS_GROUP: Final = "RSS_GROUP"
ENV_RSS_CONSUMER: Final = "RSS_CONSUMER"
ENV_RSS_BLOCK_MS: Final = "RSS_BLOCK_MS"
ENV_OPENAI_BASE_URL: Final = "OPENAI_BASE_URL"
ENV_OPENAI_MODEL: Final = "OPENAI_MODEL"
ENV_OPENAI_API_KEY: Final = "OPENAI_API_KEY"
ENV_OPENAI_TIMEOUT_SEC: Final = "OPENAI_TIMEOUT_SEC"
ENV_NET_PROBE_ON_START: Final = "NET_PROBE_ON_START"
ENV_NET_PROBE_STRICT: Final = "NET_PROBE_STRICT"
ENV_NET_TIMEOUT_SEC: Final = "NET_TIMEOUT_SEC"
ENV_NET_HOST: Final = "NET_HOST"
ENV_NET_URL: Final = "NET_URL"
ENV_MASSIVE_API_KEY: Final = "MASSIVE_API_KEY"
ENV_POLYGON_API_KEY: Final = "POLYGON_API_KEY"
ENV_MASSIVE_BASE_URL: Final = "MASSIVE_BASE_URL"
ENV_MASSIVE_WS_URL: Final = "MASSIVE_WS_URL"
ENV_POLYGON_TIMEOUT_SEC: Final = "POLYGON_TIMEOUT_SEC"
ENV_POLYGON_TEST_REST: Final = "POLYGON_TEST_REST"
ENV_POLYGON_TEST_WS: Final = "POLYGON_TEST_WS"
ENV_CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
ENV_REDIS_CREDENTIALS: Final = "REDIS_CREDENTIALS"


def heartbeat_channel(service: str) -> str:
    """The channel a service beats on unless truth names another."""
    return service + HEARTBEAT_SUFFIX


def lease_key(service: str) -> str:
    """The key that holds a service's last beat and expires with its timeout."""
    return service + HEARTBEAT_SUFFIX


def owner_key(service: str) -> str:
    """A string with a TTL: the lease of a singleton, and who has it."""
    return f"{service}:owner"


def token_key(service: str) -> str:
    """The newest token that was given to an owner of a singleton: whoever writes by another is refused."""
    return f"{service}:token"


def standbys_key(service: str) -> str:
    """A hash, a field a process: who stands by to own a singleton."""
    return f"{service}:standbys"


def health_key(service: str) -> str:
    """The key that holds a service's latest alert or ok object."""
    return f"health:{service}"


def probe_subject(svc: str, probe: str) -> str:
    """What people call a probe of a service, as in ``massive/broker``: by it they silence and acknowledge it."""
    return f"{svc}/{probe}"


def notify_group(target: str) -> str:
    """The consumer group on the alert log that holds how far a target has been told."""
    return f"notify:{target}"


def notify_records(target: str) -> str:
    """A hash: what a target was told and what it has still to be told, a field an incident."""
    return f"healer:notify:{target}"


def state_of(watcher: str, target: str) -> str:
    """The field of ``healer:notify:state`` that a watcher has for a target."""
    return f"{watcher} {target}"


def proof_of(watcher: str, target: str) -> str:
    """The field of ``healer:notify:state`` with the last test that went well."""
    return f"{watcher} {target} test"


def notify_answers(question: str) -> str:
    """A list with a TTL: what those who tell people answered to a command."""
    return f"healer:notify:answers:{question}"


def seen_key(feed: str) -> str:
    """A hash: which entries of a feed have been published, a field an entry, and in which wording."""
    return f"rss:seen:{feed}"


def seen_times_key(feed: str) -> str:
    """A sorted set: when each entry of ``seen_key`` was last in its feed, in seconds since the epoch."""
    return f"rss:seen:{feed}:at"


def dead_items(queue: str) -> str:
    """The stream of items that no worker could work through."""
    return f"{queue}:dead"


def worker_lease(queue: str, group: str, consumer: str) -> str:
    """The key that a worker of a group keeps alive; once it is gone, others take over what that worker had begun."""
    return f"{queue}:{group}:{consumer}:lease"


def story_key(mark: str) -> str:
    """The key that names the first item of which a story was told in these words."""
    return f"vexy:story:{mark}"


def probes_log(results: str) -> str:
    """The stream of all results, beside the hash of the latest ones."""
    return f"{results}:log"


def canary_channel(watcher: str) -> str:
    """The channel on which a watcher hears its own nonce, to know that its subscription is not deaf."""
    return f"{watcher}:canary"


def bus_env(bus: str) -> str:
    """The variable that sets a bus's address: ``system-redis`` is ``SYSTEM_REDIS_URL``."""
    return bus.upper().replace("-", "_") + "_URL"


def truth_hash_key(doc_key: str) -> str:
    """The key of the hash that belongs to a truth document's key."""
    return TRUTH_HASH_KEY if doc_key == TRUTH_KEY else f"{doc_key}:sha256"
