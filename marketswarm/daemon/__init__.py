"""The one lifecycle of every service: find the truth, work, beat while the work makes progress, follow, stop."""

from marketswarm.daemon.following import Follower
from marketswarm.daemon.lifecycle import Daemon, Work
from marketswarm.daemon.loop import exact_loop
from marketswarm.daemon.position import Concern, check_timeouts, concern, members, own_position, watched_by
from marketswarm.daemon.process import run

__all__ = [
    "Concern",
    "Daemon",
    "Follower",
    "Work",
    "check_timeouts",
    "concern",
    "exact_loop",
    "members",
    "own_position",
    "run",
    "watched_by",
]
