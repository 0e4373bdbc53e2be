"""The truth document: the one place from which every service learns where it stands."""

from marketswarm.truth.held import NOTHING, Held, Loaded, best, deviation, digest, examine, newer, short
from marketswarm.truth.lint import warnings
from marketswarm.truth.models import AccessPoint, Endpoint, Position, Service, Truth, bus_of, schema
from marketswarm.truth.parse import parse
from marketswarm.truth.telling import REMINDER, TEXT_FIELDS, Telling
from marketswarm.truth.windows import Window, maintenance_until

__all__ = [
    "NOTHING",
    "REMINDER",
    "TEXT_FIELDS",
    "AccessPoint",
    "Endpoint",
    "Held",
    "Loaded",
    "Position",
    "Service",
    "Telling",
    "Truth",
    "Window",
    "best",
    "bus_of",
    "deviation",
    "digest",
    "examine",
    "maintenance_until",
    "newer",
    "parse",
    "schema",
    "short",
    "warnings",
]
