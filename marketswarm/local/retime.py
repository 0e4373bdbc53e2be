"""The truth with second-scale timing, for a demonstration."""

import json
from typing import Any

from marketswarm import names

INTERVAL_SEC = 0.5
TIMEOUT_SEC = 2


def retime(truth_raw: bytes) -> bytes:
    """Have every service beat each INTERVAL_SEC, healer miss it after TIMEOUT_SEC, and nothing fetched or probed.

    A document that is no truth comes back as it is: whoever reads it next says what is wrong with it.
    """
    try:
        document = json.loads(truth_raw)
        for field in ("services", "components"):
            for name, service in document.get(field, {}).items():
                _retime_service(name, service)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return truth_raw
    return json.dumps(document).encode()


def _retime_service(name: str, service: dict[str, Any]) -> None:
    heartbeat = service.setdefault("heartbeat", {})
    heartbeat["interval_sec"] = INTERVAL_SEC
    heartbeat.pop("timeout_sec", None)
    service.pop("feeds", None)
    service.pop("probes", None)
    service.pop("lease_sec", None)
    if name == names.HEALER:
        service.setdefault("threshold", {})["heartbeat_cadence"] = TIMEOUT_SEC
