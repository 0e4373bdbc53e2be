"""The truth document: the one place from which every service learns where it stands."""

from marketswarm.truth.access import AccessPoint, Buses, Endpoint, bus_of
from marketswarm.truth.feeds import Feed, Stream, Work
from marketswarm.truth.held import NOTHING, Held, Loaded, best, deviation, digest, examine, newer, short
from marketswarm.truth.lint import warnings
from marketswarm.truth.models import Service, Truth, schema
from marketswarm.truth.parse import parse
from marketswarm.truth.positions import Position, Tenancy
from marketswarm.truth.probes import Api, Probe
from marketswarm.truth.telling import REMINDER, TEXT_FIELDS, Telling
from marketswarm.truth.windows import Window, maintenance_until

__all__ = [
    "NOTHING",
    "REMINDER",
    "TEXT_FIELDS",
    "AccessPoint",
    "Api",
    "Buses",
    "Endpoint",
    "Feed",
    "Held",
    "Loaded",
    "Position",
    "Probe",
    "Service",
    "Stream",
    "Telling",
    "Tenancy",
    "Truth",
    "Window",
    "Work",
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
