"""What each environment variable means to whoever sets one: the only place where it is told.

README's table says the same, which a test holds.
"""

from dataclasses import dataclass
from typing import Final

from marketswarm import names


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
        "healer, sentinel",
        "where alerts go if truth does not say",
        f"`{names.ALERT_CHANNEL}`",
    ),
    Variable(
        (names.ENV_SENTINEL_TIMEOUT_SEC,),
        "sentinel",
        "when healer is missed; wins over truth's `timeout_sec` of healer",
        "3 \N{MULTIPLICATION SIGN} healer's interval",
    ),
)
