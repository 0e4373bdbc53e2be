"""One spelling for one page: links without what only tells where their reader came from."""

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

MAX_LINK: Final = 4096
"""Characters. A longer link is dropped: cut, it would lead elsewhere."""
TRACKING: Final = frozenset(
    {"at_campaign", "at_medium", "mc_cid", "mc_eid", "mkt_tok", "oly_anon_id", "oly_enc_id", "vero_id"}
    | {"dclid", "fbclid", "gbraid", "gclid", "gclsrc", "igshid", "msclkid", "ttclid", "twclid", "wbraid", "yclid"}
    | {"_ga", "_gl", "_hsenc", "_hsmi"}
)
"""Parameters that say by which mail, advertisement or feed somebody came; ``utm_*`` besides."""
_DEFAULT_PORT: Final = {"http": "80", "https": "443"}
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")


def canonical(link: str) -> str:
    """Lower scheme and host, drop default port, fragment and tracking parameters; the rest stays as it is.

    Returns "" for what is no address of a page: another scheme than http and https, no host, a port that is none.
    """
    try:
        parts = urlsplit(_UNFIT.sub("", link).strip().replace(" ", "%20"))
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        return ""
    place = parts.netloc.lower() if "@" not in parts.netloc else _keep_user(parts.netloc)
    if port is None or str(port) == _DEFAULT_PORT[parts.scheme]:
        place = re.sub(r":\d*\Z", "", place)
    return urlunsplit((parts.scheme, place, parts.path, _without_tracking(parts.query), ""))


def _keep_user(netloc: str) -> str:
    """Lower the host only: in a name and a password, capitals count."""
    user, _, host = netloc.rpartition("@")
    return f"{user}@{host.lower()}"


def _without_tracking(query: str) -> str:
    if not query:
        return query
    return "&".join(part for part in query.split("&") if not _tracks(part.partition("=")[0].lower()))


def _tracks(name: str) -> bool:
    return name in TRACKING or name.startswith("utm_")
