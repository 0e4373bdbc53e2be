"""The hot path: every heartbeat of one bus, on one subscription that is known to hear."""

from marketswarm.firehose.firehose import Firehose
from marketswarm.firehose.session import Beats, Oddities

__all__ = ["Beats", "Firehose", "Oddities"]
