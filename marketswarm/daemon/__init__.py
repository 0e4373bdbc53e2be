"""The one lifecycle of every service: find the truth, work, beat while the work makes progress, follow, stop."""

from marketswarm.daemon.following import Follower
from marketswarm.daemon.lifecycle import Daemon, Work
from marketswarm.daemon.loop import exact_loop
from marketswarm.daemon.position import check_timeouts, own_position, watched_by
from marketswarm.daemon.process import run

__all__ = ["Daemon", "Follower", "Work", "check_timeouts", "exact_loop", "own_position", "run", "watched_by"]
