"""`marketswarm queue`: what waits on the queue of items, for whom, and what nobody could work through."""

from marketswarm.queueing.dead import Dead, DeadItem, dead, drop, revive
from marketswarm.queueing.found import Consumer, Group, QueueView, look
from marketswarm.queueing.showing import as_json, dead_json, render, render_dead

__all__ = [
    "Consumer",
    "Dead",
    "DeadItem",
    "Group",
    "QueueView",
    "as_json",
    "dead",
    "dead_json",
    "drop",
    "look",
    "render",
    "render_dead",
    "revive",
]
