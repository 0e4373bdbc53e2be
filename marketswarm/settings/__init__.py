"""What the environment says, read once and checked as a whole. The only reader of ``os.environ``."""

from marketswarm.settings.environment import Settings, inherited, journal_stream, load, own, read_env_file
from marketswarm.settings.outward import Outward
from marketswarm.settings.working import Chat, Fetching, Working

__all__ = [
    "Chat",
    "Fetching",
    "Outward",
    "Settings",
    "Working",
    "inherited",
    "journal_stream",
    "load",
    "own",
    "read_env_file",
]
