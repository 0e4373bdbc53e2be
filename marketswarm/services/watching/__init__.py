"""What those share who hear heartbeats and judge silence; and how healer and sentinel record their verdicts."""

from marketswarm.services.watching.findings import Finding, Recalled
from marketswarm.services.watching.judge import Judge
from marketswarm.services.watching.seats import legacies, seat, settle_memory
from marketswarm.services.watching.verdicts import Words
from marketswarm.services.watching.watcher import watch

__all__ = ["Finding", "Judge", "Recalled", "Words", "legacies", "seat", "settle_memory", "watch"]
