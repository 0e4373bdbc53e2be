"""What the environment says, read once and checked as a whole. The only reader of ``os.environ``."""

from marketswarm.settings.environment import Login, Settings, inherited, journal_stream, load, own, read_env_file
from marketswarm.settings.outward import Outward
from marketswarm.settings.probing import Market, Probing
from marketswarm.settings.working import Chat, Fetching, Working

__all__ = [
    "Chat",
    "Fetching",
    "Login",
    "Market",
    "Outward",
    "Probing",
    "Settings",
    "Working",
    "inherited",
    "journal_stream",
    "load",
    "own",
    "read_env_file",
]
