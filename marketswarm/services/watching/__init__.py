"""What healer and sentinel share: they hear heartbeats, judge silence, and record the verdicts."""

from marketswarm.services.watching.findings import Finding
from marketswarm.services.watching.verdicts import Words
from marketswarm.services.watching.watcher import watch

__all__ = ["Finding", "Words", "watch"]
