"""The commands: parse, call, print. What a command needs is imported when that command runs."""

from marketswarm.cli.main import main
from marketswarm.cli.seeding import seed

__all__ = ["main", "seed"]
