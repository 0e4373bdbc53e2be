"""How a process of our own is started that imports our code, and nothing that lies about where it is started."""

import functools
import site
import sys
from pathlib import Path

import marketswarm


@functools.cache
def command(module: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command line that runs a module, and the variables with which it runs the same code as its parent.

    Isolated, Python imports nothing from a working directory, a home or PYTHONPATH, and so finds an installed package
    only; a checkout has to be named.
    """
    home = Path(marketswarm.__file__).resolve().parents[1]
    if home in {Path(place).resolve() for place in site.getsitepackages()}:
        return (sys.executable, "-I", "-m", module), {}
    return (sys.executable, "-P", "-s", "-m", module), {"PYTHONPATH": str(home)}
