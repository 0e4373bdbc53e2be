"""The failure detector: who is alive, who has gone dark, and why.

Pure: ``now`` is an argument, and edges act on the answers. Deadlines run on the watcher's own monotonic clock,
from the arrival of a beat.
"""

from marketswarm.liveness.cause import Cause, Process, cause
from marketswarm.liveness.detector import Detector
from marketswarm.liveness.flaps import Flap, Flaps
from marketswarm.liveness.membership import Members, presence
from marketswarm.liveness.sequence import Event, Sequence, Tally
from marketswarm.liveness.states import Known, State, Transition
from marketswarm.liveness.storm import Silence, Storm
from marketswarm.liveness.terms import Terms

__all__ = [
    "Cause",
    "Detector",
    "Event",
    "Flap",
    "Flaps",
    "Known",
    "Members",
    "Process",
    "Sequence",
    "Silence",
    "State",
    "Storm",
    "Tally",
    "Terms",
    "Transition",
    "cause",
    "presence",
]
