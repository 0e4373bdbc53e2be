"""What differs between two JSON documents, a line for each place."""

import json
from typing import Any

from marketswarm.text import printable


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Compare two decoded documents: ``+ path: value`` is new, ``- path: value`` is gone, ``~ path: old -> new``."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key in sorted(old.keys() | new.keys()):
            at = f"{path}.{printable(key)}" if path else printable(key)
            if key not in new:
                lines.append(f"- {at}: {_show(old[key])}")
            elif key not in old:
                lines.append(f"+ {at}: {_show(new[key])}")
            else:
                lines += differences(old[key], new[key], at)
        return lines
    # As JSON, since Python holds 1, 1.0 and True for equal.
    was, becomes = _show(old), _show(new)
    return [] if was == becomes else [f"~ {path or 'the document'}: {was} -> {becomes}"]


def _show(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
