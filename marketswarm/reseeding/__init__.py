"""`marketswarm truth diff`: what a seed would change, service by service."""

from marketswarm.reseeding.affected import Affected
from marketswarm.reseeding.outlook import Comparison, Outlook, compare
from marketswarm.reseeding.showing import as_json, render

__all__ = ["Affected", "Comparison", "Outlook", "as_json", "compare", "render"]
