"""The truth document: the one place from which every service learns where it stands."""

from marketswarm.truth.lint import warnings
from marketswarm.truth.models import AccessPoint, Endpoint, Position, Service, Truth, bus_of, schema
from marketswarm.truth.parse import parse

__all__ = ["AccessPoint", "Endpoint", "Position", "Service", "Truth", "bus_of", "parse", "schema", "warnings"]
