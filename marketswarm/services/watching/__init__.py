"""What healer and sentinel share: they hear heartbeats, judge silence, and record the verdicts."""

from marketswarm.services.watching.watcher import Words, watch

__all__ = ["Words", "watch"]
