"""The one lifecycle of every service: find the truth, work, beat while the work makes progress, stop cleanly."""

from marketswarm.daemon.lifecycle import Daemon, Work, own_position, run

__all__ = ["Daemon", "Work", "own_position", "run"]
