"""The files that go on a host: in the wheel under ``_host``, in a checkout at its top."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def find(relative: str) -> Path:
    """Where a host file is, as in ``find("etc/truth.json")``. Raises FileNotFoundError for one that never was."""
    for root in (_PACKAGE / "_host", _PACKAGE.parent):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(relative)
