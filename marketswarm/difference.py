"""What differs between two JSON documents, a line for each place."""

import json
from typing import Any


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Compare two decoded documents: ``+ path: value`` is new, ``- path: value`` is gone, ``~ path: old -> new``."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key in sorted(old.keys() | new.keys()):
            at = f"{path}.{key}" if path else key
            if key not in new:
                lines.append(f"- {at}: {_show(old[key])}")
            elif key not in old:
                lines.append(f"+ {at}: {_show(new[key])}")
            else:
                lines += differences(old[key], new[key], at)
        return lines
    return [] if old == new else [f"~ {path or 'the document'}: {_show(old)} -> {_show(new)}"]


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
