"""`marketswarm doctor`: the known good checks, each with its remedy. ``ask`` asks; everything else decides."""

from marketswarm.doctor.ask import ask_environment
from marketswarm.doctor.examine import examine
from marketswarm.doctor.report import Check, Report, Verdict, render

__all__ = ["Check", "Report", "Verdict", "ask_environment", "examine", "render"]
