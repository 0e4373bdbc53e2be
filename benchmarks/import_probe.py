"""Runs a daemon and prints, when it ends, by how many KiB each top-level package has grown it while being imported.

Growth counts for the package whose module it is, and not for the one that asked for it. To leave nothing out, this
imports itself only what every Python has at its start.

    python benchmarks/import_probe.py run healer
"""

from __future__ import annotations

import atexit
import os
import sys

from marketswarm.__main__ import main

TYPE_CHECKING = False  # that of typing would have to be imported
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def rss_kib() -> int:
    """Resident memory of this process."""
    rollup = os.open("/proc/self/smaps_rollup", os.O_RDONLY)
    text = os.read(rollup, 4096)
    os.close(rollup)
    return int(text.partition(b"Rss:")[2].split()[0])


class Weighing:
    """Weighs each module as it is executed; those it imports itself are weighed apart."""

    def __init__(self) -> None:
        self._grown: dict[str, int] = {}
        self._inner = [0]

    def execute(self, loader: Any, module: ModuleType) -> None:
        """Execute a module in between two looks at the memory."""
        before = rss_kib()
        self._inner.append(0)
        try:
            loader.exec_module(module)
        finally:
            growth = rss_kib() - before
            package = module.__name__.partition(".")[0]
            self._grown[package] = self._grown.get(package, 0) + growth - self._inner.pop()
            self._inner[-1] += growth

    def show(self) -> None:
        """Print a line for each."""
        for package, kib in self._grown.items():
            print(package, kib, flush=True)


class Loader:
    """Another loader's stand-in."""

    def __init__(self, loader: Any, weighing: Weighing) -> None:
        self._loader = loader
        self._weighing = weighing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as the other would."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Execute and weigh."""
        self._weighing.execute(self._loader, module)


class Finder:
    """Asks the other finders, and puts a stand-in before what they find."""

    def __init__(self, weighing: Weighing) -> None:
        self._weighing = weighing

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None, /) -> ModuleSpec | None:
        """Find a module's loader."""
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, specs), None)
        if spec and spec.loader:
            spec.loader = Loader(spec.loader, self._weighing)  # type: ignore[assignment] # it has what a loader has
        return spec


if __name__ == "__main__":
    weighing = Weighing()
    sys.meta_path.insert(0, Finder(weighing))
    atexit.register(weighing.show)
    main()
