"""Hypothesis fails no example by how long it took: a machine may be busy, and timings are no tests."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
