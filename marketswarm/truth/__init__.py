"""The truth document: the one place from which every service learns where it stands."""

from marketswarm.truth.held import NOTHING, Held, Loaded, best, deviation, digest, examine, newer, short
from marketswarm.truth.lint import warnings
from marketswarm.truth.models import AccessPoint, Endpoint, Position, Service, Truth, bus_of, schema
from marketswarm.truth.parse import parse

__all__ = [
    "NOTHING",
    "AccessPoint",
    "Endpoint",
    "Held",
    "Loaded",
    "Position",
    "Service",
    "Truth",
    "best",
    "bus_of",
    "deviation",
    "digest",
    "examine",
    "newer",
    "parse",
    "schema",
    "short",
    "warnings",
]
