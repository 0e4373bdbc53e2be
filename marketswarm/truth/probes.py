"""What massive probes, as the document says."""

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from marketswarm import names
from marketswarm.place import place_of
from marketswarm.truth.fields import Count, IntervalSec, Section, Text, TimeoutSec

# ECMA and Rust read it alike: the schema and the validator share it.
PROBE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
ProbeName = Annotated[str, Field(pattern=PROBE_NAME)]
_SCHEMES: Final = ("dns", "tcp", "tls", "https", "http")
_SERVER: Final = re.compile(
    r"(?P<v4>[0-9.]+)(?::(?P<port>[0-9]{1,5}))?|\[(?P<v6>[0-9a-fA-F:.]+)\]:(?P<port6>[0-9]{1,5})"
)
_MAX_PORT: Final = 65_535


def _is_a_target(url: str) -> str:
    if place_of(url).scheme not in _SCHEMES:
        raise ValueError("must be dns://, tcp://, tls:// or https://; of a websocket tls://host is probed")
    return url


def _is_a_server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    host = (match["v4"] or match["v6"]) if match else text
    port = int((match["port"] or match["port6"] or 53) if match else 53)
    try:
        ip_address(host)
    except ValueError:
        port = 0
    if not 0 < port <= _MAX_PORT:
        raise ValueError("must be an IP address, with a port where it is not 53, as in 8.8.8.8 or [::1]:5300")
    return text


NameServer = Annotated[Text, AfterValidator(_is_a_server)]


class Probe(Section):
    """One target on the network."""

    name: ProbeName = Field(description="By which it is known: in results, alerts and `marketswarm probes`.")
    url: Annotated[Text, AfterValidator(_is_a_target)] = Field(
        description="Where to: dns://host, tcp://host:port, tls://host:port, https://host/path or http://host/path."
    )
    interval_sec: IntervalSec = Field(
        default=names.DEFAULT_PROBE_INTERVAL_SEC, description="Seconds from one probe to the next."
    )
    timeout_sec: TimeoutSec | None = Field(
        default=None, description="Seconds that a probe may take in all. Default: NET_TIMEOUT_SEC."
    )
    fails: Count = Field(
        default=names.DEFAULT_PROBE_FAILS, description="How many in a row have to fail before that is announced."
    )


class Api(Section):
    """How the market API is probed, where there is a key for it."""

    interval_sec: IntervalSec = Field(
        default=names.DEFAULT_API_INTERVAL_SEC,
        description="Seconds from one question to the next; the free tier allows five a minute.",
    )
    fails: Count = Field(
        default=names.DEFAULT_PROBE_FAILS, description="How many in a row have to fail before that is announced."
    )
