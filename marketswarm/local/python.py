"""How a child runs the same Python and the same MarketSwarm as its parent."""

import sys
from pathlib import Path

import marketswarm


def same_python() -> tuple[str, ...]:
    """Return the start of a command line that goes on with ``-m``.

    ``-m`` would prefer a package in the working directory, whoever put it there; ``-P`` forbids that, unless the
    working directory is where this process has its own code from.
    """
    home = Path(marketswarm.__file__).resolve().parent.parent
    return (sys.executable,) if home == Path.cwd() else (sys.executable, "-P")
