"""What a watcher keeps of each service: no alerts, but what ``healer:records`` holds."""

import msgspec

from marketswarm.messages.wire import UNREADABLE


class ServiceRecord(msgspec.Struct, frozen=True):
    """What its watcher knows of a service.

    ``state`` is ``unseen``, ``alive`` or ``missed``; the counts are since the service is watched, over restarts of the
    watcher.
    """

    state: str
    lost_beats: int = 0
    restarts: int = 0
    duplicates: int = 0
    flapping: bool = False

    @property
    def says_more(self) -> bool:
        """Whether it says more than that a service beats, or that it was not heard yet."""
        return self.state == "missed" or self.flapping or bool(self.lost_beats or self.restarts or self.duplicates)


_decode = msgspec.json.Decoder(ServiceRecord).decode


def decode_record(raw: bytes) -> ServiceRecord | None:
    """Read a record of ``healer:records``; None where it is none."""
    try:
        return _decode(raw)
    except UNREADABLE:
        return None
