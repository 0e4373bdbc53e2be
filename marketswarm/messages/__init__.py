"""What goes over the buses: heartbeats in, alerts out. One place encodes and decodes them.

Shapes are those of the contract: a consumer ignores fields that it does not know, so decoding is strict about the
known ones only.
"""

from marketswarm.messages.alerts import (
    MISSES,
    TROUBLES,
    Alert,
    BusLost,
    BusOk,
    DuplicateInstance,
    Flapping,
    HealerMiss,
    HealerOk,
    HeartbeatMiss,
    HeartbeatOk,
    MassMiss,
    MassOk,
    ServiceRestarted,
    Stable,
    TruthDrift,
    UnitFailed,
    Verdict,
    decode_alert,
    group_of,
    kind,
    sentence,
    service_of,
    subject,
)
from marketswarm.messages.heartbeats import Heartbeat, Malformed, decode_heartbeat, decode_plain
from marketswarm.messages.probes import DROPPED, ProbeFailed, ProbeOk
from marketswarm.messages.records import ServiceRecord, decode_record
from marketswarm.messages.wire import UNREADABLE, encode

__all__ = [
    "DROPPED",
    "MISSES",
    "TROUBLES",
    "UNREADABLE",
    "Alert",
    "BusLost",
    "BusOk",
    "DuplicateInstance",
    "Flapping",
    "HealerMiss",
    "HealerOk",
    "Heartbeat",
    "HeartbeatMiss",
    "HeartbeatOk",
    "Malformed",
    "MassMiss",
    "MassOk",
    "ProbeFailed",
    "ProbeOk",
    "ServiceRecord",
    "ServiceRestarted",
    "Stable",
    "TruthDrift",
    "UnitFailed",
    "Verdict",
    "decode_alert",
    "decode_heartbeat",
    "decode_plain",
    "decode_record",
    "encode",
    "group_of",
    "kind",
    "sentence",
    "service_of",
    "subject",
]
