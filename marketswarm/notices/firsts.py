"""What to do first about an alert, where truth has no runbook for it."""

from typing import Final

import msgspec

from marketswarm import names, unitnames
from marketswarm.messages import MISSES, Alert, TruthDrift, kind
from marketswarm.text import printable

_UNIT: Final = unitnames.service_unit("{svc}")
_OF_TYPES: Final = {
    names.HEARTBEAT_MISS: f"systemctl status {_UNIT}; journalctl -u {_UNIT} -n 50",
    names.HEALER_MISS: f"systemctl status {_UNIT}; journalctl -u {_UNIT} -n 50",
    names.MASS_MISS: "marketswarm doctor; look for what they have in common: a host, a network, a release",
    names.BUS_LOST: "marketswarm doctor",
    names.TRUTH_DRIFT: "marketswarm truth diff; then: sudo marketswarm-seed",
    names.UNIT_FAILED: "systemctl status {unit}",
    names.FLAPPING: f"journalctl -u {_UNIT} -n 50",
    names.SERVICE_RESTARTED: f"journalctl -u {_UNIT} -n 50",
    names.DUPLICATE_INSTANCE: f"systemctl status {_UNIT} on each host that has it; stop one of them",
    names.PROBE_FAILED: "marketswarm probes",
}
_OF_A_SERVICE_THAT_DRIFTS: Final = f"journalctl -u {_UNIT} -n 50; then: sudo systemctl restart {_UNIT}"
_OF_REASONS: Final = {
    "stopped": f"somebody stopped it; if that was not meant: sudo systemctl start {_UNIT}",
    "wedged": f"sudo systemctl restart {_UNIT}",
}


def first(alert: Alert) -> str:
    """Say in one line what to type first; empty where there is nothing to do."""
    form = _OF_TYPES.get(kind(alert), "")
    if isinstance(alert, MISSES):
        form = _OF_REASONS.get(alert.reason, form)
    elif isinstance(alert, TruthDrift) and alert.svc:
        form = _OF_A_SERVICE_THAT_DRIFTS
    return printable(form.format_map(msgspec.structs.asdict(alert)))
