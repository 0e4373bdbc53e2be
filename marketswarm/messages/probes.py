"""What massive tells of the targets that it probes."""

from typing import Final

import msgspec

from marketswarm import names

DROPPED: Final = "dropped"
"""The ``reason`` of a probe_ok: nobody wants the target probed any more, and nobody knows whether it is well."""


class ProbeFailed(msgspec.Struct, frozen=True, tag=names.PROBE_FAILED):
    """The service ``svc`` found a target bad ``fails`` times in a row, the first time at ``since`` (epoch seconds).

    ``step`` says how far it came: it fails at ``dns``, ``tcp``, ``tls``, ``http`` or ``api``.
    """

    svc: str
    probe: str
    step: str
    reason: str
    fails: int
    ts: int
    since: float

    def fault(self) -> str:
        """What is wrong, whenever it is asked."""
        return f"fails at {self.step}: {self.reason}"

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return f"{self.fault()}; {self.fails} times in a row" if self.fails > 1 else self.fault()


class ProbeOk(msgspec.Struct, frozen=True, omit_defaults=True, tag=names.PROBE_OK):
    """A target that failed for ``failed_sec`` is well again, or is not probed any more: ``reason`` is DROPPED."""

    svc: str
    probe: str
    failed_sec: float
    ts: int
    reason: str = ""

    @property
    def dropped(self) -> bool:
        """Whether nobody knows if it is well."""
        return self.reason == DROPPED

    def says(self) -> str:
        """What it says to a person, in a few words."""
        return "is not probed any more" if self.dropped else f"answers again after {self.failed_sec:.1f} s"
