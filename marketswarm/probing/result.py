"""What came of a probe: as massive finds it, and as the bus keeps it for ``marketswarm probes`` and for programs."""

from typing import Final

import msgspec

from marketswarm.messages import UNREADABLE


class Result(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One probe of a target.

    ``ok`` is None where it was skipped; ``step`` is the first that failed, None where none did; ``reason`` says why in
    plain words, and is there for a good one as well where something is odd. ``ms`` is how long all of it took,
    ``steps`` how long each step; ``ts`` is when it began, in seconds since the epoch.
    """

    ok: bool | None
    step: str | None
    reason: str
    ms: float
    ts: float
    steps: dict[str, float]
    url: str = ""
    address: str = ""
    """The IP address that answered."""
    status: int = 0
    """The HTTP status; 0 where there was none."""
    days: float | None = None
    """How many days the certificate still holds."""
    outcome: str = ""
    """Of the market API: ok, bad_key, not_entitled, throttled or down."""
    skew_sec: float | None = None
    """How far this host's clock is ahead of the API's, as far as whole seconds tell."""
    again_at: float = 0.0
    """Until when the API does not want to be asked again, in seconds since the epoch."""
    interval_sec: float = 0.0
    fails: int = 0
    """How many in a row have failed, this one included."""
    since: float = 0.0
    """Since when it is as it is, good or bad, in seconds since the epoch."""
    failed: bool = False
    """Whether that it fails was told."""

    @property
    def bad(self) -> bool:
        """Whether it failed."""
        return self.ok is False


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Result).decode


def encode_result(result: Result) -> bytes:
    """Write a result as JSON."""
    return _encode(result)


def decode_result(raw: bytes | None) -> Result | None:
    """Read what a bus keeps of a target; None where that is nothing, or cannot be read."""
    try:
        return _decode(raw or b"")
    except UNREADABLE:
        return None
