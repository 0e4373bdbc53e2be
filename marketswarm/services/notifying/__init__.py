"""How healer and sentinel tell people: one courier for each target, and a desk that says which of the two does it."""

from marketswarm.services.notifying.desk import Desk

__all__ = ["Desk"]
